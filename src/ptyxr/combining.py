"""Coordinates with units beside each other: whether they are equal, why they do not combine."""

from __future__ import annotations

from typing import Any

import numpy as np
from xarray import Variable

from ptyxr.carried import data_of
from ptyxr.errors import UnitError
from ptyxr.model import SCHEMA
from ptyxr.spelling import example
from ptyxr.units import canonical, convert, is_current, is_quantity, spelling

__all__ = ["coordinate_name", "explained", "no_css_pixel_beside", "same_numbers"]


def same_numbers(
    mine: np.ndarray,
    unit: str,
    theirs: np.ndarray,
    their_unit: str,
    *,
    slack: float = 0.0,
    converted: bool = False,
) -> bool:
    """Tell whether numbers in two units are equal, NaN in one place too.

    Parameters
    ----------
    mine, theirs : ndarray
        Of one shape.
    unit, their_unit : str
        Units in canonical spelling.
    slack : float
        By how much they may differ, in `unit`.
    converted : bool
        Whether to pardon the rounding of a conversion there and back: some ulp. It is pardoned
        anyway where the units differ.
    """
    try:
        values = convert(theirs, their_unit, unit)
    except UnitError:
        return False
    rounding = 2e-15 if converted or unit != their_unit else 0.0
    return bool(np.isclose(mine, values, rtol=rounding, atol=slack, equal_nan=True).all())


def coordinate_name(variable: Variable) -> str | None:
    """Return the name of a coordinate; a Variable knows none, but its long name tells."""
    long_name = variable.attrs.get("long_name")
    for name, entry in SCHEMA.items():
        if entry.long_name == long_name:
            return name
    return None if long_name is None else str(long_name)


def no_css_pixel_beside(variable: Variable, other: Any) -> None:
    """Refuse arithmetic of metres or pixels with pint's "px", which is 0.26 mm."""
    theirs, mine = getattr(other, "_data", other), data_of(variable)
    if is_quantity(theirs) and is_quantity(mine) and "css_pixel" not in spelling(mine):
        canonical(theirs, coordinate_name(variable))


def explained(error: Exception, variable: Variable, other: Any) -> Exception:
    """Return an error of arithmetic as one that names the coordinate, where units are its cause."""
    other_data = getattr(other, "_data", other)
    theirs = spelling(other_data) if is_quantity(other_data) else "no unit"
    mine: Any = data_of(variable)
    if not is_quantity(mine):
        return error
    second = coordinate_name(other) if isinstance(other, Variable) else None
    own = coordinate_name(variable)
    key = own if second in (None, own) else f"{own}, {second}"
    if not is_current(mine) or (is_quantity(other_data) and not is_current(other_data)):
        return UnitError(
            "units of two registries do not combine: one was made by hand, or replaced while the "
            "data were open",
            key=key,
            found=f"{spelling(mine)} and {theirs} of different registries",
            remedy="Make quantities with ptyxr.ureg; ds.ptyxr.quantify() brings a dataset to a new "
            "registry (importing cf_xarray.units replaces it)",
        )
    if hasattr(error, "units1") or "Cannot compare" in str(error):
        return UnitError(
            "these units do not combine",
            key=key,
            found=f"{spelling(mine)} and {theirs}",
            remedy="Bring both to one unit, as with ds.ptyxr.to(...)"
            if is_quantity(other_data)
            else f"Give the number its unit: ptyxr.ureg.Quantity({example(spelling(mine))})",
        )
    return error
