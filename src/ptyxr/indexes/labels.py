"""Labels with a unit that are no grid: energies, angles, axes interpolated onto uneven places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from xarray import DataArray, Index, IndexSelResult, Variable
from xarray.indexes import PandasIndex

from ptyxr.carried import variable_unit
from ptyxr.errors import UnitError
from ptyxr.indexes.selecting import NoStack, label_numbers
from ptyxr.units import convert_decimal
from ptyxr.variables import unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Self

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
                np.asarray(self.labels.index, dtype=self.labels.coord_dtype),
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
        if not hasattr(label, "dims"):
            return numbers[()]
        plain = Variable(label.dims, numbers)
        if not hasattr(label, "coords"):
            return plain
        return DataArray(plain, {k: v for k, v in label.coords.items() if k != self.name})

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
        bare = {name: self._bare(label) for name, label in labels.items()}
        return self.labels.sel(bare, method=method, tolerance=self._bare(tolerance))

    def in_unit(self, unit: str) -> PandasIndex:
        """Return the index of the bare numbers in another unit.

        Raises
        ------
        UnitError
            If the units do not convert into each other.
        """
        if self.unit == unit:
            return self.labels
        try:
            numbers = convert_decimal(np.asarray(self.labels.index, float), self.unit, unit)
        except UnitError as error:
            raise UnitError(
                "labels in different units do not align",
                key=str(self.name),
                found=f"{self.unit} and {unit}",
                remedy="Bring both datasets to one unit",
            ) from error
        return PandasIndex(pd.Index(numbers, name=self.name), self.labels.dim)

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether the labels are equal, in whatever unit of one dimension."""
        if not isinstance(other, UnitIndex):
            return False
        try:
            return bool(self.labels.equals(other.in_unit(self.unit), exclude=exclude))
        except UnitError:
            return False

    def join(self, other: Self, how: str = "inner") -> Self:
        """Return the labels of both, or those of either, in the unit of this one.

        Raises
        ------
        UnitError
            If their units do not convert into each other.
        """
        return type(self)(self.labels.join(other.in_unit(self.unit), how), self.unit)

    def reindex_like(self, other: Self) -> dict[Hashable, Any]:
        """Return where the labels of another index are in this one, -1 where they are not."""
        return self.labels.reindex_like(other.in_unit(self.unit))

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        """Put labels one behind the other, in the unit of the first."""
        unit = indexes[0].unit
        return cls(PandasIndex.concat([i.in_unit(unit) for i in indexes], dim, positions), unit)

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
