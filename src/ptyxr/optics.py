"""What follows from a dataset of the model, by the definitions of Ptychodus 1.7.

Each function takes a dataset, in metres or in pixels, and loads only what it needs: what is derived
from dask arrays stays one. Lengths come back as Quantities, whether or not the coordinates of the
dataset are, with the coordinates that go with them.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset, Variable

from ptyxr.coordinates import axis, magnitude, unit_of
from ptyxr.errors import InvalidDataError, MissingDataError, UnitError
from ptyxr.model import AXES, SCHEMA
from ptyxr.units import METER, METER_PER_PIXEL, PIXEL, convert_scalar
from ptyxr.variables import unit_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import SupportsIndex

__all__ = [
    "amplitude",
    "detector_pixel_size",
    "magnification",
    "mode_power",
    "object_extent",
    "object_z",
    "phase",
    "probe_at",
    "probe_intensity",
    "wavelength",
]

# The exact numbers of the SI, as in ptychodus/api/constants.py.
_PLANCK_J_PER_HZ: Final = 6.62607015e-34
_LIGHT_SPEED_M_PER_S: Final = 299792458
_ELECTRON_VOLT_J: Final = 1.602176634e-19

#: A name that no dataset has, for what is put beside its coordinates for a moment.
_DERIVED: Final = "__derived__"


def _beside_coordinates(ds: Dataset, variables: Mapping[str, Variable]) -> Dataset:
    """Return variables with the dataset's coordinates that go with their dimensions."""
    beside = ds.coords.to_dataset().drop_attrs(deep=False)
    return beside.assign(variables)[list(variables)]


def _array(ds: Dataset, name: str, variable: Variable) -> DataArray:
    """Return one variable with the dataset's coordinates, whatever these are called."""
    return _beside_coordinates(ds, {_DERIVED: variable})[_DERIVED].rename(name)


def _quantity(dims: Any, values: Any, unit: str, long_name: str) -> Variable:
    # .pint, with which such a result is shown and converted, is there once this is imported.
    import pint_xarray  # noqa: F401

    return unit_variable(dims, values, unit, {"long_name": long_name}, quantified=True)


def _numbers(ds: Dataset, name: str) -> Variable | None:
    """Return a coordinate as bare float64 in the unit of the model, or None; also of a series."""
    if name not in ds.variables:
        return None
    values = np.asarray(magnitude(ds, name), dtype=float)
    source, target = unit_of(ds, name), str(SCHEMA[name].unit)
    if source != target:
        try:
            # In decimal: a number that a user gave in keV is to be the one given in eV.
            values = np.vectorize(convert_scalar, otypes=[float])(values, source, target)
        except UnitError as error:
            raise UnitError(
                "the unit of the coordinate does not fit", key=name, found=source, expected=target
            ) from error
    return Variable(ds.variables[name].dims, values)


def _give(name: str, example: str) -> str:
    return f"Give it: ds.assign_coords({name}=ptyxr.ureg.Quantity({example}))"


def _known(ds: Dataset, name: str, example: str, *, signed: bool = False) -> Variable:
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
    remedy = _give(name, example)
    numbers = _numbers(ds, name)
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


def _wavelength(ds: Dataset) -> Variable:
    energy = _known(ds, "photon_energy", "8, 'keV'")
    # In Ptychodus' order of operations, which gives its last bit too.
    length: Variable = _PLANCK_J_PER_HZ * _LIGHT_SPEED_M_PER_S / (energy * _ELECTRON_VOLT_J)
    return length


def wavelength(ds: Dataset) -> DataArray:
    """Return the wavelength of the photons.

    λ = h c / E, as ``energy_eV_to_wavelength_m`` in ``ptychodus/api/constants.py``.

    Parameters
    ----------
    ds : Dataset
        With ``photon_energy``, a scalar or a series along any dimensions.

    Returns
    -------
    DataArray
        "wavelength", float64, a Quantity in metre, with the dimensions of ``photon_energy``.

    Raises
    ------
    MissingDataError
        If the photon energy is missing, 0 (Ptychodus gives 0 m then), negative or not finite.
    UnitError
        If it has lost its unit, or is no energy.

    Examples
    --------
    >>> ds = xr.Dataset(coords={"photon_energy": ((), 8.0, {"units": "keV"})})
    >>> print(f"{wavelength(ds).data.to('angstrom'):.4f}")
    1.5498 angstrom
    """
    length = _wavelength(ds)
    return _array(ds, "wavelength", _quantity(length.dims, length.values, METER, "wavelength"))


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
            pitch = _pitch(ds, name)
            if pitch is None or name not in ds.sizes:
                raise MissingDataError(
                    "the extent of the object is not known",
                    key=name,
                    remedy="ds.ptyxr.fill_object() makes an object that the scan fits on",
                )
            values = ds.sizes[name] * pitch.values
            extent[side] = _quantity(pitch.dims, values, METER, label)
            continue
        index = axis(ds, name)
        # A mirrored object reaches as far.
        if index.span is not None and index.span.step < 0:
            index = index.replace(columns=index.span[::-1])
        line = index.line()
        length = line.size * line.pitch
        extent[side] = _quantity((), length, line.unit, label)
        for edge, sign in (("minimum", -1), ("maximum", 1)):
            at = line.center + sign * (length / 2.0)
            edges[f"{edge}_{letter}"] = _quantity((), at, line.unit, f"{edge} {letter} of object")
    return _beside_coordinates(ds, {**extent, **edges})


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


def _row(position: SupportsIndex | DataArray) -> int:
    try:
        # What argmin() and its like give is a DataArray.
        return operator.index(position.item() if isinstance(position, DataArray) else position)
    except (TypeError, ValueError):
        raise TypeError(
            f"a scan point is given by the number of its row, a whole number: found {position!r}"
        ) from None


def _point(ds: Dataset, row: int) -> Dataset:
    """Return the dataset at one scan point, with nothing but the probe and its weights."""
    # A dataset that was selected from already is at one point.
    points = ds.sizes.get("position", 1)
    if not -points <= row < points:
        raise MissingDataError(
            "there is no such scan point",
            key="position",
            found=row,
            expected=f"a row from 0 to {points - 1}, or from the end, -1 to {-points}"
            if points
            else "nothing: the dataset has no scan points",
        )
    needed = ds.drop_vars([name for name in ds.data_vars if name not in ("probe", "opr_weights")])
    return needed.isel(position=row) if "position" in needed.dims else needed


def _checked_probe(ds: Dataset) -> Variable:
    if "probe" not in ds:
        raise MissingDataError("the dataset has no probe", key="probe")
    dims = SCHEMA["probe"].dims
    probe = ds.variables["probe"]
    if not set(dims) <= set(probe.dims):
        missing = [dim for dim in dims if dim not in probe.dims]
        raise InvalidDataError(
            "the probe lacks dimensions of the model",
            key="probe",
            found=probe.dims,
            expected=dims,
            remedy=f"Keep a dimension by selecting a list, as in ds.isel({missing[0]}=[0])",
        )
    if 0 in (probe.sizes["coherent_mode"], probe.sizes["incoherent_mode"]):
        raise InvalidDataError("the probe has no modes", key="probe", found=dict(probe.sizes))
    return probe.transpose(..., *dims)


def _check_weights(ds: Dataset) -> None:
    dims = ds.variables["opr_weights"].dims
    if (
        "coherent_mode" not in dims
        or {"opr_entry", "opr_mode"} & set(dims)
        or ("position" in ds.dims and "position" not in dims)
    ):
        raise InvalidDataError(
            "the OPR weights do not go with the scan points and the coherent modes of the probe",
            key="opr_weights",
            found=dict(ds.variables["opr_weights"].sizes),
            expected={dim: ds.sizes.get(str(dim)) for dim in SCHEMA["opr_weights"].dims},
            remedy="ds.drop_vars('opr_weights') leaves coherent mode 0 for every point",
        )


def _modes(ds: Dataset, row: int | None) -> tuple[Dataset, Variable]:
    """Return a dataset with the coordinates, and the incoherent modes (..., mode, y, x)."""
    probe = _checked_probe(ds)
    base = probe.isel(coherent_mode=0)
    if row is None:
        return ds, base
    if "opr_weights" not in ds:
        return _point(ds, row), base
    _check_weights(ds)
    point = _point(ds, row)
    weights = point.variables["opr_weights"]
    mixed = xr.dot(weights, probe.isel(incoherent_mode=0), dim="coherent_mode").astype(probe.dtype)
    # Weights may be a series where the probe is not.
    sizes = {**mixed.sizes, **base.sizes}
    dims = (*(dim for dim in sizes if dim not in base.dims), *base.dims)
    full = {dim: sizes[dim] for dim in dims}
    first = mixed.set_dims({**full, "incoherent_mode": 1}).transpose(*dims)
    others = base.isel(incoherent_mode=slice(1, None))
    others = others.set_dims({**full, "incoherent_mode": others.sizes["incoherent_mode"]})
    modes: Variable = Variable.concat([first, others.transpose(*dims)], dim="incoherent_mode")
    return point, modes


def probe_at(ds: Dataset, position: SupportsIndex | DataArray) -> DataArray:
    """Return the probe of one scan point, with the weights of orthogonal probe relaxation applied.

    Incoherent mode 0 is the sum of the coherent modes by the weights of the point, the others are
    those of coherent mode 0: ``ProbeSequence.__getitem__`` in ``ptychodus/api/probe.py``. Without
    weights it is coherent mode 0 for every point.

    Parameters
    ----------
    ds : Dataset
        With ``probe`` (coherent_mode, incoherent_mode, probe_y, probe_x) and, if there are any,
        ``opr_weights`` (position, coherent_mode); both may be a series along further dimensions.
    position : int or 0-d DataArray of int
        Row of the scan point, from 0; negative numbers count from the end. It is not
        ``position_index``, the number of the diffraction pattern.

    Returns
    -------
    DataArray
        "probe" (incoherent_mode, probe_y, probe_x) in the dtype of the probe, with the coordinates
        of the probe and of the scan point; lazy where the data are a dask array.

    Raises
    ------
    MissingDataError
        If there is no probe, or no such scan point.
    InvalidDataError
        If the weights are not of this scan or of these modes, or the probe lacks a dimension.
    TypeError
        If `position` is no whole number.

    Examples
    --------
    >>> probe = np.array([1, 10j]).reshape(2, 1, 1, 1)
    >>> weights = [[1.0, 0.0], [0.5, 0.2]]
    >>> ds = xr.Dataset(
    ...     {
    ...         "probe": (("coherent_mode", "incoherent_mode", "probe_y", "probe_x"), probe),
    ...         "opr_weights": (("position", "coherent_mode"), weights),
    ...     }
    ... )
    >>> probe_at(ds, 1).values
    array([[[0.5+2.j]]])
    """
    point, modes = _modes(ds, _row(position))
    modes = modes.copy(deep=False)
    modes.attrs = dict(ds.variables["probe"].attrs)
    modes.encoding = {}
    return _array(point, "probe", modes)


def _intensity(modes: Variable) -> Variable:
    # In Ptychodus' two steps, which give its last bit too.
    return Variable(modes.dims, np.square(np.absolute(modes.data)))


def probe_intensity(ds: Dataset, position: SupportsIndex | DataArray | None = None) -> DataArray:
    """Return the intensity of the probe: |a|², summed over the incoherent modes.

    As ``Probe.get_intensity`` in ``ptychodus/api/probe.py``.

    Parameters
    ----------
    ds : Dataset
        As for `probe_at`.
    position : int or 0-d DataArray of int, optional
        Row of the scan point. Without it the probe is coherent mode 0, no weights applied
        (``ProbeSequence.get_probe_no_opr``).

    Returns
    -------
    DataArray
        "probe_intensity" (probe_y, probe_x), real in the precision of the probe, with the
        coordinates of the probe and of the scan point; lazy where the data are a dask array.

    Raises
    ------
    MissingDataError, InvalidDataError, TypeError
        As `probe_at`.

    Examples
    --------
    >>> probe = np.array([3, 4j]).reshape(1, 2, 1, 1)
    >>> dims = ("coherent_mode", "incoherent_mode", "probe_y", "probe_x")
    >>> probe_intensity(xr.Dataset({"probe": (dims, probe)})).values
    array([[25.]])
    """
    point, modes = _modes(ds, None if position is None else _row(position))
    # Not a number stays visible, as in Ptychodus.
    total = _intensity(modes).sum("incoherent_mode", skipna=False)
    total.attrs = {"long_name": "probe intensity"}
    return _array(point, "probe_intensity", total)


def mode_power(ds: Dataset, position: SupportsIndex | DataArray | None = None) -> DataArray:
    """Return the part of the probe's power that is in each incoherent mode.

    The sum of |a|² over a mode by the sum over all, zeros where there is no power:
    ``Probe.get_incoherent_mode_relative_power`` in ``ptychodus/api/probe.py``.

    Parameters
    ----------
    ds : Dataset
        As for `probe_at`.
    position : int or 0-d DataArray of int, optional
        Row of the scan point. Without it the probe is coherent mode 0, no weights applied
        (``ProbeSequence.get_probe_no_opr``).

    Returns
    -------
    DataArray
        "mode_power" (incoherent_mode,), real in the precision of the probe, without unit; lazy
        where the data are a dask array.

    Raises
    ------
    MissingDataError, InvalidDataError, TypeError
        As `probe_at`.

    Examples
    --------
    >>> probe = np.array([3, 1j]).reshape(1, 2, 1, 1)
    >>> dims = ("coherent_mode", "incoherent_mode", "probe_y", "probe_x")
    >>> mode_power(xr.Dataset({"probe": (dims, probe)})).values
    array([0.9, 0.1])
    """
    point, modes = _modes(ds, None if position is None else _row(position))
    power = _intensity(modes).sum(("probe_y", "probe_x"), skipna=False)
    total = power.sum("incoherent_mode", skipna=False)
    part = power / total.where(total > 0, 1)
    part.attrs = {"long_name": "part of probe power"}
    return _array(point, "mode_power", part)


def _magnification(ds: Dataset) -> Variable:
    focus = _numbers(ds, "focus_object_distance")
    if focus is None:
        return Variable((), 1.0)
    parallel = Variable(focus.dims, focus.values == 0)
    if parallel.values.all():
        return Variable(focus.dims, np.ones(focus.shape))
    detector = _numbers(ds, "detector_object_distance")
    if detector is None:
        raise MissingDataError(
            "the distance from object to detector is not known, and the beam is not parallel",
            key="detector_object_distance",
            remedy=_give("detector_object_distance", "2, 'm'"),
        )
    # Division by the 1 in place of 0 is not looked at.
    cone = np.absolute((detector - focus) / focus.where(~parallel, 1.0))
    result: Variable = cone.where(~parallel, 1.0)
    return result


def magnification(ds: Dataset) -> DataArray:
    """Return by how much the cone of the beam enlarges the object on the detector.

    |(z_d - z_f) / z_f| with the signed distances of detector and focus from the object, and 1 where
    z_f is 0 or missing, which stands for a parallel beam: ``compute_magnification`` in
    ``ptychodus/api/propagate.py``.

    Parameters
    ----------
    ds : Dataset
        With ``focus_object_distance`` and ``detector_object_distance``, scalars or series.

    Returns
    -------
    DataArray
        "magnification", float64, plain numbers, with the dimensions of the distances.

    Raises
    ------
    MissingDataError
        If there is a focus and no distance of the detector.
    UnitError
        If a distance has lost its unit, or is no length.

    Examples
    --------
    >>> metres = {"focus_object_distance": -0.1, "detector_object_distance": 1.9}
    >>> ds = xr.Dataset(coords={k: ((), v, {"units": "m"}) for k, v in metres.items()})
    >>> round(float(magnification(ds)), 9)
    20.0
    """
    result = _magnification(ds)
    result.attrs = {"long_name": "magnification"}
    return _array(ds, "magnification", result)


def _pitch(ds: Dataset, name: str) -> Variable | None:
    """Return the pixel size along an axis in metre/pixel, from the axis or the scalar, or None."""
    per_column = 1.0
    if name in ds.variables:
        grid = axis(ds, name).grid
        if grid.unit != PIXEL:
            return Variable((), convert_scalar(grid.pitch, grid.unit, METER))
        per_column = grid.pitch
    size = _numbers(ds, AXES[name].pixel_size)
    if size is None or not (np.isfinite(size.values) & (size.values > 0)).all():
        return None
    return size * per_column


def _columns(ds: Dataset, name: str) -> int | None:
    """Return how many pixels an axis has, before anything was selected from it, or None."""
    # The Fourier transform was over the whole probe: a crop keeps the sampling of the detector.
    return axis(ds, name).grid.size if name in ds.variables else ds.sizes.get(name)


def _inferred_detector_pitch(ds: Dataset, letter: str, *, far_field: bool) -> Variable:
    """Return the detector's pixel size along x or y in metre/pixel, from that of the probe."""
    pitch = _pitch(ds, f"probe_{letter}")
    if pitch is None:
        pitch = _pitch(ds, f"object_{letter}")
    if pitch is None:
        raise MissingDataError(
            "the detector's pixel size is neither told nor can it be inferred, for the pixel size "
            "of the probe is not known",
            key=AXES[f"probe_{letter}"].pixel_size,
            remedy="Give either: ds.ptyxr.assign_pixel_size(probe='50 nm') or (detector='75 um')",
        )
    if not far_field:
        factor = _magnification(ds)
        if not (np.isfinite(factor.values) & (factor.values > 0)).all():
            raise InvalidDataError(
                "the detector's pixel size is not defined, for the detector is in the focus",
                key="focus_object_distance",
                found=f"a magnification of {factor.values}",
                remedy="Give it: ds.ptyxr.assign_pixel_size(detector='75 um')",
            )
        return pitch * factor
    columns = _columns(ds, f"probe_{letter}") or _columns(ds, f"detector_{letter}")
    if not columns:
        raise MissingDataError(
            "the detector's pixel size is neither told nor can it be inferred, for there is no "
            "probe and no pattern to count the pixels of",
            key="probe",
            remedy="Give it: ds.ptyxr.assign_pixel_size(detector='75 um')",
        )
    distance = _known(ds, "detector_object_distance", "2, 'm'", signed=True)
    result: Variable = _wavelength(ds) * np.absolute(distance) / (columns * pitch)
    return result


def detector_pixel_size(ds: Dataset) -> Dataset:
    """Return width and height of a detector pixel: as told, else as the sampling implies.

    In the far field, and where ``attrs["far_field"]`` does not say, it is λ |z_d| / (N dx) for N
    probe pixels of size dx (``compute_far_field_pixel_geometry`` in ``ptychodus/api/propagate.py``,
    which is its own inverse); in the near field it is M dx, with `magnification` M (the inverse of
    ``compute_near_field_pixel_geometry``). Where probe and object differ in pixel size, the probe's
    counts, on whose grid Ptychodus propagates (``ptychodus/api/simulate/diffraction.py``); without
    it the object's does. A cropped probe counts with all its pixels while its axes know of them.

    Parameters
    ----------
    ds : Dataset
        With ``detector_pixel_width`` and ``detector_pixel_height``, or a detector's axes in metres;
        or, in the far field, a probe with its pixel size, ``photon_energy`` and
        ``detector_object_distance``. The scalars may be series.

    Returns
    -------
    Dataset
        ``width`` and ``height``, float64, Quantities in metre/pixel, with the dimensions of what
        they follow from.

    Raises
    ------
    MissingDataError
        If something it follows from is missing or 0.
    InvalidDataError
        If the detector is in the focus, in the near field.
    UnitError
        If a coordinate has lost its unit, or has one of another dimension.

    Examples
    --------
    >>> size = ((), 75.0, {"units": "um/pixel"})
    >>> ds = xr.Dataset(coords={"detector_pixel_width": size, "detector_pixel_height": size})
    >>> detector_pixel_size(ds).width.data
    <Quantity(7.5e-05, 'meter / pixel')>
    """
    far_field = bool(ds.attrs.get("far_field", True))
    sizes: dict[str, Variable] = {}
    for letter, side in (("x", "width"), ("y", "height")):
        pitch = _pitch(ds, f"detector_{letter}")
        if pitch is None:
            pitch = _inferred_detector_pitch(ds, letter, far_field=far_field)
        long_name = SCHEMA[AXES[f"detector_{letter}"].pixel_size].long_name
        sizes[side] = _quantity(pitch.dims, pitch.values, METER_PER_PIXEL, long_name)
    return _beside_coordinates(ds, sizes)


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
    spacing = _numbers(ds, "object_layer_spacing")
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
    return _array(ds, "object_z", _quantity(dims, values, METER, "depth of object layer"))
