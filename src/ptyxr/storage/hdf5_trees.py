"""How groups and chunks are indexed in HDF5 files, looked at before HDF5 (2.0.0) does.

Of a B-tree of the second version it divides by the size of the records, sets aside memory for a
node of any size, and sorts as many records as a header claims. Of a fixed array of chunks it takes
an element that there is not. These have checksums, so that only intent brings them about. One wrong
byte is enough for two groups whose names lie in one place, which it reads after they are gone.

Source: HDF5 File Format Specification 3.0: II (superblock), III.A.2 (version 2 B-trees), III.D
(local heaps), IV.A.2.i (data layout), VII.C (fixed arrays).
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from ptyxr.storage.hdf5_bytes import address_of, damaged

if TYPE_CHECKING:
    import h5py

    from ptyxr.storage.hdf5_bytes import FileBytes

__all__ = ["TreeGuard"]

_HEADER: Final = b"BTHD\x00"
_GROUP: Final = 0x11  # the message of a group in the older form: addresses of its tree and heap
_LAYOUT: Final = 0x08
_FIXED_ARRAY: Final = 3
#: Messages that name trees, of links and of attributes, and how long the greatest number is there.
_TREES: Final = {0x02: 8, 0x15: 2}
_NAMES_HEAP: Final = b"FRHP\x00"
_NOWHERE: Final = 2**64 - 1
_NEW_OBJECT: Final = b"OHDR"
#: Sizes of records by the type of the tree: links and attributes, by name and by creation.
_RECORDS: Final = {5: (11,), 6: (15,), 8: (17,), 9: (13,)}
_SMALLEST_NODE: Final = 64
#: Where the address of the root group stands, by the version of the superblock.
_ROOT: Final = {0: 64, 1: 68, 2: 36, 3: 36}


class TreeGuard:
    """Refuses objects whose indexes HDF5 could not walk.

    Parameters
    ----------
    data : FileBytes
        The file.
    """

    def __init__(self, data: FileBytes) -> None:
        self._data = data
        self._names: dict[int, int] = {}

    def check_root(self) -> None:
        """Refuse trees that the root group could have.

        Raises
        ------
        InvalidDataError
            If one is damaged.
        """
        version = self._data.number(8, 1)
        if version in _ROOT:
            self._check(self._data.number(_ROOT[version], 8))

    def check_member(self, group: h5py.Group, name: str) -> None:
        """Refuse trees that a member of a group could have.

        Raises
        ------
        InvalidDataError
            If one is damaged.
        """
        import h5py

        link = group.id.links.get_info(name.encode())
        if link.type == h5py.h5l.TYPE_HARD:
            self._check(int(link.u))

    def check_dataset(self, dataset: h5py.Dataset) -> None:
        """Refuse an index of chunks that is shorter than the dataset.

        Raises
        ------
        InvalidDataError
            If it is.
        """
        address = address_of(dataset)
        if dataset.chunks is None or self._data.read(address, 4) != _NEW_OBJECT:
            return
        edges = zip(dataset.maxshape, dataset.chunks, strict=True)
        needed = math.prod(-(-(length or 0) // chunk) for length, chunk in edges)
        for kind, _, body in self._data.messages(address):
            if kind != _LAYOUT or len(body) < 5 or body[0] not in (4, 5):
                continue
            # Version, class, flags, number and width of the lengths of a chunk, and these.
            place = 5 + body[3] * body[4]
            if body[place : place + 1] != bytes([_FIXED_ARRAY]):
                continue
            index = int.from_bytes(body[place + 2 : place + 10], "little")
            if index < self._data.length and self._data.number(index + 8, 8) < needed:
                raise damaged(f"an index of fewer than {needed} chunks")

    def _check(self, address: int) -> None:
        """Refuse the trees that the header of an object names."""
        for kind, _, body in self._data.messages(address):
            if kind == _GROUP and len(body) >= 16:
                self._check_names(int.from_bytes(body[8:16], "little"))
            if kind in _TREES and len(body) >= 2:
                # Version, flags, perhaps the greatest number so far, a heap, one or two trees.
                start = 2 + _TREES[kind] * (body[1] & 1) + 8
                heap = int.from_bytes(body[start - 8 : start], "little")
                if heap != _NOWHERE:
                    self._check_heap(heap)
                for place in range(start, len(body) - 7, 8)[:2]:
                    tree = int.from_bytes(body[place : place + 8], "little")
                    if tree != _NOWHERE:
                        self._check_header(tree)

    def _check_heap(self, place: int) -> None:
        """Refuse a heap of links or attributes that is not as HDF5 makes them all."""
        head = self._data.read(place, 142)
        filters = int.from_bytes(head[7:9], "little")
        width, _, largest, bits, _, _, rows = struct.unpack_from("<HQQHHQH", head, 110)
        sizes = struct.unpack_from("<QQQ", head, 46)  # managed, set aside, and where it goes on
        sound = (
            head.startswith(_NAMES_HEAP)
            and (filters, width, largest) == (0, 4, 2**16)
            and bits in (32, 40)
            and rows <= 64
            and max(sizes) <= 2**bits
        )
        if not sound:
            raise damaged(f"a heap of {rows} rows and blocks of {largest} bytes")

    def _check_names(self, heap: int) -> None:
        names = self._data.number(heap + 24, 8)
        if self._names.setdefault(names, heap) != heap:
            raise damaged("two groups whose names lie in one place")

    def _check_header(self, place: int) -> None:
        if self._data.read(place, 5) != _HEADER:
            raise damaged(f"no tree at {place}")
        kind, node, record, depth, _, _, _, in_root, in_all = struct.unpack(
            "<BIHHBBQHQ", self._data.read(place + 5, 29)
        )
        sound = (
            record in _RECORDS.get(kind, (record or None,))
            and _SMALLEST_NODE <= node <= self._data.length
            and in_all <= self._data.length // max(record, 1)
            and (depth > 0 or in_root == in_all)
        )
        if not sound:
            raise damaged(f"a tree of {in_all} records of {record} bytes in nodes of {node}")
