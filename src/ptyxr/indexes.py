"""Axes as grids of pixels: an index that holds centre and pitch, from which every label comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from xarray import Index, IndexSelResult, Variable

from ptyxr.errors import GridError, UnitError
from ptyxr.units import canonical, convert_scalar, is_quantity, parse
from ptyxr.variables import unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Self

__all__ = ["TOLERANCE", "Grid", "GridIndex"]

#: Axes align, and labels are found, within this part of a pixel.
TOLERANCE = 1e-6

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
        j = (
            np.arange(columns.start, columns.stop, columns.step)
            if isinstance(columns, range)
            else columns
        )
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
        return f"{self.size} pixels of {self.pitch:.6g} {self.unit} about {self.center:.6g} {self.unit}"


def _tidy(columns: np.ndarray) -> Columns:
    """Return a range where the columns are one."""
    if columns.size == 0:
        return range(0)
    step = int(columns[1] - columns[0]) if columns.size > 1 else 1
    if step and (columns.size < 2 or bool((np.diff(columns) == step).all())):
        return range(int(columns[0]), int(columns[-1]) + (1 if step > 0 else -1), step)
    return columns


class GridIndex(Index):
    """Index of an axis that is a line of pixels.

    It holds the grid (centre, pitch, length, unit) and which of its columns are there, so labels
    stay exact through any selection, and two axes align by whole pixels.

    Parameters
    ----------
    grid : Grid
        The line of pixels.
    columns : range or ndarray of int
        The columns of the grid that the axis has, in order.
    name : hashable
        Name of the coordinate.
    dim : hashable
        Its dimension.
    quantified : bool, default: True
        Whether the coordinate is a Quantity, or plain numbers with a ``units`` attribute.
    """

    def __init__(
        self,
        grid: Grid,
        columns: Columns,
        name: Hashable,
        dim: Hashable,
        *,
        quantified: bool = True,
    ) -> None:
        self.grid = grid
        self._columns = columns
        self.name = name
        self.dim = dim
        self.quantified = quantified

    @classmethod
    def full(cls, grid: Grid, name: Hashable, *, quantified: bool = True) -> Self:
        """Return the index of an axis that has the whole grid, named like its dimension."""
        return cls(grid, range(grid.size), name, name, quantified=quantified)

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, Variable], *, options: Mapping[str, Any]
    ) -> Self:
        """Find the grid in the labels of a coordinate.

        Parameters
        ----------
        variables : mapping of one name to a 1-D Variable
            Its data are a Quantity, or numbers with a ``units`` attribute.
        options : mapping
            ``pitch`` : float, the pixel size in the unit of the labels; needed for a single label,
            and taken instead of the one found where they agree to 1e-6 of a pixel.

        Raises
        ------
        GridError
            If the labels are not evenly spaced to 1e-6 of a pixel, or no pitch can be told.
        UnitError
            If the coordinate has no unit.
        """
        if len(variables) != 1:
            raise GridError("a pixel axis has one coordinate", found=sorted(map(str, variables)))
        ((name, variable),) = variables.items()
        if variable.ndim != 1:
            raise GridError("a pixel axis is one-dimensional", key=str(name), found=variable.dims)
        data = variable.data
        quantified = is_quantity(data)
        if not quantified and "units" not in variable.attrs:
            raise UnitError(
                "the coordinate has no unit", key=str(name), remedy="Set its 'units' attribute"
            )
        unit = canonical(data if quantified else variable.attrs["units"], str(name))
        labels = np.asarray(data.magnitude if quantified else data, dtype=float)
        grid, columns = _fit(labels, options.get("pitch"), unit, str(name))
        return cls(grid, columns, name, variable.dims[0], quantified=quantified)

    def create_variables(
        self, variables: Mapping[Any, Variable] | None = None
    ) -> dict[Hashable, Variable]:
        """Return the coordinate: labels with their unit."""
        old = (variables or {}).get(self.name)
        return {
            self.name: unit_variable(
                (self.dim,),
                self.labels,
                self.grid.unit,
                None if old is None else old.attrs,
                quantified=self.quantified,
                encoding=None if old is None else old.encoding,
            )
        }

    @property
    def columns(self) -> np.ndarray:
        """Columns of the grid that the axis has, (n,) int64, in order."""
        if isinstance(self._columns, range):
            return np.arange(self._columns.start, self._columns.stop, self._columns.step)
        return self._columns

    @property
    def labels(self) -> np.ndarray:
        """Coordinates of the pixel centres, (n,) float64, in the unit of the grid."""
        return self.grid.labels(self._columns)

    @property
    def span(self) -> range | None:
        """The columns as a range, or None where they are not evenly spaced."""
        return self._columns if isinstance(self._columns, range) else None

    def with_quantities(self, quantified: bool) -> Self:
        """Return the index whose coordinate is a Quantity, or plain numbers with an attribute."""
        return type(self)(self.grid, self._columns, self.name, self.dim, quantified=quantified)

    def line(self) -> Grid:
        """Return what the axis has as a grid of its own, ascending.

        Raises
        ------
        GridError
            If its pixels are not evenly spaced in ascending order.
        """
        span = self.span
        if span is None or span.step < 1 or not len(span):
            raise GridError(
                "the axis is not a line of evenly spaced, ascending pixels",
                key=str(self.name),
                found=f"columns {self.columns}",
                remedy=f"Sort it with ds.sortby({self.name!r}), or select pixels by a slice",
            )
        if span == range(self.grid.size):
            return self.grid
        middle = (span[0] + span[-1]) / 2 - (self.grid.size - 1) / 2
        return Grid(
            self.grid.center + middle * self.grid.pitch,
            self.grid.pitch * span.step,
            len(span),
            self.grid.unit,
        )

    def replace(self, grid: Grid | None = None, columns: Columns | None = None) -> Self:
        """Return the index with another grid or other columns."""
        return type(self)(
            self.grid if grid is None else grid,
            self._columns if columns is None else columns,
            self.name,
            self.dim,
            quantified=self.quantified,
        )

    def isel(self, indexers: Mapping[Any, Any]) -> Self | None:
        """Select columns: exact, whatever is selected."""
        indexer = indexers[self.dim]
        if isinstance(indexer, Variable):
            if indexer.dims != (self.dim,):
                return None
            indexer = indexer.data
        if isinstance(indexer, slice):
            return self.replace(columns=self._columns[indexer])
        indexer = np.asarray(indexer)
        if indexer.ndim == 0:
            return None
        return self.replace(columns=_tidy(self.columns[indexer]))

    def __getitem__(self, indexer: Any) -> Self:
        selected = self.isel({self.dim: indexer})
        if selected is None:
            raise GridError("a pixel axis is selected from by a slice or an array", found=indexer)
        return selected

    def _magnitude(self, label: Any) -> np.ndarray:
        """Return labels in the unit of the axis, refusing what has another dimension or none."""
        data = getattr(label, "data", label) if hasattr(label, "dims") else label
        if isinstance(data, str):
            return np.asarray(parse(data, self.grid.unit, str(self.name)))
        if is_quantity(data):
            source = canonical(data, str(self.name))
            try:
                convert_scalar(1.0, source, self.grid.unit)
            except UnitError as error:
                raise UnitError(
                    "the label has a unit that does not fit the axis",
                    key=str(self.name),
                    found=source,
                    expected=self.grid.unit,
                    remedy="Convert the dataset with ds.ptyxr.to(...), or select in its unit",
                ) from error
            values = np.asarray(data.magnitude, dtype=float)
            convert_all = np.vectorize(convert_scalar, otypes=[float])
            return np.asarray(convert_all(values, source, self.grid.unit))
        if self.quantified:
            raise UnitError(
                "the label has no unit",
                key=str(self.name),
                found=repr(data),
                expected=f"a Quantity in {self.grid.unit}",
            )
        return np.asarray(data, dtype=float)

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: Any = None
    ) -> IndexSelResult:
        """Select by length: a Quantity of any fitting unit, an array of them, or a slice.

        Raises
        ------
        UnitError
            If a label has no unit, or one that does not fit.
        KeyError
            If there is no pixel within 1e-6 of a pixel of a label (or within `tolerance` of it, for
            ``method="nearest"``).
        """
        ((_, label),) = labels.items()
        if isinstance(label, slice):
            if method is not None:
                raise GridError("a slice is selected without a method", key=str(self.name))
            return IndexSelResult({self.dim: self._slice(label)})
        if method not in (None, "nearest"):
            raise GridError(
                "pixels are selected exactly or by method='nearest'",
                key=str(self.name),
                found=repr(method),
            )
        wanted = self._magnitude(label)
        reach = None if tolerance is None else float(self._magnitude(tolerance))
        found = self._find(wanted, nearest=method == "nearest", reach=reach)
        if (found < 0).any():
            raise KeyError(
                f"no pixel of {self.name!r} at {wanted[found < 0].ravel()[:3]} {self.grid.unit}; "
                f"the axis has {len(self._columns)} of {self.grid}; method='nearest' takes the next"
            )
        if hasattr(label, "dims"):
            indexer: Any = Variable(label.dims, found)
            if hasattr(label, "coords"):
                from xarray import DataArray

                kept = {k: v for k, v in label.coords.items() if k != self.name}
                indexer = DataArray(indexer, coords=kept)
            return IndexSelResult({self.dim: indexer})
        return IndexSelResult({self.dim: int(found) if found.ndim == 0 else found})

    def _slice(self, label: slice) -> slice | np.ndarray:
        if label.step is not None:
            raise GridError("a slice of lengths has no step", key=str(self.name), found=label.step)
        ends = [
            None if end is None else float(self._magnitude(end))
            for end in (label.start, label.stop)
        ]
        at = [None if end is None else float(self.grid.columns(end)) for end in ends]
        span = self.span
        if span is None:
            columns = self.columns
            inside = np.ones(columns.size, dtype=bool)
            if at[0] is not None:
                inside &= columns >= at[0] - TOLERANCE
            if at[1] is not None:
                inside &= columns <= at[1] + TOLERANCE
            return np.flatnonzero(inside)
        first, last = 0, len(span)
        tolerance = TOLERANCE / abs(span.step)
        if at[0] is not None:
            first = int(np.clip(np.ceil((at[0] - span.start) / span.step - tolerance), 0, last))
        if at[1] is not None:
            last = int(
                np.clip(np.floor((at[1] - span.start) / span.step + tolerance) + 1, first, last)
            )
        return slice(first, last)

    def _find(self, wanted: np.ndarray, *, nearest: bool, reach: float | None) -> np.ndarray:
        """Return positions along the axis of labels, -1 where there is none."""
        at = np.asarray(self.grid.columns(wanted))
        columns = self.columns
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
            limit = reach / self.grid.pitch + TOLERANCE
        return np.asarray(np.where(distance <= limit, order[closest], -1))

    def _in_frame_of(self, other: GridIndex) -> np.ndarray | None:
        """Return my columns numbered as those of `other`'s grid, or None if by no whole pixels."""
        try:
            mine = self.grid if self.grid.unit == other.grid.unit else self.grid.to(other.grid.unit)
        except UnitError as error:
            raise UnitError(
                "axes in different units do not align",
                key=str(self.name),
                found=f"{self.grid.unit} and {other.grid.unit}",
                remedy="Bring both datasets to one unit with ds.ptyxr.to(...)",
            ) from error
        ends = other.grid.columns(mine.labels(np.array([0, mine.size - 1])))
        whole = np.rint(ends)
        same_pitch = whole[1] - whole[0] == mine.size - 1
        if not same_pitch or (np.abs(ends - whole) > TOLERANCE).any():
            return None
        return self.columns + int(whole[0])

    def _aligned(self, other: GridIndex) -> np.ndarray:
        columns = self._in_frame_of(other)
        if columns is None:
            pitch = self.grid.to(other.grid.unit).pitch
            start = float(
                other.grid.columns(self.grid.to(other.grid.unit).labels(np.array([0]))[0])
            )
            apart = (
                f"pixels of {pitch!r} and {other.grid.pitch!r} {other.grid.unit}"
                if not np.isclose(pitch, other.grid.pitch, rtol=1e-9, atol=0)
                else f"an offset of {start - np.rint(start):.6f} pixel"
            )
            raise GridError(
                "the axes lie on different grids",
                key=str(self.name),
                found=f"{apart} ({self.grid}; {other.grid})",
                expected=f"one pitch, and an offset by whole pixels to {TOLERANCE:g}",
                remedy="Interpolate one onto the other with ds.interp(...), or move it with "
                "ds.ptyxr.shift(...)",
            )
        return columns

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether two axes have the same pixels, to 1e-6 of a pixel."""
        del exclude  # a line of pixels has one dimension
        if not isinstance(other, GridIndex) or len(self._columns) != len(other._columns):
            return False
        try:
            columns = self._in_frame_of(other)
        except UnitError:
            return False
        return columns is not None and bool(np.array_equal(columns, other.columns))

    def join(self, other: GridIndex, how: Literal["inner", "outer"] = "inner") -> Self:  # type: ignore[override]
        """Return the pixels of both axes, or those of either, on the grid of this one.

        Raises
        ------
        GridError
            If the axes do not lie on one grid.
        UnitError
            If their units do not convert into each other.
        """
        theirs = other._aligned(self)
        if how == "inner":
            columns = self.columns[np.isin(self.columns, theirs)]
        else:
            columns = np.union1d(self.columns, theirs)
        return self.replace(columns=_tidy(columns))

    def reindex_like(self, other: GridIndex) -> dict[Hashable, Any]:  # type: ignore[override]
        """Return where the pixels of another axis are in this one, -1 where they are not."""
        wanted = other._aligned(self)
        if np.unique(self.columns).size != self.columns.size:
            raise GridError("an axis with a pixel twice cannot be reindexed", key=str(self.name))
        order = np.argsort(self.columns)
        at = np.clip(np.searchsorted(self.columns[order], wanted), 0, max(order.size - 1, 0))
        if order.size == 0:
            return {self.dim: np.full(wanted.size, -1)}
        found = order[at]
        return {self.dim: np.where(self.columns[found] == wanted, found, -1)}

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        """Put axes one behind the other, on the grid of the first."""
        del dim  # the one the axes have
        first = indexes[0]
        columns = np.concatenate([index._aligned(first) for index in indexes])
        if positions is not None:
            columns = columns[np.argsort(np.concatenate([np.asarray(p) for p in positions]))]
        return first.replace(columns=_tidy(columns))

    def roll(self, shifts: Mapping[Any, int]) -> Self:
        """Roll the pixels along the axis."""
        return self.replace(columns=_tidy(np.roll(self.columns, shifts[self.dim])))

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Self:
        """Rename coordinate and dimension, where they are among the names."""
        return type(self)(
            self.grid,
            self._columns,
            name_dict.get(self.name, self.name),
            dims_dict.get(self.dim, self.dim),
            quantified=self.quantified,
        )

    def to_pandas_index(self) -> pd.Index:
        """Return the labels as bare numbers, in the unit of the axis."""
        return pd.Index(self.labels, name=self.dim)

    def _repr_inline_(self, max_width: int) -> str:
        del max_width
        return f"GridIndex({len(self._columns)} pixels of {self.grid.pitch:.6g} {self.grid.unit})"

    def __repr__(self) -> str:
        return f"<GridIndex {self.name!r}: {len(self._columns)} of {self.grid}>"


def _fit(labels: np.ndarray, pitch: float | None, unit: str, name: str) -> tuple[Grid, Columns]:
    """Return the grid that labels lie on, and their columns on it."""
    if labels.size == 0 or not np.isfinite(labels).all():
        raise GridError("the labels are no pixel axis", key=name, found=f"{labels.size} labels")
    steps = np.abs(np.diff(labels))
    mean = abs(float(labels[-1] - labels[0])) / (labels.size - 1) if labels.size > 1 else 0.0
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
            return Grid(center, float(candidate), size, unit), _tidy(columns)
    if labels.size == 1:
        raise GridError(
            "a single label does not tell its pixel size", key=name, found=f"{labels[0]} {unit}"
        )
    raise GridError(
        "the labels are not evenly spaced",
        key=name,
        found=f"steps from {steps.min():.6g} to {steps.max():.6g} {unit}",
    )
