"""B-trees of the second version in HDF5 files, looked at before HDF5 walks them.

HDF5 (2.0.0) divides by the size of their records, sets aside memory for a node of any size, and
sorts as many records as a header claims. Such trees have checksums, so that only intent does these.

Source: HDF5 File Format Specification 3.0: II (superblock), III.A.2 (version 2 B-trees).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from ptyxr.storage.hdf5_bytes import damaged

if TYPE_CHECKING:
    import h5py

    from ptyxr.storage.hdf5_bytes import FileBytes

__all__ = ["TreeGuard"]

_HEADER: Final = b"BTHD\x00"
_NEW_OBJECT: Final = b"OHDR"
#: Sizes of records by the type of the tree: links and attributes, by name and by creation.
_RECORDS: Final = {5: (11,), 6: (15,), 8: (17,), 9: (13,)}
_SMALLEST_NODE: Final = 64
#: Where the address of the root group stands, by the version of the superblock.
_ROOT: Final = {0: 64, 1: 68, 2: 36, 3: 36}


class TreeGuard:
    """Refuses a file whose trees HDF5 could not walk, as soon as an object can have one.

    Objects in the older form, which products are written in, have none; then nothing is searched.

    Parameters
    ----------
    data : FileBytes
        The file.
    """

    def __init__(self, data: FileBytes) -> None:
        self._data = data
        self._checked = False

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

        if self._checked:
            return
        link = group.id.links.get_info(name.encode())
        self._check(int(link.u) if link.type == h5py.h5l.TYPE_HARD else None)

    def _check(self, address: int | None) -> None:
        """Search for trees, unless an object is known to be of the older form."""
        if self._checked or not self._data.is_searched:
            return
        if address is not None and self._data.read(address, 4) != _NEW_OBJECT:
            return
        for place in self._data.find(_HEADER):
            self._check_header(place)
        self._checked = True

    def _check_header(self, place: int) -> None:
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
