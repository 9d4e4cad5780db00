"""Where object and scan lie to each other: registering, filling, and what lies outside."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ptyxr.carried import data_of
from ptyxr.coordinates import axis, replace_coordinates, unit_of
from ptyxr.errors import InvalidDataError, MissingDataError, warn
from ptyxr.frame import (
    ORIGINS,
    convert_grid,
    kept_pixel_numbers,
    object_grid,
    pixel_origin,
    positions_in_pixels,
)
from ptyxr.grids import Grid
from ptyxr.indexes import GridIndex
from ptyxr.model import SCHEMA, TOLERANCE
from ptyxr.pixel_sizes import needed_pixel_length
from ptyxr.units import METER, PIXEL, convert_scalar, is_quantity
from ptyxr.variables import kept_numbers

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["fill_object", "points_outside", "register", "warn_outside"]

#: No detector and no scan asks for an object with more pixels along an axis.
LARGEST = 200_000


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
        kept = kept_numbers(ds.variables[position])
        at = positions_in_pixels(ds, position)
        if not at.size or not np.isfinite(at).all():
            raise MissingDataError(
                "there are no finite positions to register the object to",
                key=position,
                found=f"{int(np.isfinite(at).sum())} finite of {at.size}",
            )
        origin = pixel_origin(ds)
        if kept is not None and origin in ORIGINS:
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
        full = convert_grid(ds, along, index.grid, PIXEL)
        ds = _with_center(ds, index, full.center + middle - line.center)
    return ds


def _with_center(ds: Dataset, index: GridIndex, center_px: float) -> Dataset:
    """Return the dataset with an object axis about another centre, given in pixels."""
    center = center_px
    if index.grid.unit != PIXEL:
        center = center_px * convert_scalar(
            needed_pixel_length(ds, str(index.name)), METER, index.grid.unit
        )
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
        grid = convert_grid(ds, along, grid, unit)
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
