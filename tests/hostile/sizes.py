"""Files that are small, and say that they are large: lies, and bombs."""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import h5py

from hostile.sound import (
    POINTS,
    SCAN,
    SIDE,
    add,
    archive,
    header,
    npy,
    patterns,
    product,
    product_members,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hostile.sound import Place

BOMB = 32 * 2**20  # numbers, in 256 MB
LIE = 2**41  # numbers in 16 TB
ENTRIES = 2_000

# --- NPZ ------------------------------------------------------------------------------------------


def deflated_member(
    file: zipfile.ZipFile, name: str, start: bytes, block: bytes, times: int
) -> None:
    """Write a member of one block many times, deflated once."""

    def deflate(part: bytes, end: int) -> bytes:
        stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return stream.compress(part) + stream.flush(end)

    parts = [deflate(start, zlib.Z_FULL_FLUSH), *[deflate(block, zlib.Z_FULL_FLUSH)] * times]
    file.writestr(name, b"".join(parts) + deflate(b"", zlib.Z_FINISH))
    crc = zlib.crc32(start)
    for _ in range(times):
        crc = zlib.crc32(block, crc)
    # The directory says what the bytes are; readers go by it.
    info = file.filelist[-1]
    info.compress_type, info.CRC = zipfile.ZIP_DEFLATED, crc
    info.file_size = len(start) + times * len(block)


def bomb(
    _: Place,
    path: Path,
    *,
    members: Mapping[str, Any],
    keys: tuple[str, ...],
    start: bytes,
    block: bytes = bytes(2**23),
    times: int = 32,
) -> None:
    """Put 256 MB into a few members, deflated a thousandfold."""
    with zipfile.ZipFile(path, "w") as file:
        for name, values in members.items():
            if name not in keys:
                file.writestr(f"{name}.npy", npy(values))
        for name in keys:
            deflated_member(file, f"{name}.npy", start, block, times)


def lying_directory(_: Place, path: Path, *, length: int, method: int) -> None:
    """Let the header of an array, and the directory of the archive, say what is not there."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, values in SCAN.items():
            short = name in ("xcoords", "ycoords")
            file.writestr(f"{name}.npy", header(f"({length},)") if short else npy(values))
        for info in file.filelist:
            if info.filename in ("xcoords.npy", "ycoords.npy"):
                lie = info.file_size + 8 * length
                # What is stored as it is, is as long in the archive.
                info.compress_size += (lie - info.file_size) * (method == zipfile.ZIP_STORED)
                info.file_size = lie


def many_entries(_: Place, path: Path) -> None:
    """Have a directory of very many empty members."""
    archive(path, SCAN, {f"x{number}.npy": b"" for number in range(ENTRIES)})


def overlapping(_: Place, path: Path) -> None:
    """Let a thousand members lie on one another: each is the same deflated bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, values in SCAN.items():
            file.writestr(f"{name}.npy", npy(values))
        file.writestr("big.npy", header(f"({2**20},)") + bytes(2**23))
        kernel = file.filelist[-1]
        for number in range(1000):
            copy = zipfile.ZipInfo(f"big{number:03}.npy")
            for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(copy, name, getattr(kernel, name))
            file.filelist.append(copy)


def with_patterns(_: Place, path: Path, *, start: bytes) -> None:
    """Have a header in place of patterns, and nothing behind it."""
    archive(path, SCAN, {"diff3d.npy": start})


_PRODUCT = product_members()
_LINE = header(f"({BOMB},)")
_STACK = {"start": header(f"({POINTS}, {7 * 2**10}, 1024)"), "times": 35}
_TEXT = {"start": header("()", f"'<U{BOMB * 2}'"), "block": b"a\0\0\0" * 2**21}
for _label, _members, _keys, _how in (
    ("positions", SCAN, ("xcoords", "ycoords"), {"start": _LINE}),
    ("nominal", SCAN, ("xcoords_start", "ycoords_start"), {"start": _LINE}),
    ("patterns", SCAN, ("diff3d",), _STACK),
    ("metadata", SCAN, ("_metadata",), _TEXT),
    ("product-positions", _PRODUCT, ("probe_position_x_m",), {"start": _LINE}),
    ("product-name", _PRODUCT, ("name",), _TEXT),
):
    make = partial(bomb, members=_members, keys=_keys, **_how)
    add(f"bomb-{_label}.npz", "memory", make)
for _label, _harm, _length, _method in (
    ("stored", "memory", LIE, zipfile.ZIP_STORED),
    ("deflated", "memory", LIE, zipfile.ZIP_DEFLATED),
    ("gigabytes", "error", 2**27, zipfile.ZIP_DEFLATED),
):
    make = partial(lying_directory, length=_length, method=_method)
    add(f"declared-{_label}.npz", _harm, make)
for _label, _start in (
    ("header", header(f"({LIE}, 8, 8)")),
    ("nothing", header(f"(0, {2**70}, 1)")),
    ("axis", header(f"({POINTS}, 0, {2**40})")),
    ("no-bytes", header(f"({2**62}, {2**62})", "'|V0'")),
    ("axes", header(f"({'1, ' * 99})") + bytes(8)),
):
    add(f"declared-{_label}.npz", "error", partial(with_patterns, start=_start))
add("entries-many.npz", "error", many_entries)
add("entries-overlapping.npz", "error", overlapping)

# --- HDF5 -----------------------------------------------------------------------------------------


def declared(
    _: Place, path: Path, *, shapes: Mapping[str, tuple[int, ...]], dtype: str = "f8",
    base: Callable[..., None] = product,
) -> None:  # fmt: skip
    """Declare an array of which nothing is there: HDF5 fills in what was never written."""

    def change(file: h5py.File) -> None:
        for key, shape in shapes.items():
            attrs = dict(file[key].attrs) if key in file else {}
            if key in file:
                del file[key]
            side = 64 if len(shape) > 1 else 2**16
            chunks = tuple(min(length, side) for length in shape) if all(shape) else None
            file.create_dataset(key, shape, dtype, chunks=chunks).attrs.update(attrs)

    base(path, change)


def deflated(_: Place, path: Path, *, keys: tuple[str, ...]) -> None:
    """Deflate zeros in chunks, each the same few bytes."""
    rows = 2**20
    chunk = zlib.compress(bytes(8 * rows), 9)

    def change(file: h5py.File) -> None:
        for key in keys:
            del file[key]
            array = file.create_dataset(key, (BOMB,), "f8", chunks=(rows,), compression="gzip")
            for start in range(0, BOMB, rows):
                array.id.write_direct_chunk((start,), chunk)

    product(path, change)


def many_sources(place: Place, path: Path) -> None:
    """Make an array of very many parts of another file."""

    def change(file: h5py.File) -> None:
        del file["probe_position_x_m"]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        space = h5py.h5s.create_simple((ENTRIES,))
        name, source = bytes(place.outside / "second.h5"), h5py.h5s.create_simple((1,))
        for row in range(0, ENTRIES, 5):
            space.select_hyperslab((row,), (1,))
            plan.set_virtual(space, name, b"/data", source)
        whole = h5py.h5s.create_simple((ENTRIES,))
        h5py.h5d.create(file.id, b"probe_position_x_m", h5py.h5t.NATIVE_DOUBLE, whole, plan)

    product(path, change)


_POSITIONS = ("probe_position_x_m", "probe_position_y_m")
for _label, _harm, _keys, _shape, _base in (
    ("object", "memory", ("object",), (2**20, 2**20), product),
    ("axis", "memory", ("object",), (1, 2**40), product),
    ("overflow", "error", ("object",), (0, 2**62, 2**62), product),
    ("positions", "memory", _POSITIONS, (LIE,), product),
    ("gigabytes", "memory", _POSITIONS, (BOMB,), product),
    ("loss", "memory", ("loss_values",), (BOMB,), product),
    ("spacing", "memory", ("object_layer_spacing_m",), (BOMB,), product),
    ("patterns", "memory", ("patterns",), (LIE // 64, SIDE, SIDE), patterns),
    ("counts", "memory", ("probe_photon_counts",), (BOMB,), patterns),
):
    _dtype = "c16" if "object" in _keys else "f8"
    make = partial(declared, shapes=dict.fromkeys(_keys, _shape), dtype=_dtype, base=_base)
    add(f"declared-{_label}.h5", _harm, make)
add("bomb-positions.h5", "memory", partial(deflated, keys=_POSITIONS))
add("virtual-many.h5", "outside", many_sources, "probe_position_x_m", "second.h5")
