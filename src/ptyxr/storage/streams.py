"""Large arrays in pieces: what is written block by block never stands whole in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray import Variable

__all__ = ["BLOCK_BYTES", "blocks", "checked_cast"]

#: About how much of an array is in memory at a time.
BLOCK_BYTES = 32 * 2**20


def blocks(
    variable: Variable, nbytes: int = BLOCK_BYTES
) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Give an array block by block; the blocks follow each other in C order.

    Parameters
    ----------
    variable : Variable
        Data of any kind: numpy, lazy, dask.
    nbytes : int
        About how large a block is.

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
    row = math.prod(variable.shape[1:]) * np.dtype(variable.dtype).itemsize
    if row > nbytes and variable.ndim > 1:
        for i in range(variable.shape[0]):
            for key, values in blocks(variable[i], nbytes):
                yield (slice(i, i + 1), *key), values[np.newaxis]
        return
    step = max(1, nbytes // max(row, 1))
    for start in range(0, variable.shape[0], step):
        rows = slice(start, min(start + step, variable.shape[0]))
        key = (rows, *(slice(0, n) for n in variable.shape[1:]))
        yield key, np.asarray(variable[rows].compute().data)


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
