"""Text in files that is no name of a file, no line of a terminal, and no JSON; and odd HDF5."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from hostile.sound import POINTS, SCAN, add, archive, patterns, product, product_members

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hostile.sound import Place

ESCAPES = "\x1b]0;evil\x07\x1b[31mred\x1b[2J\r\x9b1m\u202egnp"
MARKUP = "[/red][link=file:///etc/passwd]x[/link][blink]$\\undefined{$"


def attributes(
    _: Place, path: Path, *, attrs: dict[str, Any], base: Callable[..., None] = product
) -> None:
    """Set attributes of the root."""
    base(path, lambda file: file.attrs.update(attrs))


def absolute(place: Place, path: Path) -> None:
    """Be called like a file."""
    product(path, lambda file: file.attrs.update(name=str(place.base / "evil.h5")))


def metadata(_: Place, path: Path, *, text: str) -> None:
    """Have text as metadata, in plain."""
    archive(path, {**SCAN, "_metadata": text})


def member(_: Place, path: Path, *, name: str) -> None:
    """Call a product in NPZ like this."""
    archive(path, {**product_members(), "name": name})


def keys(_: Place, path: Path) -> None:
    """Name what is in a product in an odd way."""

    def change(file: h5py.File) -> None:
        for name in (ESCAPES, MARKUP, "..", "x" * 5000, b"\xff\xfe"):
            file[name] = [1.0]
        file.attrs[ESCAPES] = ESCAPES

    product(path, change)


for _label, _attrs in (
    ("name-parents", {"name": "../../../evil"}),
    ("name-escapes", {"name": ESCAPES, "comments": MARKUP, "polarization": ESCAPES}),
    ("name-markup", {"name": MARKUP, "other": MARKUP}),
    ("name-long", {"name": "x" * 60_000}),
    ("attributes-like-paths", {"include": "/etc/passwd", "filename": "../../../evil"}),
):
    add(f"{_label}.h5", "path", partial(attributes, attrs=_attrs))
add("name-absolute.h5", "path", absolute)
add("name-nul.npz", "path", partial(member, name="a\0../../../evil"))
add("name-surrogate.npz", "path", partial(member, name="a\udc80b"))
add("names-odd.h5", "path", keys)
for _label, _members in (
    ("odd", {**SCAN, ESCAPES: [1.0], MARKUP: [1.0]}),
    ("needed", {ESCAPES: [1.0], "xcoords": [ESCAPES], "ycoords": [1.0]}),
):
    make = partial(archive, members=_members, raw={f"{ESCAPES}.txt": b""})
    add(f"names-{_label}.npz", "path", lambda _, path, make=make: make(path))
for _label, _text in (
    ("deep", '{"name": ' + "[" * 100_000 + "]" * 100_000),
    ("digits", '{"photon_energy_eV": ' + "9" * 10_000 + ', "name": "../../../evil"}'),
):
    add(f"metadata-{_label}.npz", "error", partial(metadata, text=_text))

# --- odd HDF5 -------------------------------------------------------------------------------------


def circles(file: h5py.File) -> None:
    """Let groups contain each other, and links lead to themselves."""
    file["raw_data"] = file["/"]
    file["again"] = h5py.SoftLink("/again")
    file["there"] = h5py.SoftLink("/back")
    file["back"] = h5py.SoftLink("/there")


def no_numbers(file: h5py.File) -> None:
    """Have references and text where numbers are expected."""
    for key in ("probe_position_x_m", "probe"):
        del file[key]
    file["probe_position_x_m"] = np.array([file["object"].ref] * POINTS, h5py.ref_dtype)
    file["probe"] = np.array([b"../evil"] * POINTS, h5py.string_dtype())


def unknown_filter(file: h5py.File, *, key: str) -> None:
    """Compress by what a plugin is looked for."""
    del file[key]
    shape = (POINTS, 8, 8) if key == "patterns" else (POINTS,)
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk(shape)
    plan.set_filter(32008, h5py.h5z.FLAG_OPTIONAL, (0,))
    space = h5py.h5s.create_simple(shape)
    array = h5py.h5d.create(file.id, key.encode(), h5py.h5t.NATIVE_DOUBLE, space, plan)
    array.write_direct_chunk((0,) * len(shape), b"not what it is said to be")


for _label, _base, _change in (
    ("circles", product, circles),
    ("no-numbers", product, no_numbers),
    ("filter-unknown", product, partial(unknown_filter, key="probe_position_x_m")),
    ("filter-unknown-patterns", patterns, partial(unknown_filter, key="patterns")),
):
    make = partial(_base, change=_change)
    add(f"{_label}.h5", "error", lambda _, path, make=make: make(path))
