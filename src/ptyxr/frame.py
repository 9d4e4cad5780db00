"""The frame of a dataset: pixel sizes, px <-> m, and what moves object and positions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from xarray import DataArray, Dataset, Variable

from ptyxr.coordinates import (
    axis,
    magnitude,
    replace_coordinates,
    scalar,
    through_dataset,
    unit_of,
)
from ptyxr.errors import InvalidDataError, MissingDataError, UnitError, warn
from ptyxr.grids import TOLERANCE, Grid
from ptyxr.indexes import GridIndex
from ptyxr.model import AXES, POSITIONS, SCHEMA, axes_of
from ptyxr.units import (
    METER,
    PIXEL,
    canonical,
    convert,
    convert_scalar,
    is_quantity,
    parse,
    pixel_size,
    quantity,
)
from ptyxr.variables import PIXEL_NUMBERS, data_of, unit_variable

__all__ = [
    "assign_pixel_size",
    "fill_object",
    "kept_pixel_numbers",
    "pixel_length",
    "points_outside",
    "positions_in_pixels",
    "register",
    "shift",
    "to",
]

#: No detector and no scan asks for an object with more pixels along an axis.
LARGEST = 200_000

#: Key of a position's encoding for what those numbers are counted from.
PIXEL_ORIGIN = "pixel_origin"

#: What the object's centre is in pixel numbers, by what they are counted from; see `Grid.labels`.
ORIGINS: dict[str, Any] = {
    "corner": lambda size: size / 2,
    "pixel": lambda size: (size - 1) / 2,
    "center": lambda _size: 0.0,
}


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


def pixel_origin(ds: Dataset) -> str:
    """Return what the kept pixel numbers of a dataset are counted from."""
    kept = ds.variables["position_x"].encoding.get(PIXEL_ORIGIN)
    origin = str(kept or ds.attrs.get("pixel_origin", "corner"))
    return origin if origin in (*ORIGINS, "world") else "corner"


def pixel_length(ds: Dataset, name: str) -> float | None:
    """Return the pixel size of an axis in metre/pixel: from the axis in metres, else the scalar.

    Parameters
    ----------
    ds : Dataset
    name : str
        Name of a pixel axis ("object_x").
    """
    if name in ds.variables:
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
    return scalar(ds, AXES[name].pixel_size)


def _needed(ds: Dataset, name: str) -> float:
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
            ) from error
    return target


def _convert_grid(ds: Dataset, name: str, grid: Grid, target: str) -> Grid:
    if grid.unit == target:
        return grid
    if PIXEL not in (grid.unit, target):
        return grid.to(target)
    size = _needed(ds, name)
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
    size = _needed(ds, size_axis)
    if target == PIXEL:
        return np.asarray(convert(values, unit, METER) / size)
    return np.asarray(values * convert_scalar(size, METER, target))


def to(ds: Dataset, unit: object) -> Dataset:
    """Return the dataset with positions and pixel axes in another unit; see the accessor."""
    target = _length_or_pixel(unit)
    variables: dict[str, Variable] = {}
    indexes: dict[str, GridIndex] = {}
    for name in AXES:
        if name not in ds.variables:
            continue
        if ds.variables[name].dims != (name,):
            variables[name] = _converted_coordinate(ds, name, name, target)
            continue
        index = axis(ds, name)
        if name.startswith("detector") and pixel_length(ds, name) is None:
            continue  # a detector whose pixel size no one told stays in pixels
        if index.grid.unit != target:
            indexes[name] = index.replace(grid=_convert_grid(ds, name, index.grid, target))
    for name in POSITIONS:
        if name in ds.variables and unit_of(ds, name) != target:
            size_axis = "object_x" if name.endswith("x") else "object_y"
            variables[name] = _converted_coordinate(ds, name, size_axis, target)
    return replace_coordinates(ds, variables, indexes)


def to_array(array: DataArray, unit: object) -> DataArray:
    """Return an array with its pixel axes in another unit, and itself where it is a length."""
    converted = through_dataset(array, to, unit)
    data = data_of(array.variable)
    target = _length_or_pixel(unit)
    if array.name in array.coords or not is_quantity(data) or target == PIXEL:
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
        size_axis = "object_x" if name.endswith("x") else "object_y"
        by = x if name.endswith("x") else y
        if not by:
            continue
        own = unit_of(ds, name)
        if PIXEL in (own, unit) and own != unit:
            size = _needed(ds, size_axis)
            meters = by * size if unit == PIXEL else convert_scalar(by, unit, METER)
            by = meters / size if own == PIXEL else convert_scalar(meters, METER, own)
        else:
            by = convert_scalar(by, unit, own)
        if name in AXES and ds.variables[name].dims == (name,):
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
    for name, value in (("x", x), ("y", y)):
        if value is None:
            continue
        by, unit = _offset(value, name)
        moved = (f"object_{name}", f"position_{name}", f"nominal_position_{name}")
        ds = _moved(ds, by, by, unit, moved)
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
    kept = ds.variables[name].encoding.get(PIXEL_NUMBERS)
    if kept is None or kept.shape != ds.variables[name].shape:
        return None
    unit = unit_of(ds, name)
    size_axis = "object_x" if name.endswith("x") else "object_y"
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
    return _convert_values(ds, name, "object_x" if name.endswith("x") else "object_y", PIXEL)


def object_grid(ds: Dataset, name: str) -> Grid:
    """Return what the dataset has of an object axis as an ascending grid in pixels."""
    return _convert_grid(ds, name, axis(ds, name).line(), PIXEL)


def register(ds: Dataset) -> Dataset:
    """Return the dataset with its object moved under its positions; see the accessor."""
    for name in ("x", "y"):
        along, position = f"object_{name}", f"position_{name}"
        if along not in ds.variables or position not in ds.variables:
            raise MissingDataError(
                "an object and positions are needed to register one to the other",
                key=along if along not in ds.variables else position,
            )
        index = axis(ds, along)
        kept = ds.variables[position].encoding.get(PIXEL_NUMBERS)
        at = positions_in_pixels(ds, position)
        if not at.size or not np.isfinite(at).all():
            raise MissingDataError(
                "there are no finite positions to register the object to",
                key=position,
                found=f"{int(np.isfinite(at).sum())} finite of {at.size}",
            )
        origin = pixel_origin(ds)
        if kept is not None and kept.shape == at.shape and origin in ORIGINS:
            offset = at - kept
            # One frame moved as a whole differs from the other by one number.
            if np.ptp(offset) <= TOLERANCE * max(1.0, float(np.abs(at).max())):
                center = ORIGINS[origin](index.grid.size)
                center += float(offset.mean()) if np.abs(offset).max() > TOLERANCE else 0.0
                ds = _with_center(ds, index, center)
                continue
        line = object_grid(ds, along)
        if bool((np.abs(at - line.center) <= line.size * line.pitch / 2).all()):
            continue  # on the object already, and nothing says better where
        # Ptychodus centres a new object on the bounding box of the scan.
        middle = (float(at.min()) + float(at.max())) / 2
        full = _convert_grid(ds, along, index.grid, PIXEL)
        ds = _with_center(ds, index, full.center + middle - line.center)
    return ds


def _with_center(ds: Dataset, index: GridIndex, center_px: float) -> Dataset:
    """Return the dataset with an object axis about another centre, given in pixels."""
    center = center_px
    if index.grid.unit != PIXEL:
        center = center_px * convert_scalar(_needed(ds, str(index.name)), METER, index.grid.unit)
    moved = index.replace(grid=replace(index.grid, center=center))
    return replace_coordinates(ds, {}, {str(index.name): moved})


def fill_object(ds: Dataset, *, value: complex = 1.0, padding: int = 0) -> Dataset:
    """Return the dataset with a uniform object, sized to the scan; see the accessor."""
    if padding < 0:
        raise InvalidDataError("padding is not negative", key="padding", found=padding)
    probe = [ds.sizes.get(f"probe_{n}", ds.sizes.get(f"detector_{n}", 0)) for n in "xy"]
    indexes: dict[str, GridIndex] = {}
    for name, window in zip("xy", probe, strict=True):
        position, along = f"position_{name}", f"object_{name}"
        at = positions_in_pixels(ds, position)
        if not at.size or not np.isfinite(at).all():
            raise MissingDataError("positions are needed to size an object by", key=position)
        low = math.floor(float(at.min()) - window / 2) - padding
        high = math.ceil(float(at.max()) + window / 2) + padding
        # Pixel numbers go on counting from the same corner: the grid starts there.
        in_pixels = kept_pixel_numbers(ds, position) is not None
        origin = pixel_origin(ds) if in_pixels else "world"
        if origin == "world":
            grid, columns = Grid((low + high) / 2, 1.0, high - low, PIXEL), range(high - low)
        elif origin == "center":
            size = 2 * max(abs(low), abs(high))
            grid, columns = Grid(0.0, 1.0, size, PIXEL), range(size)
        else:
            size = max(high, 1)
            grid, columns = Grid(ORIGINS[origin](size), 1.0, size, PIXEL), range(min(low, 0), size)
        if len(columns) > LARGEST:
            raise InvalidDataError(
                "the scan is too large for an object",
                key=along,
                found=f"{len(columns)} pixels",
                expected=f"at most {LARGEST}",
                remedy="Look at positions and pixel size: is one in the wrong unit?",
            )
        unit = unit_of(ds, position)
        grid = _convert_grid(ds, along, grid, unit)
        is_quantified = is_quantity(data_of(ds.variables[position]))
        indexes[along] = GridIndex(grid, columns, along, along, quantified=is_quantified)
    shape = (1, len(indexes["object_y"].labels), len(indexes["object_x"].labels))
    entry = SCHEMA["object"]
    dtype = ds["probe"].dtype if "probe" in ds else np.dtype(np.complex64)
    drop = [n for n in ("object", "object_x", "object_y") if n in ds.variables]
    filled = ds.drop_vars(drop).assign(
        object=(entry.dims, np.full(shape, value, dtype=dtype), {"long_name": entry.long_name})
    )
    return replace_coordinates(filled, {}, indexes)


def points_outside(ds: Dataset) -> tuple[int, int, int] | None:
    """Return how many scan points, and how many probe windows, lie outside the object.

    Returns
    -------
    (points, windows, total) : tuple of int, or None
        Points off the object's outer edges, probe windows that reach beyond them, and all points;
        None where there is no object to be on.
    """
    total = ds.sizes.get("position", 0)
    points = np.zeros(total, dtype=bool)
    windows = np.zeros(total, dtype=bool)
    for name in "xy":
        if f"object_{name}" not in ds.variables or f"position_{name}" not in ds.variables:
            return None
        grid = object_grid(ds, f"object_{name}")
        at = positions_in_pixels(ds, f"position_{name}") - grid.center
        reach = grid.size * grid.pitch / 2
        half = ds.sizes.get(f"probe_{name}", 0) / 2
        points |= ~(np.abs(at) <= reach + TOLERANCE)
        windows |= ~(np.abs(at) + half <= reach + TOLERANCE)
    return int(points.sum()), int(windows.sum()), total


def warn_outside(ds: Dataset, remedy: str) -> None:
    """Warn when scan points lie outside the object: how many, and what would fix it."""
    outside = points_outside(ds)
    if outside is None or not outside[0]:
        return
    points, windows, total = outside
    warn(
        f"{points} of {total} scan points lie outside the object, and {windows} of {total} probe "
        f"windows reach beyond it. {remedy}"
    )
