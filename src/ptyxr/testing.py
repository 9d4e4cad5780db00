"""Assertions for tests: equal in numbers and in units."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr

from ptyxr.carried import data_of
from ptyxr.coordinates import unit_of
from ptyxr.errors import UnitError
from ptyxr.units import is_quantity

__all__ = ["assert_identical"]

_Both = TypeVar("_Both", bound=xr.Dataset | xr.DataArray)


def assert_identical(a: _Both, b: _Both) -> None:
    """Assert that two datasets or arrays are identical, units and magnitudes included.

    xarray's own ``assert_identical`` takes 1 m and 1000 mm for identical.

    Parameters
    ----------
    a, b : xarray.Dataset or xarray.DataArray
        What to compare: values, dtypes, dims, names, coordinates, attributes, units.

    Raises
    ------
    AssertionError
        Naming what differs.

    Examples
    --------
    >>> import ptyxr
    >>> ds = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
    >>> ptyxr.testing.assert_identical(ds, ds.copy(deep=True))
    """
    xr.testing.assert_identical(a, b)
    left, right = (
        x.to_dataset(name="__array__") if isinstance(x, xr.DataArray) else x for x in (a, b)
    )
    for name in left.variables:
        x, y = left.variables[name], right.variables[name]
        if x.dtype != y.dtype:
            raise AssertionError(f"{name!r}: dtype {x.dtype} is not {y.dtype}")
        if x.dims == (name,) and is_quantity(data_of(x)):
            # xarray takes labels for equal that are the same pixel.
            np.testing.assert_array_equal(data_of(x).magnitude, data_of(y).magnitude, str(name))
        if is_quantity(data_of(x)) != is_quantity(data_of(y)):
            raise AssertionError(f"{name!r}: one is a Quantity, the other is not")
        units = [_unit(ds, str(name)) for ds in (left, right)]
        if units[0] != units[1]:
            raise AssertionError(f"{name!r}: unit {units[0]} is not {units[1]}")


def _unit(ds: xr.Dataset, name: str) -> str | None:
    try:
        return unit_of(ds, name)
    except UnitError:
        return None
