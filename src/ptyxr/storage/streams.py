"""Large arrays in pieces: what is written block by block never stands whole in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.errors import InvalidDataError
from ptyxr.storage.arrays import stored_under

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray import Variable

__all__ = ["BLOCK_BYTES", "blocks", "checked_cast"]

#: About how much of an array is in memory at a time. Of so much, the memory is used again for the
#: next block; of more, the system gives new memory each time, which takes longer than reading.
BLOCK_BYTES = 8 * 2**20
#: The same where each block is a pass over the file.
PASS_BYTES = 32 * 2**20


def blocks(
    variable: Variable, *, any_order: bool = False, rows: int = 1
) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Give an array block by block.

    Parameters
    ----------
    variable : Variable
        Data of any kind: numpy, lazy, dask.
    any_order : bool, default: False
        Whether blocks may come as is best for reading. Otherwise they follow each other in C order.
    rows : int, default: 1
        Of how many rows along the first axis a block is to be a multiple, as the chunks are that it
        is written into.

    Yields
    ------
    (key, values) : tuple of slices, ndarray
        Where the block belongs, and its numbers.
    """
    if variable.ndim == 0:
        yield (), np.asarray(variable.data)
        return
    if 0 in variable.shape:
        return
    across = _reading_axis(variable)
    # A row across all patterns may be longer than a block; beyond that, passes take less memory.
    one_pass = any_order and variable.nbytes // variable.shape[across] <= PASS_BYTES
    axis = across if one_pass else 0
    nbytes = BLOCK_BYTES if across == 0 else PASS_BYTES
    row = variable.nbytes // variable.shape[axis]
    if row > nbytes and variable.ndim > 1:
        for i in range(variable.shape[0]):
            for key, values in blocks(variable[i]):
                yield (slice(i, i + 1), *key), values[np.newaxis]
        return
    step = max(1, nbytes // max(row, 1))
    if axis == 0 and rows * row <= PASS_BYTES:
        step = max(rows, step - step % rows)
    whole = [slice(0, length) for length in variable.shape]
    for start in range(0, variable.shape[axis], step):
        some = slice(start, min(start + step, variable.shape[axis]))
        key = (*whole[:axis], some, *whole[axis + 1 :])
        yield key, np.asarray(variable[key].compute().data)


def _reading_axis(variable: Variable) -> int:
    """Return the axis along which a file is read once, and not anew for every block."""
    stored = stored_under(variable)
    return (stored.stream_axis if stored is not None else None) or 0


def checked_cast(values: np.ndarray, dtype: np.dtype[Any], key: str) -> np.ndarray:
    """Return numbers in another dtype, and refuse to lose a part, a fraction or a sign.

    Parameters
    ----------
    values : ndarray
        Numbers of any shape.
    dtype : numpy.dtype
        What they are to be. Precision may be lost (complex64 from complex128), and nothing else.
    key : str
        Name of the array, for the error.

    Raises
    ------
    InvalidDataError
        If numbers would become others.
    """
    if values.dtype == dtype:
        return values
    kinds = values.dtype.kind + dtype.kind
    ok = values.dtype.kind in "fiubc" and dtype.kind in "fiubc"
    if ok and kinds[0] == "c" and dtype.kind != "c":
        ok = False
    elif ok and dtype.kind == "b":
        ok = bool(((values == 0) | (values == 1)).all())
    elif ok and dtype.kind in "iu":
        with np.errstate(invalid="ignore"):
            cast = values.astype(dtype)
        limits = np.iinfo(dtype)
        inside = (values >= limits.min) & (values <= limits.max)
        ok = bool((inside & (cast == values)).all())
    if not ok:
        raise InvalidDataError(
            "the numbers cannot be written so without becoming others",
            key=key,
            found=str(values.dtype),
            expected=str(dtype),
            remedy="Convert the array yourself first, with astype or where",
        )
    with np.errstate(over="ignore"):
        return values.astype(dtype)
