"""Pickled strings, recognised by their opcodes: nothing is unpickled, nothing is executed."""

from __future__ import annotations

import pickle
import pickletools
from typing import Any, BinaryIO, Final

__all__ = ["pickled_string"]

#: The pickle of an array of one string has some 60 opcodes, in every protocol.
_OPCODES: Final = 200
_STRINGS: Final = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
_PUT: Final = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GET: Final = frozenset({"GET", "BINGET", "LONG_BINGET"})
#: What the pickle of an array names; anything else is no array.
_NAMES: Final = frozenset(
    {
        "numpy.core.multiarray _reconstruct",
        "numpy._core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }
)
#: How the pickle of an array of one ends: its list of values, and the tuple that is its state.
_END: Final = ("APPEND", "TUPLE", "BUILD", "STOP")


def pickled_string(payload: BinaryIO) -> str | None:
    """Return the string in a pickled array of one, or None where it holds None.

    The opcodes are read one by one and looked at; there is no stack, and nothing that they name is
    looked up.

    Parameters
    ----------
    payload : binary file object
        At the beginning of the pickle.

    Raises
    ------
    pickle.UnpicklingError
        If it holds anything else.
    ValueError
        If it is no pickle, or a damaged one.
    """
    steps = _steps(payload)
    names = [name for name, _ in steps]
    if tuple(names[-4:]) != _END or names[-6:-5] not in (["EMPTY_LIST"], ["LIST"]):
        raise pickle.UnpicklingError("it is no array of one")
    name, value = steps[-5]
    if name == "NONE":
        return None
    if name not in _STRINGS:
        raise pickle.UnpicklingError(f"it holds no string, but a {name}")
    return str(value)


def _steps(payload: BinaryIO) -> list[tuple[str, Any]]:
    """Return opcodes and their arguments, with what was memorised in place of its recall."""
    steps: list[tuple[str, Any]] = []
    memo: dict[int, tuple[str, Any]] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(payload)):
        if count >= _OPCODES:
            raise pickle.UnpicklingError("it is too long for an array of one")
        name = opcode.name
        if name in _PUT:
            memo[len(memo) if argument is None else int(argument)] = steps[-1]
        elif name in _GET:
            steps.append(memo[int(argument or 0)])
        elif name not in ("PROTO", "FRAME"):
            steps.append((name, argument))
        if name == "GLOBAL":
            _check_name(str(argument))
        elif name == "STACK_GLOBAL":
            _check_name(" ".join(str(value) for _, value in steps[-3:-1]))
        elif name == "INST":
            _check_name(str(argument))
    return steps


def _check_name(name: str) -> None:
    if name not in _NAMES:
        raise pickle.UnpicklingError(f"it names {name.replace(' ', '.')[:80]}")
