"""Text of variable length in HDF5 files, looked at before HDF5 reads it.

HDF5 keeps such text in heaps beside the objects, and trusts them. Where a heap is damaged it can
look for ever for an object in it (2.0.0: one of length 0); where the length of a text is, it sets
aside as much memory as that says, up to 4 GB. So the heap is walked here first.

Sources: HDF5 File Format Specification 3.0: III.E (global heap), IV.A.1 (object headers), IV.A.2.m
(attribute message), VIII (a text of variable length: length, address of the heap, index in it).
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

from ptyxr.storage.hdf5_bytes import address_of, damaged

if TYPE_CHECKING:
    import h5py

    from ptyxr.storage.hdf5_bytes import FileBytes

__all__ = ["HeapGuard"]

_HEAP: Final = b"GCOL\x01\x00\x00\x00"
_SMALLEST_HEAP: Final = 4096  # HDF5 makes none that is smaller
_ATTRIBUTE: Final = 0x0C
_SHARED: Final = 0x02


class HeapGuard:
    """Refuses text of variable length whose place in the file is not sound.

    Parameters
    ----------
    file : h5py.File
        The file, to be used under the HDF5 lock.
    data : FileBytes
        Its bytes.
    """

    def __init__(self, file: h5py.File, data: FileBytes) -> None:
        self._data = data
        self._usual = file.id.get_create_plist().get_sizes() == (8, 8)
        self._attributes: dict[int, dict[bytes, bytes]] = {}
        self._heaps: dict[int, dict[int, int]] = {}
        self._searched = False

    def check_attribute(self, node: Any, name: bytes, shape: tuple[int, ...]) -> None:
        """Refuse an attribute of text that HDF5 could not read in finite time and memory.

        Parameters
        ----------
        node : h5py.Group or h5py.Dataset
            What has the attribute.
        name : bytes
            Its name.
        shape : tuple of int
            Its shape.

        Raises
        ------
        InvalidDataError
            If its place in the file, or the heap there, is damaged.
        """
        address = address_of(node)
        if address not in self._attributes:
            self._attributes[address] = dict(
                _attribute(body)
                for kind, flags, body in self._data.messages(address)
                if kind == _ATTRIBUTE and not flags & _SHARED and len(body) >= 8
            )
        self._check(self._attributes[address].get(name), shape)

    def check_dataset(self, dataset: h5py.Dataset) -> None:
        """Refuse a dataset of text that HDF5 could not read in finite time and memory.

        Raises
        ------
        InvalidDataError
            If its place in the file, or the heap there, is damaged.
        """
        offset = dataset.id.get_offset()
        size = 16 * math.prod(dataset.shape or ())
        stored = None
        if offset is not None and size <= dataset.id.get_storage_size():
            stored = self._data.read(offset - self._data.base, size)
        elif not dataset.id.get_storage_size():
            return  # nothing was written: HDF5 gives the fill value
        self._check(stored, dataset.shape)

    def _check(self, stored: bytes | None, shape: tuple[int, ...]) -> None:
        if not self._usual:
            raise damaged("addresses that are not 8 bytes long")
        if stored is None:
            self._search()
            return
        count = math.prod(shape)
        if len(stored) < 16 * count:
            raise damaged(f"{len(stored)} bytes for {count} texts")
        for place in range(0, 16 * count, 16):
            length, heap, index = struct.unpack_from("<IQI", stored, place)
            if heap == 0:
                continue  # no text, which takes no heap
            if self._objects(heap).get(index, -1) < length:
                raise damaged(f"a text of {length} bytes that is not in its heap")

    def _objects(self, heap: int) -> dict[int, int]:
        """Return the lengths of the objects in a heap by index; refuse one that is damaged."""
        if heap not in self._heaps:
            self._heaps[heap] = self._walk(heap)
        return self._heaps[heap]

    def _walk(self, heap: int) -> dict[int, int]:
        head = self._data.read(heap, 16)
        if not head.startswith(_HEAP[:5]):
            raise damaged(f"no heap of text at {heap}")
        size = int.from_bytes(head[8:], "little")
        if size < 16:
            raise damaged(f"a heap of {size} bytes")
        body = self._data.read(heap, size)
        found: dict[int, int] = {}
        place = 16
        while place + 16 <= size:
            index, length = struct.unpack_from("<H6xQ", body, place)
            # What is free has index 0, and its length has the head in it.
            step = length if index == 0 else 16 + -(-length // 8) * 8
            if not 16 <= step <= size - place:
                raise damaged(f"an object of {length} bytes in a heap of {size}")
            if index:
                found[index] = length
            place += step
        return found

    def _search(self) -> None:
        """Refuse any heap that is damaged, where it is not known which one will be read."""
        if not self._searched and self._data.is_searched:
            for place in self._data.find(_HEAP):
                # Data may look like the beginning of a heap, and hardly like its length too.
                size = int.from_bytes(self._data.read(place + 8, 8), "little")
                if _SMALLEST_HEAP <= size <= self._data.length - place:
                    self._walk(place)
            self._searched = True


def _attribute(body: bytes) -> tuple[bytes, bytes]:
    """Return the name and the data of an attribute message."""
    version, _, name, kind, space = struct.unpack_from("<BBHHH", body)
    start = 8 + (version >= 3)
    unit = 8 if version == 1 else 1  # the first version pads its parts
    data = start + sum(-(-size // unit) * unit for size in (name, kind, space))
    return body[start : start + name].partition(b"\0")[0], body[data:]
