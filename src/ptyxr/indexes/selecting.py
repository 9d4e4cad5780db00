"""What the indexes share: labels that a user selects by, and what none of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
from xarray import Index, Variable

from ptyxr.errors import GridError, UnitError
from ptyxr.units import canonical, convert_decimal, is_quantity, parse

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from typing import Self

__all__ = ["NoStack", "label_numbers", "selected_along"]


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
    data = getattr(label, "data", label) if hasattr(label, "dims") else label
    if isinstance(data, str):
        return np.asarray(parse(data, unit, str(name)))
    if is_quantity(data):
        source = canonical(data, str(name))
        try:
            return convert_decimal(np.asarray(data.magnitude, dtype=float), source, unit)
        except UnitError as error:
            raise UnitError(
                "the label has a unit that does not fit the coordinate",
                key=str(name),
                found=source,
                expected=unit,
                remedy="Convert the dataset with ds.ptyxr.to(...), or select in its unit",
            ) from error
    # A pandas index is what xarray was given by `to_pandas_index`.
    if not bare and not isinstance(data, pd.Index):
        raise UnitError(
            "the label has no unit",
            key=str(name),
            found=repr(data),
            expected=f"a Quantity in {unit}",
        )
    return np.asarray(data, dtype=float)


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
    return indexer if indexer.ndim else None


class NoStack(Index):
    """An index that is not made by stacking dimensions, and says so."""

    @classmethod
    def stack(cls, variables: Mapping[Any, Variable], dim: Hashable) -> Self:
        """Refuse: what xarray stacks by default has an index of its own."""
        raise GridError(
            f"a {cls.__name__} is not made by stacking dimensions",
            key=str(dim),
            found=sorted(map(str, variables)),
            remedy="Stack without index_cls=, and ds.unstack() before ds.ptyxr.quantify()",
        )

    def unstack(self) -> NoReturn:
        """Refuse: there is nothing stacked in it."""
        raise GridError(
            f"the coordinates of a {type(self).__name__} are not stacked ones", found=repr(self)
        )
