"""What follows from a dataset of the model, by the definitions of Ptychodus 1.7.

Each function takes a dataset, in metres or in pixels, and loads only what it needs: what is derived
from dask arrays stays one. Lengths come back as Quantities, whether or not the coordinates of the
dataset are, with the coordinates that go with them.

Here is what follows from the beam and the detector. What is of the object stands in
`ptyxr.objects`, and what is of the probe in `ptyxr.probes`; both are to be had from here too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from xarray import DataArray, Dataset, Variable

from ptyxr._derived import (
    beside_coordinates,
    derived_array,
    how_to_give,
    known_numbers,
    needed_numbers,
    pixel_pitch,
    quantity_variable,
)
from ptyxr.coordinates import axis
from ptyxr.errors import InvalidDataError, MissingDataError, SeriesError
from ptyxr.model import AXES, SCHEMA
from ptyxr.objects import amplitude, object_extent, object_z, phase
from ptyxr.probes import mode_power, probe_at, probe_intensity
from ptyxr.units import METER, METER_PER_PIXEL

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


def _wavelength(ds: Dataset) -> Variable:
    energy = needed_numbers(ds, "photon_energy", "8, 'keV'")
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
    >>> import xarray as xr
    >>> ds = xr.Dataset(coords={"photon_energy": ((), 8.0, {"units": "keV"})})
    >>> print(f"{wavelength(ds).data.to('angstrom'):.4f}")
    1.5498 angstrom
    """
    length = _wavelength(ds)
    return derived_array(
        ds, "wavelength", quantity_variable(length.dims, length.values, METER, "wavelength")
    )


def _magnification(ds: Dataset) -> Variable:
    focus = known_numbers(ds, "focus_object_distance")
    if focus is None:
        return Variable((), 1.0)
    parallel = Variable(focus.dims, focus.values == 0)
    if parallel.values.all():
        return Variable(focus.dims, np.ones(focus.shape))
    detector = known_numbers(ds, "detector_object_distance")
    if detector is None:
        raise MissingDataError(
            "the distance from object to detector is not known, and the beam is not parallel",
            key="detector_object_distance",
            remedy=how_to_give("detector_object_distance", "2, 'm'"),
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
    >>> import xarray as xr
    >>> metres = {"focus_object_distance": -0.1, "detector_object_distance": 1.9}
    >>> ds = xr.Dataset(coords={k: ((), v, {"units": "m"}) for k, v in metres.items()})
    >>> round(float(magnification(ds)), 9)
    20.0
    """
    result = _magnification(ds)
    result.attrs = {"long_name": "magnification"}
    return derived_array(ds, "magnification", result)


def _columns(ds: Dataset, name: str) -> int | None:
    """Return how many pixels an axis has, before anything was selected from it, or None."""
    # The Fourier transform was over the whole probe: a crop keeps the sampling of the detector.
    return axis(ds, name).grid.size if name in ds.variables else ds.sizes.get(name)


def _inferred_detector_pitch(ds: Dataset, letter: str, *, far_field: bool) -> Variable:
    """Return the detector's pixel size along x or y in metre/pixel, from that of the probe."""
    pitch = pixel_pitch(ds, f"probe_{letter}")
    if pitch is None:
        pitch = pixel_pitch(ds, f"object_{letter}")
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
    distance = needed_numbers(ds, "detector_object_distance", "2, 'm'", signed=True)
    result: Variable = _wavelength(ds) * np.absolute(distance) / (columns * pitch)
    return result


def _is_far_field(ds: Dataset) -> bool:
    """Tell whether the detector is in the far field, which it is where nobody says."""
    if "far_field" not in ds.variables:
        return bool(ds.attrs.get("far_field", True))
    told = ds.variables["far_field"]  # of a series whose products differ
    if told.size and (told.values != 0).any() != (told.values != 0).all():
        raise SeriesError(
            "some products are of the far field, and some of the near field",
            key="far_field",
            remedy=f"Select one: ds.isel({told.dims[0]}=0)",
        )
    return bool((told.values != 0).all())


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
    >>> import xarray as xr
    >>> size = ((), 75.0, {"units": "um/pixel"})
    >>> ds = xr.Dataset(coords={"detector_pixel_width": size, "detector_pixel_height": size})
    >>> detector_pixel_size(ds).width.data
    <Quantity(7.5e-05, 'meter / pixel')>
    """
    far_field = _is_far_field(ds)
    sizes: dict[str, Variable] = {}
    for letter, side in (("x", "width"), ("y", "height")):
        pitch = pixel_pitch(ds, f"detector_{letter}")
        if pitch is None:
            pitch = _inferred_detector_pitch(ds, letter, far_field=far_field)
        long_name = SCHEMA[AXES[f"detector_{letter}"].pixel_size].long_name
        sizes[side] = quantity_variable(pitch.dims, pitch.values, METER_PER_PIXEL, long_name)
    return beside_coordinates(ds, sizes)
