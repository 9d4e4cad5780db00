"""What leads out of an HDF5 file: external links, external storage, virtual datasets."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from hostile.sound import POINTS, add, patterns, product

if TYPE_CHECKING:
    from pathlib import Path

    from hostile.sound import Place


def replace(file: h5py.File, key: str) -> None:
    """Take away what is at a key."""
    if key in file:
        del file[key]


def link(place: Place, path: Path, *, key: str, to: str, at: str, base: Any = product) -> None:
    """Put an external link at a key."""

    def change(file: h5py.File) -> None:
        replace(file, key)
        file[key] = h5py.ExternalLink(str(place.outside / to), at)

    base(path, change)


def relative_link(place: Place, path: Path) -> None:
    """Put an external link with a relative path in place of the probe."""
    del place

    def change(file: h5py.File) -> None:
        del file["probe"]
        file["probe"] = h5py.ExternalLink("../outside/outside.h5", "/probe")

    product(path, change)


def of_unknown_kind(place: Place, path: Path) -> None:
    """Make of an external link one of a kind that nobody has registered."""
    link(place, path, key="probe", to="outside.h5", at="/probe")
    data = bytearray(path.read_bytes())
    # Before a name stand its length and the kind of the link, of which 64 is external.
    data[data.index(b"\x40\x05probe")] = 65
    path.write_bytes(data)


def through_soft_links(place: Place, path: Path, *, at: str, way: str) -> None:
    """Reach positions through a soft link and an external one."""

    def change(file: h5py.File) -> None:
        file["bridge"] = h5py.ExternalLink(str(place.outside / "outside.h5"), at)
        file["way"] = h5py.SoftLink(way)
        del file["probe_position_x_m"]
        file["probe_position_x_m"] = h5py.SoftLink("./way")

    product(path, change)


def external_storage(place: Place, path: Path, *, key: str, base: Any = product) -> None:
    """Let the bytes of an array stand in a text file."""

    def change(file: h5py.File) -> None:
        replace(file, key)
        there = [(str(place.outside / "outside.txt"), 0, 8 * POINTS)]
        file.create_dataset(key, (POINTS,), "i8", external=there)

    base(path, change)


def add_link(label: str, key: str, at: str, *says: str, base: Any = product) -> None:
    """Put a file with an external link to a file with all there can be into the table."""
    make = partial(link, key=key, to="outside.h5", at=at, base=base)
    add(f"link-{label}.h5", "outside", make, *(says or (key.rpartition("/")[2],)), "outside.h5")


def add_storage(label: str, key: str, base: Any = product) -> None:
    """Put a file with an array in a text file into the table."""
    make = partial(external_storage, key=key, base=base)
    add(f"storage-{label}.h5", "outside", make, key.rpartition("/")[2], "outside.txt")


for _key in ("probe", "object", "probe_position_x_m", "loss_values"):
    add_link(_key, _key, f"/{_key}")
add_link("unheard_of", "unheard_of", "/data")
add_link("raw_data", "raw_data", "/")
add_link("raw_data-diffraction", "raw_data/diffraction", "/patterns")
add_link("raw_data-unheard_of", "raw_data/unheard_of", "/data")
add_link("onward", "probe_position_x_m", "/onward")
add_link("onward-group", "probe_position_x_m", "/onward_group/data")
for _key in ("patterns", "indexes", "unheard_of"):
    add_link(f"patterns-{_key}", _key, "/patterns", base=patterns)
add("link-text.h5", "outside", partial(link, key="probe", to="outside.txt", at="/"), "outside.txt")
add("link-of-unknown-kind.h5", "error", of_unknown_kind)
add("link-relative.h5", "outside", relative_link, "probe", "../outside/outside.h5")
for _label, _at, _way in (
    ("soft", "/probe_position_x_m", "/bridge"),
    ("soft-group", "/", "/bridge/probe_position_x_m"),
):
    make = partial(through_soft_links, at=_at, way=_way)
    add(f"link-{_label}.h5", "outside", make, "outside.h5")
add_storage("positions", "probe_position_x_m")
add_storage("unheard_of", "unheard_of")
add_storage("raw_data", "raw_data/scan_index")
add_storage("patterns", "indexes", patterns)


# --- virtual datasets -----------------------------------------------------------------------------


def virtual(
    place: Place, path: Path, *, sources: tuple[tuple[str, str], ...], base: Any = product,
    key: str = "probe_position_x_m",
) -> None:  # fmt: skip
    """Make an array of parts of others; "." is the file itself."""
    layout = h5py.VirtualLayout((POINTS,), "f8")
    for number, (name, at) in enumerate(sources):
        there = name if name == "." else str(place.outside / name)
        rows = slice(number, None, len(sources))
        layout[rows] = h5py.VirtualSource(there, at, (POINTS,), "f8")[rows]

    def change(file: h5py.File) -> None:
        file["inside"] = np.arange(float(POINTS))
        file["bridge"] = h5py.ExternalLink(str(place.outside / "second.h5"), "/data")
        if all(at != "/bridge" for _, at in sources):
            del file["bridge"]
        if any(at == "/stored" for _, at in sources):
            there = [(str(place.outside / "outside.txt"), 0, 8 * POINTS)]
            file.create_dataset("stored", (POINTS,), "f8", external=there)
        replace(file, key)
        file.create_virtual_dataset(key, layout, fillvalue=0.0)

    base(path, change)


def printf(place: Place, path: Path) -> None:
    """Make an array of a file for each row, as many as there are: ``part%b.h5``."""

    def change(file: h5py.File) -> None:
        del file["probe_position_x_m"]
        space = h5py.h5s.create_simple((1, POINTS), (h5py.h5s.UNLIMITED, POINTS))
        space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (1, POINTS), (1, POINTS))
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        source = h5py.h5s.create_simple((POINTS,))
        plan.set_virtual(space, os.fsencode(place.outside / "part%b.h5"), b"/data", source)
        whole = h5py.h5s.create_simple((1, POINTS), (h5py.h5s.UNLIMITED, POINTS))
        h5py.h5d.create(file.id, b"probe_position_x_m", h5py.h5t.NATIVE_DOUBLE, whole, plan)

    product(path, change)


def add_virtual(
    label: str, harm: str, *sources: tuple[str, str], key: str = "probe_position_x_m", **how: Any
) -> None:
    """Put a file with an array of parts of others into the table."""
    make = partial(virtual, sources=sources, key=key, **how)
    there = [name for name, _ in sources if name != "."]
    add(f"virtual{label}.h5", harm, make, *there, *([key] if there else []))


_OTHER = ("second.h5", "/data")
add_virtual("", "outside", _OTHER)
add_virtual("-second", "outside", (".", "/inside"), _OTHER)
add_virtual("-unheard_of", "outside", _OTHER, key="unheard_of")
add_virtual("-patterns", "outside", _OTHER, key="indexes", base=patterns)
add_virtual("-self-link", "outside", (".", "/bridge"))
add_virtual("-self-storage", "outside", (".", "/stored"))
add_virtual("-self", "error", (".", "/inside"))
add("virtual-printf.h5", "outside", printf, "probe_position_x_m", "part%b.h5")
