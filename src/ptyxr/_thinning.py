"""What pictures show: values thinned before they are loaded, and the places they are at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ptyxr.coordinates import magnitude, unit_of
from ptyxr.errors import MissingDataError
from ptyxr.units import METER, PIXEL

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Placed", "check_image", "contrast", "edges", "load", "load_positions"]

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
        if dim in ds[name].dims and not -ds.sizes[dim] <= number < ds.sizes[dim]:
            raise MissingDataError(
                f"there is no such {dim}", key=name, found=number, expected=f"below {ds.sizes[dim]}"
            )
    thin = ds[[name]].isel(row, missing_dims="ignore")
    for dim in dims:
        if dim not in thin.variables:
            thin = thin.assign_coords({dim: (dim, np.arange(thin.sizes[dim]), {"units": PIXEL})})
        thin = thin.isel({dim: slice(None, None, max(1, math.ceil(thin.sizes[dim] / MAX_PIXELS)))})
    (at_x, x_unit), (at_y, y_unit) = _numbers(thin, x), _numbers(thin, y)
    return Placed(np.asarray(thin[name].transpose(..., y, x)), at_x, at_y, (x_unit, y_unit))


def check_image(ds: xr.Dataset, name: str, dims: tuple[str, str]) -> None:
    """Refuse an array that has lost an axis of its images, or all of its pixels."""
    if not set(dims) <= set(ds[name].dims) or 0 in ds[name].shape:
        raise MissingDataError(
            f"there is no image of the {name} to plot",
            key=name,
            found=", ".join(f"{dim}: {size}" for dim, size in ds[name].sizes.items()) or "a number",
            remedy="Select pixels by a slice or a list, and some of them",
        )


def load_positions(ds: xr.Dataset, name: str) -> Placed | None:
    """Return scan positions, at most _MAX_POSITIONS of them."""
    if f"{name}_x" not in ds.coords or f"{name}_y" not in ds.coords or not ds[f"{name}_x"].size:
        return None
    (x, x_unit), (y, y_unit) = _numbers(ds, f"{name}_x"), _numbers(ds, f"{name}_y")
    row = np.arange(0, x.size, math.ceil(x.size / _MAX_POSITIONS))
    # A single position may have lost its dimension to isel.
    return Placed(row, np.atleast_1d(x)[row], np.atleast_1d(y)[row], (x_unit, y_unit))


def contrast(image: Placed, values: NDArray[Any], points: Placed | None) -> tuple[float, float]:
    """Return the range of values, without outliers, in the part of the object that was scanned.

    Outside of it a reconstruction keeps whatever it started from.
    """
    if points is not None and points.unit == image.unit:
        rows = (image.y >= points.y.min()) & (image.y <= points.y.max())
        columns = (image.x >= points.x.min()) & (image.x <= points.x.max())
        values = values[np.ix_(rows, columns)] if rows.any() and columns.any() else values
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    # A flat object gets a scale all the same, and the noise in its last digit no colours.
    return (low, high) if high - low > 1e-6 * high else (low - 0.5, high + 0.5)


def edges(image: Placed) -> tuple[NDArray[np.float64], ...]:
    """Return the outer edges of the first and the last pixel, in x and in y."""
    steps = [(at[-1] - at[0]) / (at.size - 1) for at in (image.x, image.y) if at.size > 1] or [1.0]
    # A single row of pixels does not tell how high it is: as high as wide.
    ends = zip((image.x, image.y), (steps[0], steps[-1]), strict=True)
    return tuple(np.array([at[0] - step / 2, at[-1] + step / 2]) for at, step in ends)
