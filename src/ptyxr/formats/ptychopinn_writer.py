"""Writing PtychoPINN datasets, to NPZ and in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Variable

from ptyxr.coordinates import scalar
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError, warn
from ptyxr.formats.ptychodus_keys import KEYS
from ptyxr.formats.ptychopinn_decode import MEASUREMENTS, METADATA
from ptyxr.formats.registration import check_positions, pixel_numbers
from ptyxr.frame import ORIGINS, object_grid, positions_in_pixels
from ptyxr.grids import TOLERANCE
from ptyxr.model import SCHEMA
from ptyxr.pixel_sizes import pixel_length, written_pixel
from ptyxr.storage.arrays import StoredArray, lazy
from ptyxr.storage.atomic import atomic_path, target_path
from ptyxr.storage.npz_writer import check_npz, write_npz
from ptyxr.storage.streams import checked_cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from xarray import Dataset

__all__ = ["RawData", "to_npz", "to_rawdata"]


@dataclass(frozen=True)
class RawData:
    """What a PtychoPINN dataset holds, under the attribute names of PtychoPINN's ``RawData``.

    Attributes
    ----------
    xcoords, ycoords : ndarray
        Scan positions in pixels of the object array, (N,) float64.
    xcoords_start, ycoords_start : ndarray
        Nominal positions, (N,) float64; the same where there are none.
    diff3d : ndarray or None
        Patterns, (N, H, W), or None.
    probeGuess : ndarray
        Probe, (H, W) complex, or (P, H, W) with all incoherent modes.
    objectGuess : ndarray or None
        Object, (H, W) complex, or None.
    scan_index : ndarray
        Number of the scan, (N,) int64.
    metadata : dict
        What the product says, by its key names.
    Y, norm_Y_I : None
        Ground truth and its normalisation, which ptyxr does not have.
    """

    xcoords: np.ndarray
    ycoords: np.ndarray
    xcoords_start: np.ndarray
    ycoords_start: np.ndarray
    diff3d: np.ndarray | None
    probeGuess: np.ndarray | None  # noqa: N815  (PtychoPINN's name)
    objectGuess: np.ndarray | None  # noqa: N815
    scan_index: np.ndarray
    metadata: dict[str, Any]
    Y: None = None
    norm_Y_I: None = None  # noqa: N815

    def __repr__(self) -> str:
        patterns = "no patterns" if self.diff3d is None else f"patterns {self.diff3d.shape[1:]}"
        obj = "no object" if self.objectGuess is None else f"object {self.objectGuess.shape}"
        return f"<RawData: {self.xcoords.size} positions, {patterns}, {obj}>"


def _measured(variable: Variable, measurement: str | None) -> Variable:
    """Return patterns as counts or amplitudes, from what they say they are."""
    if measurement not in (None, *MEASUREMENTS):
        raise PtyxrError(
            "no such measurement",
            key="measurement",
            found=repr(measurement),
            expected=" or ".join(map(repr, MEASUREMENTS)),
        )
    quantity = variable.attrs.get("quantity", "unknown")
    if measurement in (None, "unknown", quantity):
        return variable
    if quantity == "unknown":
        raise PtyxrError(
            "the dataset does not say whether its patterns are counts or amplitudes",
            key="diffraction",
            remedy="Set ds.diffraction.attrs['quantity'] to 'counts' or 'amplitude' first",
        )
    # The amplitude is the root of the counts.
    function = _root if measurement == "amplitude" else _square
    return Variable(variable.dims, lazy(_Mapped(variable, function)))


def _real(values: np.ndarray) -> np.ndarray:
    """Return numbers as float32, or float64 where that holds them better."""
    small = values.dtype.kind == "b" or values.dtype.itemsize <= 2 or values.dtype == np.float32
    return values.astype(np.float32 if small else np.float64, copy=False)


def _root(values: np.ndarray) -> np.ndarray:
    if (values < 0).any():
        raise InvalidDataError(
            "counts below 0 have no amplitude",
            key="diffraction",
            found=f"{int((values < 0).sum())} of them",
            remedy="Set them to 0 first: ds['diffraction'] = ds.diffraction.clip(0)",
        )
    return np.asarray(np.sqrt(_real(values)))


def _square(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.square(_real(values)))


class _Mapped(StoredArray):
    """A function of every number of an array, applied to what is read."""

    def __init__(self, variable: Variable, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self.variable = variable
        self.function = function
        self.shape = variable.shape
        self.dtype = function(np.empty(0, variable.dtype)).dtype

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        return np.asarray(self.function(self.variable[key].compute().data))


def _members(
    ds: Dataset, origin: str, measurement: str | None, probe: str | int
) -> tuple[dict[str, Variable], dict[str, Any]]:
    """Return what goes into a PtychoPINN dataset, and its metadata."""
    for name in ("position_x", "position_y"):
        if name not in ds.variables:
            raise MissingDataError(
                "a PtychoPINN dataset has positions, and the dataset has none",
                key=name,
                remedy=f"Assign them: ds.assign_coords({name}=('position', "
                "ptyxr.ureg.Quantity(numbers, 'pixel')))",
            )
    check_positions(ds)
    numbers, counted_from = pixel_numbers(ds, origin)
    members: dict[str, Variable] = {}
    for axis in "xy":
        coords = numbers[f"position_{axis}"]
        start = numbers.get(f"nominal_position_{axis}", coords)
        members[f"{axis}coords"] = Variable(("position",), np.asarray(coords, np.float64))
        members[f"{axis}coords_start"] = Variable(("position",), np.asarray(start, np.float64))
    left: list[str] = []
    if "diffraction" in ds:
        patterns = ds["diffraction"].variable.transpose(*SCHEMA["diffraction"].dims)
        members["diff3d"] = _measured(patterns, measurement)
    if "probe" in ds:
        members["probeGuess"] = _probe(ds, probe, left)
    if "object" in ds:
        members["objectGuess"] = _layer(ds, left)
    if "opr_weights" in ds:
        left.append("the OPR weights")
    index = (
        ds["scan_index"].values if "scan_index" in ds.variables else np.zeros(ds.sizes["position"])
    )
    index = checked_cast(np.asarray(index), np.dtype(np.int64), "scan_index")
    members["scan_index"] = Variable(("position",), index)
    if "bad_pixels" in ds:
        bad = ds["bad_pixels"].variable.transpose(*SCHEMA["bad_pixels"].dims).compute()
        values = checked_cast(np.asarray(bad.data), np.dtype(bool), "bad_pixels")
        members["bad_pixels"] = Variable(bad.dims, values)
    if left:
        warn(
            f"a PtychoPINN dataset has one object layer and one coherent mode: {', '.join(left)} "
            "are left behind. A product keeps them: ds.ptyxr.to_product().",
        )
    return members, _metadata(ds, numbers, counted_from)


def _in_order(ds: Dataset, name: str) -> Variable:
    """Return an array with its dimensions in the order of the model."""
    dims = SCHEMA[name].dims
    variable = ds[name].variable
    if not set(dims[-2:]) <= set(variable.dims) <= set(dims):
        raise InvalidDataError(
            "the array is not of the data model",
            key=name,
            found=f"dimensions {variable.dims}",
            expected=f"{dims}",
            remedy="Select one of a series with isel, and keep axes with isel(...=[i])",
        )
    return variable.transpose(*dims, missing_dims="ignore")


def _probe(ds: Dataset, probe: str | int, left: list[str]) -> Variable:
    variable = _in_order(ds, "probe")
    if "coherent_mode" in variable.dims:
        if variable.sizes["coherent_mode"] > 1:
            left.append(f"{variable.sizes['coherent_mode'] - 1} coherent modes")
        variable = variable.isel(coherent_mode=0)
    if "incoherent_mode" not in variable.dims:
        return variable
    modes = variable.sizes["incoherent_mode"]
    if probe == "all":
        return variable if modes > 1 else variable.isel(incoherent_mode=0)
    if probe == "dominant":
        loaded = variable.compute()
        power = (np.abs(loaded.data) ** 2).sum(axis=(1, 2))
        chosen, variable = int(np.argmax(power)), loaded
    elif isinstance(probe, int) and -modes <= probe < modes:
        chosen = probe
    else:
        raise PtyxrError(
            "no such choice of probe modes",
            key="probe",
            found=repr(probe),
            expected=f"'dominant', 'all', or a mode below {modes}",
        )
    if modes > 1:
        left.append(f"{modes - 1} incoherent modes (probe='all' keeps them)")
    return variable.isel(incoherent_mode=chosen)


def _layer(ds: Dataset, left: list[str]) -> Variable:
    variable = _in_order(ds, "object")
    if "object_layer" in variable.dims:
        if variable.sizes["object_layer"] > 1:
            left.append(f"{variable.sizes['object_layer'] - 1} object layers")
        variable = variable.isel(object_layer=0)
    return variable


def _metadata(ds: Dataset, numbers: dict[str, np.ndarray], origin: str) -> dict[str, Any]:
    """Return what the dataset says under the product's key names, over what its source said."""
    metadata: dict[str, Any] = {}
    try:
        source = json.loads(str(ds.attrs.get("source_metadata", "{}")))
        metadata.update(source if isinstance(source, dict) else {"source_metadata": source})
    except (ValueError, RecursionError):
        metadata["source_metadata"] = str(ds.attrs["source_metadata"])
    for key in KEYS:
        if key.place != "root":
            continue
        for spelling in key.spellings[1:]:
            metadata.pop(spelling, None)
        if SCHEMA[key.name].role == "scalar":
            value: Any = scalar(ds, key.name)
        else:
            value = ds.attrs.get(key.name)
            value = int(value) if key.name == "far_field" and value is not None else value
        if value is not None:
            metadata[key.spellings[0]] = value
    for name, key_name in (
        ("object_x", "object_pixel_width_m"),
        ("object_y", "object_pixel_height_m"),
        ("probe_x", "probe_pixel_width_m"),
        ("probe_y", "probe_pixel_height_m"),
    ):
        metadata.pop(key_name, None)
        size = written_pixel(ds, name)
        if size is not None:
            metadata[key_name] = size
    metadata["pixel_origin"] = origin
    for axis in "xy":
        metadata.pop(f"object_center_{axis}_m", None)
        size = pixel_length(ds, f"object_{axis}")
        if size is None or f"object_{axis}" not in ds.variables:
            continue
        grid = object_grid(ds, f"object_{axis}")
        counted_center = grid.center if origin == "world" else ORIGINS[origin](grid.size)
        # Kept numbers may contradict the axes; a centre would then move the scan off its object.
        at = positions_in_pixels(ds, f"position_{axis}") - grid.center
        apart = numbers[f"position_{axis}"] - counted_center - at / grid.pitch
        if not apart.size or np.abs(apart).max() <= TOLERANCE * max(1.0, float(np.abs(at).max())):
            metadata[f"object_center_{axis}_m"] = grid.center * size
    return metadata


def to_npz(
    ds: Dataset,
    path: object,
    *,
    origin: str = "auto",
    measurement: str | None = None,
    probe: str | int = "dominant",
    compressed: bool = False,
) -> Path:
    """Write a PtychoPINN dataset; see the accessor's method of this name."""
    target = target_path(path)
    if target.suffix.lower() in (".h5", ".hdf5"):
        raise PtyxrError(
            "a PtychoPINN dataset is written as NPZ",
            file=target,
            found=repr(target.suffix),
            expected="'.npz'",
            remedy="ds.ptyxr.to_product() writes HDF5",
        )
    members, metadata = _members(ds, origin, measurement, probe)
    if "diff3d" not in members:
        warn(
            "the dataset has no diffraction patterns, and PtychoPINN does not load an NPZ without; "
            "assign them to ds['diffraction'] first.",
        )
    members[METADATA] = Variable((), np.array(json.dumps(metadata)))
    with atomic_path(target, check=partial(check_npz, members=members)) as temporary:
        write_npz(temporary, members, compressed=compressed)
    return target


def to_rawdata(
    ds: Dataset,
    *,
    origin: str = "auto",
    measurement: str | None = None,
    probe: str | int = "dominant",
) -> RawData:
    """Return a PtychoPINN dataset in memory; see the accessor's method of this name."""
    members, metadata = _members(ds, origin, measurement, probe)
    loaded = {name: np.asarray(variable.compute().data) for name, variable in members.items()}
    return RawData(
        xcoords=loaded["xcoords"],
        ycoords=loaded["ycoords"],
        xcoords_start=loaded["xcoords_start"],
        ycoords_start=loaded["ycoords_start"],
        diff3d=loaded.get("diff3d"),
        probeGuess=loaded.get("probeGuess"),
        objectGuess=loaded.get("objectGuess"),
        scan_index=loaded["scan_index"],
        metadata=metadata,
    )
