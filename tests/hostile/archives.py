"""Archives that are no plain list of arrays: damaged, encrypted, nested, named like paths."""

from __future__ import annotations

import os
import struct
import zipfile
from functools import partial
from typing import TYPE_CHECKING

from hostile.sound import SCAN, add, archive, header, npy

if TYPE_CHECKING:
    from pathlib import Path

    from hostile.sound import Place


def nested(_: Place, path: Path) -> None:
    """Put archives into an archive, ten deep."""
    content = b"the innermost"
    for _ in range(10):
        archive(path, {}, {"inner.npz": content, "inner.npy": content}, zipfile.ZIP_DEFLATED)
        content = path.read_bytes()
    archive(path, SCAN, {"inner.npz": content, "diff3d.npy": content}, zipfile.ZIP_DEFLATED)


def named_like_paths(place: Place, path: Path) -> None:
    """Name members so that unpacking would write elsewhere."""
    names = ("../../../evil.npy", f"{place.base}/evil.npy", "..\\evil.npy", "~/evil.npy",
             "diff3d.npy/../evil.npy", "/dev/null.npy")  # fmt: skip
    archive(path, SCAN, {name: npy([1.0]) for name in names})


def link_in_archive(place: Place, path: Path) -> None:
    """Put a symbolic link to another file into an archive, as unpackers make them."""
    archive(path, SCAN)
    with zipfile.ZipFile(path, "a") as file:
        info = zipfile.ZipInfo("diff3d.npy")
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        file.writestr(info, str(place.outside / "outside.txt"))


def patched(_: Place, path: Path, *, at: int, bits: int, keys: tuple[str, ...]) -> None:
    """Set bits in the local header and in the directory, where the latter has them 2 bytes on."""
    archive(path, SCAN)
    data = bytearray(path.read_bytes())
    for key in keys:
        name = f"{key}.npy".encode()
        for place in (data.find(name) - 30 + at, data.rfind(name) - 46 + at + 2):
            value = struct.unpack_from("<H", data, place)[0] | bits
            struct.pack_into("<H", data, place, value)
    path.write_bytes(data)


def damaged_lzma(_: Place, path: Path) -> None:
    """Give LZMA properties that it cannot have."""
    archive(path, SCAN, method=zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    data[data.find(b"xcoords.npy") + len("xcoords.npy") + 4] = 0xFF
    path.write_bytes(data)


def large_dictionary(_: Place, path: Path) -> None:
    """Ask LZMA for a dictionary of 4 GB."""
    archive(path, SCAN, method=zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    for key in SCAN:
        struct.pack_into("<I", data, data.find(f"{key}.npy".encode()) + len(key) + 9, 2**32 - 1)
    path.write_bytes(data)


def pipe(_: Place, path: Path) -> None:
    """Be a pipe into which nobody writes."""
    os.mkfifo(path)


add("nested.npz", "error", nested)
add("named-like-paths.npz", "path", named_like_paths)
add("symbolic-link-inside.npz", "error", link_in_archive)
add("encrypted.npz", "error", partial(patched, at=6, bits=1, keys=("xcoords", "ycoords")))
add("encrypted-unheard_of.npz", "error", partial(patched, at=6, bits=1, keys=("scan_index",)))
add("method-unknown.npz", "error", partial(patched, at=8, bits=99, keys=("xcoords", "ycoords")))
add("lzma-damaged.npz", "error", damaged_lzma)
add("lzma-dictionary.npz", "error", large_dictionary)
for _label, _member in (("known", "diff3d"), ("unheard_of", "unheard_of")):
    add(f"header-minus-{_label}.npz", "error",
        lambda _, path, member=_member: archive(
            path, SCAN, {f"{member}.npy": header(f"({'-' * 9000}1,)")}
        ))  # fmt: skip
add("pipe.h5", "hang", pipe)
add("circle.h5", "error", lambda _, path: path.symlink_to(path))
