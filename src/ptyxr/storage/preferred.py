"""Chunks that suit an array in a file, as ``chunks={}`` gives them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["PreferredChunks", "grown", "preferred_chunks"]

#: About how much a chunk is. Two of them, in two threads that write a file, stay below 150 MB.
_BYTES: Final = 60 * 10**6


class PreferredChunks(dict[str, int]):
    """Chunk lengths by dimension, for the key ``preferred_chunks`` of a variable's encoding.

    xarray takes what is in it where ``chunks={}`` leaves a length open, and warns of other lengths
    that are no multiples of it: for these it asks ``get`` without a default, which knows only what
    the file is cut into. An array that lies in the file in one piece is read in any chunks.

    Parameters
    ----------
    lengths : mapping of str to int
        What suits.
    stored : mapping of str to int
        What the file is cut into; empty where it is in one piece.
    """

    def __init__(self, lengths: dict[str, int], stored: dict[str, int]) -> None:
        super().__init__(lengths)
        self._stored = stored

    def get(self, dim: str, *default: Any) -> Any:
        """Return a length that suits, or without default that of the file's own chunks."""
        return super().get(dim, *default) if default else self._stored.get(dim)

    def __reduce__(self) -> tuple[Any, ...]:
        return PreferredChunks, (dict(self), self._stored)


def preferred_chunks(
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: np.dtype[Any],
    stored: Sequence[int] | None = None,
) -> PreferredChunks | None:
    """Return chunks of about 60 MB, whole along the last axes, or None where one holds all.

    Parameters
    ----------
    dims : sequence of str
        Dimensions of the array.
    shape : sequence of int
        Their lengths.
    dtype : numpy.dtype
        Type of the numbers.
    stored : sequence of int, optional
        The chunks of the file, one length for each dimension, or for the last ones where the first
        were added on opening; those that suit are multiples of them.
    """
    stored = stored and (*(1,) * (len(dims) - len(stored)), *stored)
    chunks = dict(zip(dims, stored or (), strict=False))
    if stored is None or len(stored) != len(dims) or 0 in stored:
        chunks = {}
        if math.prod(shape) * dtype.itemsize <= _BYTES:
            return None
    least = [min(chunks.get(dim, 1), length) for dim, length in zip(dims, shape, strict=True)]
    lengths = grown(least, shape, dtype.itemsize, _BYTES)
    return PreferredChunks(dict(zip(dims, lengths, strict=True)), chunks)


def grown(least: Sequence[int], shape: Sequence[int], itemsize: int, nbytes: int) -> list[int]:
    """Return lengths of blocks of so many bytes: whole along the last axes first.

    Parameters
    ----------
    least : sequence of int
        What the lengths are multiples of, but where an axis ends.
    shape : sequence of int
        Lengths of the axes.
    itemsize : int
        Bytes of a number.
    nbytes : int
        How large a block is at most, unless the least is larger.
    """
    lengths = list(least)
    for axis in reversed(range(len(lengths))):
        room = nbytes // max(1, math.prod(lengths) * itemsize)
        if room <= 1:
            break
        lengths[axis] = min(lengths[axis] * room, shape[axis])
    return lengths
