"""Reading coordinates with their units, and putting units on and off a whole dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Coordinates, DataArray, Dataset, Index, Variable

from ptyxr.errors import GridError, MissingDataError, UnitError
from ptyxr.indexes import GridIndex
from ptyxr.model import AXES, SCHEMA
from ptyxr.units import METER_PER_PIXEL, canonical, convert, convert_scalar, is_quantity
from ptyxr.variables import UnitVariable, data_of, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

__all__ = [
    "axis",
    "dequantify",
    "magnitude",
    "quantify",
    "replace_coordinates",
    "scalar",
    "unit_of",
]


def _has_quantity(variable: Variable) -> bool:
    """Tell whether a coordinate is a Quantity, or a dask array that hides one; nothing is read."""
    data = data_of(variable)
    return is_quantity(data) or is_quantity(getattr(data, "_meta", None))


def _loaded(variable: Variable) -> Any:
    """Return the data of a coordinate, computed where a dask array hides its Quantity."""
    data = variable.data
    return data.compute() if hasattr(data, "dask") and not is_quantity(data) else data


def unit_of(ds: Dataset, name: str) -> str:
    """Return the unit of a coordinate, in canonical spelling.

    Raises
    ------
    MissingDataError
        If there is no such coordinate.
    UnitError
        If it has lost its unit, or carries one that ptyxr refuses.
    """
    if name not in ds.variables:
        raise MissingDataError("the dataset has no such coordinate", key=name)
    variable = ds.variables[name]
    data = _loaded(variable)
    if is_quantity(data):
        return canonical(data, name)
    if "units" in variable.attrs:
        return canonical(str(variable.attrs["units"]), name)
    raise UnitError(
        "the coordinate has lost its unit, as it does when a bare array is assigned over it",
        key=name,
        remedy="Assign a Quantity, or a variable with a 'units' attribute, in its place",
    )


def magnitude(ds: Dataset, name: str, unit: str | None = None) -> np.ndarray:
    """Return the numbers of a coordinate.

    Parameters
    ----------
    ds : Dataset
    name : str
        Name of the coordinate.
    unit : str, optional
        Unit to have them in, in canonical spelling; by default they are as they stand.

    Raises
    ------
    MissingDataError
        If there is no such coordinate.
    UnitError
        If it has lost its unit, or one that does not convert.
    """
    source = unit_of(ds, name)
    data = _loaded(ds.variables[name])
    values = np.asarray(data.magnitude if is_quantity(data) else data)
    try:
        return values if unit is None else convert(values, source, unit)
    except UnitError as error:
        raise UnitError(
            "the unit of the coordinate does not fit", key=name, found=source, expected=unit
        ) from error


def scalar(ds: Dataset, name: str) -> float | None:
    """Return a scalar of the model in the unit of the model, or None if the dataset has none.

    Raises
    ------
    UnitError
        If it has lost its unit, or it is of another dimension.
    MissingDataError
        If it varies along a dimension.
    """
    if name not in ds.variables:
        return None
    unit = SCHEMA[name].unit
    if ds.variables[name].ndim:
        raise MissingDataError(
            "one value is needed, and there is one for each step",
            key=name,
            found=f"dimensions {ds.variables[name].dims}",
            remedy=f"Select one with ds.isel({ds.variables[name].dims[0]}=0)",
        )
    value, found = float(magnitude(ds, name)), unit_of(ds, name)
    try:
        return value if unit is None else convert_scalar(value, found, unit)
    except UnitError as error:
        raise UnitError(
            "the unit of the coordinate does not fit", key=name, found=found, expected=unit
        ) from error


def axis(ds: Dataset, name: str) -> GridIndex:
    """Return the grid of a pixel axis; where its index is another one, found from the labels.

    Raises
    ------
    MissingDataError
        If the dataset has no such axis.
    GridError
        If the labels are no grid.
    UnitError
        If they have lost their unit.
    """
    if name in ds.variables and ds.variables[name].ndim == 0:
        raise GridError(
            "one pixel of the axis was selected, and the axis with it",
            key=name,
            remedy=f"Keep the axis: ds.isel({name}=[i]) instead of ds.isel({name}=i)",
        )
    index = ds.xindexes.get(name)
    if isinstance(index, GridIndex):
        canonical(index.grid.unit, name)
        return index
    unit = unit_of(ds, name)
    variable = Variable((name,), magnitude(ds, name), {"units": unit})
    return GridIndex.from_variables({name: variable}, options={"pitch": _pitch(ds, name, unit)})


def _pitch(ds: Dataset, name: str, unit: str) -> float | None:
    """Return the pixel size that the scalars tell for an axis, in its unit."""
    if unit == "pixel":
        return 1.0
    size = AXES[name].pixel_size if name in AXES else None
    if size is None or size not in ds.variables or ds.variables[size].ndim:
        return None
    value = convert_scalar(float(magnitude(ds, size)), unit_of(ds, size), METER_PER_PIXEL)
    return convert_scalar(value, "meter", unit)


def replace_coordinates(
    ds: Dataset, variables: Mapping[str, Variable], indexes: Mapping[str, GridIndex] | None = None
) -> Dataset:
    """Return the dataset with other coordinates, keeping their class and their indexes.

    Parameters
    ----------
    ds : Dataset
    variables : mapping of str to Variable
        Coordinates without an index.
    indexes : mapping of str to GridIndex, optional
        Pixel axes, from which their coordinates are made.
    """
    made: dict[Hashable, Variable] = dict(variables.items())
    for name, index in (indexes or {}).items():
        old = ds.variables.get(name)
        if old is None and name in SCHEMA:
            old = Variable((), 0, {"long_name": SCHEMA[name].long_name})
        made.update(index.create_variables(None if old is None else {name: old}))
    made_indexes: dict[str, Index] = dict(indexes or {})
    for name in variables:
        # An index on positions goes along with them.
        old_index = ds.xindexes.get(name)
        if old_index is None or name in made_indexes:
            continue
        names = [n for n in ds.coords if ds.xindexes.get(n) is old_index]
        ds = ds.drop_indexes(names)
        new = type(old_index).from_variables(
            {n: made.get(n, ds.variables[n]) for n in names}, options={}
        )
        made.update(new.create_variables({n: made.get(n, ds.variables[n]) for n in names}))
        made_indexes.update({str(n): new for n in names})
    return ds.assign_coords(Coordinates(made, indexes=made_indexes))


def quantify(obj: Dataset) -> Dataset:
    """Return the dataset with its coordinates as Quantities, pixel axes as grids; idempotent.

    Units are taken from ``units`` attributes, or from dask arrays of Quantities. What carries no
    unit stays as it is, and so do coordinates whose unit pint does not know. Data are not touched.
    """
    variables: dict[str, Variable] = {}
    indexes: dict[str, GridIndex] = {}
    for name in map(str, obj.coords):
        variable = obj.variables[name]
        if not _has_quantity(variable) and (
            "units" not in variable.attrs or variable.dtype.kind not in "fiu"
        ):
            continue
        try:
            unit = unit_of(obj, name)
        except UnitError:
            if name in SCHEMA:
                raise
            continue
        if name in AXES and variable.dims == (name,):
            try:
                index = axis(obj, name)
            except GridError:
                continue  # interpolated onto an uneven axis: the attribute is what there is
            if not (isinstance(obj.xindexes.get(name), GridIndex) and index.quantified):
                indexes[name] = index.with_quantities(True)
        elif name not in obj.xindexes and not (
            isinstance(variable, UnitVariable) and is_quantity(data_of(variable))
        ):
            variables[name] = unit_variable(
                variable.dims,
                magnitude(obj, name),
                unit,
                variable.attrs,
                quantified=True,
                encoding=variable.encoding,
            )
    return replace_coordinates(obj, variables, indexes)


def dequantify(obj: Dataset) -> Dataset:
    """Return the dataset with coordinates as plain numbers, units as attributes; idempotent."""
    variables: dict[str, Variable] = {}
    indexes: dict[str, GridIndex] = {}
    for name in map(str, obj.coords):
        index = obj.xindexes.get(name)
        variable = obj.variables[name]
        if isinstance(index, GridIndex):
            if index.quantified:
                indexes[name] = index.with_quantities(False)
        elif _has_quantity(variable):
            variables[name] = unit_variable(
                variable.dims,
                magnitude(obj, name),
                unit_of(obj, name),
                variable.attrs,
                quantified=False,
                encoding=variable.encoding,
            )
    return replace_coordinates(obj, variables, indexes)


def through_dataset(array: DataArray, function: Any, *args: Any, **kwargs: Any) -> DataArray:
    """Apply a function of datasets to a DataArray, be it a coordinate itself."""
    if array.name in array.coords:
        return function(array.coords.to_dataset(), *args, **kwargs)[array.name]  # type: ignore[no-any-return]
    name = "__array__"
    return function(array.to_dataset(name=name), *args, **kwargs)[name].rename(array.name)  # type: ignore[no-any-return]
