"""What deriving from a dataset has in common: numbers in, Quantities and coordinates out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray import DataArray, Dataset, Variable

from ptyxr.coordinates import axis, magnitude, unit_of
from ptyxr.errors import MissingDataError, UnitError
from ptyxr.model import AXES, SCHEMA
from ptyxr.units import METER, PIXEL, convert_decimal, convert_scalar
from ptyxr.variables import unit_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "beside_coordinates",
    "derived_array",
    "how_to_give",
    "known_numbers",
    "needed_numbers",
    "pixel_pitch",
    "quantity_variable",
]

#: A name that no dataset has, for what is put beside its coordinates for a moment.
_DERIVED: Final = "__derived__"


def beside_coordinates(ds: Dataset, variables: Mapping[str, Variable]) -> Dataset:
    """Return variables with the dataset's coordinates that go with their dimensions."""
    beside = ds.coords.to_dataset().drop_attrs(deep=False)
    return beside.assign(variables)[list(variables)]


def derived_array(ds: Dataset, name: str, variable: Variable) -> DataArray:
    """Return one variable with the dataset's coordinates, whatever these are called."""
    return beside_coordinates(ds, {_DERIVED: variable})[_DERIVED].rename(name)


def quantity_variable(dims: Any, values: Any, unit: str, long_name: str) -> Variable:
    """Return numbers with a unit as a Variable that holds a Quantity."""
    # .pint, with which such a result is shown and converted, is there once this is imported.
    import pint_xarray  # noqa: F401

    return unit_variable(dims, values, unit, {"long_name": long_name}, quantified=True)


def known_numbers(ds: Dataset, name: str) -> Variable | None:
    """Return a coordinate as bare float64 in the unit of the model, or None; also of a series."""
    if name not in ds.variables:
        return None
    values = np.asarray(magnitude(ds, name), dtype=float)
    source, target = unit_of(ds, name), str(SCHEMA[name].unit)
    if source != target:
        try:
            # In decimal: a number that a user gave in keV is to be the one given in eV.
            values = convert_decimal(values, source, target)
        except UnitError as error:
            raise UnitError(
                "the unit of the coordinate does not fit", key=name, found=source, expected=target
            ) from error
    return Variable(ds.variables[name].dims, values)


def how_to_give(name: str, example: str) -> str:
    """Return the remedy for a coordinate that is missing."""
    return f"Give it: ds.assign_coords({name}=ptyxr.ureg.Quantity({example}))"


def needed_numbers(ds: Dataset, name: str, example: str, *, signed: bool = False) -> Variable:
    """Return a coordinate of which 0 means that nobody told, in the unit of the model.

    Parameters
    ----------
    ds : Dataset
    name : str
        Name of the coordinate.
    example : str
        Arguments of a Quantity, for the remedy.
    signed : bool, default: False
        Whether negative numbers are values too.

    Raises
    ------
    MissingDataError
        If it is missing, 0, not finite, or negative and not to be.
    """
    long_name = SCHEMA[name].long_name
    remedy = how_to_give(name, example)
    numbers = known_numbers(ds, name)
    if numbers is None:
        raise MissingDataError(f"the {long_name} is not known", key=name, remedy=remedy)
    values = np.abs(numbers.values) if signed else numbers.values
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        first = float(numbers.values[bad].flat[0])
        many = f" in {int(bad.sum())} of {bad.size} steps" if bad.ndim else ""
        raise MissingDataError(
            f"the {long_name} is 0, which stands for unknown"
            if first == 0
            else f"this is no {long_name}",
            key=name,
            found=f"{first!r} {SCHEMA[name].unit}{many}",
            remedy=remedy,
        )
    return numbers


def pixel_pitch(ds: Dataset, name: str) -> Variable | None:
    """Return the pixel size along an axis in metre/pixel, from the axis or the scalar, or None."""
    per_column = 1.0
    if name in ds.variables:
        grid = axis(ds, name).grid
        if grid.unit != PIXEL:
            return Variable((), convert_scalar(grid.pitch, grid.unit, METER))
        per_column = grid.pitch
    size = known_numbers(ds, AXES[name].pixel_size)
    if size is None or not (np.isfinite(size.values) & (size.values > 0)).all():
        return None
    return size * per_column
