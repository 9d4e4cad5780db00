"""The unit that a coordinate carries: as a Quantity, in a dask array, or as an attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.errors import UnitError
from ptyxr.model import SCHEMA
from ptyxr.units import canonical, convert, is_quantity

if TYPE_CHECKING:
    from xarray import Variable

__all__ = ["data_of", "has_quantity", "variable_numbers", "variable_unit"]


def data_of(variable: Variable) -> Any:
    """Return what a variable holds as it stands; ``Variable.data`` would read what is lazy."""
    return variable._data  # noqa: SLF001


def has_quantity(variable: Variable) -> bool:
    """Tell whether a coordinate is a Quantity, or a dask array that hides one; nothing is read."""
    data = data_of(variable)
    return is_quantity(data) or is_quantity(getattr(data, "_meta", None))


def _loaded(variable: Variable) -> Any:
    """Return the data of a coordinate, computed where a dask array hides its Quantity."""
    data = variable.data
    # In this order: pint writes the whole array into the error of an attribute it does not have.
    return data if is_quantity(data) or not hasattr(data, "dask") else data.compute()


def variable_unit(variable: Variable, name: str) -> str:
    """Return the unit of a coordinate, in canonical spelling.

    Raises
    ------
    UnitError
        If it has lost its unit, or carries one that ptyxr refuses.
    """
    return _unit(variable, _loaded(variable), name)


def _unit(variable: Variable, data: Any, name: str) -> str:
    if is_quantity(data):
        return canonical(data, name)
    if "units" in variable.attrs:
        return canonical(str(variable.attrs["units"]), name)
    unit = SCHEMA[name].unit if name in SCHEMA else "meter"
    raise UnitError(
        "the coordinate has lost its unit, as it does when a bare array is assigned over it",
        key=name,
        # xarray makes an index of what is called as its dimension, and that holds numbers only.
        remedy="Assign numbers with a 'units' attribute in its place: "
        f"ds.assign_coords({name}=({name!r}, numbers, {{'units': {unit!r}}}))"
        if variable.dims == (name,)
        else "Assign a Quantity, or a variable with a 'units' attribute, in its place",
    )


def variable_numbers(variable: Variable, name: str, unit: str | None = None) -> np.ndarray:
    """Return the numbers of a coordinate, in a unit of canonical spelling or as they stand.

    Raises
    ------
    UnitError
        If it has lost its unit, or one that does not convert.
    """
    data = _loaded(variable)
    source = _unit(variable, data, name)
    values = np.asarray(data.magnitude if is_quantity(data) else data)
    try:
        return values if unit is None else convert(values, source, unit)
    except UnitError as error:
        raise UnitError(
            "the unit of the coordinate does not fit", key=name, found=source, expected=unit
        ) from error
