"""Lazy arrays that show a stored array with its axes in another order, number or length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from ptyxr.errors import InvalidDataError

if TYPE_CHECKING:
    from xarray import Variable

__all__ = [
    "MemoryArray",
    "StoredArray",
    "ViewArray",
    "cached",
    "is_integer",
    "lazy",
    "outer",
    "stored_under",
]


#: What is read on opening may be so large in any case, or so many times what the file has of it.
#: Scan positions and the like are never squeezed as far; a file that claims it fills the memory.
_LARGE: Final = 64 * 2**20
_INFLATION: Final = 100


class StoredArray(BackendArray):
    """An array in a file: what subclasses read in `_read` for a key of integers, slices and lists.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    origin : tuple of (str or None)
        The file and the key it comes from, for messages.
    stream_axis : int or None
        The axis along which it is read in one pass over the file; None where nobody knows.
    """

    stream_axis: int | None = None
    origin: tuple[str | None, str | None] = (None, None)
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    support = indexing.IndexingSupport.OUTER

    @property
    def stored_bytes(self) -> int | None:
        """How long it is in the file; None where nobody knows."""
        return None

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not say how it is read")

    def read_at(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return what stands at a key of integers, slices and lists, one for each axis."""
        return np.asarray(self._read(key))

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if any(map(_is_empty, key.tuple, self.shape)):
            # xarray cannot take apart an empty slice with a negative step; and nothing is to be
            # read: a number in place of the array has the shape of the answer.
            stand_in = np.broadcast_to(np.zeros((), self.dtype), self.shape)
            nothing: Any = indexing.apply_indexer(indexing.NumpyIndexingAdapter(stand_in), key)
            return np.array(nothing)
        return indexing.explicit_indexing_adapter(key, self.shape, self.support, self._read)

    def read(self) -> np.ndarray:
        """Return the whole array, as it is wanted on opening.

        Raises
        ------
        InvalidDataError
            If it is large and next to nothing of it is in the file.
        """
        nbytes = math.prod(self.shape) * self.dtype.itemsize
        stored = self.stored_bytes if nbytes > _LARGE else None
        if stored is not None and nbytes > _INFLATION * stored:
            raise InvalidDataError(
                "the array is out of all proportion to what is in the file",
                file=self.origin[0],
                key=self.origin[1],
                found=f"{nbytes} bytes of {self.dtype} {self.shape}, of which the file has "
                f"{stored}",
                expected=f"at most {_INFLATION} times as many",
                remedy="If it is sound, write it anew without compression",
            )
        return self.read_at((slice(None),) * len(self.shape))


class MemoryArray(StoredArray):
    """An array that was read already, such as an attribute."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape = values.shape
        self.dtype = values.dtype

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        return np.asarray(outer(self.values, key))


def outer(values: np.ndarray, key: tuple[Any, ...]) -> np.ndarray:
    """Return values at integers, slices and lists of integers, each axis by itself.

    Slices go first, which copy nothing.
    """
    basic = tuple(slice(None) if np.ndim(part) else part for part in key)
    values = values[basic]
    lists = [
        part if np.ndim(part) else None for part in key if np.ndim(part) or isinstance(part, slice)
    ]
    for axis in reversed(range(len(lists))):
        if lists[axis] is not None:
            values = values[(slice(None),) * axis + (np.asarray(lists[axis]),)]
    return np.asarray(values)


class ViewArray(StoredArray):
    """A stored array with its axes rearranged, nothing read before it is used.

    Parameters
    ----------
    base : StoredArray
        The array as stored.
    axes : tuple of (int or None)
        For each axis of the view, the axis of `base` it is, or None for a new one of length 1. Axes
        of `base` that are not named have length 1 and are left out.
    """

    def __init__(self, base: StoredArray, axes: tuple[int | None, ...]) -> None:
        left_out = set(range(len(base.shape))) - set(axes)
        if any(base.shape[axis] != 1 for axis in left_out):
            raise ValueError(f"axes {sorted(left_out)} of {base.shape} are longer than 1")
        self.base = base
        self.axes = axes
        self.support = base.support
        self.origin = base.origin
        self.shape = tuple(1 if axis is None else base.shape[axis] for axis in axes)
        self.dtype = base.dtype
        if base.stream_axis in axes:
            self.stream_axis = axes.index(base.stream_axis)

    @property
    def stored_bytes(self) -> int | None:
        """How long the array itself is in the file."""
        return self.base.stored_bytes

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        base_key: list[Any] = [0] * len(self.base.shape)
        for axis, part in zip(self.axes, key, strict=True):
            if axis is not None:
                base_key[axis] = part
        values = self.base.read_at(tuple(base_key))
        # What is left of the base, in its order, is brought into the order of the view.
        left = [axis for axis, part in enumerate(base_key) if not is_integer(part)]
        shown = [axis for axis in self.axes if axis in left]
        values = values.transpose([left.index(axis) for axis in shown])
        place = 0
        for axis, part in zip(self.axes, key, strict=True):
            if axis is None:
                values = np.expand_dims(values, place)[(slice(None),) * place + (part,)]
            place += not is_integer(part)
        return values


def stored_under(variable: Variable) -> StoredArray | None:
    """Return the array in a file that a variable shows as it is, or None."""
    data: Any = variable._data  # noqa: SLF001  (`data` would read it)
    while not isinstance(data, StoredArray) and hasattr(data, "array"):
        data = data.array
    return data if isinstance(data, StoredArray) and data.shape == variable.shape else None


def is_integer(key: Any) -> bool:
    """Tell whether a key selects one entry, and takes the axis away."""
    return not isinstance(key, slice) and np.ndim(key) == 0


def _is_empty(key: Any, size: int) -> bool:
    if isinstance(key, slice):
        return not range(*key.indices(size))
    return np.size(key) == 0


def lazy(array: StoredArray) -> indexing.LazilyIndexedArray:
    """Return a stored array as the data of a Variable that reads on use."""
    return indexing.LazilyIndexedArray(array)


def cached(array: StoredArray) -> indexing.MemoryCachedArray:
    """Return a stored array as data that read on use, and keep what was read."""
    copied: Any = indexing.CopyOnWriteArray  # written into, it is read
    return indexing.MemoryCachedArray(copied(lazy(array)))
