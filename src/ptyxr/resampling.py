"""Interpolating onto other pixels, by length: xarray's own `interp` takes bare numbers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import DataArray, Dataset

from ptyxr.coordinates import axis, dequantify, quantify, replace_coordinates, unit_of
from ptyxr.errors import MissingDataError, UnitError
from ptyxr.grids import TOLERANCE
from ptyxr.indexes import GridIndex
from ptyxr.indexes.selecting import label_numbers
from ptyxr.model import AXES
from ptyxr.pixel_sizes import sizes_of_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["interp", "interp_like"]


def _snapped(index: GridIndex, wanted: np.ndarray) -> np.ndarray:
    """Return coordinates, those of a pixel as its very label: the last is not beyond the end."""
    at = np.asarray(index.grid.columns(wanted))
    whole = np.rint(np.nan_to_num(at))
    on_pixel = np.abs(at - whole) <= TOLERANCE
    return np.where(on_pixel, index.grid.labels(whole.astype(np.int64)), wanted)


def _resampled(ds: Dataset, wanted: Mapping[str, DataArray], **options: Any) -> Dataset:
    snapped: dict[str, DataArray] = {}
    plain = dequantify(ds)
    for name, labels in wanted.items():
        index, attrs = ds.xindexes.get(name), ds.variables[name].attrs
        values = _snapped(index, labels.values) if isinstance(index, GridIndex) else labels.values
        snapped[name] = labels.copy(data=values).assign_attrs(attrs, units=unit_of(ds, name))
        # xarray reindexes what it cannot interpolate, flags and numbers, by a plain index.
        if isinstance(index, GridIndex):
            plain = plain.drop_indexes(name).set_xindex(name)
    result = quantify(plain.interp(snapped, **options))
    narrowed = {
        name: array.astype(ds[name].dtype)
        for name, array in result.data_vars.items()
        if ds[name].dtype.kind in "fc" and array.dtype != ds[name].dtype
    }
    result = result.assign(narrowed)
    return replace_coordinates(result, sizes_of_axes(result))


def interp(ds: Dataset, coords: Mapping[str, Any], **options: Any) -> Dataset:
    """Return the dataset interpolated at places; see the accessor's method of this name."""
    wanted: dict[str, DataArray] = {}
    for name, label in coords.items():
        if not _has_axis(ds, name):
            raise MissingDataError(
                "the dataset has no such coordinate to interpolate along",
                key=name,
                expected=", ".join(repr(one) for one in map(str, ds.dims) if _has_axis(ds, one)),
            )
        numbers = label_numbers(label, unit_of(ds, name), name, bare=False)
        dims = getattr(label, "dims", (name,) if numbers.ndim else ())
        beside = {k: v for k, v in getattr(label, "coords", {}).items() if k != name}
        wanted[name] = DataArray(numbers, beside, dims)
    return _resampled(ds, wanted, **options)


def _has_axis(ds: Dataset, name: str) -> bool:
    return name in ds.variables and ds.variables[name].dims == (name,)


def interp_like(ds: Dataset, other: Dataset | DataArray, **options: Any) -> Dataset:
    """Return the dataset on the pixels of another; see the accessor's method of this name."""
    other = other.coords.to_dataset() if isinstance(other, DataArray) else other
    names = [
        name
        for name in AXES
        if not name.startswith("detector")
        and all(
            name in one.variables and one.variables[name].dims == (name,) for one in (ds, other)
        )
    ]
    if not names:
        raise MissingDataError(
            "the two have no pixel axis in common",
            found=f"dimensions {tuple(map(str, ds.dims))} and {tuple(map(str, other.dims))}",
        )
    indexes: dict[str, GridIndex] = {}
    for name in names:
        theirs, unit = axis(other, name), unit_of(ds, name)
        try:
            indexes[name] = theirs.replace(grid=theirs.grid.to(unit))
        except UnitError as error:
            raise UnitError(
                "axes in different units are not interpolated onto each other",
                key=name,
                found=f"{unit} and {theirs.grid.unit}",
                remedy="Bring both datasets to one unit with ds.ptyxr.to(...)",
            ) from error
    changed = {
        name: index.with_quantities(True)
        for name, index in indexes.items()
        if not index.equals(axis(ds, name))
    }
    wanted = {name: DataArray(index.labels, dims=name) for name, index in changed.items()}
    result = replace_coordinates(_resampled(ds, wanted, **options), {}, changed)
    return replace_coordinates(result, sizes_of_axes(result))
