"""Opened products as one dataset along a new dimension, each read only where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray import Coordinates, Dataset, Index, Variable

from ptyxr.aligning import RAGGED, Dims, grid_index
from ptyxr.errors import SeriesError
from ptyxr.frame import PIXEL_ORIGIN
from ptyxr.indexes import UnitIndex
from ptyxr.model import PARTS, POSITIONS, SCHEMA
from ptyxr.storage.arrays import cached
from ptyxr.storage.stacked import StackedArray
from ptyxr.variables import PIXEL_NUMBERS, kept_numbers, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from ptyxr.aligning import Dim, Join

__all__ = ["ROLE", "stack"]

#: Attribute of a coordinate that a stack has beside those of the model, and what is in it.
ROLE: Final = "series"


def stack(
    datasets: Sequence[Dataset],
    sources: Sequence[str],
    dim: str,
    labels: Variable | None,
    *,
    join: Join = "outer",
    quantify: bool = True,
) -> Dataset:
    """Return products as one dataset, the first dimension of all that is theirs being `dim`.

    Parameters
    ----------
    datasets : sequence of Dataset
        As an engine opens them, with plain numbers (``quantify=False``).
    sources : sequence of str
        Their files.
    dim : str
        Name of the new dimension.
    labels : Variable or None
        Its coordinate, (n,), plain numbers with a ``units`` attribute, or anything without.
    join : {"outer", "inner", "exact"}
        What becomes of objects of different size.
    quantify : bool
        Whether coordinates become Quantities.

    Raises
    ------
    SeriesError
        If they do not share a grid, or differ in what no padding makes up for.
    """
    return _Stack(datasets, sources, dim, labels, join, quantify=quantify).dataset()


class _Stack:
    def __init__(
        self,
        datasets: Sequence[Dataset],
        sources: Sequence[str],
        dim: str,
        labels: Variable | None,
        join: Join,
        *,
        quantify: bool,
    ) -> None:
        self.datasets, self.sources, self.dim, self.labels = datasets, sources, dim, labels
        self.join, self.quantify = join, quantify
        found = {name for ds in datasets for name in ds.variables}
        self.names = [*(n for n in SCHEMA if n in found), *sorted(map(str, found - {*SCHEMA}))]
        self.absent: list[list[str]] = [[] for _ in datasets]

    def dataset(self) -> Dataset:
        """Return the stack."""
        dims = Dims(self.datasets, self.sources, self.join, quantify=self.quantify).all()
        variables: dict[Hashable, Variable] = {}
        coordinates: dict[Hashable, Variable] = {}
        indexes: dict[Hashable, Index] = {}
        for one in dims.values():
            coordinates.update(one.variables)
            if one.index is not None:
                indexes.update(dict.fromkeys(one.variables, one.index))
            for ds, absent in zip(self.datasets, self.absent, strict=True):
                absent += [str(name) for name in one.variables if name not in ds.variables]
        for name in self.names:
            if name in coordinates or name == self.dim:
                continue
            is_data = any(name in ds.data_vars for ds in self.datasets)
            (variables if is_data else coordinates)[name] = self._variable(name, dims)
        attrs = self._attrs(coordinates)
        coordinates.update(self._own(dims))
        if self.labels is not None:
            labels = self._quantified(self.labels)
            if self.quantify and "units" in self.labels.attrs:
                index = UnitIndex.from_variables({self.dim: labels}, options={})
                indexes[self.dim] = index
                coordinates.update(index.create_variables({self.dim: labels}))
            else:
                made = Coordinates({self.dim: labels})
                indexes.update(made.xindexes)
                coordinates.update(made.variables)
        return Dataset(variables, Coordinates(coordinates, indexes), attrs)

    def _variable(self, name: str, dims: dict[str, Dim]) -> Variable:
        """Return a variable of all products, along the new dimension unless it is one number."""
        parts = [ds.variables.get(name) for ds in self.datasets]
        having = [n for n, part in enumerate(parts) if part is not None]
        first = parts[having[0]]
        assert first is not None  # noqa: S101  (names are those that a product has)
        for number, part in enumerate(parts):
            if part is None:
                self.absent[number].append(name)
                continue
            for what, one, other in (
                ("dimensions", first.dims, part.dims),
                ("unit", first.attrs.get("units"), part.attrs.get("units")),
                ("quantity", first.attrs.get("quantity"), part.attrs.get("quantity")),
            ):
                if one != other:
                    raise SeriesError(
                        "the products do not hold the same",
                        file=self.sources[number],
                        key=name,
                        found=f"{what} {other}",
                        expected=f"{one}, as {self.sources[having[0]]} has",
                    )
        there = [part for part in parts if part is not None]
        attrs = {k: v for k, v in first.attrs.items() if all(_has(p.attrs, k, v) for p in there)}
        own_dims = tuple(map(str, first.dims))
        places = [tuple(dims[d].places[n] for d in own_dims) for n in range(len(parts))]
        shape = tuple(dims[d].size for d in own_dims)
        array = StackedArray(parts, places, shape, np.result_type(*(p.dtype for p in there)))
        new_dims = (self.dim, *own_dims)
        if "units" in attrs:
            values = array.read()
            if not own_dims and len(having) == len(parts) and _all_equal(values):
                return self._quantified(Variable((), values[0], attrs))
            made = self._quantified(Variable(new_dims, values, attrs))
            if name in POSITIONS:
                made.encoding = self._pixel_numbers(parts, places, shape)
            return made
        encoding: dict[str, Any] = {
            "preferred_chunks": {self.dim: 1, **dict(zip(own_dims, shape, strict=True))}
        }
        shapes = [p.encoding.get("original_shape", p.shape) for p in there]
        if len({len(one) for one in shapes}) == 1:
            encoding["original_shape"] = shapes[0]
        return Variable(new_dims, cached(array), attrs, encoding)

    @staticmethod
    def _pixel_numbers(
        parts: Sequence[Variable | None], places: Any, shape: tuple[int, ...]
    ) -> dict[str, Any]:
        """Return the pixel numbers that positions came with, as encoding of the stack."""
        kept = [None if p is None else kept_numbers(p) for p in parts]
        origins = {p.encoding.get(PIXEL_ORIGIN) for p in parts if p is not None}
        if len(origins) != 1 or all(one is None for one in kept):
            return {}
        numbers = [None if one is None else Variable(("position",), one) for one in kept]
        stacked = StackedArray(numbers, places, shape, np.dtype(float)).read()
        origin = origins.pop()
        return {PIXEL_NUMBERS: stacked, **({} if origin is None else {PIXEL_ORIGIN: origin})}

    def _quantified(self, variable: Variable) -> Variable:
        if not self.quantify or "units" not in variable.attrs:
            return variable
        attrs = {k: v for k, v in variable.attrs.items() if k != "units"}
        unit = str(variable.attrs["units"])
        return unit_variable(variable.dims, variable.values, unit, attrs, quantified=True)

    def _attrs(self, coordinates: dict[Hashable, Variable]) -> dict[str, Any]:
        """Return the attributes that all share; the others become coordinates."""
        shared: dict[str, Any] = {}
        every = [ds.attrs for ds in self.datasets]
        for name in dict.fromkeys(str(name) for attrs in every for name in attrs):
            there = [attrs[name] for attrs in every if name in attrs]
            if len(there) == len(every) and all(_equal(one, there[0]) for one in there):
                shared[name] = there[0]
                continue
            if name == self.dim and self.labels is not None:
                continue
            text = [isinstance(one, str) for one in there]
            taken = name in coordinates or name in PARTS or name in self.names
            if taken or any(map(np.ndim, there)) or any(text) != all(text):
                raise SeriesError(
                    "an attribute that differs has no place as a coordinate",
                    file=self.sources[0],
                    key=name,
                    found="the name of something else" if taken else repr(there[0]),
                    expected=None if taken else "text, or one number",
                )
            values = np.array([a.get(name, "" if any(text) else -1) for a in every])
            for attrs, absent in zip(every, self.absent, strict=True):
                if name not in attrs:
                    absent.append(name)
            long_name = SCHEMA[name].long_name if name in SCHEMA else name
            coordinates[name] = Variable(
                (self.dim,), values, {"long_name": long_name, ROLE: "attribute"}
            )
        return shared

    def _own(self, dims: dict[str, Dim]) -> dict[Hashable, Variable]:
        """Return what a stack has beside the model: what is needed to get one product back."""
        made: dict[Hashable, Variable] = {}

        def add(name: str, values: Any, *more: str, unit: str | None = None) -> None:
            attrs = {"long_name": PARTS[name], ROLE: "part"}
            if unit is not None:
                attrs["units"] = unit
            made[name] = self._quantified(Variable((self.dim, *more), values, attrs))

        add("source", np.array(self.sources))
        if "position" in dims:
            add("position_count", np.array([len(p) for p in dims["position"].places]))
        for ragged in RAGGED:
            if ragged in dims and dims[ragged].is_padded:
                present = np.zeros((len(self.datasets), dims[ragged].size), dtype=bool)
                for row, place in zip(present, dims[ragged].places, strict=True):
                    row[np.asarray(place, dtype=np.int64)] = True
                add(f"{ragged}_present", present, ragged)
        for letter, side in (("x", "columns"), ("y", "rows")):
            name = f"object_{letter}"
            if name not in dims or dims[name].index is None:
                continue
            grids = [
                grid_index(ds, name).line() if name in ds.sizes else None
                for n, ds in enumerate(self.datasets)
            ]
            if any(grid != grids[0] for grid in grids):
                unit = next(grid.unit for grid in grids if grid is not None)
                centers = [np.nan if grid is None else grid.to(unit).center for grid in grids]
                add(f"object_center_{letter}", np.array(centers), unit=unit)
                add(f"object_{side}", np.array([0 if g is None else g.size for g in grids]))
        if any(self.absent):
            add("absent", np.array([" ".join(sorted(names)) for names in self.absent]))
        return made


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return type(one) is type(other) and bool(one == other)
    return bool(np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind in "fc"))


def _has(attrs: Any, name: Hashable, value: Any) -> bool:
    return name in attrs and _equal(attrs[name], value)


def _all_equal(values: np.ndarray) -> bool:
    return bool(((values == values[0]) | (np.isnan(values) & np.isnan(values[0]))).all())
