"""Large arrays in pieces: what is written block by block never stands whole in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray import Variable

__all__ = ["BLOCK_BYTES", "blocks"]

#: About how much of an array is in memory at a time.
BLOCK_BYTES = 32 * 2**20


def blocks(
    variable: Variable, nbytes: int = BLOCK_BYTES
) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Give an array block by block, each of whole rows, in C order.

    Parameters
    ----------
    variable : Variable
        Data of any kind: numpy, lazy, dask.
    nbytes : int
        About how large a block is; a single row is never divided.

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
    if row > nbytes and variable.shape[0] == 1 and variable.ndim > 1:
        # An object of one layer is long along its rows.
        for key, values in blocks(variable[0], nbytes):
            yield (slice(0, 1), *key), values[np.newaxis]
        return
    step = max(1, nbytes // max(row, 1))
    for start in range(0, variable.shape[0], step):
        rows = slice(start, min(start + step, variable.shape[0]))
        key = (rows, *(slice(0, n) for n in variable.shape[1:]))
        yield key, np.asarray(variable[rows].compute().data)
