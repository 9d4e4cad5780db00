"""Axes as grids of pixels: an index that holds the grid and which of its columns are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from xarray import Index, IndexSelResult, Variable

from ptyxr.carried import has_quantity, variable_numbers, variable_unit
from ptyxr.errors import GridError, LabelError, UnitError
from ptyxr.grids import TOLERANCE, Grid, as_array, between, find, fit, tidy
from ptyxr.indexes.selecting import (
    NoStack,
    check_kinds,
    label_numbers,
    like_label,
    selected_along,
)
from ptyxr.variables import AxisVariable, read_only, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Self

    from ptyxr.grids import Columns

__all__ = ["GridIndex"]


class GridIndex(NoStack):
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
        unit = variable_unit(variable, str(name))
        labels = variable_numbers(variable, str(name)).astype(float)
        quantified = has_quantity(variable)
        grid, columns = fit(labels, options.get("pitch"), unit, str(name))
        return cls(grid, columns, name, variable.dims[0], quantified=quantified)

    def create_variables(
        self, variables: Mapping[Any, Variable] | None = None
    ) -> dict[Hashable, Variable]:
        """Return the coordinate: labels with their unit."""
        old = (variables or {}).get(self.name)
        return {
            self.name: unit_variable(
                (self.dim,),
                read_only(self.labels),
                self.grid.unit,
                None if old is None else old.attrs,
                quantified=self.quantified,
                encoding=None if old is None else old.encoding,
                kind=AxisVariable,
            )
        }

    @property
    def columns(self) -> np.ndarray:
        """Columns of the grid that the axis has, (n,) int64, in order."""
        return as_array(self._columns)

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
        selected = selected_along(self.dim, indexers)
        if selected is None:
            return None
        if isinstance(selected, slice):
            return self.replace(columns=self._columns[selected])
        return self.replace(columns=tidy(self.columns[selected]))

    def __getitem__(self, indexer: Any) -> Self:
        selected = self.isel({self.dim: indexer})
        if selected is None:
            raise GridError("a pixel axis is selected from by a slice or an array", found=indexer)
        return selected

    def _magnitude(self, label: Any) -> np.ndarray:
        return label_numbers(label, self.grid.unit, self.name, bare=not self.quantified)

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: Any = None
    ) -> IndexSelResult:
        """Select by length: a Quantity of any fitting unit, an array of them, or a slice.

        Raises
        ------
        UnitError
            If a label has no unit, or one that does not fit.
        LabelError
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
        found = find(self.grid, self.columns, wanted, nearest=method == "nearest", reach=reach)
        if (found < 0).any():
            raise LabelError(
                "no pixel is within the tolerance of the label"
                if method
                else "no pixel has its centre at the label",
                key=str(self.name),
                found=f"{wanted[found < 0].ravel()[:3]} {self.grid.unit}",
                expected=f"one of {len(self._columns)} of {self.grid}",
                remedy=None if method else "method='nearest' takes the next",
            )
        if hasattr(label, "dims"):
            return IndexSelResult({self.dim: like_label(label, found, self.name)})
        return IndexSelResult({self.dim: int(found) if found.ndim == 0 else found})

    def _slice(self, label: slice) -> slice | np.ndarray:
        if label.step is not None:
            raise GridError("a slice of lengths has no step", key=str(self.name), found=label.step)
        ends = [None if e is None else self._magnitude(e) for e in (label.start, label.stop)]
        if any(end is not None and end.ndim for end in ends):
            raise GridError("the ends of a slice are single labels", key=str(self.name))
        low, high = (None if end is None else float(end) for end in ends)
        return between(self.grid, self._columns, low, high)

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
        if mine == other.grid:
            return self.columns
        ends = other.grid.columns(mine.labels(np.array([0, mine.size - 1])))
        whole = np.rint(ends)
        same_pitch = (
            whole[1] - whole[0] == mine.size - 1
            if mine.size > 1
            else abs(mine.pitch / other.grid.pitch - 1) <= TOLERANCE
        )
        if not same_pitch or (np.abs(ends - whole) > TOLERANCE).any():
            return None
        return self.columns + int(whole[0])

    def aligned_to(self, other: GridIndex) -> np.ndarray:
        """Return the columns numbered as those of another axis's grid, (n,) int64.

        Raises
        ------
        GridError
            If the axes do not lie on one grid.
        UnitError
            If their units do not convert into each other.
        """
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
                remedy="Interpolate one onto the other with a.ptyxr.interp_like(b), or move one "
                "with ds.ptyxr.shift(...)",
            )
        return columns

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether two axes have the same pixels, to 1e-6 of a pixel."""
        del exclude  # a line of pixels has one dimension
        if not isinstance(other, GridIndex) or self.columns.size != other.columns.size:
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
        theirs = other.aligned_to(self)
        if how == "inner":
            columns = self.columns[np.isin(self.columns, theirs)]
        else:
            columns = np.union1d(self.columns, theirs)
        return self.replace(columns=tidy(columns))

    def reindex_like(self, other: GridIndex) -> dict[Hashable, Any]:
        """Return where the pixels of another axis are in this one, -1 where they are not."""
        wanted = other.aligned_to(self)
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
        check_kinds(indexes, dim)
        first = indexes[0]
        columns = np.concatenate([index.aligned_to(first) for index in indexes])
        if positions is not None:
            columns = columns[np.argsort(np.concatenate([np.asarray(p) for p in positions]))]
        return first.replace(columns=tidy(columns))

    def roll(self, shifts: Mapping[Any, int]) -> Self:
        """Roll the pixels along the axis."""
        return self.replace(columns=tidy(np.roll(self.columns, shifts[self.dim])))

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
        labels: pd.Index = pd.Index(self.labels, name=self.dim)
        return labels

    def _repr_inline_(self, max_width: int) -> str:
        del max_width
        return f"GridIndex({len(self._columns)} pixels of {self.grid.pitch:.6g} {self.grid.unit})"

    def __repr__(self) -> str:
        return f"<GridIndex {self.name!r}: {len(self._columns)} of {self.grid}>"
