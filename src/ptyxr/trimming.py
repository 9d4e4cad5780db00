"""One product out of a stack, as it is when it is opened alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.coordinates import axis, magnitude, replace_coordinates, unit_of
from ptyxr.errors import SeriesError, listed
from ptyxr.grids import Grid, tidy
from ptyxr.indexes import GridIndex
from ptyxr.model import AXES, SCHEMA
from ptyxr.pixel_sizes import pixel_length
from ptyxr.stacking import ROLE
from ptyxr.units import METER, PIXEL, convert_scalar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from xarray import Dataset

__all__ = ["one_product", "series_dims", "trim"]

#: What has a further dimension where one product is beside another, as after xr.concat.
_TELLING: Final = ("object", "probe", "diffraction", "loss", "position_x", "position_y")
#: How far from a pixel a label may be after conversions, in pixels.
_NEAR: Final = 1e-3


def series_dims(ds: Dataset) -> list[str]:
    """Return the dimensions along which a dataset has one product beside another."""
    found: dict[str, None] = {}
    for name, variable in ds.variables.items():
        own: tuple[Hashable, ...] | None = None
        if variable.attrs.get(ROLE) in ("attribute", "part"):
            own = (str(name).removesuffix("_present"),)
        elif name in _TELLING and {*SCHEMA[str(name)].dims} <= {*variable.dims}:
            own = SCHEMA[str(name)].dims
        if own is not None:
            found.update(dict.fromkeys(str(dim) for dim in variable.dims if dim not in own))
    return [
        dim for dim in found if dim not in SCHEMA or SCHEMA[dim].role in ("scalar", "attribute")
    ]


def _need_one_product(ds: Dataset, what: str) -> None:
    """Refuse a series where one product is meant."""
    if dims := series_dims(ds):
        selection = ", ".join(f"{dim}=0" for dim in dims)
        raise SeriesError(
            f"{what} is of one product, and the dataset is a series",
            found=f"{listed(f'{ds.sizes[dim]} along {dim!r}' for dim in dims)}",
            remedy=f"Select one: ds.isel({selection}).ptyxr.trim()",
        )


def one_product(ds: Dataset, what: str) -> Dataset:
    """Return the one product that something is of; of a series, without what pads it.

    Parameters
    ----------
    ds : Dataset
    what : str
        What is of one product, for the error.

    Raises
    ------
    SeriesError
        If the dataset has several products along a dimension.
    """
    _need_one_product(ds, what)
    return trim(ds)


def trim(ds: Dataset) -> Dataset:
    """Return one product of a stack without padding; see the accessor's method of this name."""
    own = [
        str(name) for name, v in ds.variables.items() if v.attrs.get(ROLE) in ("attribute", "part")
    ]
    if not own:
        return ds
    _need_one_product(ds, "What is trimmed")
    for dim in ("position", "epoch"):
        name = f"{dim}_present"
        if name in own and dim in ds.dims and not ds.variables[name].values.all():
            ds = ds.isel({dim: _rows(ds.variables[name].values)})
    for letter, side in (("x", "columns"), ("y", "rows")):
        if f"object_center_{letter}" in own and f"object_{letter}" in ds.dims:
            ds = _own_pixels(ds, letter, side)
    ds = _own_pitches(ds)
    absent = str(ds.variables["absent"].values).split() if "absent" in own else []
    attrs = {
        name: ds.variables[name].values.item()
        for name in own
        if ds.variables[name].attrs[ROLE] == "attribute" and name not in absent
    }
    source = str(ds.variables["source"].values) if "source" in own else None
    dropped = [name for name in (*own, *absent) if name in ds.variables]
    trimmed = ds.drop_vars(dropped).assign_attrs(attrs)
    if source is not None:
        trimmed.encoding = {**ds.encoding, "source": source}
    return trimmed


def _rows(present: np.ndarray) -> Any:
    """Return where a product has something: a slice where it can be, which reads faster."""
    rows = np.flatnonzero(present)
    if rows.size and rows[-1] - rows[0] + 1 == rows.size:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _own_pitches(ds: Dataset) -> Dataset:
    """Return the axes with the pixel sizes of the product, which may differ in the last digits."""
    indexes: dict[str, GridIndex] = {}
    for name, one in AXES.items():
        index = ds.xindexes.get(name)
        if not isinstance(index, GridIndex) or index.grid.unit == PIXEL or name not in ds.dims:
            continue
        if one.pixel_size not in ds.variables or ds.variables[one.pixel_size].ndim:
            continue
        told = pixel_length(ds, name)
        pitch = None if told is None else convert_scalar(told, METER, index.grid.unit)
        if pitch is not None and pitch != index.grid.pitch:
            indexes[name] = index.replace(grid=replace(index.grid, pitch=pitch))
    return replace_coordinates(ds, {}, indexes) if indexes else ds


def _own_pixels(ds: Dataset, letter: str, side: str) -> Dataset:
    """Return the object cropped to the pixels of the product, labelled as it labels them."""
    name = f"object_{letter}"
    index: GridIndex = axis(ds, name)
    unit = unit_of(ds, f"object_center_{letter}")
    grid = index.grid if index.grid.unit == unit else None
    size = int(ds.variables[f"object_{side}"].values)
    if grid is None:
        raise SeriesError(
            "the object and the centre of the product are in different units",
            key=name,
            found=f"{index.grid.unit} and {unit}",
            remedy="Convert both by ds.ptyxr.to(...)",
        )
    mine = Grid(float(magnitude(ds, f"object_center_{letter}")), grid.pitch, size, unit)
    at = mine.columns(index.labels)
    columns = np.rint(at).astype(np.int64)
    inside = (columns >= 0) & (columns < size)
    if size and (np.abs(at - columns)[inside] > _NEAR).any():
        raise SeriesError(
            "the object was moved without the centre of the product",
            key=name,
            remedy="Move both with ds.ptyxr.shift(...)",
        )
    cropped = ds.isel({name: _rows(inside)})
    return replace_coordinates(
        cropped, {}, {name: index.replace(grid=mine, columns=tidy(columns[inside]))}
    )
