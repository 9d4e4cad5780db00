"""Types, numbers, names and texts that a file may hold, and nobody means to have there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5a, h5s, h5t

if TYPE_CHECKING:
    import random

__all__ = ["ATTRIBUTE_NAMES", "low_level_type", "odd_array", "odd_name", "odd_text", "odd_type"]

#: Attributes that ptyxr has a use for.
ATTRIBUTE_NAMES = (
    "name", "comments", "polarization", "far_field", "photon_energy_eV", "probe_energy_eV",
    "detector_object_distance_m", "focus_object_distance_m", "exposure_time_s",
    "probe_photon_count", "probe_photons_per_s", "mass_attenuation_m2_kg", "tomography_angle_deg",
    "tilt_angle_deg", "pixel_width_m", "pixel_height_m", "center_x_m", "center_y_m", "opr_weights",
    "ptyxr_defaults", "format_id", "bundle_version", "contains_raw_data", "pixel_origin",
    "_metadata", "quantity", "original_axis_order", "detector_pixel_width_m", "units", "long_name",
)  # fmt: skip


def odd_type(rng: random.Random) -> np.dtype[Any]:
    """Return a type of HDF5 that numpy knows."""
    return np.dtype(rng.choice((
        "i1", "u1", "i2", ">i4", "i8", "u8", "f2", "f4", ">f8", "g", "c8", "c16", ">c8", "G", "?",
        "S1", "S7", "V3", [("a", "i4"), ("b", "f8")], [("r", "f4"), ("i", "f4")],
        [("r", "f8"), ("i", "f4")], [("r", "i4"), ("i", "i4")], ("f8", (3,)), ("f8", (2, 2)),
        h5py.string_dtype(), h5py.string_dtype("ascii"), h5py.string_dtype(length=5),
        h5py.vlen_dtype("f8"), h5py.vlen_dtype("i1"), h5py.ref_dtype, h5py.regionref_dtype,
        h5py.enum_dtype({"a": 1, "b": 2}), h5py.enum_dtype({"FALSE": 0, "TRUE": 1}, basetype="i1"),
        h5py.opaque_dtype("M8[s]"),
    )))  # fmt: skip


def low_level_type(rng: random.Random) -> h5t.TypeID:
    """Return a type of HDF5 that numpy has no name for."""
    return rng.choice((
        h5t.STD_B8LE, h5t.STD_B64BE, h5t.UNIX_D32LE, h5t.STD_REF_OBJ, h5t.STD_REF_DSETREG,
        _narrow_integer(rng), _odd_float(rng), h5t.vlen_create(h5t.NATIVE_DOUBLE),
        h5t.vlen_create(h5t.vlen_create(h5t.NATIVE_INT8)), h5t.array_create(h5t.NATIVE_DOUBLE, (2,
        3)),
        h5t.create(h5t.OPAQUE, rng.choice((1, 8, 70000))), _enumeration(rng), _compound(rng),
    ))  # fmt: skip


def _narrow_integer(rng: random.Random) -> h5t.TypeID:
    kind = h5t.STD_I32LE.copy()
    kind.set_precision(rng.choice((1, 7, 12, 31)))
    if rng.random() < 0.5:
        kind.set_offset(1)
    return kind


def _odd_float(rng: random.Random) -> h5t.TypeID:
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(*rng.choice(((31, 23, 8, 0, 23), (15, 7, 8, 0, 7), (31, 26, 5, 0, 26))))
    kind.set_ebias(rng.choice((127, 15, 0, 1000)))
    return kind


def _enumeration(rng: random.Random) -> h5t.TypeID:
    kind = h5t.enum_create(rng.choice((h5t.NATIVE_INT8, h5t.NATIVE_INT64)))
    for i, name in enumerate(rng.choice(((b"FALSE", b"TRUE"), (b"A", b"B", b"C"), (b"\xff",), ()))):
        kind.enum_insert(name, i)
    return kind


def _compound(rng: random.Random) -> h5t.TypeID:
    double, single, whole = h5t.NATIVE_DOUBLE, h5t.NATIVE_FLOAT, h5t.NATIVE_INT32
    fields = rng.choice((
        ((b"r", double), (b"i", single)), ((b"r", whole), (b"i", whole)), ((b"a", double),),
        ((b"i", double), (b"r", double)), ((b"r", double), (b"i", double), (b"x", whole)),
        ((b"\xff", single), (b"i", single)),
    ))  # fmt: skip
    gap = rng.choice((0, 0, 4))
    kind = h5t.create(h5t.COMPOUND, sum(one.get_size() + gap for _, one in fields))
    at = 0
    for name, one in fields:
        kind.insert(name, at, one)
        at += one.get_size() + gap
    return kind


def odd_array(rng: random.Random, values: np.ndarray) -> np.ndarray:
    """Return numbers of the same type and shape, some or all of them odd."""
    kind = values.dtype.kind
    if kind not in "fciub" or not values.size:
        return values
    values = values.copy()
    if kind in "fc":
        numbers = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e300, 5e-324, 1e-20, -1.0, 2.0**63)
    elif kind == "b":
        numbers = (True, False)
    else:
        limits = np.iinfo(values.dtype)
        numbers = (limits.min, limits.max, 0, 1, limits.max // 2)
    with np.errstate(all="ignore"):
        if rng.random() < 0.5:
            values[...] = rng.choice(numbers)
        else:
            for _ in range(rng.choice((1, 3))):
                values.flat[rng.randrange(values.size)] = rng.choice(numbers)
    return values


def odd_name(rng: random.Random) -> str:
    """Return a name that nobody gives; some cannot be given."""
    return str(rng.choice((
        "x", "é", "\udcff", "a\udcffb", ".", "..", "a/b", "/", " ", "\n", "\x1b[31m", "a" * 300,
        "a" * 70000, "self", "source", "position", "object_x", "epoch", "detector_y", "\u202e", "0",
        "__class__", "group", "dims", "attrs", "{}", "%s", "\ud83d", "\U0001f600",
    )))  # fmt: skip


def odd_text(rng: random.Random, node: Any, name: str) -> None:
    """Write an attribute of text whose bytes, length or encoding are odd."""
    text = rng.choice((b"", b"\xff\xfe", b"a\0b", b"\0", b"x" * 60000, b"8 keV", b"\xc3",
                       b"{" * 5000,
                       b"NaN", b"corner", b'{"nphotons": 1e999}', b'{"object_pixel_width_m": "x"}',
                       b"[" * 3000, b'{"pixel_origin": []}', b"\xed\xa0\x80"))  # fmt: skip
    if name in node.attrs:
        del node.attrs[name]
    kind = h5t.C_S1.copy()
    variable = rng.random() < 0.4
    kind.set_size(h5t.VARIABLE if variable else max(len(text), 1))
    kind.set_cset(rng.choice((h5t.CSET_ASCII, h5t.CSET_UTF8)))
    kind.set_strpad(rng.choice((h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD)))
    shape = rng.choice(((), (), (1,), (2,), (0,)))
    space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    made = h5a.create(node.id, name.encode("utf-8", "surrogateescape"), kind, space)
    if variable:
        made.write(np.full(shape, text, dtype=h5py.string_dtype()))
    else:
        made.write(np.full(shape, text, dtype=f"S{max(len(text), 1)}"), mtype=kind)
