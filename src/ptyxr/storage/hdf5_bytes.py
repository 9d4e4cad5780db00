"""The bytes of an HDF5 file, beside the library: where objects are, and what they begin with."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py

__all__ = ["FileBytes", "damaged"]

_PIECE: Final = 2**20
#: Up to this length a file is searched through.
_SEARCHED: Final = 64 * 2**20


def damaged(what: str) -> InvalidDataError:
    """Return the error over a file that HDF5 itself could not read in peace."""
    return InvalidDataError("the file is damaged", found=what)


class FileBytes:
    """Bytes of an HDF5 file by their address.

    Parameters
    ----------
    file : h5py.File
        The file, to be used under the HDF5 lock.
    stream : binary file object, optional
        What it was opened from, where that was no path.

    Attributes
    ----------
    length : int
        How long it is.
    base : int
        Where addresses are counted from.
    """

    def __init__(self, file: h5py.File, stream: Any = None) -> None:
        self._stream = stream
        self._descriptor = -1
        if stream is None:
            self._descriptor = int(file.id.get_vfd_handle())
            self.length = os.fstat(self._descriptor).st_size
        else:
            self.length = stream.seek(0, io.SEEK_END)
        self.base = int(file.userblock_size)

    def read(self, address: int, count: int) -> bytes:
        """Return bytes; refuse what is not in the file."""
        offset = self.base + address
        if address < 0 or count < 0 or offset + count > self.length:
            raise damaged(f"{count} bytes at {offset} of {self.length}")
        data = self._read(offset, count)
        if len(data) < count:  # someone cuts it short at this moment
            raise damaged(f"{len(data)} of {count} bytes at {offset}")
        return data

    def number(self, address: int, count: int) -> int:
        """Return an unsigned number of some bytes."""
        return int.from_bytes(self.read(address, count), "little")

    @property
    def is_searched(self) -> bool:
        """Whether the file is short enough to be searched through."""
        return self.length <= _SEARCHED

    def find(self, pattern: bytes) -> Iterator[int]:
        """Give the addresses where a pattern stands."""
        keep = len(pattern) - 1
        for offset in range(0, self.length, _PIECE):
            piece = self._read(offset, min(_PIECE + keep, self.length - offset))
            place = piece.find(pattern)
            while place >= 0:
                yield offset + place - self.base
                place = piece.find(pattern, place + 1)

    def _read(self, offset: int, count: int) -> bytes:
        if self._stream is not None:
            self._stream.seek(offset)
            return bytes(self._stream.read(count))
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, count, offset)
        # Where there is no such call, nobody else moves the descriptor under the HDF5 lock.
        before = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, count)
        finally:
            os.lseek(self._descriptor, before, os.SEEK_SET)
