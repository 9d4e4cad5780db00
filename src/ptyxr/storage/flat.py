"""Reading parts of an array that lies in a file as it is, number by number.

Nothing is mapped into memory: where a file is cut short by someone else, reading a map of it ends
the process (SIGBUS), and reading the file is an error that can be told.
"""

from __future__ import annotations

import itertools
import math
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.storage.arrays import outer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_flat", "read_into"]

#: What one more access costs, in bytes that could be read meanwhile.
_ACCESS: Final = 16 * 2**10
#: How much is read at a time where not everything that is read is wanted.
_BUFFER: Final = 16 * 2**20

#: The numbers of the rows that are wanted along an axis.
_Part = range | np.ndarray


def read_flat(
    file: IO[bytes], offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], key: tuple[Any, ...]
) -> np.ndarray:
    """Return what stands at a key, without reading much else.

    Parameters
    ----------
    file : binary file object
        It is moved.
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
    return values[tuple(0 if _is_integer(one) else slice(None) for one in key)]


def read_into(file: IO[bytes], offset: int, values: np.ndarray) -> None:
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


def _copy(file: IO[bytes], view: memoryview) -> int:
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)


def _is_integer(key: Any) -> bool:
    return not isinstance(key, slice) and np.ndim(key) == 0


def _part(key: Any, length: int) -> _Part:
    if isinstance(key, slice):
        return range(length)[key]
    rows = np.atleast_1d(np.asarray(key))
    return np.where(rows < 0, rows + length, rows)


def _fill(
    file: IO[bytes], offset: int, values: np.ndarray, parts: list[_Part], shape: tuple[int, ...]
) -> None:
    """Go along the first axes row by row; from the axis on where that is cheapest, read spans."""
    strides = [values.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    cut = _cut(parts, strides)
    inner = parts[cut + 1 :]
    whole = all(
        isinstance(part, range) and part == range(length)
        for part, length in zip(inner, shape[cut + 1 :], strict=True)
    )
    for place in itertools.product(*(range(len(part)) for part in parts[:cut])):
        before = zip(parts, place, strides, strict=False)
        start = offset + sum(int(part[i]) * stride for part, i, stride in before)
        for rows, part in _spans(parts[cut], strides[cut], whole=whole):
            low, count = _extent(part)
            where: tuple[Any, ...] = (*place, rows)
            target = values[where]
            if whole and isinstance(part, range) and part.step == 1:
                read_into(file, start + low * strides[cut], target)
                continue
            read = np.empty((count, *shape[cut + 1 :]), values.dtype)
            read_into(file, start + low * strides[cut], read)
            target[...] = outer(read, (_index(part, low), *(_index(one, 0) for one in inner)))


def _cut(parts: list[_Part], strides: list[int]) -> int:
    """Return the axis from which on it is cheapest to read whole spans."""
    costs = []
    accesses = 1
    for part, stride in zip(parts, strides, strict=True):
        costs.append(accesses * (_ACCESS + _extent(part)[1] * stride))
        accesses *= len(part)
    return min(range(len(costs)), key=costs.__getitem__)


def _extent(part: _Part) -> tuple[int, int]:
    """Return the first row of a span, and how many it has."""
    ends = (part[0], part[-1]) if isinstance(part, range) else (part.min(), part.max())
    return int(min(ends)), int(max(ends)) - int(min(ends)) + 1


def _spans(part: _Part, stride: int, *, whole: bool) -> Iterator[tuple[slice, _Part]]:
    """Give rows of the result, and which they are, so that a span fits into the buffer."""
    most = max(1, _BUFFER // stride)
    if isinstance(part, range):
        step = len(part) if whole and part.step == 1 else max(1, most // abs(part.step))
        for begin in range(0, len(part), step):
            yield slice(begin, begin + step), part[begin : begin + step]
        return
    begin = 0
    while begin < len(part):
        near = np.abs(part[begin:] - part[begin]) < max(1, most // 2)
        end = begin + (len(near) if near.all() else int(near.argmin()))
        yield slice(begin, end), part[begin:end]
        begin = end


def _index(part: _Part, shift: int) -> slice | np.ndarray:
    if isinstance(part, np.ndarray):
        return part - shift
    stop = part.stop - shift
    return slice(part.start - shift, stop if stop >= 0 else None, part.step)
