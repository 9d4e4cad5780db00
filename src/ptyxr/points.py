"""The scan points as points of a plane: the nearest one, those within a radius, and an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError, UnitError, warn
from ptyxr.indexes import PointIndex
from ptyxr.units import is_quantity, parse

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["index_positions", "match_positions", "nearest", "within"]

X, Y, NUMBER = "position_x", "position_y", "position_index"


def index_positions(ds: Dataset) -> Dataset:
    """Return the dataset with an index on its positions; see the accessor."""
    for name in (X, Y):
        if name not in ds.variables:
            raise MissingDataError("the dataset has no positions", key=name)
    return ds.set_xindex([X, Y], PointIndex)


def _points(ds: Dataset) -> PointIndex:
    index = ds.xindexes.get(X)
    if isinstance(index, PointIndex):
        return index
    if X not in ds.variables or Y not in ds.variables:
        raise MissingDataError("the dataset has no positions", key=X)
    return PointIndex.from_variables({name: ds.variables[name] for name in (X, Y)}, options={})


def _place(index: PointIndex, x: object, y: object) -> np.ndarray:
    try:
        place = [parse(value, index.unit, name, bare=False) for name, value in (("x", x), ("y", y))]
    except UnitError as error:
        raise UnitError(
            error.problem,
            key=error.key,
            found=error.found,
            expected=error.expected,
            remedy=error.remedy or f"Give it in {index.unit}, as the positions are",
        ) from error
    return np.array(place)


def nearest(ds: Dataset, x: object, y: object) -> Dataset:
    """Return the scan point nearest to a place; see the accessor's method of this name."""
    index = _points(ds)
    _, found = index.tree.query(_place(index, x, y))
    return ds.isel({index.dim: int(found)})


def within(ds: Dataset, x: object, y: object, radius: object) -> Dataset:
    """Return the scan points within a radius of a place; see the accessor's method of this name."""
    index = _points(ds)
    reach = parse(radius, index.unit, "radius", bare=False)
    if reach < 0:
        raise PtyxrError("a radius is not negative", key="radius", found=repr(radius))
    if not len(index.points):
        return ds
    found = index.tree.query_ball_point(_place(index, x, y), reach)
    return ds.isel({index.dim: np.sort(np.asarray(found, dtype=np.int64))})


def _numbers(ds: Dataset, name: str) -> np.ndarray:
    if NUMBER not in ds.variables or ds.variables[NUMBER].ndim != 1:
        raise MissingDataError(
            f"dataset {name} has no numbers to pair its points by",
            key=NUMBER,
            remedy="Number the points: ds.assign_coords(position_index=('position', numbers))",
        )
    numbers = ds.variables[NUMBER].data
    if getattr(numbers, "dtype", np.dtype(object)).kind not in "iu" or is_quantity(numbers):
        raise InvalidDataError(
            f"the numbers of dataset {name} are no integers",
            key=NUMBER,
            found=f"{type(numbers).__name__} of {getattr(numbers, 'dtype', None)}",
        )
    # As Python's own integers, of whatever width and sign, they compare exactly.
    numbers = np.asarray(numbers)
    numbers = numbers.astype(object) if numbers.dtype == np.uint64 else numbers.astype(np.int64)
    values, counts = np.unique(numbers, return_counts=True)
    if (counts > 1).any():
        raise PtyxrError(
            f"points of dataset {name} share a number, which does not tell their partners",
            key=NUMBER,
            found=f"{int((counts > 1).sum())} numbers more than once: {values[counts > 1][:3]}",
            expected="each number once",
            remedy="Number the points: ds.assign_coords(position_index=('position', numbers))",
        )
    return numbers


def match_positions(a: Dataset, b: Dataset) -> tuple[Dataset, Dataset]:
    """Pair the points of two scans by ``position_index``, the number of the diffraction pattern.

    Parameters
    ----------
    a, b : Dataset
        Two scans, or two reconstructions of one, with ``position_index`` (position,) int64.

    Returns
    -------
    tuple of Dataset
        `a` and `b` with the points that both have, in the order of `a`: what is computed from the
        two, such as ``b.position_x - a.position_x``, is point by point. Where they have no point in
        common, both are empty along position.

    Raises
    ------
    MissingDataError
        If one has no ``position_index``.
    InvalidDataError
        If the numbers are no integers.
    PtyxrError
        If a number occurs twice in one.

    Warns
    -----
    UserWarning
        If they have no number in common.

    Examples
    --------
    >>> import ptyxr
    >>> scan = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
    >>> scan = scan.assign_coords(position_index=("position", range(9)))
    >>> a, b = ptyxr.match_positions(scan.isel(position=[5, 3, 1]), scan.isel(position=[0, 1, 3]))
    >>> a.position_index.values, b.position_index.values
    (array([3, 1]), array([3, 1]))
    """
    first, second = _numbers(a, "a"), _numbers(b, "b")
    _, at_a, at_b = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    if not at_a.size and first.size and second.size:
        warn(
            "the two scans have no position_index in common, and nothing is paired. Number their "
            "points alike: ds.assign_coords(position_index=('position', numbers)).",
        )
    order = np.argsort(at_a)
    (dim_a,), (dim_b,) = a.variables[NUMBER].dims, b.variables[NUMBER].dims
    return a.isel({dim_a: at_a[order]}), b.isel({dim_b: at_b[order]})
