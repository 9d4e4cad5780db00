"""Lines of pixels: centre and pitch, from which every label comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ptyxr.errors import GridError
from ptyxr.model import TOLERANCE
from ptyxr.units import convert_scalar

__all__ = ["TOLERANCE", "Columns", "Grid", "as_array", "between", "find", "fit", "tidy"]

#: Columns of a grid: a range, or int64 where they are not evenly spaced.
Columns = range | np.ndarray


@dataclass(frozen=True)
class Grid:
    """A regular line of pixels.

    Parameters
    ----------
    center : float
        Coordinate of the middle of the line, in `unit`.
    pitch : float
        Distance of neighbouring pixel centres, in `unit`; positive.
    size : int
        Number of pixels.
    unit : str
        Unit, in pint's long spelling.
    """

    center: float
    pitch: float
    size: int
    unit: str

    def labels(self, columns: Columns) -> np.ndarray:
        """Return the coordinates of pixel centres, float64, in `unit`.

        Column j lies at ``center + (j - (size - 1) / 2) * pitch``, the definition of Ptychodus
        (``ptychodus/api/object.py``); columns beyond the line are extrapolated.
        """
        j = as_array(columns)
        return np.asarray(self.center + (j - (self.size - 1) / 2) * self.pitch, dtype=float)

    def columns(self, labels: Any) -> Any:
        """Return where coordinates in `unit` lie, in fractions of columns; inverts `labels`."""
        return (labels - self.center) / self.pitch + (self.size - 1) / 2

    def to(self, unit: str, per: float | None = None) -> Grid:
        """Return the same line in another unit.

        Parameters
        ----------
        unit : str
            The new unit, in canonical spelling.
        per : float, optional
            What a number of this unit is in the new one, where that is not a matter of units alone:
            the pixel size. Without it, centre and pitch are converted in decimal.
        """
        if per is not None:
            return replace(self, center=self.center * per, pitch=self.pitch * per, unit=unit)
        return replace(
            self,
            center=convert_scalar(self.center, self.unit, unit),
            pitch=convert_scalar(self.pitch, self.unit, unit),
            unit=unit,
        )

    def __str__(self) -> str:
        pitch, center = f"{self.pitch:.6g} {self.unit}", f"{self.center:.6g} {self.unit}"
        return f"{self.size} pixels of {pitch} about {center}"


def as_array(columns: Columns) -> np.ndarray:
    """Return columns as an array, (n,) int64, in order."""
    if isinstance(columns, range):
        return np.arange(columns.start, columns.stop, columns.step)
    return columns


def tidy(columns: np.ndarray) -> Columns:
    """Return a range where the columns are one."""
    if columns.size == 0:
        return range(0)
    step = int(columns[1] - columns[0]) if columns.size > 1 else 1
    if step and (columns.size < 2 or bool((np.diff(columns) == step).all())):
        return range(int(columns[0]), int(columns[-1]) + (1 if step > 0 else -1), step)
    return columns


def fit(labels: np.ndarray, pitch: float | None, unit: str, name: str) -> tuple[Grid, Columns]:
    """Return the grid that labels lie on, and their columns on it.

    Parameters
    ----------
    labels : ndarray
        Coordinates of pixel centres, (n,) float64, in `unit`.
    pitch : float or None
        The pixel size in `unit`, where it is known; it counts where the labels agree to it.
    unit : str
        Unit in canonical spelling.
    name : str
        Name of the coordinate, for the error.

    Raises
    ------
    GridError
        If the labels are not evenly spaced to 1e-6 of a pixel, or no pitch can be told.
    """
    if labels.size == 0 or not np.isfinite(labels).all():
        raise GridError("the labels are no pixel axis", key=name, found=f"{labels.size} labels")
    steps = np.abs(np.diff(labels))
    # From the lowest to the highest: the labels may be rolled.
    mean = float(labels.max() - labels.min()) / (labels.size - 1) if labels.size > 1 else 0.0
    for candidate in (pitch, mean):
        if not candidate:
            continue
        at = (labels - labels[0]) / candidate
        columns = np.rint(at).astype(np.int64)
        if np.abs(at - columns).max() <= TOLERANCE:
            columns -= columns.min()
            size = int(columns.max()) + 1
            center = float(labels[0]) + ((size - 1) / 2 - int(columns[0])) * candidate
            if {int(columns[0]), int(columns[-1])} == {0, size - 1}:
                center = float(labels[0] + labels[-1]) / 2
            return Grid(center, float(candidate), size, unit), tidy(columns)
    if labels.size == 1:
        raise GridError(
            "a single label does not tell its pixel size", key=name, found=f"{labels[0]} {unit}"
        )
    raise GridError(
        "the labels are not evenly spaced",
        key=name,
        found=f"steps from {steps.min():.6g} to {steps.max():.6g} {unit}",
    )


def between(
    grid: Grid, columns: Columns, low: float | None, high: float | None
) -> slice | np.ndarray:
    """Return where the columns lie that are between two coordinates, both included.

    Parameters
    ----------
    grid : Grid
    columns : range or ndarray of int
        Columns of the grid, in order.
    low, high : float or None
        Coordinates of the first and the last end in the unit of the grid; None for no end.

    Returns
    -------
    slice or ndarray
        Positions among `columns`: a slice where they are a range.

    Raises
    ------
    GridError
        If an end is NaN or infinite.
    """
    at = [None if end is None else float(grid.columns(end)) for end in (low, high)]
    if any(end is not None and not np.isfinite(end) for end in at):
        raise GridError("the ends of a slice are finite", found=f"{low} to {high} {grid.unit}")
    if not isinstance(columns, range):
        inside = np.ones(columns.size, dtype=bool)
        if at[0] is not None:
            inside &= columns >= at[0] - TOLERANCE
        if at[1] is not None:
            inside &= columns <= at[1] + TOLERANCE
        return np.flatnonzero(inside)
    first, last = 0, len(columns)
    tolerance = TOLERANCE / abs(columns.step)
    if at[0] is not None:
        first = int(np.clip(np.ceil((at[0] - columns.start) / columns.step - tolerance), 0, last))
    if at[1] is not None:
        stop = np.floor((at[1] - columns.start) / columns.step + tolerance) + 1
        last = int(np.clip(stop, first, last))
    return slice(first, last)


def find(
    grid: Grid, columns: np.ndarray, wanted: np.ndarray, *, nearest: bool, reach: float | None
) -> np.ndarray:
    """Return which of the columns lie at coordinates, -1 where there is none.

    Parameters
    ----------
    grid : Grid
    columns : ndarray of int
        Columns of the grid, (n,) in any order.
    wanted : ndarray
        Coordinates of any shape, in the unit of the grid.
    nearest : bool
        Whether the nearest column is taken; otherwise one within 1e-6 of a pixel.
    reach : float or None
        How far the nearest may be, in the unit of the grid.

    Returns
    -------
    ndarray of int
        Positions among `columns`, of the shape of `wanted`.
    """
    at = np.asarray(grid.columns(wanted))
    if columns.size == 0 or at.size == 0:
        return np.full(at.shape, -1)
    order = np.argsort(columns, kind="stable")
    ordered = columns[order]
    right = np.clip(np.searchsorted(ordered, at), 0, columns.size - 1)
    left = np.maximum(right - 1, 0)
    closest = np.where(np.abs(ordered[left] - at) <= np.abs(ordered[right] - at), left, right)
    distance = np.abs(ordered[closest] - at)
    limit = np.inf if nearest and reach is None else TOLERANCE
    if nearest and reach is not None:
        limit = reach / grid.pitch + TOLERANCE
    return np.asarray(np.where(distance <= limit, order[closest], -1))
