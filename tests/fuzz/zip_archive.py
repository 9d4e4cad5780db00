"""A zip archive written field by field, so that each of them can lie."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Entry", "build", "deflated_zeros"]


@dataclass
class Entry:
    """A member, and what its headers say of it where that is not the truth.

    Attributes
    ----------
    name : bytes
        Its name as stored.
    payload : bytes
        Its content, before compression.
    method : int
        0 is stored, 8 deflated; others are what is said, and done as stored.
    packed : bytes or None
        What is stored, where it is not made from the payload.
    local, central : dict
        Fields of the two headers that lie: "crc", "packed", "size", "flags", "version", "method",
        "name", "extra", and of the central one "offset".
    """

    name: bytes
    payload: bytes
    method: int = 0
    packed: bytes | None = None
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def stored(self) -> bytes:
        """Return what is stored."""
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.payload
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        return squeeze.compress(self.payload) + squeeze.flush()


def deflated_zeros(count: int) -> bytes:
    """Return what `count` zeros are when deflated, without making them: a block is repeated."""
    block = 2**20
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = squeeze.compress(bytes(block)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return one * (count // block) + squeeze.compress(bytes(count % block)) + squeeze.flush()


def _fields(entry: Entry, stored: bytes, lies: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 20,
        "flags": 0,
        "method": entry.method,
        "crc": zlib.crc32(entry.payload),
        "packed": len(stored),
        "size": len(entry.payload),
        "name": entry.name,
        "extra": b"",
        **lies,
    }


def _common(said: dict[str, Any]) -> bytes:
    return struct.pack(
        "<HHHHHIIIHH", said["version"], said["flags"], said["method"], 0, 0x21,
        said["crc"] % 2**32, said["packed"] % 2**32, said["size"] % 2**32,
        len(said["name"]), len(said["extra"]),
    )  # fmt: skip


def build(
    entries: list[Entry], *, comment: bytes = b"", end: dict[str, int] | None = None
) -> bytes:
    """Return an archive.

    Parameters
    ----------
    entries : list of Entry
        Its members.
    comment : bytes
        The comment at its end.
    end : dict, optional
        Fields of the end of the directory that lie: "count", "size", "offset".
    """
    body, directory = bytearray(), bytearray()
    for entry in entries:
        stored = entry.stored()
        at = len(body)
        said = _fields(entry, stored, entry.local)
        body += b"PK\x03\x04" + _common(said) + said["name"] + said["extra"] + stored
        said = _fields(entry, stored, entry.central)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + _common(said)
        offset = said.get("offset", at) % 2**32
        directory += struct.pack("<HHHII", 0, 0, 0, 0, offset) + said["name"] + said["extra"]
    told = {"count": len(entries), "size": len(directory), "offset": len(body), **(end or {})}
    count = told["count"] % 2**16
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, told["size"] % 2**32,
                       told["offset"] % 2**32, len(comment))  # fmt: skip
    return bytes(body + directory + tail + comment)
