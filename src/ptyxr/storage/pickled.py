"""Pickled strings, recognised without executing anything."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO, Final

__all__ = ["unpickle_string"]


class _Inert:
    """Stands in for what a pickled array names; it records and does nothing."""

    def __init__(self, *_args: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


# Pure Python on purpose: the memo of the C unpickler can be made to allocate without bound.
class _StringUnpickler(pickle._Unpickler):  # noqa: SLF001
    """Knows the names in the pickle of a numpy array, as inert stand-ins, and no other."""

    NAMES: Final = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> type[_Inert]:
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _Inert


def unpickle_string(payload: BinaryIO) -> str | None:
    """Return the string in a pickled array of one, or None where it holds None.

    Parameters
    ----------
    payload : binary file object
        At the beginning of the pickle.

    Raises
    ------
    pickle.UnpicklingError
        If it holds anything else; a damaged pickle can raise any exception.
    """
    array = _StringUnpickler(payload).load()
    if type(array) is not _Inert or type(array.state) is not tuple:
        raise pickle.UnpicklingError("it is no array")
    _, shape, _, _, values = array.state
    if shape != () or type(values) is not list or len(values) != 1:
        raise pickle.UnpicklingError("it is no array of one")
    if values[0] is not None and type(values[0]) is not str:
        raise pickle.UnpicklingError(f"it holds a {type(values[0]).__name__}")
    return values[0]
