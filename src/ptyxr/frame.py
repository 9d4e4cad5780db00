"""The frame of a dataset: px <-> m, moving all of it, and what its pixels are counted from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ptyxr.carried import data_of
from ptyxr.coordinates import (
    axis,
    is_coordinate,
    magnitude,
    quantify,
    replace_coordinates,
    through_dataset,
    unit_of,
)
from ptyxr.errors import GridError, UnitError
from ptyxr.grids import TOLERANCE, Grid
from ptyxr.indexes import GridIndex, UnitIndex
from ptyxr.model import AXES, CENTERS, POSITIONS
from ptyxr.pixel_sizes import needed_pixel_length, pixel_length, quantified, sizes_of_axes
from ptyxr.spelling import MISTAKEN
from ptyxr.units import (
    METER,
    PIXEL,
    canonical,
    convert,
    convert_scalar,
    is_quantity,
    parse,
    quantity,
)
from ptyxr.variables import kept_numbers, unit_variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray import DataArray, Dataset, Variable

__all__ = [
    "ORIGINS",
    "PIXEL_ORIGIN",
    "convert_grid",
    "kept_pixel_numbers",
    "object_axis",
    "object_grid",
    "pixel_origin",
    "positions_in_pixels",
    "shift",
    "to",
    "to_array",
]

#: Key of a position's encoding for what those numbers are counted from.
PIXEL_ORIGIN: Final = "pixel_origin"

#: What the object's centre is in pixel numbers, by what they are counted from; see `Grid.labels`.
ORIGINS: Final[dict[str, Callable[[int], float]]] = {
    "corner": lambda size: size / 2,
    "pixel": lambda size: (size - 1) / 2,
    "center": lambda _size: 0.0,
}


def object_axis(name: str) -> str:
    """Return the object's axis along which a coordinate is measured: that of x or of y."""
    return f"object_{name[-1]}"


def pixel_origin(ds: Dataset) -> str:
    """Return what the kept pixel numbers of a dataset are counted from."""
    kept = ds.variables["position_x"].encoding.get(PIXEL_ORIGIN)
    origin = str(kept or ds.attrs.get("pixel_origin", "corner"))
    return origin if origin in (*ORIGINS, "world") else "corner"


def _length_or_pixel(unit: object) -> str:
    target = canonical(unit, "unit")
    if target != PIXEL:
        try:
            convert_scalar(1.0, target, METER)
        except UnitError as error:
            raise UnitError(
                "a dataset is converted to a length or to pixels",
                key="unit",
                found=target,
                expected="'m', 'um', 'nm', … or 'pixel'",
                remedy=MISTAKEN.get(target),
            ) from error
    return target


def convert_grid(ds: Dataset, name: str, grid: Grid, target: str) -> Grid:
    """Return the grid of an axis in another unit, by the pixel size of the axis."""
    if grid.unit == target:
        return grid
    if PIXEL not in (grid.unit, target):
        return grid.to(target)
    size = needed_pixel_length(ds, name)
    if target == PIXEL:
        meters = grid.to(METER)
        # The axis may hold every second pixel, which is then a pitch of two.
        pitch = meters.pitch / size
        whole = round(pitch)
        if whole and abs(pitch - whole) * grid.size <= TOLERANCE:
            pitch = float(whole)
        return Grid(meters.center / size, pitch, grid.size, PIXEL)
    return grid.to(target, per=convert_scalar(size, METER, target))


def _convert_values(ds: Dataset, name: str, size_axis: str, target: str) -> np.ndarray:
    unit = unit_of(ds, name)
    values = magnitude(ds, name)
    if PIXEL not in (unit, target) or unit == target:
        return convert(values, unit, target)
    size = needed_pixel_length(ds, size_axis)
    if target == PIXEL:
        return np.asarray(convert(values, unit, METER) / size)
    return np.asarray(values * convert_scalar(size, METER, target))


def to(ds: Dataset, unit: object) -> Dataset:
    """Return the dataset with positions and pixel axes in another unit; see the accessor."""
    target = _length_or_pixel(unit)
    _no_renamed_axis(ds)
    variables: dict[str, Variable] = sizes_of_axes(ds) if target == PIXEL else {}
    indexes: dict[str, GridIndex] = {}
    for name in AXES:
        if name not in ds.variables:
            continue
        if ds.variables[name].dims != (name,) or isinstance(ds.xindexes.get(name), UnitIndex):
            variables[name] = _converted_coordinate(ds, name, name, target)
            continue
        index = axis(ds, name)
        if name.startswith("detector") and pixel_length(ds, name) is None:
            continue  # a detector whose pixel size no one told stays in pixels
        if index.grid.unit != target:
            indexes[name] = index.replace(grid=convert_grid(ds, name, index.grid, target))
    for name in (*POSITIONS, *CENTERS):
        if name in ds.variables and unit_of(ds, name) != target:
            size_axis = object_axis(name)
            variables[name] = _converted_coordinate(ds, name, size_axis, target)
    converted = replace_coordinates(ds, variables, indexes)
    return quantify(converted) if quantified(ds) else converted


def _no_renamed_axis(ds: Dataset) -> None:
    """Refuse to move or convert a part of the frame only, and an axis by another name not."""
    for name, index in ds.xindexes.items():
        if isinstance(index, GridIndex) and name not in AXES:
            raise GridError(
                "an axis has another name than the model's, and would stay behind",
                key=str(name),
                expected=f"one of {', '.join(AXES)}",
                remedy=f"Rename it back first: ds.rename({name!r}='object_x')",
            )


def to_array(array: DataArray, unit: object) -> DataArray:
    """Return an array with its pixel axes in another unit, and itself where it is a length."""
    converted = through_dataset(array, to, unit)
    data = data_of(array.variable)
    target = _length_or_pixel(unit)
    if is_coordinate(array) or not is_quantity(data) or target == PIXEL:
        return converted
    source = canonical(data, str(array.name))
    try:
        values = convert(np.asarray(data.magnitude), source, target)
    except UnitError:
        return converted  # no length itself: its coordinates were meant
    return converted.copy(data=quantity(values, target))


def _converted_coordinate(ds: Dataset, name: str, size_axis: str, target: str) -> Variable:
    old = ds.variables[name]
    return unit_variable(
        old.dims,
        _convert_values(ds, name, size_axis, target),
        target,
        old.attrs,
        quantified=is_quantity(data_of(old)),
        encoding=old.encoding,
    )


def _moved(ds: Dataset, x: float, y: float, unit: str, names: tuple[str, ...]) -> Dataset:
    """Return the dataset with coordinates moved by lengths in `unit`, each kept in its own unit."""
    variables: dict[str, Variable] = {}
    indexes: dict[str, GridIndex] = {}
    for name in names:
        if name not in ds.variables:
            continue
        size_axis = object_axis(name)
        by = x if name.endswith("x") else y
        if not by:
            continue
        own = unit_of(ds, name)
        if PIXEL in (own, unit) and own != unit:
            size = needed_pixel_length(ds, size_axis)
            meters = by * size if unit == PIXEL else convert_scalar(by, unit, METER)
            by = meters / size if own == PIXEL else convert_scalar(meters, METER, own)
        else:
            by = convert_scalar(by, unit, own)
        uneven = isinstance(ds.xindexes.get(name), UnitIndex)
        if name in AXES and ds.variables[name].dims == (name,) and not uneven:
            index = axis(ds, name)
            indexes[name] = index.replace(grid=replace(index.grid, center=index.grid.center + by))
        else:
            old = ds.variables[name]
            variables[name] = unit_variable(
                old.dims, magnitude(ds, name) + by, own, old.attrs,
                quantified=is_quantity(data_of(old)), encoding=old.encoding,
            )  # fmt: skip
    return replace_coordinates(ds, variables, indexes)


def _offset(value: object, name: str) -> tuple[float, str]:
    """Return a length or a number of pixels that a user gave, with its unit."""
    unit = METER
    text = value.split()[-1].lower() if isinstance(value, str) and value.split() else ""
    if text.endswith(("px", "pixel", "pixels")) or (
        is_quantity(value) and canonical(value, name) == PIXEL
    ):
        unit = PIXEL
    return parse(value, unit, name, bare=False), unit


def shift(ds: Dataset, *, x: object = None, y: object = None) -> Dataset:
    """Return the dataset with its whole frame moved; see the accessor's method of this name."""
    _no_renamed_axis(ds)
    for name, value in (("x", x), ("y", y)):
        if value is None:
            continue
        by, unit = _offset(value, name)
        moved = (f"object_{name}", f"position_{name}", f"nominal_position_{name}")
        ds = _moved(ds, by, by, unit, (*moved, f"object_center_{name}"))
    return ds


def kept_pixel_numbers(ds: Dataset, name: str) -> np.ndarray | None:
    """Return the pixel numbers that a position came with, (N,) float64, while it is unchanged.

    Parameters
    ----------
    ds : Dataset
    name : str
        "position_x", "position_y", or one of the nominal ones.
    """
    if name not in ds.variables:
        return None
    kept = kept_numbers(ds.variables[name])
    if kept is None:
        return None
    unit = unit_of(ds, name)
    size_axis = object_axis(name)
    values = magnitude(ds, name)
    if unit != PIXEL:
        size = pixel_length(ds, size_axis)
        if not size:
            return None
        values = convert(values, unit, METER) / size
    same = np.abs(values - kept) <= TOLERANCE
    return kept if bool((same | (values == kept)).all()) else None


def positions_in_pixels(ds: Dataset, name: str) -> np.ndarray:
    """Return positions divided by the object's pixel size, in pixels of the frame, (N,) float64."""
    return _convert_values(ds, name, object_axis(name), PIXEL)


def object_grid(ds: Dataset, name: str) -> Grid:
    """Return what the dataset has of an object axis as an ascending grid in pixels."""
    return convert_grid(ds, name, axis(ds, name).line(), PIXEL)
