"""Labels with a unit that are no grid: energies, angles, axes interpolated onto uneven places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from xarray import IndexSelResult
from xarray.indexes import PandasIndex

from ptyxr.carried import variable_unit
from ptyxr.errors import LabelError, UnitError
from ptyxr.indexes.selecting import NoStack, check_kinds, label_numbers, like_label
from ptyxr.units import convert_decimal
from ptyxr.variables import read_only, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Self

    from xarray import Index, Variable

__all__ = ["UnitIndex"]


class UnitIndex(NoStack):
    """Index of labels that have a unit: xarray's own one, and the unit of its labels.

    Two of them align and join by their numbers in one unit; an index without a unit does not align
    with it.

    Parameters
    ----------
    labels : PandasIndex
        The index of the bare numbers.
    unit : str
        Their unit, in canonical spelling.
    """

    def __init__(self, labels: PandasIndex, unit: str) -> None:
        self.labels = labels
        self.unit = unit

    @property
    def name(self) -> Hashable:
        """Name of the coordinate."""
        name: Hashable = self.labels.index.name
        return name

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, Variable], *, options: Mapping[str, Any]
    ) -> Self:
        """Make the index of one coordinate: a Quantity, or numbers with a ``units`` attribute.

        Raises
        ------
        UnitError
            If the coordinate has no unit.
        """
        plain = {name: variable.to_index_variable() for name, variable in variables.items()}
        labels = PandasIndex.from_variables(plain, options=options)
        ((name, variable),) = variables.items()
        return cls(labels, variable_unit(variable, str(name)))

    def create_variables(
        self, variables: Mapping[Any, Variable] | None = None
    ) -> dict[Hashable, Variable]:
        """Return the coordinate: labels with their unit."""
        old = (variables or {}).get(self.name)
        return {
            self.name: unit_variable(
                (self.labels.dim,),
                read_only(np.array(self.labels.index, dtype=self.labels.coord_dtype)),
                self.unit,
                None if old is None else old.attrs,
                quantified=True,
                encoding=None if old is None else old.encoding,
            )
        }

    def _replace(self, labels: PandasIndex) -> Self:
        return type(self)(labels, self.unit)

    def isel(self, indexers: Mapping[Any, Any]) -> Self | None:
        """Select labels by their place."""
        labels = self.labels.isel(indexers)
        return None if labels is None else self._replace(labels)

    def _bare(self, label: Any) -> Any:
        """Return a label as xarray's own index takes it: numbers in the unit of the labels."""
        if label is None:
            return None
        if isinstance(label, slice):
            return slice(self._bare(label.start), self._bare(label.stop), label.step)
        numbers = label_numbers(label, self.unit, self.name, bare=False)
        return like_label(label, numbers, self.name) if hasattr(label, "dims") else numbers[()]

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: Any = None
    ) -> IndexSelResult:
        """Select by a Quantity of any fitting unit, an array of them, or a slice.

        Raises
        ------
        UnitError
            If a label has no unit, or one that does not fit.
        KeyError
            If there is no such label.
        """
        if method == "nearest" and not self._is_ascending:
            ((name, label),) = labels.items()
            return self._nearest(label, name, tolerance)
        bare = {name: self._bare(label) for name, label in labels.items()}
        return self.labels.sel(bare, method=method, tolerance=self._bare(tolerance))

    @property
    def _is_ascending(self) -> bool:
        """Whether pandas finds the nearest label: in what is sorted, and has no label twice."""
        labels = self.labels.index
        return bool(labels.is_unique and labels.is_monotonic_increasing)

    def _nearest(self, label: Any, name: Hashable, tolerance: Any) -> IndexSelResult:
        """Return the first of the labels nearest to some, in whatever order they are."""
        if isinstance(label, slice):
            raise LabelError("a slice is selected without a method", key=str(name))
        wanted = label_numbers(label, self.unit, name, bare=False)
        mine = np.asarray(self.labels.index, dtype=float)
        distance = np.abs(mine - wanted[..., np.newaxis])
        distance[np.isnan(distance)] = np.inf
        found = distance.argmin(axis=-1)
        reach = np.inf if tolerance is None else self._bare(tolerance)
        far = ~(distance.min(axis=-1) <= reach) | ~np.isfinite(distance.min(axis=-1))
        if far.any():
            raise LabelError(
                "no label is within the tolerance",
                key=str(name),
                found=f"{np.atleast_1d(wanted)[np.atleast_1d(far)][:3]} {self.unit}",
            )
        if hasattr(label, "dims"):
            return IndexSelResult({self.labels.dim: like_label(label, found, name)})
        return IndexSelResult({self.labels.dim: int(found) if found.ndim == 0 else found})

    def in_unit(self, unit: str) -> np.ndarray:
        """Return the labels as numbers in another unit, (n,) float64.

        Raises
        ------
        UnitError
            If the units do not convert into each other.
        """
        numbers = np.asarray(self.labels.index, dtype=float)
        try:
            return convert_decimal(numbers, self.unit, unit)
        except UnitError as error:
            raise UnitError(
                "labels in different units do not align",
                key=str(self.name),
                found=f"{self.unit} and {unit}",
                remedy="Bring both datasets to one unit",
            ) from error

    def _of(self, other: UnitIndex) -> PandasIndex:
        """Return the labels of another index, those that are mine as my very numbers."""
        if self.unit == other.unit:
            return other.labels
        theirs, mine = other.in_unit(self.unit), np.sort(np.asarray(self.labels.index, dtype=float))
        mine = mine[np.isfinite(mine)]
        if mine.size:
            # Converting rounds, by an ulp or some; 1e-12 is far below what anyone measures.
            right = np.clip(np.searchsorted(mine, theirs), 0, mine.size - 1)
            left = np.maximum(right - 1, 0)
            closer = np.abs(mine[left] - theirs) <= np.abs(mine[right] - theirs)
            nearest = np.where(closer, mine[left], mine[right])
            theirs = np.where(np.isclose(theirs, nearest, rtol=1e-12, atol=0), nearest, theirs)
        return PandasIndex(pd.Index(theirs, name=self.name), other.labels.dim)

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether the labels are equal, in whatever unit of one dimension."""
        if not isinstance(other, UnitIndex):
            return False
        try:
            return bool(self.labels.equals(self._of(other), exclude=exclude))
        except UnitError:
            return False

    def join(self, other: Self, how: str = "inner") -> Self:
        """Return the labels of both, or those of either, in the unit of this one.

        Raises
        ------
        UnitError
            If their units do not convert into each other.
        """
        return self._replace(self.labels.join(self._of(other), how))

    def reindex_like(self, other: Self) -> dict[Hashable, Any]:
        """Return where the labels of another index are in this one, -1 where they are not."""
        return self.labels.reindex_like(self._of(other))

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        """Put labels one behind the other, in the unit of the first.

        Raises
        ------
        UnitError
            If one has no unit, or one that does not convert.
        """
        check_kinds(indexes, dim)
        first = indexes[0]
        parts = [
            PandasIndex(pd.Index(index.in_unit(first.unit), name=first.name), index.labels.dim)
            for index in indexes
        ]
        return cls(PandasIndex.concat(parts, dim, positions), first.unit)

    def roll(self, shifts: Mapping[Any, int]) -> Self:
        """Roll the labels along their dimension."""
        return self._replace(self.labels.roll(shifts))

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Self:
        """Rename coordinate and dimension, where they are among the names."""
        return self._replace(self.labels.rename(name_dict, dims_dict))

    def __getitem__(self, indexer: Any) -> Self:
        return self._replace(self.labels[indexer])

    def to_pandas_index(self) -> pd.Index:
        """Return the labels as bare numbers, in their unit."""
        return self.labels.to_pandas_index()

    def _repr_inline_(self, max_width: int) -> str:
        del max_width
        return f"UnitIndex({self.labels.index.size} labels in {self.unit})"

    def __repr__(self) -> str:
        return f"<UnitIndex {self.name!r}: {self.labels.index.size} labels in {self.unit}>"
