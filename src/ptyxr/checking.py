"""Checking a dataset against the model: every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.coordinates import axis, magnitude, unit_of
from ptyxr.errors import PtyxrError
from ptyxr.formats.assembly import KINDS
from ptyxr.formats.checks import INSIDE, LEAVE_OUT
from ptyxr.formats.ptychodus_writer import ASSIGN
from ptyxr.grids import TOLERANCE
from ptyxr.model import AXES, POSITIONS, SCHEMA, Entry
from ptyxr.placement import points_outside
from ptyxr.report import Findings, Report
from ptyxr.units import METER, METER_PER_PIXEL, PIXEL, convert_scalar

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["validate_dataset"]

#: What a product needs and is written as a default, or not at all, where the dataset lacks it.
_WANTED: Final = {
    "object": "ds.ptyxr.fill_object() makes a uniform one",
    **ASSIGN,
    "photon_energy": "It is written as 0.0, unknown, unless to_product(..., photon_energy='8 keV')",
    "detector_object_distance": "It is written as 0.0, unknown, unless "
    "to_product(..., detector_object_distance='2 m')",
}

#: Dimensions that arrays have instead of the model's, and dimensions that a selection may take off.
_INSTEAD: Final = {"opr_entry": "position", "opr_mode": "coherent_mode"}
_OPTIONAL: Final = {"object_layer", "coherent_mode", "incoherent_mode"}

#: What no experiment has, in the unit of the model: such a number was meant in another unit.
_SENSE: Final[dict[str, tuple[float, float]]] = {
    **{one.pixel_size: (0.0, 1e-3) for one in AXES.values()},
    "photon_energy": (0.0, 1e7),
    "exposure_time": (0.0, float("inf")),
    "probe_photon_count": (0.0, float("inf")),
}


def validate_dataset(ds: Dataset) -> Report:
    """Check a dataset against the model; only coordinates are loaded.

    Parameters
    ----------
    ds : Dataset
        One product, or what is like one.

    Returns
    -------
    Report
        What is wrong, each with what to do about it; nothing is raised.
    """
    findings = Findings()
    for name, entry in SCHEMA.items():
        if name in ds.variables:
            _check_form(ds, entry, findings)
            if entry.unit is not None:
                _check_unit(ds, entry, findings)
        elif entry.role == "attribute" and name in ds.attrs:
            _check_attribute(entry, ds.attrs[name], findings)
    for name in AXES:
        if name in ds.variables and ds.variables[name].dims == (name,):
            _check_axis(ds, name, findings)
    _check_positions(ds, findings)
    _check_lengths(ds, findings)
    for name, remedy in _WANTED.items():
        if name not in ds.variables:
            problem = f"the dataset has no {SCHEMA[name].long_name}"
            findings.warning(name, problem, remedy=remedy)
    return findings.report()


def _check_form(ds: Dataset, entry: Entry, findings: Findings) -> None:
    variable = ds.variables[entry.name]
    if entry.role == "variable" and entry.name in ds.coords:
        remedy = f"ds.reset_coords({entry.name!r})"
        findings.error(entry.name, "it is a coordinate", expected="a data variable", remedy=remedy)
    elif entry.role != "variable" and entry.name not in ds.coords:
        remedy = f"ds.set_coords({entry.name!r})"
        findings.error(entry.name, "it is a data variable", expected="a coordinate", remedy=remedy)
    kinds = "f" if entry.name == "opr_weights" else KINDS[entry.kind]
    if variable.dtype.kind not in kinds and variable.size:
        found, expected = variable.dtype, entry.kind
        problem = "the numbers are of the wrong kind"
        array = f"ds[{entry.name!r}]" + (".real" if variable.dtype.kind == "c" else "")
        kind = {"real": "float"}.get(entry.kind, entry.kind)
        assign = "assign_coords" if entry.name in ds.coords else "assign"
        remedy = f"ds.{assign}({entry.name}={array}.astype({kind!r})) converts it"
        findings.error(entry.name, problem, found=found, expected=expected, remedy=remedy)
    dims = tuple(str(dim) for dim in variable.dims)
    known = tuple(_INSTEAD.get(d, d) if entry.name == "opr_weights" else d for d in dims)
    if known == entry.dims or (entry.role == "scalar" and variable.ndim < 2):
        return
    wanted = tuple(d for d in entry.dims if d in known or d not in _OPTIONAL)
    series = tuple(d for d in known if d not in entry.dims)
    if known == wanted:
        return  # one layer or mode was selected
    if series and tuple(d for d in known if d in entry.dims) == wanted:
        findings.warning(
            entry.name,
            "there is one for each step of a series; a product takes one",
            found=f"dimensions {dims}",
            expected=entry.dims,
            remedy=f"Select one with ds.isel({series[0]}=0)",
        )
        return
    problem = "the dimensions are wrong"
    remedy = "ds.rename(...) gives dimensions other names, ds.transpose(...) another order"
    findings.error(entry.name, problem, found=dims, expected=entry.dims, remedy=remedy)


def _check_unit(ds: Dataset, entry: Entry, findings: Findings) -> None:
    try:
        unit = unit_of(ds, entry.name)
    except PtyxrError as error:
        findings.exception(error, entry.name)
        return
    if entry.name in AXES or entry.name in POSITIONS:
        if unit == PIXEL:
            return
        target, expected = METER, "a length, or pixels"
    else:
        target = expected = str(entry.unit)
    try:
        factor = convert_scalar(1.0, unit, target)
    except PtyxrError:
        problem = "the unit is of another dimension"
        remedy = f"ds.assign_coords({entry.name}=...), a Quantity in {target}, puts it right"
        findings.error(entry.name, problem, found=unit, expected=expected, remedy=remedy)
        return
    if entry.role != "scalar":
        return
    values = magnitude(ds, entry.name)
    if entry.name in {one.pixel_size for one in AXES.values()} and values.dtype.kind in "fiu":
        wrong = values[~(np.isfinite(values) & (values * factor > 0))]
        if wrong.size:
            found = f"{wrong.ravel()[0]} {unit}"
            problem = "a pixel size is positive and finite"
            remedy = f"Tell it: {_telling(ds, entry.name.partition('_')[0])}"
            findings.error(entry.name, problem, found=found, remedy=remedy)
    if values.dtype.kind in "fiu":
        _check_sense(entry, np.asarray(values * factor), findings)


def _telling(ds: Dataset, what: str) -> str:
    """Return what tells a pixel size: the one that the axes have, where they are in lengths."""
    sizes = []
    for name in (f"{what}_x", f"{what}_y"):
        try:
            grid = axis(ds, name).grid
            pitch = convert_scalar(grid.pitch, grid.unit, METER)
        except PtyxrError:
            continue
        sizes.append(f"{pitch!r} m")
    if len(sizes) < 2:
        sizes = ["75 um" if what == "detector" else "50 nm"] * 2
    size = sizes[0] if sizes[0] == sizes[1] else tuple(sizes)
    return f"ds.ptyxr.assign_pixel_size({what}={size!r})"


def _check_sense(entry: Entry, values: np.ndarray, findings: Findings) -> None:
    """Warn of a number that is right by its unit, and wrong by its size."""
    low, high = _SENSE.get(entry.name, (-float("inf"), float("inf")))
    strange = values[(values < low) | (values > high)]
    if entry.name == "photon_energy" and not np.isfinite(values).all():
        findings.warning(
            entry.name,
            "the photon energy is not finite",
            found=f"{values[~np.isfinite(values)].flat[0]:g} {entry.unit}",
            remedy="Give it: ds.assign_coords(photon_energy=ptyxr.ureg.Quantity(8, 'keV'))",
        )
    elif strange.size:
        findings.warning(
            entry.name,
            "no experiment has such a number",
            found=f"{strange.flat[0]:g} {entry.unit}",
            expected=f"from {low:g} to {high:g} {entry.unit}",
            remedy="Was it meant in another unit? A number without a unit is in that of the model",
        )


def _check_attribute(entry: Entry, value: Any, findings: Findings) -> None:
    wanted = {"str": str, "int": (int, np.integer, np.bool_)}[entry.kind]
    if not isinstance(value, wanted):  # type: ignore[arg-type]
        found = f"{type(value).__name__} {value!r:.60}"
        problem = "the attribute is of the wrong type"
        remedy = f"ds.assign_attrs({entry.name}=...) sets another"
        findings.error(entry.name, problem, found=found, expected=entry.kind, remedy=remedy)


def _check_axis(ds: Dataset, name: str, findings: Findings) -> None:
    try:
        grid = axis(ds, name).grid
        told = AXES[name].pixel_size
        if grid.unit == PIXEL or told not in ds.variables or ds.variables[told].ndim:
            return
        size = convert_scalar(float(magnitude(ds, told)), unit_of(ds, told), METER_PER_PIXEL)
        pitch = convert_scalar(grid.pitch, grid.unit, METER)
    except PtyxrError as error:
        # A lost unit was said already, and by the coordinate that lost it.
        if not any(
            p.key == (error.key or name) and p.severity == "error" for p in findings.problems
        ):
            findings.exception(error, name)
        return
    if not abs(size / pitch - 1) * max(grid.size, 1) <= TOLERANCE:
        findings.warning(
            told,
            f"it is not the distance of the labels of {name!r}, which counts",
            found=f"{size!r} m/pixel",
            expected=f"{pitch!r} m/pixel",
            remedy=f"ds.assign_coords({told}=Q({pitch!r}, 'm/pixel')) brings them together",
        )


def _check_positions(ds: Dataset, findings: Findings) -> None:
    for name in POSITIONS:
        if name in ds.variables:
            values = _numbers(ds, name)
            if values is not None and (bad := int((~np.isfinite(values)).sum())):
                found = f"{bad} of {values.size}"
                findings.error(name, "positions are not finite", found=found, remedy=LEAVE_OUT)
    for name in "xy":
        along, position = f"object_{name}", f"position_{name}"
        units = [_unit_or_none(ds, key) for key in (along, position)]
        if None in units or (units[0] == PIXEL) == (units[1] == PIXEL):
            continue
        known = AXES[along].pixel_size in ds.variables
        (findings.warning if known else findings.error)(
            position,
            f"positions and {along!r} are in different units, one of them in pixels",
            found=f"{units[1]} and {units[0]}",
            remedy="ds.ptyxr.to('m') brings both to one"
            if known
            else f"{_telling(ds, 'object')}.ptyxr.to('m') brings both to one",
        )
    if "position_index" in ds.variables:
        indexes = np.asarray(ds.variables["position_index"].values)
        if indexes.size > 1 and np.unique(indexes).size == 1:
            findings.warning(
                "position_index",
                "all scan points have one index: Ptychodus 1.4 and later take one position and "
                "one pattern for the whole scan",
                found=f"{indexes.flat[0]} in all {indexes.size}",
                remedy="ds.ptyxr.to_product(..., position_index='sequential') numbers them",
            )
    if findings.report().errors:
        return  # a frame that is not sound cannot be looked into
    try:
        outside = points_outside(ds)
    except (PtyxrError, ValueError, TypeError):
        return  # no pixel size, or an axis that is no line: neither is wrong by itself
    if outside is not None and outside[1]:
        points, windows, total = outside
        reaching = f"{windows} of {total} probe windows reach beyond it"
        findings.warning(
            "position_x",
            "scan points lie outside the object" if points else "probe windows leave the object",
            found=f"{points} of {total}, and {reaching}" if points else reaching,
            remedy="ds.ptyxr.register() moves the object under its positions" if points else INSIDE,
        )


def _check_lengths(ds: Dataset, findings: Findings) -> None:
    if "object_layer_spacing" in ds.variables:
        distances = ds.sizes.get("object_layer_interface", 0)
        layers = ds.sizes.get("object_layer", 1)
        if "object" in ds.variables and distances != layers - 1:
            problem = "the number of distances does not go with the layers"
            expected = f"{layers - 1} for {layers} layer{'' if layers == 1 else 's'}"
            remedy = "Give one distance less than there are layers"
            findings.error(
                "object_layer_spacing", problem, found=distances, expected=expected, remedy=remedy
            )
    elif ds.sizes.get("object_layer", 1) > 1:
        problem = "the object has layers, and no distances between them"
        expected = f"{ds.sizes['object_layer'] - 1} distances"
        remedy = (
            "Give them: ds.assign_coords(object_layer_spacing=('object_layer_interface', "
            "ptyxr.ureg.Quantity([...], 'um')))"
        )
        findings.error("object_layer_spacing", problem, expected=expected, remedy=remedy)
    if "opr_weights" in ds.variables:
        for own, dim in _INSTEAD.items():
            if own in ds.variables["opr_weights"].dims and dim in ds.sizes:
                problem = f"the weights along {own!r} do not go with {dim!r}"
                few = f"slice({min(ds.sizes[own], ds.sizes[dim])})"
                weights = f"ds['opr_weights'].isel({own}={few}).rename({own}={dim!r})"
                remedy = f"Take as many of both: ds.isel({dim}={few}).assign(opr_weights={weights})"
                findings.error(
                    "opr_weights",
                    problem,
                    found=ds.sizes[own],
                    expected=ds.sizes[dim],
                    remedy=remedy,
                )
    for name in ("object", "probe"):
        if name in ds.variables and 0 in ds.variables[name].shape:
            sizes = dict(ds.variables[name].sizes)
            remedy = "Select some of its pixels: a slice of lengths may lie outside of it"
            findings.error(name, "an axis has length 0", found=sizes, remedy=remedy)


def _numbers(ds: Dataset, name: str) -> np.ndarray | None:
    try:
        values = magnitude(ds, name)
    except PtyxrError:
        return None
    return values if values.dtype.kind in "fiu" else None


def _unit_or_none(ds: Dataset, name: str) -> str | None:
    try:
        return unit_of(ds, name)
    except PtyxrError:
        return None
