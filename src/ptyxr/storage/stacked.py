"""Many stored arrays shown as one, each read only where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.storage.arrays import StoredArray, is_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray import Variable

__all__ = ["Place", "StackedArray", "padding"]

#: Where the entries of a part lie along an axis of the stack: ascending, each once.
Place = range | np.ndarray


def padding(dtype: np.dtype[Any]) -> Any:
    """Return what stands where a part has nothing, in numbers of its own dtype.

    NaN, -1 where there are no fractions, 0 where there is no sign either, False, and "".
    """
    if dtype.kind in "fc":
        return np.nan
    return {"i": -1, "b": False, "U": ""}.get(dtype.kind, 0)


class StackedArray(StoredArray):
    """Lazy arrays side by side along a new first axis, padded to one shape.

    A key reads from those parts that it names, and of them only what it selects.

    Parameters
    ----------
    parts : sequence of (Variable or None)
        The arrays, lazy or not; None where there is only padding.
    places : sequence of tuple of (range or ndarray of int)
        For each part, where its entries lie along each axis of the stack; they may lie outside it.
    shape : tuple of int
        Of one part in the stack.
    dtype : numpy.dtype
    """

    def __init__(
        self,
        parts: Sequence[Variable | None],
        places: Sequence[tuple[Place, ...]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.parts = tuple(parts)
        self.places = tuple(places)
        self.shape = (len(self.parts), *shape)
        self.dtype = np.dtype(dtype)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        which, rest = key[0], key[1:]
        if is_integer(which):
            return self._part(int(which), rest)
        rows = np.arange(self.shape[0])[which]
        lengths = (_length(one, size) for one, size in zip(rest, self.shape[1:], strict=True))
        shape = (rows.size, *(length for length in lengths if length is not None))
        values = np.empty(shape, self.dtype)
        for i, row in enumerate(rows):
            values[i] = self._part(int(row), rest)
        return values

    def _part(self, row: int, key: tuple[Any, ...]) -> np.ndarray:
        """Return what a part has at a key, padded where it has nothing."""
        lengths = [_length(one, size) for one, size in zip(key, self.shape[1:], strict=True)]
        shape = tuple(length for length in lengths if length is not None)
        part = self.parts[row]
        found = [
            _found(one, place, size)
            for one, place, size in zip(key, self.places[row], self.shape[1:], strict=True)
        ]
        if part is None or any(one is None for one in found):
            return np.full(shape, padding(self.dtype), self.dtype)
        there = tuple(one[0] for one in found if one is not None)
        here = tuple(one[1] for one in found if one is not None and one[1] is not None)
        read = np.asarray(part[there].data).astype(self.dtype, copy=False)
        if read.shape == shape:
            return read
        values = np.full(shape, padding(self.dtype), self.dtype)
        values[np.ix_(*here)] = read
        return values


def _length(key: Any, size: int) -> int | None:
    """Return how many entries a key selects, or None for an integer, which takes the axis away."""
    if isinstance(key, slice):
        return len(range(*key.indices(size)))
    return None if np.ndim(key) == 0 else int(np.size(key))


def _found(key: Any, place: Place, size: int) -> tuple[Any, Any] | None:
    """Return what is selected of a part's axis, and where it goes; None where there is nothing.

    Where it goes is None for an integer.
    """
    if isinstance(key, slice) and isinstance(place, range) and place == range(size):
        return key, np.arange(len(range(*key.indices(size))))
    wanted = np.atleast_1d(np.arange(size)[key])
    if isinstance(place, range):
        local = wanted - place.start
        inside = (local >= 0) & (local < len(place))
    else:
        local = np.searchsorted(place, wanted)
        inside = local < place.size
        inside[inside] = place[local[inside]] == wanted[inside]
    if not inside.any():
        return None
    if is_integer(key):
        return int(local[0]), None
    local = local[inside]
    return _as_slice(local), np.flatnonzero(inside)


def _as_slice(local: np.ndarray) -> Any:
    """Return indices as a slice where they are one: files are read faster by slices."""
    step = int(local[1] - local[0]) if local.size > 1 else 1
    if step == 0 or (local.size > 2 and (np.diff(local) != step).any()):
        return local
    stop = int(local[-1]) + (1 if step > 0 else -1)
    return slice(int(local[0]), stop if stop >= 0 else None, step)
