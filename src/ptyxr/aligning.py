"""The dimensions of a stack: where each product lies along them, by whole pixels only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from xarray import Coordinates, Dataset, Index, Variable

from ptyxr.errors import GridError, SeriesError, UnitError
from ptyxr.indexes import GridIndex
from ptyxr.model import AXES, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from ptyxr.storage.stacked import Place

__all__ = ["RAGGED", "Dim", "Dims", "Join", "grid_index"]

Join = Literal["outer", "inner", "exact"]

#: Dimensions that may be of different length, and end in padding.
RAGGED: Final = ("position", "epoch")
#: An object is not made larger than this many times the largest one.
_LARGEST: Final = 100


@dataclass
class Dim:
    """A dimension of the stack: its length, and where each product lies along it."""

    size: int
    places: list[Place]
    index: Index | None = None
    variables: dict[Hashable, Variable] = field(default_factory=dict)

    @property
    def is_padded(self) -> bool:
        """Whether a product has less than all of it."""
        return any(len(place) != self.size for place in self.places)


class Dims:
    """Finds the dimensions of a stack.

    Parameters
    ----------
    datasets : sequence of Dataset
        The products, as an engine opens them.
    sources : sequence of str
        Their files, for errors.
    join : {"outer", "inner", "exact"}
        What becomes of objects of different size.
    quantify : bool
        Whether coordinates become Quantities.
    """

    def __init__(
        self, datasets: Sequence[Dataset], sources: Sequence[str], join: Join, *, quantify: bool
    ) -> None:
        self.datasets, self.sources = datasets, sources
        self.join, self.quantify = join, quantify

    def all(self) -> dict[str, Dim]:
        """Return the dimensions of the stack by name.

        Raises
        ------
        SeriesError
            If the products do not go together along one of them.
        """
        dims: dict[str, Dim] = {}
        for name in dict.fromkeys(d for ds in self.datasets for d in ds.sizes):
            dim = str(name)
            if dim in AXES and any(dim in ds.xindexes for ds in self.datasets):
                dims[dim] = self._axis(dim)
            elif dim == "epoch" and any(dim in ds.xindexes for ds in self.datasets):
                dims[dim] = self._epochs()
            else:
                dims[dim] = self._length(dim)
        return dims

    def _length(self, dim: str) -> Dim:
        """Return a dimension without labels: of one length, or padded at its end."""
        sizes = [ds.sizes.get(dim) for ds in self.datasets]
        there = [size for size in sizes if size is not None]
        if dim not in RAGGED:
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
        return Dim(max(there), [range(size or 0) for size in sizes])

    def _epochs(self) -> Dim:
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
        return Dim(len(union), places, made.xindexes["epoch"], dict(made.variables))

    def _axis(self, name: str) -> Dim:
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
        first = grid_index(self.datasets[having[0]], name)
        spans: list[range | None] = []
        for number, ds in enumerate(self.datasets):
            if name not in ds.sizes:
                spans.append(None)
                continue
            try:
                columns = grid_index(self.datasets[number], name).aligned_to(first)
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
                    found=str(grid_index(self.datasets[number], name).grid),
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
        return Dim(high - low, places, index, index.create_variables({name: described}))


def grid_index(ds: Dataset, name: str) -> GridIndex:
    """Return the grid of a pixel axis that has an index, of whatever kind."""
    index = ds.xindexes[name]
    if isinstance(index, GridIndex):
        return index
    return GridIndex.from_variables({name: ds.variables[name]}, options={})


def _tidy(places: np.ndarray) -> Place:
    """Return ascending places as a range where they are one."""
    if places.size and int(places[-1]) - int(places[0]) + 1 == places.size:
        return range(int(places[0]), int(places[-1]) + 1)
    return places
