"""Reading HDF5 datasets in the pieces that suit how they lie in the file."""

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
#: Of every second, third, … number in a row, HDF5 (2.0.0) reads each by itself, at the cost of so
#: many bytes; and how much is read at a time where not everything that is read is wanted.
_ACCESS: Final = 4 * 2**10
_BUFFER: Final = 16 * 2**20

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
    if chunks is None:
        return _read_rows(dataset, key)
    touched = math.prod(_counts(key, dataset.shape, chunks))
    if touched <= _MOST:
        return np.asarray(dataset[key])
    if touched > _UNWRITTEN and dataset.id.get_num_chunks() < touched // 4:
        raise ValueError(
            f"of {touched} chunks, the file has {dataset.id.get_num_chunks()}: select fewer of them"
        )
    values = np.empty(_shape(key, dataset.shape), dataset.dtype)
    _fill(values, dataset, key, chunks)
    return values


def _shape(key: _Key, shape: tuple[int, ...]) -> list[int]:
    """Return the shape of what stands at a key."""
    return [
        len(range(length)[part]) if isinstance(part, slice) else len(part)
        for part, length in zip(key, shape, strict=True)
        if isinstance(part, slice) or np.ndim(part)
    ]


def _read_rows(dataset: h5py.Dataset, key: _Key) -> np.ndarray:
    """Read what is not chunked: of rows of which not every number is wanted, whole stretches."""
    part = key[-1] if key else None
    if not isinstance(part, slice) or (part.step or 1) * dataset.dtype.itemsize > _ACCESS:
        return np.asarray(dataset[key])
    columns: range = range(dataset.shape[-1])[part]
    if len(columns) < 2 or columns.step == 1:
        return np.asarray(dataset[key])
    values = np.empty(_shape(key, dataset.shape), dataset.dtype)
    _fill_rows(values, dataset, key[:-1], columns)
    return values


def _fill_rows(values: np.ndarray, dataset: h5py.Dataset, rows: _Key, columns: range) -> None:
    """Read stretches of rows in halves until a half is short, and take the columns from them."""
    counts = [
        len(range(length)[part]) if isinstance(part, slice) else np.size(part)
        for part, length in zip(rows, dataset.shape, strict=False)
    ]
    stretch = slice(columns[0], columns[-1] + 1)
    length = math.prod(counts) * (stretch.stop - stretch.start) * dataset.dtype.itemsize
    if length > _BUFFER and max(counts, default=1) > 1:
        for half, where in _halves(rows, dataset.shape, counts.index(max(counts))):
            _fill_rows(values[where], dataset, half, columns)
    elif length > _BUFFER and len(columns) > 1:
        middle = len(columns) // 2
        _fill_rows(values[..., :middle], dataset, rows, columns[:middle])
        _fill_rows(values[..., middle:], dataset, rows, columns[middle:])
    else:
        values[...] = dataset[(*rows, stretch)][..., :: columns.step]


def _fill(values: np.ndarray, dataset: h5py.Dataset, key: _Key, chunks: tuple[int, ...]) -> None:
    """Read a key into an array of its shape, in halves until a half touches few chunks."""
    counts = _counts(key, dataset.shape, chunks)
    axis = max(range(len(counts)), key=counts.__getitem__)
    if math.prod(counts) <= _MOST or counts[axis] < 2:
        values[...] = dataset[key]
        return
    for half, where in _halves(key, dataset.shape, axis):
        _fill(values[where], dataset, half, chunks)


def _halves(key: _Key, shape: tuple[int, ...], axis: int) -> list[tuple[_Key, _Key]]:
    """Return the two halves of a key along an axis, each with its place in the result."""
    part = key[axis]
    halves: list[Any]
    if isinstance(part, slice):
        rows = range(shape[axis])[part]
        middle = len(rows) // 2
        halves = [
            slice(half.start, half.stop, half.step) for half in (rows[:middle], rows[middle:])
        ]
    else:
        middle = len(part) // 2
        halves = [part[:middle], part[middle:]]
    # Of the axes before, those of a single number are not among those of the result.
    place = sum(isinstance(one, slice) or np.ndim(one) > 0 for one in key[:axis])
    before = (slice(None),) * place
    places = (slice(None, middle), slice(middle, None))
    return [
        ((*key[:axis], half, *key[axis + 1 :]), (*before, where))
        for half, where in zip(halves, places, strict=True)
    ]


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
