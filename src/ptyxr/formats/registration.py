"""Pixel numbers for files that have nothing else: kept ones, or counted on the object's axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ptyxr.coordinates import axis, unit_of
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError, warn
from ptyxr.frame import (
    ORIGINS,
    kept_pixel_numbers,
    object_axis,
    object_grid,
    pixel_origin,
    positions_in_pixels,
)
from ptyxr.grids import TOLERANCE
from ptyxr.model import POSITIONS
from ptyxr.units import PIXEL
from ptyxr.variables import PIXEL_NUMBERS

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["check_positions", "in_pixels", "pixel_numbers"]

#: Of the positions, those that were refined; a scan has no others where it has no nominal ones.
REFINED = ("position_x", "position_y")


def check_positions(ds: Dataset) -> None:
    """Refuse positions that are not along one dimension, "position".

    Raises
    ------
    InvalidDataError
        Saying how to keep the dimension, or to select one of a series.
    """
    for name in POSITIONS:
        if name in ds.variables and ds.variables[name].dims != ("position",):
            raise InvalidDataError(
                "a scan has one dimension of positions",
                key=name,
                found=f"dimensions {ds.variables[name].dims}",
                expected="('position',)",
                remedy="Keep a single point as a scan with isel(position=[i]), and select one scan "
                "of a series with isel",
            )


def in_pixels(ds: Dataset) -> bool:
    """Tell whether a dataset came in pixels: its positions are, or keep, pixel numbers."""
    return any(
        unit_of(ds, name) == PIXEL or PIXEL_NUMBERS in ds.variables[name].encoding
        for name in REFINED
    )


def _kept(ds: Dataset) -> dict[str, np.ndarray] | None:
    """Return the pixel numbers that the positions came with, on the object as it is now."""
    numbers: dict[str, np.ndarray] = {}
    origin = pixel_origin(ds)
    for name in REFINED:
        kept = kept_pixel_numbers(ds, name)
        if kept is None:
            return None
        along = object_axis(name)
        first = 0.0
        if along in ds.variables and origin in ORIGINS:
            index = axis(ds, along)
            if index.span is None or index.span.step != 1:
                return None
            # Of a crop, pixel numbers count from its own corner, or its own centre.
            cut, full = len(index.span), index.grid.size
            first = index.span.start + (cut - full) / 2
            first -= ORIGINS[origin](cut) - ORIGINS[origin](full)
        numbers[name] = kept - first if first else kept
        nominal = f"nominal_{name}"
        if nominal in ds.variables:
            start = kept_pixel_numbers(ds, nominal)
            if start is None:
                start = kept + positions_in_pixels(ds, nominal) - positions_in_pixels(ds, name)
            numbers[nominal] = start - first if first else start
    return numbers


def _counted(ds: Dataset, origin: str) -> dict[str, np.ndarray]:
    numbers: dict[str, np.ndarray] = {}
    for name in POSITIONS:
        if name not in ds.variables:
            continue
        along = object_axis(name)
        at = positions_in_pixels(ds, name)
        if origin == "world":
            numbers[name] = at
            continue
        if along not in ds.variables:
            raise MissingDataError(
                "pixel numbers count from an object, and the dataset has none",
                key=along,
                remedy="ds.ptyxr.fill_object() makes one; origin='world' needs none",
            )
        grid = object_grid(ds, along)
        numbers[name] = (at - grid.center) / grid.pitch + ORIGINS[origin](grid.size)
    return numbers


def _outside(ds: Dataset, numbers: dict[str, np.ndarray]) -> int:
    """Return how many points lie off an object whose corner is 0."""
    off = np.zeros(ds.sizes["position"], dtype=bool)
    for name in REFINED:
        size = ds.sizes[object_axis(name)]
        off |= ~((numbers[name] >= -TOLERANCE) & (numbers[name] <= size + TOLERANCE))
    return int(off.sum())


def _warn_of_contradiction(ds: Dataset, kept: dict[str, np.ndarray], origin: str) -> None:
    """Warn where the object was moved, and positions keep numbers of where it was."""
    if origin not in ORIGINS or not {"object_x", "object_y"} <= set(ds.variables):
        return
    counted = _counted(ds, origin)
    apart = max(np.abs(kept[name] - counted[name]).max(initial=0.0) for name in REFINED)
    # A centre that puts the scan off its object is known to be wrong, and the numbers right.
    if apart > TOLERANCE * 10 and not _outside(ds, _counted(ds, "corner")):
        warn(
            f"the pixel numbers that the positions came with are {apart:.6g} pixels from where the "
            "object's axes have them; the numbers are taken. origin='corner' counts on the axes.",
        )


def pixel_numbers(ds: Dataset, origin: str) -> tuple[dict[str, np.ndarray], str]:
    """Return pixel numbers of the positions, and what they are counted from.

    Parameters
    ----------
    ds : Dataset
    origin : {"auto", "corner", "pixel", "center", "world"}
        "auto" takes the numbers that were kept, else counts from the corner of the object. "world"
        divides positions by the pixel size.

    Returns
    -------
    numbers : dict of str to ndarray
        By name of the model, each (N,) float64 in pixels; nominal positions where there are some.
    origin : str
        What they are counted from.
    """
    if origin not in ("auto", "world", *ORIGINS):
        raise PtyxrError(
            "no such origin",
            key="origin",
            found=repr(origin),
            expected="'auto', 'corner', 'pixel', 'center' or 'world'",
        )
    if origin != "auto":
        return _counted(ds, origin), origin
    kept = _kept(ds)
    if kept is not None:
        _warn_of_contradiction(ds, kept, pixel_origin(ds))
        return kept, pixel_origin(ds)
    if not {"object_x", "object_y"} <= set(ds.variables):
        return _counted(ds, "world"), "world"
    counted = _counted(ds, "corner")
    off = _outside(ds, counted)
    if off:
        world = _counted(ds, "world")
        if not _outside(ds, world):
            warn(
                f"{off} of {ds.sizes['position']} scan points lie outside the object where its "
                "axes put it, and none where positions are divided by the pixel size; the pixel "
                "numbers are taken so. ds.ptyxr.register() moves the object under its positions.",
            )
            return world, "world"
    return counted, "corner"
