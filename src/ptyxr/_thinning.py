"""What pictures show: values thinned before they are loaded, and the places they are at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ptyxr.coordinates import axis, magnitude, unit_of
from ptyxr.errors import GridError, InvalidDataError, MissingDataError
from ptyxr.units import METER, PIXEL, convert_scalar

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Placed", "check_image", "check_row", "contrast", "edges", "load", "load_positions"]

MAX_PIXELS: Final = 1024  # a side; more than a figure shows
_MAX_POSITIONS: Final = 20_000  # dots; more than an eye tells apart


class Placed(NamedTuple):
    """Thinned values and where they are: x, y in metres if lengths, in `unit` of x and of y.

    The values of an image are an array over y and x, those of positions their row numbers.
    """

    values: NDArray[Any]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: tuple[str, str]
    pitch: tuple[float | None, float | None] = (None, None)  # of axes of a single pixel, if known


def _numbers(ds: xr.Dataset, name: str) -> tuple[NDArray[np.float64], str]:
    """Return the numbers of a coordinate and their unit: metre for any length, or pixel."""
    unit = PIXEL if unit_of(ds, name) == PIXEL else METER
    return magnitude(ds, name, unit).astype(np.float64), unit


def load(ds: xr.Dataset, name: str, axes: str, **row: int) -> Placed:
    """Load one row of an array of images, each thinned to at most MAX_PIXELS a side."""
    if name not in ds:
        raise MissingDataError(f"the dataset has no {name} to plot")
    y, x = dims = (f"{axes}_y", f"{axes}_x")
    check_image(ds, name, dims)
    for dim, number in row.items():
        check_row(name, dim, number, ds[name].sizes.get(dim, 1))
    thin = ds[[name]].isel(row, missing_dims="ignore")
    for dim in dims:
        if dim not in thin.variables:
            thin = thin.assign_coords({dim: (dim, np.arange(thin.sizes[dim]), {"units": PIXEL})})
        thin = thin.isel({dim: slice(None, None, max(1, math.ceil(thin.sizes[dim] / MAX_PIXELS)))})
    (at_x, x_unit), (at_y, y_unit) = _numbers(thin, x), _numbers(thin, y)
    values = np.asarray(thin[name].transpose(..., y, x))
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    pitch = (_pitch(thin, x, x_unit), _pitch(thin, y, y_unit))
    return Placed(values, at_x, at_y, (x_unit, y_unit), pitch)


def _pitch(ds: xr.Dataset, name: str, unit: str) -> float | None:
    """Return the size of the pixel of an axis that has only one, or None."""
    if ds.sizes[name] > 1:
        return None
    try:
        grid = axis(ds, name).grid
    except GridError:
        return None
    return convert_scalar(grid.pitch, grid.unit, unit)


def check_row(name: str, dim: str, number: Any, size: int) -> None:
    """Refuse what is no number of a row, from either end."""
    # True is a number to Python, and a mask to numpy.
    whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
    if not whole or not -size <= number < size:
        raise MissingDataError(
            f"there is no such {dim}",
            key=name,
            found=repr(number) if not whole else number,
            expected=f"a whole number below {size}",
        )


def check_image(ds: xr.Dataset, name: str, dims: tuple[str, str]) -> None:
    """Refuse an array that has lost an axis of its images, or all of its pixels."""
    if not set(dims) <= set(ds[name].dims) or 0 in ds[name].shape:
        raise MissingDataError(
            f"there is no image of the {name} to plot",
            key=name,
            found=", ".join(f"{dim}: {size}" for dim, size in ds[name].sizes.items()) or "a number",
            remedy="Select pixels by a slice or a list, and some of them",
        )
    if (dtype := ds[name].dtype).kind not in "biufc":
        raise InvalidDataError("pictures are of numbers", key=name, found=f"values of type {dtype}")
    for dim in dims:
        if dim in ds.variables and not _is_even(_numbers(ds, dim)[0]):
            raise GridError(
                "a picture cannot show pixels that are not evenly spaced",
                key=dim,
                remedy=f"Select by a slice, as ds.isel({dim}=slice(10, 20)), and not by a list",
            )


def _is_even(at: NDArray[np.float64]) -> bool:
    """Tell whether numbers are evenly spaced, upwards or downwards, to a hundredth of a step."""
    if at.size < 2:
        return bool(np.isfinite(at).all())
    step = (at[-1] - at[0]) / (at.size - 1)
    # Not NaN either, nor all at one place.
    return bool((np.abs(np.diff(at) - step) < 0.01 * np.abs(step)).all())


def load_positions(ds: xr.Dataset, name: str) -> Placed | None:
    """Return scan positions, at most _MAX_POSITIONS of them, or None; NaN where one is lost."""
    if f"{name}_x" not in ds.coords or f"{name}_y" not in ds.coords or not ds[f"{name}_x"].size:
        return None
    (x, x_unit), (y, y_unit) = _numbers(ds, f"{name}_x"), _numbers(ds, f"{name}_y")
    row = np.arange(0, x.size, math.ceil(x.size / _MAX_POSITIONS))
    # A single position may have lost its dimension to isel.
    x, y = np.atleast_1d(x)[row], np.atleast_1d(y)[row]
    there = np.isfinite(x) & np.isfinite(y)
    if not there.any():
        return None
    return Placed(row, np.where(there, x, np.nan), np.where(there, y, np.nan), (x_unit, y_unit))


def contrast(image: Placed, values: NDArray[Any], points: Placed | None) -> tuple[float, float]:
    """Return the range of values, without outliers, in the part of the object that was scanned.

    Outside of it a reconstruction keeps whatever it started from.
    """
    if points is not None and points.unit == image.unit:
        rows = (image.y >= np.nanmin(points.y)) & (image.y <= np.nanmax(points.y))
        columns = (image.x >= np.nanmin(points.x)) & (image.x <= np.nanmax(points.x))
        values = values[np.ix_(rows, columns)] if rows.any() and columns.any() else values
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    # A flat object gets a scale all the same, and the noise in its last digit no colours.
    return (low, high) if high - low > 1e-6 * high else (low - 0.5, high + 0.5)


def edges(image: Placed) -> tuple[NDArray[np.float64], ...]:
    """Return the outer edges of the first and the last pixel, in x and in y."""
    told = [
        (at[-1] - at[0]) / (at.size - 1) if at.size > 1 else pitch
        for at, pitch in zip((image.x, image.y), image.pitch, strict=True)
    ]
    # A single row of pixels may not tell how high it is: as high as wide.
    steps = [step for step in told if step is not None] or [1.0]
    ends = zip((image.x, image.y), (steps[0], steps[-1]), strict=True)
    return tuple(np.array([at[0] - step / 2, at[-1] + step / 2]) for at, step in ends)
