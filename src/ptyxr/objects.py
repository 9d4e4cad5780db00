"""What follows from the object of a dataset: amplitude and phase, extent, depths of its layers.

By the definitions of Ptychodus 1.7. Only coordinates are loaded: what is derived from dask arrays
stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset, Variable

from ptyxr._derived import (
    beside_coordinates,
    derived_array,
    known_numbers,
    pixel_pitch,
    quantity_variable,
)
from ptyxr.coordinates import axis
from ptyxr.errors import InvalidDataError, MissingDataError
from ptyxr.model import SCHEMA
from ptyxr.units import METER

__all__ = ["amplitude", "object_extent", "object_z", "phase"]


def _complex(obj: Dataset | DataArray) -> DataArray:
    if isinstance(obj, Dataset):
        if "object" not in obj:
            raise MissingDataError(
                "the dataset has no object",
                key="object",
                remedy="ds.ptyxr.fill_object() makes a uniform one, sized to the scan",
            )
        obj = obj["object"]
    if obj.dtype.kind != "c":
        raise InvalidDataError(
            "amplitude and phase are of complex data",
            key=None if obj.name is None else str(obj.name),
            found=str(obj.dtype),
            expected="complex64 or complex128",
        )
    return obj


def _part(obj: Dataset | DataArray, function: Any, name: str) -> DataArray:
    array = _complex(obj)
    part: DataArray = xr.apply_ufunc(function, array, dask="allowed", keep_attrs=True)
    part.attrs["long_name"] = name if array.name is None else f"{array.name} {name}"
    return part.rename(name)


def amplitude(obj: Dataset | DataArray) -> DataArray:
    """Return the amplitude of an object or of any complex array: its absolute value.

    ``numpy.absolute``, as in ``ObjectComparison`` of ``ptychodus/api/metrics.py``.

    Parameters
    ----------
    obj : Dataset or DataArray
        A dataset with ``object``, or complex data of any shape.

    Returns
    -------
    DataArray
        "amplitude", float32 for complex64 and float64 for complex128, of the same shape, with all
        coordinates; lazy where the data are a dask array.

    Raises
    ------
    MissingDataError
        If the dataset has no object.
    InvalidDataError
        If the data are not complex.

    Examples
    --------
    >>> amplitude(xr.DataArray([3 + 4j], dims="object_x")).values
    array([5.])
    """
    return _part(obj, np.absolute, "amplitude")


def phase(obj: Dataset | DataArray) -> DataArray:
    """Return the phase of an object or of any complex array, from -π to π, not unwrapped.

    ``numpy.angle``, as in ``ObjectComparison`` of ``ptychodus/api/metrics.py``.

    Parameters
    ----------
    obj : Dataset or DataArray
        A dataset with ``object``, or complex data of any shape.

    Returns
    -------
    DataArray
        "phase", float32 for complex64 and float64 for complex128, of the same shape, with all
        coordinates; lazy where the data are a dask array. In radian, which its ``units`` attribute
        says: like the data of a file they are plain numbers, so that they can stay lazy.

    Raises
    ------
    MissingDataError
        If the dataset has no object.
    InvalidDataError
        If the data are not complex.

    Examples
    --------
    >>> phase(xr.DataArray([1j], dims="object_x")).values
    array([1.57079633])
    """
    part = _part(obj, np.angle, "phase")
    part.attrs["units"] = "radian"
    return part


def object_extent(ds: Dataset) -> Dataset:
    """Return how far the object reaches, from outer edge to outer edge.

    The width is the number of columns times the width of one, as ``ObjectGeometry.width_m`` in
    ``ptychodus/api/object.py``; the edges lie half of it either side of the centre
    (``ObjectGeometry.minimum_x_m``). What is selected counts: a crop has the extent of the crop.

    Parameters
    ----------
    ds : Dataset
        With the axes ``object_x`` and ``object_y``; or, for an object that lies nowhere, with
        ``object`` and its pixel sizes.

    Returns
    -------
    Dataset
        ``width`` and ``height``, and where the object has axes ``minimum_x``, ``maximum_x``,
        ``minimum_y``, ``maximum_y``: scalars, float64, Quantities in the unit of the axis.

    Raises
    ------
    MissingDataError
        If there is neither an axis nor an object with a pixel size.
    GridError
        If an axis is not a line of evenly spaced pixels.
    UnitError
        If an axis or a pixel size has lost its unit.

    Examples
    --------
    >>> columns = [-1.0, 0.0, 1.0]
    >>> axes = {name: (name, columns, {"units": "um"}) for name in ("object_x", "object_y")}
    >>> object_extent(xr.Dataset(coords=axes)).width.data
    <Quantity(3.0, 'micrometer')>
    """
    extent: dict[str, Variable] = {}
    edges: dict[str, Variable] = {}
    for letter, side in (("x", "width"), ("y", "height")):
        name, label = f"object_{letter}", f"object {side}"
        if name not in ds.variables:
            pitch = pixel_pitch(ds, name)
            if pitch is None or name not in ds.sizes:
                raise MissingDataError(
                    "the extent of the object is not known",
                    key=name,
                    remedy="ds.ptyxr.fill_object() makes an object that the scan fits on",
                )
            values = ds.sizes[name] * pitch.values
            extent[side] = quantity_variable(pitch.dims, values, METER, label)
            continue
        index = axis(ds, name)
        # A mirrored object reaches as far.
        if index.span is not None and index.span.step < 0:
            index = index.replace(columns=index.span[::-1])
        line = index.line()
        length = line.size * line.pitch
        extent[side] = quantity_variable((), length, line.unit, label)
        for edge, sign in (("minimum", -1), ("maximum", 1)):
            at = line.center + sign * (length / 2.0)
            edges[f"{edge}_{letter}"] = quantity_variable(
                (), at, line.unit, f"{edge} {letter} of object"
            )
    return beside_coordinates(ds, {**extent, **edges})


def object_z(ds: Dataset) -> DataArray:
    """Return the depths of the object's layers, from 0 at the layer that the beam enters by.

    The running sum of the spacings: ``_layer_depths_m`` in ``ptychodus/api/object.py``.

    Parameters
    ----------
    ds : Dataset
        With ``object_layer_spacing`` (object_layer_interface,), which an object of one layer does
        not need.

    Returns
    -------
    DataArray
        "object_z" (object_layer,), float64, a Quantity in metre, with the layers' coordinates.

    Raises
    ------
    MissingDataError
        If the spacing of several layers is not known, or there are neither layers nor spacings.
    InvalidDataError
        If there is not one spacing fewer than layers, as after a selection of layers.
    UnitError
        If the spacing has lost its unit, or is no length.

    Examples
    --------
    >>> spacing = ("object_layer_interface", [2.0, 3.0], {"units": "um"})
    >>> object_z(xr.Dataset(coords={"object_layer_spacing": spacing})).pint.to("um").data
    <Quantity([0. 2. 5.], 'micrometer')>
    """
    (along,) = SCHEMA["object_layer_spacing"].dims
    layers = ds.sizes.get("object_layer")
    spacing = known_numbers(ds, "object_layer_spacing")
    if spacing is None:
        if layers != 1:
            raise MissingDataError(
                "the distances of the object's layers are not known",
                key="object_layer_spacing",
                found=None if layers is None else f"{layers} layers",
                remedy="Give one fewer than layers: ds.assign_coords(object_layer_spacing=("
                f"{along!r}, ptyxr.ureg.Quantity([...], 'um')))",
            )
        spacing = Variable((along,), np.empty(0))
    if along not in spacing.dims or layers not in (None, spacing.sizes[along] + 1):
        raise InvalidDataError(
            "the distances do not go with the object's layers",
            key="object_layer_spacing",
            found=f"{dict(spacing.sizes)} for {layers} layers",
            expected="one fewer than layers",
            remedy="Select layers and the interfaces between them together",
        )
    spacing = spacing.transpose(..., along)
    zero = np.zeros((*spacing.shape[:-1], 1))
    values = np.concatenate((zero, np.cumsum(spacing.values, axis=-1)), axis=-1)
    dims = (*spacing.dims[:-1], "object_layer")
    return derived_array(
        ds, "object_z", quantity_variable(dims, values, METER, "depth of object layer")
    )
