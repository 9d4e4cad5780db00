"""What a Ptychodus product is to hold, part by part; nothing large is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.coordinates import axis, magnitude, replace_coordinates, scalar
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError, listed, warn
from ptyxr.formats.ptychodus_keys import (
    BY_NAME,
    CENTER,
    KEYS,
    RAW_DATA,
    RAW_POSITIONS,
    STRUCTURAL,
)
from ptyxr.formats.registration import pixel_numbers
from ptyxr.model import AXES, POSITIONS, SCHEMA
from ptyxr.pixel_sizes import written_pixel
from ptyxr.storage.hdf5_writer import dataset_options
from ptyxr.units import METER, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import Dataset

    from ptyxr.storage.hdf5_writer import Plan, PlannedArray

__all__ = [
    "TEXTS",
    "plan_losses",
    "plan_object",
    "plan_positions",
    "plan_probe",
    "plan_raw_data",
    "plan_root",
    "plan_the_rest",
]

#: Bytes of a chunk of patterns that are compressed: what HDF5 keeps of a dataset in memory.
_CHUNK: Final = 2**20

#: HDF5 keeps attributes up to 64 KiB in the header of their dataset, with a header of their own.
ATTRIBUTE_BYTES: Final = 64_000

#: Attributes of the root that are text.
TEXTS: Final = ("name", "comments", "polarization")


def plan_root(plan: Plan, ds: Dataset, defaults: list[str]) -> None:
    """Plan the attributes of the root, and note those that are only defaults."""
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
                value = np.bool_(value) if key.name == "far_field" else _text(key.name, value)
        if value is None:
            default = {"far_field": np.True_}.get(
                key.name, "" if key.name in TEXTS else np.float64(0)
            )
            defaults.extend(key.written)
            value = default
            if key.name == "photon_energy":
                warn(
                    "the photon energy is not known, and is written as 0.0, which stands for "
                    "unknown. Give it: ds.ptyxr.to_product(..., photon_energy='8 keV'); at the "
                    "command line, --photon-energy '8 keV'."
                )
        elif key.name == "photon_energy" and not np.isfinite(value):
            warn(
                f"the photon energy is {value}, of which no wavelength comes. Give it: "
                "ds.ptyxr.to_product(..., photon_energy='8 keV'); at the command line, "
                "--photon-energy '8 keV'."
            )
        plan.attrs.update(dict.fromkeys(key.written, value))
    for name, value in ds.attrs.items():
        ours = str(name) in SCHEMA and SCHEMA[str(name)].role == "attribute"
        if not (ours or str(name) in STRUCTURAL or str(name) in plan.attrs):
            _plan_attribute(plan, str(name), value)


def _text(name: str, value: object) -> str:
    """Return what HDF5 can keep as a string."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        raise InvalidDataError(
            "this is no text", key=name, found=repr(value), expected=f"a text, such as '{value}'"
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidDataError("this is no text", key=name, found=repr(value)) from error
    if "\0" in value:
        raise InvalidDataError("HDF5 keeps no text with a NUL in it", key=name, found=repr(value))
    return value


def _plan_attribute(plan: Plan, name: str, value: Any) -> None:
    if isinstance(value, str):
        plan.attrs[name] = _text(name, value)
        return
    array = np.asarray(value)
    texts = array.dtype.kind in "UO" and all(isinstance(item, str) for item in array.flat)
    if texts:
        plan.attrs[name] = [_text(name, str(item)) for item in array.flat]
        return
    if array.dtype.kind in "fiubcS" and array.nbytes <= ATTRIBUTE_BYTES:
        plan.attrs[name] = value
        return
    warn(
        f"the attribute {name!r} of type {type(value).__name__} cannot stand in a product and is "
        "left out. Strings and numbers can.",
    )


def plan_positions(plan: Plan, ds: Dataset, position_index: object, defaults: list[str]) -> None:
    """Plan the scan, and the numbers that pair it with the patterns."""
    for name in POSITIONS:
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
    planned.options = dataset_options(name, given)
    return planned


def plan_probe(plan: Plan, ds: Dataset, encoding: dict[str, Mapping[str, Any]]) -> None:
    """Plan the probe and its OPR weights."""
    planned = _large(plan, "probe", "probe", ds, encoding)
    for name, key in (("probe_x", "pixel_width_m"), ("probe_y", "pixel_height_m")):
        planned.attrs[key] = np.float64(_pixel(ds, name))
    if "opr_weights" not in ds:
        return
    weights = ds["opr_weights"].variable
    weights = weights.transpose("position", "opr_entry", ..., missing_dims="ignore")
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
    weights_plan.options = dataset_options("opr_weights", encoding.pop("opr_weights", {}))
    if weights.size * weights_plan.dtype.itemsize <= ATTRIBUTE_BYTES:
        # Releases to 1.2 look for them here only.
        planned.attrs["opr_weights"] = np.asarray(weights.compute().data, weights_plan.dtype)


def _pixel(ds: Dataset, name: str) -> float:
    """Return the pixel size of an axis as it stands in the dataset, in metres."""
    size = written_pixel(ds, name)
    if size is None:
        raise MissingDataError("the pixel size is not known", key=AXES[name].pixel_size)
    return size


def plan_object(
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
            "a centre is a pair",
            key="object_center",
            found=repr(object_center),
            expected="(x, y), such as ('0 um', '0 um')",
        )
    names = ("object_x", "object_y")
    center = {n: parse(v, METER, "object_center") for n, v in zip(names, pair, strict=True)}
    if not all(math.isfinite(value) for value in center.values()):
        raise PtyxrError("a centre is finite", key="object_center", found=repr(object_center))
    return center


def plan_losses(plan: Plan, ds: Dataset, defaults: list[str]) -> None:
    """Plan the losses, in every spelling, and their epochs."""
    epochs = BY_NAME["epoch"].spellings[0]
    spellings = BY_NAME["loss"].written
    if "loss" in ds:
        values = np.asarray(ds["loss"].values)
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


def plan_raw_data(
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
        if variable.dtype.kind == "c":
            raise InvalidDataError(
                "patterns are real numbers",
                key="diffraction",
                found=str(variable.dtype),
                expected="amplitudes or counts",
                remedy="Take the absolute value first: ds.assign(diffraction=abs(ds.diffraction))",
            )
        planned = plan.array(f"{RAW_DATA}/diffraction", variable, given.get("dtype"))
        planned.options = dataset_options("diffraction", given)
        if any(planned.options.values()) and "chunks" not in planned.options and variable.size:
            # HDF5's own guess cuts each pattern into many pieces, and reads all for one pattern.
            rows = max(1, _CHUNK // (variable.nbytes // variable.shape[0]))
            planned.options["chunks"] = (rows, *variable.shape[1:])
        planned.attrs = {
            "axis_canonical": "NHW",
            "original_axis_order": str(variable.attrs.get("original_axis_order", "NHW")),
            "quantity": str(variable.attrs.get("quantity", "unknown")),
        }


def plan_the_rest(
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
        bad = ds["bad_pixels"].variable.transpose(*SCHEMA["bad_pixels"].dims)
        planned = plan.array(path, bad, np.bool_)
        planned.options = dataset_options("bad_pixels", given)
    known = set(SCHEMA) | set(map(str, ds.xindexes))
    left = sorted(str(name) for name in ds.variables if name not in known)
    if left:
        warn(
            f"a product has no place for {listed(map(repr, left))}; they are left out. "
            "ds.ptyxr.to_zarr(...) keeps everything, and for netCDF "
            "ds.ptyxr.dequantify(for_storage=True).to_netcdf(...).",
        )
