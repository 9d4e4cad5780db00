"""The nearest-point index: two coordinates along one dimension, searched as a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
from xarray import DataArray, Index, IndexSelResult, Variable, broadcast

from ptyxr.carried import has_quantity, variable_numbers, variable_unit
from ptyxr.combining import same_numbers
from ptyxr.errors import LabelError, PtyxrError
from ptyxr.indexes.selecting import NoStack, check_kinds, label_numbers, selected_along
from ptyxr.units import convert
from ptyxr.variables import read_only, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Self

    from scipy.spatial import KDTree

__all__ = ["PointIndex"]


class PointIndex(NoStack):
    """Index of scan points, which finds the nearest one; its k-d tree is built on first use.

    Parameters
    ----------
    points : ndarray
        Coordinates, (N, 2) float64, in `unit`, one column for each of `names`.
    names : tuple of hashable
        Names of the two coordinates.
    dim : hashable
        Their dimension.
    unit : str
        Their unit, in canonical spelling.
    quantified : bool, default: True
        Whether the coordinates are Quantities, or plain numbers with a ``units`` attribute.
    """

    def __init__(
        self,
        points: np.ndarray,
        names: tuple[Hashable, Hashable],
        dim: Hashable,
        unit: str,
        *,
        quantified: bool = True,
    ) -> None:
        self.points = points
        self.names = names
        self.dim = dim
        self.unit = unit
        self.quantified = quantified
        self._tree: KDTree | None = None

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, Variable], *, options: Mapping[str, Any]
    ) -> Self:
        """Make the index of two coordinates along one dimension, of units that fit.

        Raises
        ------
        PtyxrError
            If they are not two, or not along one dimension.
        UnitError
            If one has no unit, or their units do not convert.
        """
        del options
        dims = {v.dims for v in variables.values()}
        if len(variables) != 2 or len(dims) != 1 or len(next(iter(dims))) != 1:
            raise PtyxrError(
                "points have two coordinates along one dimension",
                found={str(k): v.dims for k, v in variables.items()},
                remedy="Keep a single point as a scan with isel(position=[i])",
            )
        (x, first), _ = pair = list(variables.items())
        unit = variable_unit(first, str(x))
        points = np.stack([variable_numbers(v, str(name), unit) for name, v in pair], axis=1)
        quantified = all(has_quantity(v) for v in variables.values())
        return cls(points, (pair[0][0], pair[1][0]), first.dims[0], unit, quantified=quantified)

    @property
    def tree(self) -> KDTree:
        """The k-d tree of scipy over the points."""
        if self._tree is None:
            from scipy.spatial import KDTree

            if not len(self.points) or not np.isfinite(self.points).all():
                raise PtyxrError(
                    "there are no points, or some that are not finite, to be near to",
                    key=str(self.names[0]),
                    found=f"{int(np.isfinite(self.points).all(1).sum())} finite points",
                )
            self._tree = KDTree(self.points)
        return self._tree

    def create_variables(
        self, variables: Mapping[Any, Variable] | None = None
    ) -> dict[Hashable, Variable]:
        """Return the two coordinates with their unit."""
        made: dict[Hashable, Variable] = {}
        for column, name in enumerate(self.names):
            old = (variables or {}).get(name)
            made[name] = unit_variable(
                (self.dim,),
                read_only(self.points[:, column]),
                self.unit,
                None if old is None else old.attrs,
                quantified=self.quantified,
                encoding=None if old is None else old.encoding,
            )
        return made

    def _replace(self, points: np.ndarray) -> Self:
        return type(self)(points, self.names, self.dim, self.unit, quantified=self.quantified)

    def isel(self, indexers: Mapping[Any, Any]) -> Self | None:
        """Select points; the tree is built anew on its next use."""
        selected = selected_along(self.dim, indexers)
        return None if selected is None else self._replace(self.points[selected])

    def __getitem__(self, indexer: Any) -> Self:
        return self._replace(self.points[indexer])

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: Any = None
    ) -> IndexSelResult:
        """Select the nearest point to each of the places given by both coordinates.

        Raises
        ------
        PtyxrError
            If a coordinate is missing, or the method is not "nearest".
        UnitError
            If a label has no unit, or one that does not fit.
        KeyError
            If a place has no point within `tolerance`.
        """
        missing = [str(name) for name in self.names if name not in labels]
        if missing or method != "nearest":
            raise PtyxrError(
                "scan points are selected by both coordinates and method='nearest'",
                found=f"method={method!r}" + (f" without {missing}" if missing else ""),
                remedy="Give both, or select by number: ds.isel(position=...)",
            )
        places = [self._place(labels[name], str(name)) for name in self.names]
        place, other = broadcast(*places)
        query = np.stack([place.to_numpy(), other.to_numpy()], axis=-1)
        reach = np.inf if tolerance is None else float(self._magnitude(tolerance, "tolerance"))
        if np.isfinite(query).all():
            limit = np.nextafter(reach, np.inf)
            distance, found = self.tree.query(query, distance_upper_bound=limit)
        if not np.isfinite(query).all() or not np.isfinite(distance).all():
            raise LabelError(
                "no scan point within the tolerance of the place",
                expected=f"one within {reach} {self.unit}",
            )
        if not any(hasattr(labels[name], "dims") for name in self.names):
            return IndexSelResult({self.dim: int(found) if np.ndim(found) == 0 else found})
        beside = {k: v for k, v in place.coords.items() if k not in self.names}
        return IndexSelResult({self.dim: DataArray(np.asarray(found), beside, place.dims)})

    def _place(self, label: Any, name: str) -> DataArray:
        """Return labels as numbers, with their dimensions: those without a name pair by place."""
        numbers = self._magnitude(label, name)
        dims = getattr(label, "dims", [f"place_{i}" for i in range(numbers.ndim)])
        coords = {k: v for k, v in getattr(label, "coords", {}).items() if k not in self.names}
        return DataArray(numbers, coords, dims)

    def _magnitude(self, label: Any, name: str) -> np.ndarray:
        return label_numbers(label, self.unit, name, bare=not self.quantified)

    def points_in(self, unit: str) -> np.ndarray:
        """Return the points in another unit, (N, 2) float64."""
        return convert(self.points, self.unit, unit)

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether two scans have the same points, in whatever unit of length."""
        del exclude
        if not isinstance(other, PointIndex) or self.points.shape != other.points.shape:
            return False
        return same_numbers(self.points, self.unit, other.points, other.unit, converted=True)

    def join(self, other: PointIndex, how: str = "inner") -> NoReturn:
        """Refuse: points of two scans are paired by number, not by place."""
        raise PtyxrError(
            "two scans do not have the same points",
            key=str(self.names[0]),
            found=f"{len(self.points)} and {len(other.points)} points, to be joined {how!r}",
            remedy="Pair them with ptyxr.match_positions(a, b), or drop the index with "
            f"ds.drop_indexes({list(self.names)})",
        )

    def reindex_like(self, other: PointIndex) -> NoReturn:
        """Refuse, as `join` does."""
        self.join(other, "reindex")

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        """Put scans one behind the other, in the unit of the first."""
        check_kinds(indexes, dim)
        points = np.concatenate([index.points_in(indexes[0].unit) for index in indexes])
        if positions is not None:
            points = points[np.argsort(np.concatenate([np.asarray(p) for p in positions]))]
        return indexes[0]._replace(points)

    def roll(self, shifts: Mapping[Any, int]) -> Self:
        """Roll the points along their dimension."""
        return self._replace(np.roll(self.points, shifts[self.dim], axis=0))

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Self:
        """Rename coordinates and dimension, where they are among the names."""
        new = self.copy(deep=False)  # its tree too
        new.names = (
            name_dict.get(self.names[0], self.names[0]),
            name_dict.get(self.names[1], self.names[1]),
        )
        new.dim = dims_dict.get(self.dim, self.dim)
        return new

    def to_pandas_index(self) -> pd.Index:
        """Return the points as pairs of bare numbers, in their unit."""
        return pd.MultiIndex.from_arrays(list(self.points.T), names=self.names)

    def _repr_inline_(self, max_width: int) -> str:
        del max_width
        return f"PointIndex({len(self.points)} points in {self.unit})"

    def __repr__(self) -> str:
        return f"<PointIndex {self.names}: {len(self.points)} points in {self.unit}>"
