"""The bytes of an HDF5 file, beside the library: where objects are, and what they begin with."""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import InvalidDataError
from ptyxr.storage.remote import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py

__all__ = ["FileBytes", "address_of", "damaged"]

_CONTINUATION: Final = 0x10
_BLOCKS: Final = 10_000  # of an object header, beyond which it goes in a circle
_PIECE: Final = 2**20
#: Up to this length a file is searched through; on a network, that is to fetch it.
_SEARCHED: Final = 64 * 2**20
_SEARCHED_REMOTE: Final = 2**20


def damaged(what: str) -> InvalidDataError:
    """Return the error over a file that HDF5 itself could not read in peace."""
    return InvalidDataError("the file is damaged", found=what)


def address_of(node: h5py.Group | h5py.Dataset) -> int:
    """Return where the header of an object stands.

    H5Oget_info would go through the index of all chunks as well, to say how long it is.
    """
    import h5py

    low, high = h5py.h5g.get_objinfo(node.id).objno
    return int(low) | int(high) << 32


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
        self._searched = _SEARCHED if not isinstance(stream, RemoteFile) else _SEARCHED_REMOTE
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
        return self.length <= self._searched

    def find(self, pattern: bytes) -> Iterator[int]:
        """Give the addresses where a pattern stands."""
        keep = len(pattern) - 1
        for offset in range(0, self.length, _PIECE):
            piece = self._read(offset, min(_PIECE + keep, self.length - offset))
            place = piece.find(pattern)
            while place >= 0:
                yield offset + place - self.base
                place = piece.find(pattern, place + 1)

    def messages(self, address: int) -> Iterator[tuple[int, int, bytes]]:
        """Give type, flags and body of the messages in an object header of either version.

        Source: HDF5 File Format Specification 3.0, IV.A.1.
        """
        start = self.read(address, 16)
        new = start.startswith(b"OHDR")
        if new:
            flags = start[5]
            width = 1 << (flags & 3)
            place = address + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            size = self.number(place, width)
            blocks = [(place + width, size)]
            prefix = 4 + 2 * bool(flags & 4)
        else:
            blocks = [(address + 16, int.from_bytes(start[8:12], "little"))]
            prefix = 8
        for count, (at, length) in enumerate(blocks):  # it grows on the way
            if count > _BLOCKS:
                raise damaged("an object header in a circle")
            block = self.read(at, length)
            place = 0
            while place + prefix <= length:
                form = "<BHB" if new else "<HHB"
                kind, size, flags = struct.unpack_from(form, block, place)
                body = block[place + prefix : place + prefix + size]
                place += prefix + size
                if kind == _CONTINUATION and len(body) >= 16:
                    further, more = struct.unpack_from("<QQ", body)
                    # Later blocks of the new version begin with a signature and end in a checksum.
                    blocks.append((further + 4, more - 8) if new else (further, more))
                else:
                    yield kind, flags, body

    def _read(self, offset: int, count: int) -> bytes:
        if self._stream is not None:
            self._stream.seek(offset)
            return bytes(self._stream.read(count))
        if hasattr(os, "pread"):
            data = os.pread(self._descriptor, count, offset)
            while data and len(data) < count:
                more = os.pread(self._descriptor, count - len(data), offset + len(data))
                if not more:
                    break
                data += more
            return data
        # Where there is no such call, nobody else moves the descriptor under the HDF5 lock.
        before = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, count)
        finally:
            os.lseek(self._descriptor, before, os.SEEK_SET)
