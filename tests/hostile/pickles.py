"""Pickles in archives: of code that is executed, and of what only looks like a string."""

from __future__ import annotations

import pickle
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hostile.sound import PATTERNS, POINTS, SCAN, add, archive, header, npy, product_members

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hostile.sound import Place


class Trap:
    """What executes code when it is unpickled: it makes the canary file."""

    def __init__(self, canary: Path) -> None:
        self.code = f"open({str(canary)!r}, 'w').close()"

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)


def trapped(place: Place, path: Path, dtype: Any = object, shape: tuple[int, ...] = ()) -> bytes:
    """Return an array that holds a trap."""
    values = np.zeros(shape, dtype)
    trap = Trap(place.canaries / path.name)
    if values.dtype.names:
        values["b"] = trap
    else:
        values[...] = trap
    return npy(values)


def pickled_member(
    place: Place, path: Path, *, member: str, members: Mapping[str, Any], **how: Any
) -> None:
    """Put a trap into a member."""
    archive(path, members, {f"{member}.npy": trapped(place, path, **how)})


def opcodes(place: Place, path: Path, *, make: Callable[[str], bytes]) -> None:
    """Put opcodes into ``_metadata``, where a string may be pickled."""
    raw = {"_metadata.npy": header("()", "'|O'") + make(str(place.canaries / path.name))}
    archive(path, SCAN, raw)


def add_member(label: str, members: Mapping[str, Any], member: str, **how: Any) -> None:
    """Put a file with a trap in one member into the table."""
    make = partial(pickled_member, member=member, members=members, **how)
    add(f"pickle-{label}{member}.npz", "executes", make, member)


def add_opcodes(label: str, harm: str, make: Callable[[str], bytes]) -> None:
    """Put a file with opcodes in its metadata into the table."""
    add(f"pickle-opcodes-{label}.npz", harm, partial(opcodes, make=make))


for _member in ("_metadata", "probeGuess", "scan_index", "diff3d", "xcoords", "bad_pixels", "Y"):
    add_member("", SCAN, _member)
for _member in ("name", "probe", "probe_position_x_m", "losses"):
    add_member("product-", product_members(), _member)
add_member("patterns-", PATTERNS, "patterns")
add_member("structured-", SCAN, "_metadata", dtype=[("a", "f8"), ("b", "O")])
add_member("subarray-", SCAN, "diff3d", dtype=[("a", "f8"), ("b", "O", (2,))])
add_member("stack-", SCAN, "unheard_of", shape=(POINTS,))

_STRING = pickle.dumps(np.array("{}", object))
_EXEC = "c__builtin__\nexec\n(Vopen({!r}, 'w')\ntR"
_LONG = b"x" * 2**20

add_opcodes("protocol0", "executes", lambda canary: f"{_EXEC.format(canary)}.".encode())
add_opcodes("inst", "executes", lambda canary: f"(Vtouch '{canary}'\niposix\nsystem\n.".encode())
add_opcodes("obj", "executes", lambda canary: f"(cposix\nsystem\nVtouch '{canary}'\no.".encode())
# Names of numpy alone, as lists of what is allowed have them.
add_opcodes(
    "numpy",
    "executes",
    lambda canary: f"cnumpy\nmemmap\n(V{canary}\nVu1\nVw+\nI0\n(I1\nttR.".encode(),
)
# Thrown away again, and followed by what is expected.
add_opcodes("discarded", "executes", lambda canary: f"{_EXEC.format(canary)}0".encode() + _STRING)
# A tuple in a tuple, a million times, of which the hash is wanted.
add_opcodes("tuples", "crash", lambda _: b"\x80\x04})" + b"\x85" * 1_000_000 + b"K\x01s.")
# An array of bytes that is made before its bytes are there.
add_opcodes("bytearray", "error", lambda _: b"\x80\x05\x96" + struct.pack("<Q", 2**30) + b".")
add_opcodes("names", "path", lambda _: b"\x80\x04\x8c\x02os\x8c\x0e\x1b[31m\xed\xa0\x80system\x93.")
add_opcodes(
    "long-name",
    "path",
    lambda _: b"\x80\x04\x8c\x02osX" + struct.pack("<I", len(_LONG)) + _LONG + b"\x93.",
)

for _name, _bytes in (
    ("pickle.npz", lambda place, path: pickle.dumps(Trap(place.canaries / path.name))),
    ("pickle.npy", trapped),
    ("pickle-npy.npz", trapped),
):
    add(_name, "executes", lambda place, path, get=_bytes: path.write_bytes(get(place, path)))
