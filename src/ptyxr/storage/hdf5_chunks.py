"""Reading chunked HDF5 datasets in pieces of a bounded number of chunks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import h5py

__all__ = ["read_chunked"]

#: HDF5 (2.0.0) keeps some 3 kB for each chunk that it is asked for at once, with data or without:
#: a million positions in chunks of one would take 3 GB.
_MOST: Final = 4096
#: Each chunk takes some 8 µs, also one that was never written: of so many the file is refused.
_UNWRITTEN: Final = 2**19

_Key = tuple[Any, ...]


def read_chunked(dataset: h5py.Dataset, key: _Key) -> np.ndarray:
    """Return what stands at a key, read in pieces where that touches many chunks.

    Parameters
    ----------
    dataset : h5py.Dataset
        Chunked or not.
    key : tuple of int, slice or list of int
        One for each axis; slices go forward.

    Raises
    ------
    ValueError
        If so many chunks are asked for that were never written that it would take minutes.
    """
    chunks = dataset.chunks
    touched = 0 if chunks is None else math.prod(_counts(key, dataset.shape, chunks))
    if chunks is None or touched <= _MOST:
        return np.asarray(dataset[key])
    if touched > _UNWRITTEN and dataset.id.get_num_chunks() < touched // 4:
        raise ValueError(
            f"of {touched} chunks, the file has {dataset.id.get_num_chunks()}: select fewer of them"
        )
    shape = [
        len(range(length)[part]) if isinstance(part, slice) else len(part)
        for part, length in zip(key, dataset.shape, strict=True)
        if isinstance(part, slice) or np.ndim(part)
    ]
    values = np.empty(shape, dataset.dtype)
    _fill(values, dataset, key, chunks)
    return values


def _fill(values: np.ndarray, dataset: h5py.Dataset, key: _Key, chunks: tuple[int, ...]) -> None:
    """Read a key into an array of its shape, in halves until a half touches few chunks."""
    counts = _counts(key, dataset.shape, chunks)
    axis = max(range(len(counts)), key=counts.__getitem__)
    if math.prod(counts) <= _MOST or counts[axis] < 2:
        values[...] = dataset[key]
        return
    part = key[axis]
    if isinstance(part, slice):
        rows = range(dataset.shape[axis])[part]
        middle = len(rows) // 2
        halves: list[Any] = [
            slice(half.start, half.stop, half.step) for half in (rows[:middle], rows[middle:])
        ]
    else:
        middle = len(part) // 2
        halves = [part[:middle], part[middle:]]
    # Of the axes before, those of a single number are not among those of the result.
    place = sum(isinstance(one, slice) or np.ndim(one) > 0 for one in key[:axis])
    before = (slice(None),) * place
    for half, where in zip(halves, (slice(None, middle), slice(middle, None)), strict=True):
        _fill(values[(*before, where)], dataset, (*key[:axis], half, *key[axis + 1 :]), chunks)


def _counts(key: _Key, shape: tuple[int, ...], chunks: tuple[int, ...]) -> list[int]:
    """Return how many chunks a key touches along each axis, at most."""
    counts = []
    for part, length, chunk in zip(key, shape, chunks, strict=True):
        if isinstance(part, slice):
            rows = range(length)[part]
            ends = (rows[-1] // chunk - rows[0] // chunk + 1) if rows else 0
            counts.append(min(len(rows), ends))
        else:
            counts.append(len(part) if np.ndim(part) else 1)
    return counts
