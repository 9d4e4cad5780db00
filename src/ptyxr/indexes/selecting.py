"""What the indexes share: labels that a user selects by, and what none of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import DataArray, Index, Variable

from ptyxr.errors import GridError, UnitError
from ptyxr.spelling import example
from ptyxr.units import canonical, convert_decimal, is_quantity, parse

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from typing import Self

__all__ = ["NoStack", "check_kinds", "label_numbers", "like_label", "selected_along"]


def label_numbers(label: Any, unit: str, name: Hashable, *, bare: bool) -> np.ndarray:
    """Return the labels of a selection as numbers in the unit of the coordinate.

    Parameters
    ----------
    label : Quantity, str, DataArray, Variable, pandas.Index or array-like
        Of any shape; "8 keV" is one label.
    unit : str
        Unit of the coordinate, in canonical spelling.
    name : hashable
        Name of the coordinate, for the error.
    bare : bool
        Whether numbers without a unit are taken to be in `unit`.

    Raises
    ------
    UnitError
        If a label has no unit, or one that does not fit.
    """
    attrs = getattr(label, "attrs", {})
    data = getattr(label, "data", label) if hasattr(label, "dims") else label
    if isinstance(data, (list, tuple)) and any(isinstance(x, str) or is_quantity(x) for x in data):
        return np.array([label_numbers(one, unit, name, bare=bare) for one in data])
    try:
        if isinstance(data, str):
            return np.asarray(parse(data, unit, str(name)))
        source = _unit_of_label(data, attrs, unit, name, bare=bare)
        numbers = np.asarray(getattr(data, "magnitude", data))
        return convert_decimal(_real(numbers, name), source, unit)
    except UnitError as error:
        raise UnitError(
            error.problem if error.key else "the label has a unit that does not fit the coordinate",
            key=str(name),
            found=error.found,
            expected=error.expected,
            remedy=error.remedy or f"Give a text or a Quantity in {unit}, as in {example(unit)}",
        ) from error


def _unit_of_label(data: Any, attrs: Mapping[Any, Any], unit: str, name: Any, *, bare: bool) -> str:
    if is_quantity(data):
        return canonical(data, str(name))
    if "units" in attrs:
        return canonical(str(attrs["units"]), str(name))
    if bare:
        return unit
    raise UnitError("the label has no unit", key=str(name), found=repr(data), expected=unit)


def _real(numbers: np.ndarray, name: Hashable) -> np.ndarray:
    if numbers.dtype.kind not in "fiu":
        raise UnitError("the label is no real number", key=str(name), found=repr(numbers))
    return numbers.astype(float)


def like_label(label: Any, values: np.ndarray, name: Hashable) -> Any:
    """Return values with the dimensions and other coordinates of the label they were found for.

    Parameters
    ----------
    label : Variable or DataArray
    values : ndarray
        Of its shape.
    name : hashable
        Name of the coordinate, which is left out.
    """
    plain = Variable(label.dims, values)
    if not hasattr(label, "coords"):
        return plain
    return DataArray(plain, {k: v for k, v in label.coords.items() if k != name})


def selected_along(dim: Hashable, indexers: Mapping[Any, Any]) -> Any:
    """Return the slice or array that selects along a dimension, or None where an index ends.

    It ends with a scalar, and with an indexer along another dimension.
    """
    indexer = indexers[dim]
    if isinstance(indexer, Variable):
        if indexer.dims != (dim,):
            return None
        indexer = indexer.data
    if isinstance(indexer, slice):
        return indexer
    indexer = np.asarray(indexer)
    if not indexer.size:
        indexer = indexer.astype(np.int64)
    return indexer if indexer.ndim else None


def check_kinds(indexes: Sequence[Index], dim: Hashable) -> None:
    """Refuse to put indexes together of which one knows no unit, as xarray makes of a scalar."""
    other = next((index for index in indexes if type(index) is not type(indexes[0])), None)
    if other is not None:
        raise UnitError(
            "labels with a unit are not put together with bare ones",
            key=str(dim),
            found=f"{type(indexes[0]).__name__} and {type(other).__name__}",
            remedy=f"Bring all to one kind first: ds.expand_dims({dim!r}).ptyxr.quantify()",
        )


class NoStack(Index):
    """An index that is not made by stacking dimensions, and says so.

    That there is nothing stacked in it, xarray tells by its not having an ``unstack`` of its own.
    """

    @classmethod
    def stack(cls, variables: Mapping[Any, Variable], dim: Hashable) -> Self:
        """Refuse: what xarray stacks by default has an index of its own."""
        raise GridError(
            f"a {cls.__name__} is not made by stacking dimensions",
            key=str(dim),
            found=sorted(map(str, variables)),
            remedy="Stack without index_cls=, and ds.unstack() before ds.ptyxr.quantify()",
        )
