"""Reading coordinates with their units, and putting units on and off a whole dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xarray import Coordinates, DataArray, Dataset, Index, Variable
from xarray.indexes import PandasIndex, PandasMultiIndex

from ptyxr.carried import data_of, has_quantity, variable_numbers, variable_unit
from ptyxr.errors import GridError, MissingDataError, UnitError
from ptyxr.indexes import GridIndex, PointIndex, UnitIndex
from ptyxr.model import AXES, SCHEMA
from ptyxr.units import (
    METER_PER_PIXEL,
    canonical,
    convert_scalar,
    is_current,
    is_quantity,
    spelling,
)
from ptyxr.variables import UnitVariable, unit_variable

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import numpy as np

__all__ = [
    "axis",
    "dequantify",
    "is_coordinate",
    "magnitude",
    "quantify",
    "replace_coordinates",
    "scalar",
    "unit_of",
]

_OWN = (GridIndex, PointIndex, UnitIndex)


def unit_of(ds: Dataset, name: str) -> str:
    """Return the unit of a coordinate, in canonical spelling.

    Raises
    ------
    MissingDataError
        If there is no such coordinate.
    UnitError
        If it has lost its unit, or carries one that ptyxr refuses.
    """
    return variable_unit(_variable(ds, name), name)


def _variable(ds: Dataset, name: str) -> Variable:
    if name not in ds.variables:
        raise MissingDataError("the dataset has no such coordinate", key=name)
    return ds.variables[name]


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
    return variable_numbers(_variable(ds, name), name, unit)


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
    ds: Dataset,
    variables: Mapping[Any, Variable],
    indexes: Mapping[Any, Index] | None = None,
) -> Dataset:
    """Return the dataset with other coordinates, keeping their class and their indexes.

    Parameters
    ----------
    ds : Dataset
    variables : mapping of hashable to Variable
        Coordinates without an index.
    indexes : mapping of hashable to Index, optional
        Indexes of one coordinate each, from which these are made: pixel axes.
    """
    made: dict[Hashable, Variable] = dict(variables.items())
    for name in (*variables, *(indexes or {})):
        if isinstance(ds.xindexes.get(name), PandasMultiIndex):
            raise GridError(
                "the labels are stacked", key=str(name), remedy="ds.unstack() them first"
            )
    for name, index in (indexes or {}).items():
        old = ds.variables.get(name)
        if old is None and name in SCHEMA:
            old = Variable((), 0, {"long_name": SCHEMA[name].long_name})
        made.update(index.create_variables(None if old is None else {name: old}))
    made_indexes: dict[Hashable, Index] = dict(indexes or {})
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
        made_indexes.update(dict.fromkeys(names, new))
    return ds.assign_coords(Coordinates(made, indexes=made_indexes))


def _is_restored(variable: Variable) -> bool:
    """Tell whether a coordinate is as ptyxr makes it, in the registry as it is now."""
    data = data_of(variable)
    return isinstance(variable, UnitVariable) and is_quantity(data) and is_current(data)


def _has_unit(name: Hashable, variable: Variable) -> bool:
    """Tell whether a coordinate carries a unit.

    Raises
    ------
    UnitError
        If it carries none, and one of its name has to.
    """
    if has_quantity(variable):
        return True
    number = variable.dtype.kind in "fiu"
    if number and "units" not in variable.attrs and name in SCHEMA and SCHEMA[str(name)].unit:
        variable_unit(variable, str(name))
    return number and "units" in variable.attrs


def _index_with_unit(obj: Dataset, name: Hashable) -> Index | None:
    """Return an index that knows units for a coordinate, or None where it is to have none."""
    old = obj.xindexes.get(name)
    if isinstance(old, GridIndex):
        return old.with_quantities(True)
    if isinstance(old, PointIndex):
        return None
    variable = obj.variables[name]
    if name in AXES and variable.dims == (name,):
        try:
            return axis(obj, str(name)).with_quantities(True)
        except GridError:
            pass  # interpolated onto an uneven axis
    return None if old is None else UnitIndex.from_variables({name: variable}, options={})


def _is_ours_to_change(index: Index | None) -> bool:
    """Tell whether an index is one that xarray or pint-xarray makes by itself, or ours."""
    known = index is None or isinstance(index, _OWN) or type(index) is PandasIndex
    return known or type(index).__name__ == "PintIndex"


def quantify(obj: Dataset) -> Dataset:
    """Return the dataset with its coordinates as Quantities, with indexes that know units.

    Units are taken from ``units`` attributes, or from dask arrays of Quantities. What is not of
    the model and carries no unit stays as it is, and so do coordinates whose unit pint does not
    know, those of dimensions that are stacked, and those of indexes that someone else has set. Data
    are not touched. A pixel axis becomes a grid again; other labels get an index of their own unit.
    Idempotent.

    Raises
    ------
    UnitError
        If a coordinate of the model has lost its unit, or carries one that ptyxr refuses.
    """
    variables: dict[Hashable, Variable] = {}
    indexes: dict[Hashable, Index] = {}
    for name in obj.coords:
        variable, index = obj.variables[name], obj.xindexes.get(name)
        if not _is_ours_to_change(index) or not _has_unit(name, variable):
            continue
        if _is_restored(variable) and (index is None or isinstance(index, _OWN)):
            continue
        try:
            unit = variable_unit(variable, str(name))
        except UnitError:
            if name in SCHEMA:
                raise
            continue
        if (made := _index_with_unit(obj, name)) is not None:
            indexes[name] = made
            continue
        variables[name] = unit_variable(
            variable.dims,
            variable_numbers(variable, str(name)),
            unit,
            variable.attrs,
            quantified=True,
            encoding=variable.encoding,
        )
    return replace_coordinates(obj, variables, indexes)


def dequantify(obj: Dataset) -> Dataset:
    """Return the dataset as plain numbers, units as attributes; idempotent.

    Coordinates, and data variables that are Quantities: what other libraries store.

    Raises
    ------
    UnitError
        If a coordinate of the model has lost its unit, or carries one that ptyxr refuses.
    """
    variables: dict[Hashable, Variable] = {}
    indexes: dict[Hashable, Index] = {}
    for name in obj.coords:
        variable, index = obj.variables[name], obj.xindexes.get(name)
        if not _has_unit(name, variable):
            continue
        if name in SCHEMA and SCHEMA[str(name)].unit:
            variable_unit(variable, str(name))
        if isinstance(index, GridIndex):
            if index.quantified or has_quantity(variable):
                indexes[name] = index.with_quantities(False)
        elif has_quantity(variable):
            plain = _plain(variable, str(name))
            if index is None or isinstance(index, PointIndex):
                variables[name] = plain
            elif name in AXES and variable.dims == (name,) and not isinstance(index, UnitIndex):
                indexes[name] = axis(obj, str(name)).with_quantities(False)
            else:
                indexes[name] = PandasIndex.from_variables({name: plain}, options={})
    plain_data = {
        name: _plain(array.variable, str(name))
        for name, array in obj.data_vars.items()
        if is_quantity(data_of(array.variable))
    }
    return replace_coordinates(obj.assign(plain_data), variables, indexes)


def _plain(variable: Variable, name: str) -> Variable:
    data: Any = data_of(variable)
    numbers = data.magnitude if is_quantity(data) else variable_numbers(variable, name)
    attrs = {
        **variable.attrs,
        "units": spelling(data) if is_quantity(data) else variable_unit(variable, name),
    }
    return Variable(variable.dims, numbers, attrs, variable.encoding)


def is_coordinate(array: DataArray) -> bool:
    """Tell whether an array is its own coordinate; what was computed of it has its name too."""
    if array.name not in array.coords:
        return False
    coordinate, mine = array.coords[array.name].variable, array.variable
    units = [spelling(data_of(v)) if has_quantity(v) else None for v in (coordinate, mine)]
    return units[0] == units[1] and coordinate.equals(mine)


def through_dataset(array: DataArray, function: Any, *args: Any, **kwargs: Any) -> DataArray:
    """Apply a function of datasets to a DataArray, be it a coordinate itself."""
    if is_coordinate(array):
        return function(array.coords.to_dataset(), *args, **kwargs)[array.name]  # type: ignore[no-any-return]
    name = "__array__"
    return function(array.to_dataset(name=name), *args, **kwargs)[name].rename(array.name)  # type: ignore[no-any-return]
