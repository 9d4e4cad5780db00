"""The pixel sizes of a dataset: as scalars tell them, as the axes have them, as they are given."""

from __future__ import annotations

import math

import numpy as np
from xarray import Dataset, Variable

from ptyxr.carried import data_of
from ptyxr.coordinates import axis, magnitude, replace_coordinates, scalar
from ptyxr.errors import MissingDataError, UnitError
from ptyxr.grids import TOLERANCE
from ptyxr.indexes import GridIndex, UnitIndex
from ptyxr.model import AXES, SCHEMA, axes_of
from ptyxr.units import METER, PIXEL, convert_scalar, is_quantity, pixel_size
from ptyxr.variables import unit_variable

__all__ = [
    "assign_pixel_size",
    "make_scalar",
    "needed_pixel_length",
    "pixel_length",
    "quantified",
    "sizes_of_axes",
    "written_pixel",
]


def quantified(ds: Dataset) -> bool:
    """Tell whether a dataset's coordinates are Quantities."""
    return any(
        getattr(ds.xindexes.get(name), "quantified", False)
        if name in AXES
        else is_quantity(data_of(v))
        for name, v in ds.coords.variables.items()
    )


def make_scalar(name: str, value: float, *, quantified: bool) -> Variable:
    """Return a scalar coordinate of the model, from a number in the unit of the model."""
    entry = SCHEMA[name]
    attrs = {"long_name": entry.long_name}
    if entry.unit is None:
        return Variable((), np.float64(value), attrs)
    return unit_variable((), np.float64(value), entry.unit, attrs, quantified=quantified)


def pixel_length(ds: Dataset, name: str) -> float | None:
    """Return the pixel size of an axis in metre/pixel: from the axis in metres, else the scalar.

    Parameters
    ----------
    ds : Dataset
    name : str
        Name of a pixel axis ("object_x").
    """
    if name in ds.variables and not isinstance(ds.xindexes.get(name), UnitIndex):
        try:
            grid = axis(ds, name).grid
            if grid.unit != PIXEL:
                pitch = convert_scalar(grid.pitch, grid.unit, METER)
                told = _told(ds, name)
                agrees = told is not None and abs(told / pitch - 1) * max(grid.size, 1) <= TOLERANCE
                return told if agrees else pitch
        except MissingDataError:
            pass
    return _told(ds, name)


def written_pixel(ds: Dataset, name: str) -> float | None:
    """Return the pixel size of an axis as it stands: of every second pixel, twice that of one.

    Parameters
    ----------
    ds : Dataset
    name : str
        Name of a pixel axis ("object_x").

    Returns
    -------
    float or None
        In metre/pixel.

    Raises
    ------
    GridError
        If the axis is no line of evenly spaced, ascending pixels.
    """
    size = pixel_length(ds, name)
    if name not in ds.variables:
        return size
    index = axis(ds, name)
    line = index.line()
    if size is None:
        return None if line.unit == PIXEL else convert_scalar(line.pitch, line.unit, METER)
    steps = line.pitch / index.grid.pitch if index.span is not None else 1.0
    return size if steps == 1 else size * round(steps)


def _told(ds: Dataset, name: str) -> float | None:
    """Return the pixel size as its scalar tells it; of products on one grid, that of the first."""
    size = AXES[name].pixel_size
    if size not in ds.variables or not ds.variables[size].ndim:
        return scalar(ds, size)
    told = magnitude(ds, size)
    first = told.flat[0] if told.size else np.nan
    if (np.abs(told - first) * ds.sizes.get(name, 1) <= TOLERANCE * abs(first)).all():
        return scalar(ds.isel(dict.fromkeys(ds.variables[size].dims, 0)), size)
    index = ds.xindexes.get(name)
    if isinstance(index, GridIndex) and index.grid.unit != PIXEL:
        return None  # the axis tells it
    return scalar(ds, size)


def needed_pixel_length(ds: Dataset, name: str) -> float:
    """Return the pixel size of an axis in metre/pixel, or say how to give it."""
    size = pixel_length(ds, name)
    if size is None or not (math.isfinite(size) and size > 0):
        what = AXES[name].variable
        argument = "detector" if what == "diffraction" else what
        raise MissingDataError(
            f"the pixel size of the {argument} is not known",
            key=AXES[name].pixel_size,
            found=None if size is None else size,
            remedy=f"Give it first: ds.ptyxr.assign_pixel_size({argument}='50 nm')",
        )
    return size


def assign_pixel_size(
    ds: Dataset, *, object: object = None, probe: object = None, detector: object = None
) -> Dataset:
    """Return the dataset with pixel sizes; see the accessor's method of this name."""
    variables: dict[str, Variable] = {}
    for variable, given in (("object", object), ("probe", probe), ("diffraction", detector)):
        if given is None:
            continue
        argument = "detector" if variable == "diffraction" else variable
        for one, size in zip(axes_of(variable), pixel_size(given, argument), strict=True):
            if one.name in ds.variables and (grid := axis(ds, one.name).grid).unit != PIXEL:
                pitch = convert_scalar(grid.pitch, grid.unit, METER)
                if abs(size / pitch - 1) * grid.size > TOLERANCE:
                    raise UnitError(
                        "the axis is in lengths already, with another pixel size",
                        key=one.name,
                        found=f"{pitch!r} m/pixel on the axis, {size!r} m/pixel given",
                        remedy="Convert it first: ds.ptyxr.to('pixel')",
                    )
            variables[one.pixel_size] = make_scalar(one.pixel_size, size, quantified=quantified(ds))
    return replace_coordinates(ds, variables)


def sizes_of_axes(ds: Dataset) -> dict[str, Variable]:
    """Return the pixel sizes that the axes have and their scalars tell otherwise."""
    sizes: dict[str, Variable] = {}
    for name, one in AXES.items():
        if one.pixel_size not in ds.variables or ds.variables[one.pixel_size].ndim:
            continue
        index = ds.xindexes.get(name)
        if not isinstance(index, GridIndex):
            continue
        size, told = pixel_length(ds, name), _told(ds, name)
        if size and size != told and _no_multiple(size, told, index):
            sizes[one.pixel_size] = make_scalar(one.pixel_size, size, quantified=quantified(ds))
    return sizes


def _no_multiple(size: float, told: float | None, index: GridIndex) -> bool:
    """Tell whether an axis has pixels of its own, rather than every second or third of the told."""
    if not told or not math.isfinite(told):
        return True
    ratio = size / told
    return round(ratio) < 1 or abs(ratio - round(ratio)) * index.grid.size > TOLERANCE
