"""Writing Ptychodus products that every release from 1.0 to 1.7 reads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray import Dataset, Variable

from ptyxr.coordinates import axis, magnitude, replace_coordinates, scalar
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError, warn
from ptyxr.formats.ptychodus import (
    BY_NAME,
    CENTER,
    DEFAULTS,
    FORMAT_ID,
    FORMAT_VERSION,
    KEYS,
    RAW_DATA,
    RAW_POSITIONS,
    STRUCTURAL,
)
from ptyxr.formats.registration import in_pixels, pixel_numbers
from ptyxr.frame import (
    assign_pixel_size,
    make_scalar,
    pixel_length,
    quantified,
    to,
    warn_outside,
)
from ptyxr.model import AXES, SCHEMA
from ptyxr.storage.atomic import atomic_path, target_path
from ptyxr.storage.hdf5_writer import Plan, PlannedArray, storage_options, write_hdf5
from ptyxr.units import METER, parse, pixel_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["encode_product", "to_product"]

#: Pixel sizes in metres that are written where no one told them.
ESTIMATED: Final = {"object": 5.0e-8, "probe": 1.25e-7}
ESTIMATED_NOTE: Final = "estimated pixel sizes"

#: HDF5 keeps attributes up to 64 KiB in the header of their dataset, with a header of their own.
ATTRIBUTE_BYTES: Final = 64_000

TEXTS: Final = ("name", "comments", "polarization")
SCALARS: Final = tuple(key.name for key in KEYS if SCHEMA[key.name].role == "scalar")


def with_metadata(ds: Dataset, metadata: Mapping[str, object]) -> Dataset:
    """Return the dataset with scalars and texts that a user gave by name of the model.

    Raises
    ------
    TypeError
        If there is no such name; it lists them.
    UnitError
        If a value has a unit that does not fit.
    """
    allowed = (*TEXTS, "far_field", *SCALARS)
    unknown = sorted(set(metadata) - set(allowed))
    if unknown:
        raise TypeError(
            f"to_product() has no metadata {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(allowed)}"
        )
    attrs = dict(ds.attrs)
    scalars: dict[str, Variable] = {}
    for name, value in metadata.items():
        if value is None:
            continue
        if name in TEXTS:
            attrs[name] = str(value)
        elif name == "far_field":
            attrs[name] = int(bool(value))
        else:
            unit = str(SCHEMA[name].unit)
            # A pixel size is given as a length as well as a length per pixel.
            number = pixel_size(value, name)[0] if "pixel_" in name else parse(value, unit, name)
            scalars[name] = make_scalar(name, number, quantified=quantified(ds))
    for one in AXES.values():
        if one.pixel_size in scalars:
            told = float(scalars[one.pixel_size].values if not quantified(ds) else scalars[one.pixel_size].data.magnitude)  # fmt: skip
            argument = "detector" if one.variable == "diffraction" else one.variable
            pair = [pixel_length(ds, a.name) for a in AXES.values() if a.variable == one.variable]
            pair[0 if one.name.endswith("x") else 1] = told
            width, height = (told if size is None else size for size in pair)
            ds = assign_pixel_size(ds, **{argument: (width, height)})
            del scalars[one.pixel_size]
    return replace_coordinates(ds.assign_attrs(attrs), scalars)


def with_pixel_sizes(ds: Dataset) -> tuple[Dataset, list[str]]:
    """Return the dataset with a size for every pixel, and a word on each that was estimated."""
    known = {
        what: [pixel_length(ds, f"{what}_{name}") for name in "xy"] for what in ("object", "probe")
    }
    estimated: list[str] = []
    given: dict[str, tuple[float, float]] = {}
    if None in known["object"]:
        width, height = (size or ESTIMATED["object"] for size in known["object"])
        given["object"] = (width, height)
        estimated.append(f"object {ESTIMATED['object']:g} m")
    if None in known["probe"]:
        width, height = ESTIMATED["probe"], ESTIMATED["probe"]
        if "object" not in given:
            width, height = (float(size or 0.0) for size in known["object"])
        else:
            estimated.append(f"probe {ESTIMATED['probe']:g} m")
        told = known["probe"]
        given["probe"] = (told[0] or width, told[1] or height)
    return assign_pixel_size(ds, **given), estimated  # type: ignore[arg-type]


def _need(ds: Dataset) -> None:
    if "object" not in ds:
        raise MissingDataError(
            "a product has an object, and the dataset has none",
            key="object",
            remedy="ds.ptyxr.fill_object() makes a uniform one, sized to the scan",
        )
    for name in ("probe", "position_x", "position_y"):
        if name not in ds.variables:
            raise MissingDataError("a product needs this, and the dataset has none", key=name)
    for name in ("object", "probe"):
        entry = SCHEMA[name]
        if set(ds[name].dims) - set(entry.dims) or ds[name].dtype.kind != "c":
            raise InvalidDataError(
                "the array is not of the data model",
                key=name,
                found=f"{ds[name].dtype} ({', '.join(map(str, ds[name].dims))})",
                expected=f"complex ({', '.join(entry.dims)})",
                remedy="Select one of a series with isel before writing it",
            )


def encode_product(
    ds: Dataset,
    *,
    include_diffraction: bool = True,
    object_center: object = None,
    position_index: object = None,
    encoding: Mapping[str, Mapping[str, Any]] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Plan:
    """Say in the words of a product what a dataset holds; nothing large is computed.

    Parameters and errors are those of the accessor's ``to_product``.
    """
    _need(ds)
    encoding = dict(encoding or {})
    ds = with_metadata(ds, metadata or {})
    came_in_pixels = in_pixels(ds)
    ds, estimated = with_pixel_sizes(ds)
    if estimated:
        comments = str(ds.attrs.get("comments", "")).rstrip()
        if not comments.endswith(ESTIMATED_NOTE):
            ds = ds.assign_attrs(comments=f"{comments}; {ESTIMATED_NOTE}".removeprefix("; "))
        warn(
            f"the pixel sizes were not told and are estimated: {', '.join(estimated)}. Give them "
            "with ds.ptyxr.assign_pixel_size(object='50 nm', probe='50 nm').",
        )
    meters = to(ds, METER)
    plan = Plan(attrs={"format_id": FORMAT_ID, "format_version": FORMAT_VERSION})
    defaults: list[str] = []
    _plan_root(plan, meters, defaults)
    _plan_positions(plan, meters, position_index, defaults)
    _plan_probe(plan, meters, encoding)
    moved = _plan_object(plan, meters, object_center, encoding, defaults)
    _plan_losses(plan, meters, defaults)
    with_patterns = include_diffraction and "diffraction" in ds
    if came_in_pixels or with_patterns:
        _plan_raw_data(plan, meters, defaults, encoding, patterns=with_patterns)
    _plan_the_rest(plan, meters, encoding, raw_data=came_in_pixels or with_patterns)
    if encoding:
        raise PtyxrError(
            "there is nothing to encode under this name",
            key="encoding",
            found=", ".join(sorted(encoding)),
        )
    if defaults:
        plan.attrs[DEFAULTS] = " ".join(defaults)
    warn_outside(
        moved,
        "ds.ptyxr.register() moves the object under its positions."
        if object_center is None
        else "Without object_center, the centre is written that belongs to the positions.",
    )
    return plan


def _plan_root(plan: Plan, ds: Dataset, defaults: list[str]) -> None:
    for key in KEYS:
        if key.place != "root":
            continue
        entry = SCHEMA[key.name]
        value: Any
        if entry.role == "scalar":
            value = scalar(ds, key.name)
            if value is None and key.name.startswith("detector_pixel"):
                continue  # no release has a place for it: only what is known is written
            value = None if value is None else np.float64(value)
        else:
            value = ds.attrs.get(key.name)
            if value is None and key.name == "polarization":
                continue  # absent is how a product says unpolarized
            if value is not None:
                value = np.bool_(value) if key.name == "far_field" else str(value)
        if value is None:
            default = {"far_field": np.True_}.get(
                key.name, "" if key.name in TEXTS else np.float64(0)
            )
            defaults.extend(key.written)
            value = default
        plan.attrs.update(dict.fromkeys(key.written, value))
    for name, value in ds.attrs.items():
        known = str(name) in SCHEMA or str(name) in STRUCTURAL or str(name) in plan.attrs
        if not known:
            _plan_attribute(plan, str(name), value)


def _plan_attribute(plan: Plan, name: str, value: Any) -> None:
    if isinstance(value, str) or np.asarray(value).dtype.kind in "fiubcSU":
        array = np.asarray(value)
        if isinstance(value, str) or (array.dtype.kind != "U" and array.nbytes <= ATTRIBUTE_BYTES):
            plan.attrs[name] = value
            return
    warn(
        f"the attribute {name!r} of type {type(value).__name__} cannot stand in a product and is "
        "left out. Strings and numbers can.",
    )


def _plan_positions(plan: Plan, ds: Dataset, position_index: object, defaults: list[str]) -> None:
    for name in ("position_x", "position_y", "nominal_position_x", "nominal_position_y"):
        if name in ds.variables:
            plan.array(BY_NAME[name].spellings[0], magnitude(ds, name, METER), np.float64)
    points = ds.sizes["position"]
    key = BY_NAME["position_index"].spellings[0]
    if isinstance(position_index, str) and position_index == "sequential":
        indexes = np.arange(points)
    elif position_index is not None:
        indexes = np.asarray(position_index)
        if indexes.shape != (points,) or indexes.dtype.kind not in "iu":
            raise InvalidDataError(
                "the numbers of the patterns do not fit the scan",
                key="position_index",
                found=f"{indexes.dtype} {indexes.shape}" if indexes.ndim else repr(position_index),
                expected=f"'sequential', or {points} integers",
            )
    else:
        given = next((n for n in ("position_index", "scan_index") if n in ds.variables), None)
        indexes = np.zeros(points, np.int64) if given is None else np.asarray(ds[given].values)
        if given != "position_index":
            defaults.append(key)
    plan.array(key, indexes, np.int64)
    if points > 1 and (indexes == indexes[0]).all():
        warn(
            f"all {points} position indexes are {indexes[0]}: Ptychodus pairs patterns with "
            "positions by this number, and takes them for one point. "
            "position_index='sequential' numbers them in order.",
        )
    counts = "position_photon_count"
    if counts in ds.variables:
        plan.array(BY_NAME[counts].spellings[0], magnitude(ds, counts, "count"), np.float64)


def _large(
    plan: Plan, path: str, name: str, ds: Dataset, encoding: dict[str, Mapping[str, Any]]
) -> PlannedArray:
    """Plan one of the large arrays, of the rank it was opened with."""
    variable = ds[name].variable
    entry = SCHEMA[name]
    full = variable.set_dims(
        [d for d in entry.dims if d not in variable.dims] + list(variable.dims)
    )
    full = full if full.dims == entry.dims else full.transpose(*entry.dims)
    rank = len(variable.encoding.get("original_shape", entry.dims))
    lead = full.ndim - rank
    if lead > 0 and all(n == 1 for n in full.shape[:lead]):
        full = full[(0,) * lead]
    given = encoding.pop(name, {})
    dtype = np.dtype(full.dtype)
    if ds.attrs.get("source_format") == "ptychopinn" and dtype == np.complex128:
        dtype = np.dtype(np.complex64)
    planned = plan.array(path, full, given.get("dtype", dtype))
    planned.options = storage_options(name, given)
    return planned


def _plan_probe(plan: Plan, ds: Dataset, encoding: dict[str, Mapping[str, Any]]) -> None:
    planned = _large(plan, "probe", "probe", ds, encoding)
    for name, key in (("probe_x", "pixel_width_m"), ("probe_y", "pixel_height_m")):
        planned.attrs[key] = np.float64(_pixel(ds, name))
    if "opr_weights" not in ds:
        return
    weights = ds["opr_weights"].variable
    if weights.ndim != 2 or weights.dtype.kind not in "fiu":
        raise InvalidDataError(
            "OPR weights are real numbers by scan point and coherent mode",
            key="opr_weights",
            found=f"{weights.dtype} {weights.shape}",
        )
    dtype = weights.dtype if weights.dtype.kind == "f" else np.dtype(np.float64)
    weights_plan = plan.array(
        "opr_weights", weights, encoding.get("opr_weights", {}).get("dtype", dtype)
    )
    weights_plan.options = storage_options("opr_weights", encoding.pop("opr_weights", {}))
    if weights.size * weights_plan.dtype.itemsize <= ATTRIBUTE_BYTES:
        # Releases to 1.2 look for them here only.
        planned.attrs["opr_weights"] = np.asarray(weights.compute().data, weights_plan.dtype)


def _pixel(ds: Dataset, name: str) -> float:
    """Return the pixel size of an axis as it stands in the dataset, in metres."""
    size = pixel_length(ds, name)
    if name in ds.variables:
        grid = axis(ds, name).line()
        told = 1.0 if size is None else grid.pitch / size
        if size is None or abs(told - 1) * grid.size > 1e-6:
            return grid.pitch
    if size is None:
        raise MissingDataError("the pixel size is not known", key=AXES[name].pixel_size)
    return size


def _plan_object(
    plan: Plan,
    ds: Dataset,
    object_center: object,
    encoding: dict[str, Mapping[str, Any]],
    defaults: list[str],
) -> Dataset:
    """Plan the object, and return the dataset with its object where it is written."""
    planned = _large(plan, "object", "object", ds, encoding)
    centers = _centers(object_center)
    moved = ds
    for name, key in (("object_x", "pixel_width_m"), ("object_y", "pixel_height_m")):
        planned.attrs[key] = np.float64(_pixel(ds, name))
        given = centers.get(name)
        if name in ds.variables:
            line = axis(ds, name).line()
            center = line.center if given is None else given
            if given is not None:
                index = axis(ds, name)
                by = given - line.center
                grid = index.grid.to(METER)
                grid = type(grid)(grid.center + by, grid.pitch, grid.size, grid.unit)
                moved = replace_coordinates(moved, {}, {name: index.replace(grid=grid)})
        else:
            center = 0.0 if given is None else given
            if given is None:
                defaults.append(f"object.{CENTER[name]}")
        planned.attrs[CENTER[name]] = np.float64(center)
    layers = ds.sizes.get("object_layer", 1)
    key = BY_NAME["object_layer_spacing"].spellings[0]
    if "object_layer_spacing" in ds.variables:
        spacing = magnitude(ds, "object_layer_spacing", METER)
    else:
        spacing = np.zeros(layers - 1)
        defaults.append(key)
    if spacing.shape != (layers - 1,):
        raise InvalidDataError(
            "each object layer but the last has a distance to the next",
            key="object_layer_spacing",
            found=f"{spacing.size} distances for {layers} layers",
            expected=str(layers - 1),
            remedy="Ptychodus refuses to open such a product: select the distances too, with "
            "isel(object_layer_interface=...)",
        )
    plan.array(key, spacing, np.float64)
    return moved


def _centers(object_center: object) -> dict[str, float]:
    if object_center is None:
        return {}
    pair = object_center
    if not isinstance(pair, (tuple, list)) and np.ndim(getattr(pair, "magnitude", pair)) == 1:  # type: ignore[arg-type]
        pair = tuple(pair)  # type: ignore[arg-type]
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise PtyxrError(
            "a centre is a pair", key="object_center", found=repr(object_center), expected="(x, y)"
        )
    names = ("object_x", "object_y")
    center = {n: parse(v, METER, "object_center") for n, v in zip(names, pair, strict=True)}
    if not all(math.isfinite(value) for value in center.values()):
        raise PtyxrError("a centre is finite", key="object_center", found=repr(object_center))
    return center


def _plan_losses(plan: Plan, ds: Dataset, defaults: list[str]) -> None:
    epochs = BY_NAME["epoch"].spellings[0]
    spellings = BY_NAME["loss"].written
    if "loss" in ds:
        values = np.asarray(ds["loss"].values, dtype=np.float64)
    else:
        values = np.empty(0)
        defaults.extend(spellings)
    if values.ndim != 1:
        raise InvalidDataError("losses are by epoch", key="loss", found=f"shape {values.shape}")
    for spelling in spellings:
        plan.array(spelling, values, np.float64)
    if "epoch" in ds.variables and ds.variables["epoch"].shape == values.shape:
        plan.array(epochs, np.asarray(ds["epoch"].values), np.int64)
    else:
        defaults.append(epochs)
        plan.array(epochs, np.arange(values.size), np.int64)


def _plan_raw_data(
    plan: Plan,
    ds: Dataset,
    defaults: list[str],
    encoding: dict[str, Mapping[str, Any]],
    *,
    patterns: bool,
) -> None:
    """Plan ``/raw_data`` as PtychoPINN has it."""
    numbers, origin = pixel_numbers(ds, "auto")
    attrs: dict[str, Any] = {"pixel_origin": origin}
    plan.group_attrs[RAW_DATA] = attrs
    for name, key in RAW_POSITIONS.items():
        if name in numbers:
            plan.array(f"{RAW_DATA}/{key}", numbers[name], np.float64)
    if "scan_index" in ds.variables:
        plan.array(f"{RAW_DATA}/scan_index", np.asarray(ds["scan_index"].values), np.int64)
    else:
        defaults.append(f"{RAW_DATA}/scan_index")
        plan.array(f"{RAW_DATA}/scan_index", np.zeros(ds.sizes["position"]), np.int64)
    if "source_metadata" in ds.attrs:
        plan.array(f"{RAW_DATA}/_metadata", str(ds.attrs["source_metadata"]))
    plan.links.update({f"{RAW_DATA}/probeGuess": "probe", f"{RAW_DATA}/objectGuess": "object"})
    if patterns:
        plan.attrs.update(bundle_version="1.0", contains_raw_data=np.int64(1))
        variable = ds["diffraction"].variable.transpose(*SCHEMA["diffraction"].dims)
        given = encoding.pop("diffraction", {})
        planned = plan.array(f"{RAW_DATA}/diffraction", variable, given.get("dtype"))
        planned.options = storage_options("diffraction", given)
        planned.attrs = {
            "axis_canonical": "NHW",
            "original_axis_order": str(variable.attrs.get("original_axis_order", "NHW")),
            "quantity": str(variable.attrs.get("quantity", "unknown")),
        }


def _plan_the_rest(
    plan: Plan, ds: Dataset, encoding: dict[str, Mapping[str, Any]], *, raw_data: bool
) -> None:
    """Plan what Ptychodus has no place for."""
    if not raw_data:
        if "scan_index" in ds.variables:
            plan.array("scan_index", np.asarray(ds["scan_index"].values), np.int64)
        for name in ("source_metadata", "pixel_origin"):
            if name in ds.attrs:
                plan.attrs[name] = str(ds.attrs[name])
    if "bad_pixels" in ds:
        given = encoding.pop("bad_pixels", {})
        path = f"{RAW_DATA}/bad_pixels" if raw_data else "bad_pixels"
        planned = plan.array(path, ds["bad_pixels"].variable, np.bool_)
        planned.options = storage_options("bad_pixels", given)
    known = {entry for entry in SCHEMA} | set(map(str, ds.xindexes))
    left = sorted(str(name) for name in ds.variables if name not in known)
    if left:
        warn(
            f"a product has no place for {', '.join(map(repr, left))}; they are left out. "
            "ds.to_netcdf() and ds.to_zarr() keep everything.",
        )


def to_product(
    ds: Dataset,
    path: object,
    *,
    mode: str = "w",
    encoding: Mapping[str, Mapping[str, Any]] | None = None,
    include_diffraction: bool = True,
    object_center: object = None,
    position_index: object = None,
    compute: bool = True,
    **metadata: object,
) -> Any:
    """Write a product; see the accessor's method of this name."""
    target = target_path(path)
    if target.suffix.lower() == ".npz":
        raise PtyxrError(
            "a product is written as HDF5",
            file=target,
            found="the suffix '.npz'",
            expected="'.h5' or '.hdf5'",
            remedy="ds.ptyxr.to_npz() writes a PtychoPINN dataset",
        )
    plan = encode_product(
        ds,
        include_diffraction=include_diffraction,
        object_center=object_center,
        position_index=position_index,
        encoding=encoding,
        metadata=metadata,
    )
    if compute:
        return _write(target, plan, mode)
    from dask import delayed

    return delayed(_write, pure=False, traverse=False)(target, plan, mode)


def _write(target: Path, plan: Plan, mode: str) -> Path:
    with atomic_path(target, mode=mode) as temporary:
        write_hdf5(temporary, plan)
    return target
