"""The checksums of newer HDF5 structures, made right again to let damage past.

HDF5 File Format Specification 3.0: superblock of version 2 and 3 (II.B), object headers of version
2 (IV.A.1.b), B-trees of version 2 (III.A.2), fractal heaps (III.G).
"""

from __future__ import annotations

import struct

__all__ = ["mend_checksums"]

_MASK = 0xFFFFFFFF
#: Where the checksum of a structure of fixed length stands, by its signature, with addresses and
#: lengths of 8 bytes and no filters.
_FIXED = {b"\x89HDF": 44, b"BTHD": 34, b"FRHP": 142}


def _rotated(word: int, by: int) -> int:
    return ((word << by) | (word >> (32 - by))) & _MASK


def lookup3(data: bytes) -> int:
    """Return the checksum of Bob Jenkins that HDF5 takes, of an initial value of 0."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    if not data:
        return c
    padded = data + bytes(-len(data) % 12)
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    for at in range(0, len(words) - 3, 3):
        a, b, c = (a + words[at]) & _MASK, (b + words[at + 1]) & _MASK, (c + words[at + 2]) & _MASK
        for by in (4, 6, 8, 16, 19, 4):
            a = ((a - c) & _MASK) ^ _rotated(c, by)
            c = (c + b) & _MASK
            a, b, c = b, c, a
    a, b, c = (a + words[-3]) & _MASK, (b + words[-2]) & _MASK, (c + words[-1]) & _MASK
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, by)) & _MASK
        a, b, c = b, c, a
    # The names of the three have gone round seven times, which is once.
    return b


def _places(data: bytearray) -> list[tuple[int, int]]:
    """Return where structures begin and where their checksums stand."""
    found = []
    for signature, length in _FIXED.items():
        at = data.find(signature)
        while at >= 0:
            if signature != b"\x89HDF" or data[at + 8 : at + 9] in (b"\x02", b"\x03"):
                found.append((at, at + length))
            at = data.find(signature, at + 4)
    at = data.find(b"OHDR")
    while at >= 0 and at + 16 < len(data):
        flags = data[at + 5]
        start = at + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        size = int.from_bytes(data[start : start + width], "little")
        found.append((at, start + width + size))
        at = data.find(b"OHDR", at + 4)
    return found


def mend_checksums(data: bytearray) -> None:
    """Make the checksums of a file right, of what can be found by its signature."""
    for start, at in _places(data):
        if at + 4 <= len(data) and at - start < 2**16:
            struct.pack_into("<I", data, at, lookup3(bytes(data[start:at])))
