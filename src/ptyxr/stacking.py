"""Opened products as one dataset along a new dimension, each read only where it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from xarray import Coordinates, Dataset, Index, Variable
from xarray.core import indexing

from ptyxr.errors import GridError, SeriesError, UnitError
from ptyxr.frame import PIXEL_ORIGIN
from ptyxr.indexes import GridIndex, UnitIndex
from ptyxr.model import AXES, PARTS, POSITIONS, SCHEMA
from ptyxr.storage.arrays import lazy
from ptyxr.storage.stacked import Place, StackedArray
from ptyxr.variables import PIXEL_NUMBERS, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["ROLE", "Join", "stack"]

Join = Literal["outer", "inner", "exact"]

#: Attribute of a coordinate that a stack has beside those of the model, and what is in it.
ROLE: Final = "series"
#: Dimensions that may be of different length, and end in padding.
_RAGGED: Final = ("position", "epoch")
#: An object is not made larger than this many times the largest one.
_LARGEST: Final = 100


@dataclass
class _Dim:
    """A dimension of the stack: its length, and where each product lies along it."""

    size: int
    places: list[Place]
    index: Index | None = None
    variables: dict[Hashable, Variable] = field(default_factory=dict)

    @property
    def is_padded(self) -> bool:
        """Whether a product has less than all of it."""
        return any(len(place) != self.size for place in self.places)


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

    def _dims(self) -> dict[str, _Dim]:
        dims: dict[str, _Dim] = {}
        for name in dict.fromkeys(d for ds in self.datasets for d in ds.sizes):
            dim = str(name)
            if dim in AXES and any(dim in ds.xindexes for ds in self.datasets):
                dims[dim] = self._axis(dim)
            elif dim == "epoch" and any(dim in ds.xindexes for ds in self.datasets):
                dims[dim] = self._epochs()
            else:
                dims[dim] = self._length(dim)
        return dims

    def _length(self, dim: str) -> _Dim:
        """Return a dimension without labels: of one length, or padded at its end."""
        sizes = [ds.sizes.get(dim) for ds in self.datasets]
        there = [size for size in sizes if size is not None]
        if dim not in _RAGGED:
            first = sizes.index(there[0])
            for number, size in enumerate(sizes):
                if size not in (None, there[0]):
                    raise SeriesError(
                        "the products differ in shape",
                        file=self.sources[number],
                        key=dim,
                        found=f"{size}",
                        expected=f"{there[0]}, as {self.sources[first]} has",
                    )
        return _Dim(max(there), [range(size or 0) for size in sizes])

    def _epochs(self) -> _Dim:
        """Return all epochs that a product has, ascending."""
        # Of no losses at all, writers leave the numbers out.
        having = [ds for ds in self.datasets if ds.sizes.get("epoch")]
        if not having:
            return self._length("epoch")
        epochs = {id(ds): ds.variables["epoch"].values for ds in having if "epoch" in ds.xindexes}
        first = next((ds for ds in having if id(ds) in epochs), having[0])
        labels = [epochs.get(id(ds)) for ds in self.datasets]
        if not epochs:
            return self._length("epoch")
        same = len(epochs) == len(having) and all(
            np.array_equal(epochs[id(ds)], epochs[id(first)]) for ds in having
        )
        if same:
            union = epochs[id(first)]
            places: list[Place] = [range(0 if own is None else own.size) for own in labels]
        else:
            for ds, source in zip(self.datasets, self.sources, strict=True):
                own = epochs.get(id(ds))
                if ds.sizes.get("epoch") and (own is None or (np.diff(own) <= 0).any()):
                    raise SeriesError(
                        "the epochs do not align",
                        file=source,
                        key="epoch",
                        found="none" if own is None else f"{own[:8]} …",
                        expected="ascending numbers, each once",
                        remedy="drop_variables='epoch' leaves them out",
                    )
            union = np.unique(np.concatenate([own for own in labels if own is not None]))
            places = [
                range(0) if own is None else _tidy(np.searchsorted(union, own)) for own in labels
            ]
        old = first.variables["epoch"]
        made = Coordinates({"epoch": Variable(("epoch",), union, old.attrs)})
        return _Dim(len(union), places, made.xindexes["epoch"], dict(made.variables))

    def _axis(self, name: str) -> _Dim:
        """Return a pixel axis that all products lie on, by whole pixels."""
        having = [n for n, ds in enumerate(self.datasets) if name in ds.sizes]
        bare = [n for n in having if name not in self.datasets[n].xindexes]
        if bare:
            raise SeriesError(
                "an axis of the product has no place in space",
                file=self.sources[bare[0]],
                key=name,
                found="pixels without coordinates",
                remedy="Write it again with its pixel size",
            )
        first = self._grid(having[0], name)
        spans: list[range | None] = []
        for number, ds in enumerate(self.datasets):
            if name not in ds.sizes:
                spans.append(None)
                continue
            try:
                columns = self._grid(number, name).aligned_to(first)
            except (GridError, UnitError) as error:
                raise SeriesError(
                    error.problem,
                    file=self.sources[number],
                    key=name,
                    found=error.found,
                    expected=f"that of {self.sources[having[0]]}, moved by whole pixels at most",
                ) from error
            spans.append(range(int(columns[0]), int(columns[0]) + columns.size))
        there = [span for span in spans if span is not None]
        is_object = AXES[name].variable == "object"
        for number in having:
            span = spans[number]
            if span != there[0] and (not is_object or self.join == "exact"):
                raise SeriesError(
                    "the products differ in size, or lie in different places",
                    file=self.sources[number],
                    key=name,
                    found=str(self._grid(number, name).grid),
                    expected=f"{first.grid}, as {self.sources[having[0]]} has",
                    remedy="join='outer' pads objects, join='inner' crops them"
                    if is_object
                    else None,
                )
        low = (max if self.join == "inner" else min)(span.start for span in there)
        high = (min if self.join == "inner" else max)(span.stop for span in there)
        if high <= low:
            raise SeriesError("the objects have no pixel in common", key=name)
        longest = max(map(len, there))
        if high - low > _LARGEST * longest:
            raise SeriesError(
                "the objects lie too far apart for one array",
                key=name,
                found=f"{high - low} pixels from end to end, and {longest} in the largest",
            )
        index = first.replace(columns=range(low, high)).with_quantities(self.quantify)
        if range(low, high) == range(first.grid.size):
            index = GridIndex.full(first.grid, name, quantified=self.quantify)
        described = Variable((), 0, {"long_name": SCHEMA[name].long_name})
        places: list[Place] = [
            range(0) if span is None else range(span.start - low, span.stop - low) for span in spans
        ]
        return _Dim(high - low, places, index, index.create_variables({name: described}))

    def _grid(self, number: int, name: str) -> GridIndex:
        index = self.datasets[number].xindexes[name]
        if isinstance(index, GridIndex):
            return index
        variable = self.datasets[number].variables[name]
        return GridIndex.from_variables({name: variable}, options={})

    def dataset(self) -> Dataset:
        """Return the stack."""
        dims = self._dims()
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

    def _variable(self, name: str, dims: dict[str, _Dim]) -> Variable:
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
        copied: Any = indexing.CopyOnWriteArray  # written into, it is read
        cached = indexing.MemoryCachedArray(copied(lazy(array)))
        return Variable(new_dims, cached, attrs, encoding)

    @staticmethod
    def _pixel_numbers(
        parts: Sequence[Variable | None], places: Any, shape: tuple[int, ...]
    ) -> dict[str, Any]:
        """Return the pixel numbers that positions came with, as encoding of the stack."""
        kept = [None if p is None else p.encoding.get(PIXEL_NUMBERS) for p in parts]
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

    def _own(self, dims: dict[str, _Dim]) -> dict[Hashable, Variable]:
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
        for ragged in _RAGGED:
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
                self._grid(n, name).line() if name in ds.sizes else None
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


def _tidy(places: np.ndarray) -> Place:
    """Return ascending places as a range where they are one."""
    if places.size and int(places[-1]) - int(places[0]) + 1 == places.size:
        return range(int(places[0]), int(places[-1]) + 1)
    return places


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return type(one) is type(other) and bool(one == other)
    return bool(np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind in "fc"))


def _has(attrs: Any, name: Hashable, value: Any) -> bool:
    return name in attrs and _equal(attrs[name], value)


def _all_equal(values: np.ndarray) -> bool:
    return bool(((values == values[0]) | (np.isnan(values) & np.isnan(values[0]))).all())
