"""HDF5 files that are sound for HDF5 and odd for who reads them: rebuilt with h5py."""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t
from odd_values import ATTRIBUTE_NAMES, low_level_type, odd_array, odd_name, odd_text, odd_type

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from seeds import Seed

__all__ = ["HDF5_MUTATIONS", "mutate_hdf5"]

Sound = dict[str, tuple[Any, dict[str, Any]]]

#: Datasets that ptyxr has a use for: one that is not there is made.
_DATASETS = (
    "object", "probe", "probe_position_x_m", "probe_position_y_m", "probe_position_indexes",
    "probe_photon_counts", "opr_weights", "object_layer_spacing_m", "object_layer_distance_m",
    "loss_values", "losses", "costs", "loss_epochs", "scan_index", "bad_pixels",
    "nominal_position_x_m", "raw_data/xcoords", "raw_data/ycoords", "raw_data/xcoords_start",
    "raw_data/diffraction", "raw_data/scan_index", "raw_data/bad_pixels", "raw_data/_metadata",
    "patterns", "indexes", "probe_position_x_px", "object_pixel_width_m", "photon_energy_eV",
)  # fmt: skip


#: What h5py raises where it cannot do what chance asks for: then that is left undone.
REFUSED = (ValueError, TypeError, OSError, KeyError, RuntimeError, AttributeError, OverflowError)


def _members(file: h5py.File) -> list[str]:
    """Return what is in a file that was not mutated in a way that hides it, sorted."""
    found = [name for name in file if isinstance(name, str)]
    if isinstance(file.get("raw_data", getlink=True), h5py.HardLink):
        raw = file["raw_data"]
        if isinstance(raw, h5py.Group):
            found += [f"raw_data/{name}" for name in raw if isinstance(name, str)]
    return sorted(found)


def _pick(rng: random.Random, file: h5py.File) -> str:
    """Return the name of a member, or now and then of one that is not there yet."""
    members = _members(file)
    return rng.choice(_DATASETS) if not members or rng.random() < 0.15 else rng.choice(members)


@cache
def _sound(seed: Seed) -> Sound:
    """Return values and attributes of the datasets in a sound file, to store them in another way.

    They are not read from the file that is being changed: HDF5 may not survive it.
    """
    found: Sound = {}

    def note(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not node.dtype.hasobject:
            found[name] = (node[()], dict(node.attrs))

    with h5py.File(io.BytesIO(seed.data), "r") as file:
        file.visititems(note)
    return found


def _remove(file: h5py.File, name: str, sound: Sound) -> tuple[Any, dict[str, Any]]:
    """Take a member away, and return the values and attributes it had in the sound file."""
    if file.get(name, getlink=True) is not None:
        del file[name]
    values, attrs = sound.get(name, (np.arange(5.0), {}))
    return values, dict(attrs)


def _put(file: h5py.File, name: str, attrs: dict[str, Any], **how: Any) -> None:
    made = file.create_dataset(name, **how)
    for key, value in attrs.items():
        made.attrs[key] = value


# --- members --------------------------------------------------------------------------------------


def drop(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Take members away."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        if members := _members(file):
            del file[rng.choice(members)]


def rename(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Give a member another name, known or odd."""
    name = _pick(rng, file)
    if name in file:
        new = rng.choice(_DATASETS) if rng.random() < 0.6 else odd_name(rng)
        with contextlib.suppress(*REFUSED):
            if rng.random() < 0.5:
                file[new] = file[name]  # there twice
            else:
                file.move(name, new)


def retype(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Store a member as numbers of another type."""
    name = _pick(rng, file)
    values, attrs = _remove(file, name, sound)
    kind = odd_type(rng)
    with contextlib.suppress(*REFUSED), np.errstate(all="ignore"):
        if kind.hasobject:
            data = np.asarray(values).astype(kind)
        else:
            # Of a wide type, bytes between the numbers are otherwise left to chance.
            data = np.zeros((*np.shape(values), *kind.shape), kind.base)
            data[...] = np.reshape(values, np.shape(values) + (1,) * len(kind.shape))
        _put(file, name, attrs, data=data)
        return
    # What numpy cannot convert is left as HDF5 fills it.
    _remove(file, name, sound)
    _put(file, name, attrs, shape=np.shape(values), dtype=kind)


def retype_low(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Store a member in a type that numpy has no name for."""
    name = _pick(rng, file)
    values, _ = _remove(file, name, sound)
    kind = low_level_type(rng)
    space = h5s.create_simple(np.shape(values)) if np.ndim(values) else h5s.create(h5s.SCALAR)
    with contextlib.suppress(*REFUSED):
        h5d.create(file.id, name.encode(), kind, space, dcpl=_plan())


def _plan() -> h5p.PropDCID:
    """Return how a dataset is stored; no time is, which would make each file another one."""
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_obj_track_times(False)
    return plan


def reshape(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Store a member in another shape."""
    name = _pick(rng, file)
    values, attrs = _remove(file, name, sound)
    values = np.asarray(values)
    shape = rng.choice((
        (), (0,), (1,), (0, 0), (5, 0), (values.size,), (values.size, 1), (1, values.size),
        (1,) * 6 + values.shape, (2,) * 12, values.shape[::-1], (*values.shape, 1), (1,
        *values.shape),
        tuple(n + rng.choice((-1, 0, 1)) for n in values.shape), None,
    ))  # fmt: skip
    if shape is None:
        _put(file, name, attrs, data=h5py.Empty(values.dtype))
        return
    shape = tuple(max(n, 0) for n in shape)
    _put(file, name, attrs, data=np.resize(values, shape) if values.size else np.zeros(shape))


def revalue(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Keep type and shape, and put odd numbers in."""
    name = _pick(rng, file)
    values, attrs = _remove(file, name, sound)
    _put(file, name, attrs, data=odd_array(rng, np.asarray(values)))


def other_node(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Put something that is no dataset in place of a member, or a dataset in place of a group."""
    name = _pick(rng, file)
    values, _ = _remove(file, name, sound)
    what = rng.randrange(4)
    if what == 0:
        file.create_group(name).attrs["x"] = 1
    elif what == 1:
        file[name] = np.dtype("f8") if rng.random() < 0.5 else h5py.string_dtype()
    elif what == 2:
        file[f"{name}/{rng.choice(_DATASETS)}"] = values
    else:
        _remove(file, "raw_data", sound)
        file["raw_data"] = rng.choice((values, 1.0, "text"))


def link(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Put a link in place of a member: into nothing, round in circles, out of the file."""
    name = _pick(rng, file)
    _remove(file, name, sound)
    what = rng.randrange(8)
    if what == 0:
        file[name] = h5py.SoftLink(
            rng.choice(("/nowhere", f"/{name}", "..", "", "/", "raw_data/x"))
        )
    elif what == 1:
        file[name] = h5py.SoftLink("/_other")
        file["_other"] = h5py.SoftLink(f"/{name}")
    elif what == 2:
        steps = rng.choice((10, 16, 17, 70, 300))
        for i in range(steps):
            file[f"_step{i}"] = h5py.SoftLink(f"/_step{i + 1}")
        file[f"_step{steps}"] = np.arange(5.0)
        file[name] = h5py.SoftLink("/_step0")
    elif what == 3:
        file[name] = h5py.ExternalLink(rng.choice((".", "/etc/passwd", "other.h5", "")), "/object")
    elif what == 4:
        file[name] = file["/"]  # a group that holds itself
    elif what == 5:
        file.require_group("_loop")["again"] = file.require_group("_loop")
        file[name] = h5py.SoftLink("/_loop" + "/again" * rng.choice((1, 20, 1000)))
    elif what == 6:
        target = file.get(rng.choice(_members(file) or ["/"]))
        file[name] = target if target is not None else file["/"]
    else:
        file.id.links.create_external(name.encode(), b"\xff\xfe.h5", b"/\xff")


def storage(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Store a member in a way that is seldom seen."""
    name = _pick(rng, file)
    values, attrs = _remove(file, name, sound)
    values = np.atleast_1d(np.asarray(values))
    shape = values.shape
    what = rng.randrange(8)
    if what == 0:  # a plan for much more than the file holds
        huge = rng.choice(((2**40,), (2**62,), (2**20,) * len(shape), (2**31, 2), (2**26, 8, 8)))
        chunks = tuple(min(n, rng.choice((1, 1000))) for n in huge)
        _put(file, name, attrs, shape=huge, dtype=values.dtype, chunks=chunks)
    elif what == 1:  # the same without chunks, and nothing written
        huge = rng.choice(((2**30,), (2**45,), (2**13,) * len(shape)))
        with contextlib.suppress(*REFUSED):
            _put(file, name, attrs, shape=huge, dtype=values.dtype)
    elif what == 2:  # chunks that are much larger than what is in them
        wide = tuple(max(n, 2**8 if len(shape) > 2 else 2**12) for n in shape)
        with contextlib.suppress(*REFUSED):
            _put(file, name, attrs, data=values, chunks=wide, maxshape=(None,) * len(shape),
                 compression="gzip")  # fmt: skip
    elif what == 3:
        names = [f"{rng.choice(('/etc/passwd', 'missing.raw', ''))}"]
        size = h5py.h5f.UNLIMITED if rng.random() < 0.3 else values.nbytes
        with contextlib.suppress(*REFUSED):
            _put(file, name, attrs, shape=shape, dtype=values.dtype, external=[(names[0], 0, size)])
    elif what == 4:
        layout = h5py.VirtualLayout(shape=shape, dtype=values.dtype)
        source = rng.choice((".", "missing.h5", ""))
        layout[...] = h5py.VirtualSource(
            source, rng.choice((name, "probe", "nowhere")), shape=shape
        )
        with contextlib.suppress(*REFUSED):
            plan = layout.make_dcpl(shape)
            plan.set_obj_track_times(False)
            kind = h5t.py_create(values.dtype, logical=True)
            h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape), dcpl=plan)
    elif what == 5 and values.size:
        _filtered(rng, file, name, values)
    elif what == 6:
        plan = _plan()
        plan.set_layout(h5d.COMPACT)
        kind = h5t.py_create(values.dtype, logical=True)
        with contextlib.suppress(*REFUSED):
            made = h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape), dcpl=plan)
            made.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))
    else:  # allocated, and never written
        with contextlib.suppress(*REFUSED):
            _put(
                file,
                name,
                attrs,
                shape=shape,
                dtype=values.dtype,
                fillvalue=rng.choice((0, 1, 255)),
            )


def _filtered(rng: random.Random, file: h5py.File, name: str, values: np.ndarray) -> None:
    """Store a member with a filter that is not there, or does not fit."""
    plan = _plan()
    plan.set_chunk(values.shape)
    flag = rng.choice((0, h5py.h5z.FLAG_OPTIONAL))
    filters = rng.sample((1, 2, 3, 6, 32000, 32015, 32008, 305), rng.choice((1, 2, 3)))
    kind = h5t.py_create(values.dtype, logical=True)
    with contextlib.suppress(*REFUSED):
        for one in filters:
            plan.set_filter(one, flag, (rng.randrange(10),) * rng.choice((0, 1, 5)))
    with contextlib.suppress(*REFUSED):
        made = h5d.create(file.id, name.encode(), kind, h5s.create_simple(values.shape), dcpl=plan)
        block = rng.choice((values.tobytes(), b"", rng.randbytes(50), bytes(values.nbytes * 2)))
        made.write_direct_chunk(
            (0,) * values.ndim, block, filter_mask=rng.choice((0, 1, 2**32 - 1))
        )


def crowd(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Put in more than anyone expects."""
    what = rng.randrange(3)
    if what == 0:
        for i in range(300):
            file[f"extra{i}"] = i
    elif what == 1:
        at = file
        for _ in range(100):
            at = at.create_group("raw_data" if "raw_data" not in at else "down")
    else:
        node = file.get(_pick(rng, file)) or file
        for i in range(300):
            node.attrs[f"extra{i}"] = i


# --- attributes -----------------------------------------------------------------------------------


def attribute(rng: random.Random, file: h5py.File, sound: Sound) -> None:
    """Drop, rename, retype or refill attributes."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.choice(("/", "/", "object", "probe", "raw_data", "patterns"))
        node = file.get(place)
        if not isinstance(node, (h5py.Group, h5py.Dataset)):
            continue
        names = sorted(node.attrs) or ["name"]
        name = rng.choice(names) if rng.random() < 0.6 else rng.choice(ATTRIBUTE_NAMES)
        what = rng.random()
        with contextlib.suppress(*REFUSED):
            if what < 0.1:
                del node.attrs[name]
            elif what < 0.2:
                node.attrs[odd_name(rng)] = 1.0
            elif what < 0.4:
                node.attrs.create(name, rng.choice((1.0, 0, -1, np.arange(3))), dtype=odd_type(rng))
            elif what < 0.6:
                odd_text(rng, node, name)
            else:
                node.attrs[name] = _odd_value(rng, file)


def _odd_value(rng: random.Random, file: h5py.File) -> Any:
    return rng.choice((
        np.nan, np.inf, -np.inf, -1.0, 0.0, 1e308, 5e-324, 2**63 - 1, np.uint64(2**64 - 1), True,
        np.float16(1), np.longdouble(1), 1 + 1j, h5py.Empty("f8"), h5py.Empty("S1"), [], [1.0],
        [1.0, 2.0], np.zeros((2, 3)), np.zeros((1, 1)), np.zeros(8000), file.ref,
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.void(b"raw"), "1.5", "nan", "",
        ["a", "b"], np.array([b"a"]), np.zeros((0, 3)), np.array([file.ref], dtype=h5py.ref_dtype),
    ))  # fmt: skip


HDF5_MUTATIONS: dict[str, Callable[[random.Random, h5py.File, Sound], None]] = {
    "member dropped": drop,
    "member renamed": rename,
    "member retyped": retype,
    "type of HDF5": retype_low,
    "member reshaped": reshape,
    "odd numbers": revalue,
    "no dataset": other_node,
    "linked": link,
    "stored oddly": storage,
    "crowded": crowd,
    "attributes": attribute,
}


def mutate_hdf5(rng: random.Random, seed: Seed) -> tuple[str, bytes]:
    """Return a file that was changed with h5py, and what was done to it first.

    Parameters
    ----------
    rng : random.Random
        Where chance comes from.
    seed : Seed
        The sound file.
    """
    target = io.BytesIO(seed.data)
    weights = (1, 2, 3, 2, 3, 3, 1, 2, 3, 0.3, 4)
    kinds = rng.choices(tuple(HDF5_MUTATIONS), weights=weights, k=rng.choice((1, 1, 1, 2, 3)))
    with warnings.catch_warnings(), h5py.File(target, "r+") as file:
        warnings.simplefilter("ignore")  # of imaginary parts that are lost
        for kind in kinds:
            # What one mutation did may leave nothing for the next one to work on.
            with contextlib.suppress(*REFUSED):
                HDF5_MUTATIONS[kind](rng, file, _sound(seed))
    return kinds[0], target.getvalue()
