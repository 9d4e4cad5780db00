"""Reading and writing parts of an array that lies in a file as it is, number by number.

Nothing is mapped into memory: where a file is cut short by someone else, reading a map of it ends
the process (SIGBUS), and reading the file is an error that can be told.
"""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from ptyxr.storage.arrays import is_integer, outer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_flat", "read_into", "write_flat"]

#: What one more access costs, in bytes that could be read meanwhile; and how many times that where
#: what is read is cut to what is wanted.
_ACCESS: Final = 16 * 2**10
_CUTTING: Final = 8
#: How much is read at a time where not everything that is read is wanted.
_BUFFER: Final = 16 * 2**20


class Seekable(Protocol):
    """What is read from: a file, or what is like one."""

    def seek(self, offset: int, /) -> int:
        """Move to an offset from the beginning."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or what there is."""


#: The numbers of the rows that are wanted along an axis.
_Part = range | np.ndarray


def read_flat(
    file: Seekable, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], key: tuple[Any, ...]
) -> np.ndarray:
    """Return what stands at a key, without reading much else.

    Parameters
    ----------
    file : binary file object
        It is moved. One on a network says by `access` what a request costs, and has `fill`.
    offset : int
        Where the array begins, in bytes.
    shape : tuple of int
        Its shape, in C order.
    dtype : numpy.dtype
        Its type.
    key : tuple of int, slice or array of int
        One for each axis, each by itself.

    Raises
    ------
    EOFError
        If the file ends before.
    """
    parts = [_part(one, length) for one, length in zip(key, shape, strict=True)]
    values = np.empty([len(part) for part in parts], dtype)
    if not parts:
        read_into(file, offset, values)
    elif values.size:
        _fill(file, offset, values, parts, shape)
    # Axes of a single number are not among those of the result.
    return values[tuple(0 if is_integer(one) else slice(None) for one in key)]


def read_into(file: Seekable, offset: int, values: np.ndarray) -> None:
    """Fill a contiguous array with the bytes that stand at an offset.

    Raises
    ------
    EOFError
        If the file ends before.
    """
    file.seek(offset)
    view = memoryview(values.reshape(-1).view(np.uint8).data)
    while view:
        count = file.readinto(view) if hasattr(file, "readinto") else _copy(file, view)
        if not count:
            raise EOFError("the file ends before the array does")
        view = view[count:]


def write_flat(
    file: IO[bytes],
    offset: int,
    shape: tuple[int, ...],
    key: tuple[slice, ...],
    values: np.ndarray,
) -> None:
    """Put a block where it belongs in an array.

    Parameters
    ----------
    file : binary file object
        Open for writing, without a buffer; it is moved.
    offset : int
        Where the array begins, in bytes.
    shape : tuple of int
        Its shape, in C order.
    key : tuple of slice
        Where the block lies in it, without steps, from its first row along each axis on.
    values : ndarray
        The block.
    """
    values = np.ascontiguousarray(values)
    cut = values.ndim
    while cut > 0 and values.shape[cut - 1 :] == shape[cut - 1 :]:
        cut -= 1
    # What is whole from here on lies in one run for each row of the axes before.
    leading = max(cut - 1, 0)
    strides = [values.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    first = offset + sum(
        (part.start or 0) * stride for part, stride in zip(key, strides, strict=True)
    )
    for row in np.ndindex(values.shape[:leading]):
        within = sum(i * stride for i, stride in zip(row, strides, strict=False))
        file.seek(first + within)
        view = memoryview(values[row].reshape(-1).view(np.uint8).data)
        while view:
            view = view[file.write(view) :]


def _copy(file: Seekable, view: memoryview) -> int:
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)


def _part(key: Any, length: int) -> _Part:
    if isinstance(key, slice):
        return range(length)[key]
    if np.ndim(key) == 0:
        row = int(key) % length
        return range(row, row + 1)
    rows = np.asarray(key)
    return np.where(rows < 0, rows + length, rows)


def _fill(
    file: Seekable, offset: int, values: np.ndarray, parts: list[_Part], shape: tuple[int, ...]
) -> None:
    """Go along the first axes row by row; from the axis on where that is cheapest, read spans."""
    strides = [values.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    cut = _cut(parts, strides, shape, getattr(file, "access", _ACCESS))
    starts = np.full((1,), offset, dtype=np.int64)
    for part, stride in zip(parts[:cut], strides, strict=False):
        starts = np.add.outer(starts, np.asarray(part, dtype=np.int64) * stride).reshape(-1)
    targets = values.reshape(starts.size, *values.shape[cut:])
    inner = parts[cut + 1 :]
    stride = strides[cut]
    if _is_whole(inner, shape[cut + 1 :]) and _is_run(parts[cut]):
        places = [start + parts[cut][0] * stride for start in starts.tolist()]
        if hasattr(file, "fill"):
            file.fill(list(zip(places, targets.view(np.uint8), strict=True)))
            return
        for place, target in zip(places, targets, strict=True):
            read_into(file, place, target)
        return
    within = tuple(map(_index, inner))
    spans = list(_spans(parts[cut], stride))
    for start, target in zip(starts.tolist(), targets, strict=True):
        for rows, low, count, index in spans:
            read = np.empty((count, *shape[cut + 1 :]), values.dtype)
            read_into(file, start + low * stride, read)
            target[rows] = outer(read, (index, *within))


def _is_whole(parts: list[_Part], shape: tuple[int, ...]) -> bool:
    pairs = zip(parts, shape, strict=True)
    return all(isinstance(part, range) and part == range(length) for part, length in pairs)


def _is_run(part: _Part) -> bool:
    return isinstance(part, range) and (part.step == 1 or len(part) == 1)


def _cut(
    parts: list[_Part], strides: list[int], shape: tuple[int, ...], access: int = _ACCESS
) -> int:
    """Return the axis from which on it is cheapest to read whole spans."""
    costs = []
    accesses = 1
    for axis, (part, stride) in enumerate(zip(parts, strides, strict=True)):
        plain = _is_run(part) and _is_whole(parts[axis + 1 :], shape[axis + 1 :])
        ends = (part[0], part[-1]) if isinstance(part, range) else (part.min(), part.max())
        extent = abs(int(ends[1]) - int(ends[0])) + 1
        costs.append(accesses * ((access if plain else access * _CUTTING) + extent * stride))
        accesses *= len(part)
    return min(range(len(costs)), key=costs.__getitem__)


def _spans(part: _Part, stride: int) -> Iterator[tuple[Any, int, int, Any]]:
    """Give rows of the result, the first row to read and how many, and which of them are wanted."""
    most = max(1, _BUFFER // stride)
    if isinstance(part, range):
        step = max(1, most // abs(part.step))
        for begin in range(0, len(part), step):
            some = part[begin : begin + step]
            low = min(some[0], some[-1])
            index = _index(range(some.start - low, some.stop - low, some.step))
            yield slice(begin, begin + len(some)), low, abs(some[-1] - some[0]) + 1, index
        return
    order = np.argsort(part, kind="stable")
    rows = part[order]
    begin = 0
    while begin < len(rows):
        end = int(np.searchsorted(rows, rows[begin] + most))
        low = int(rows[begin])
        yield order[begin:end], low, int(rows[end - 1]) - low + 1, rows[begin:end] - low
        begin = end


def _index(part: _Part) -> slice | np.ndarray:
    if isinstance(part, np.ndarray):
        return part
    # Down to the first row there is no number to stop at.
    return slice(part.start, part.stop if part.stop >= 0 else None, part.step)
