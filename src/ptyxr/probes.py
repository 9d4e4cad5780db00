"""The probe of a dataset at a scan point, its intensity and its modes, as Ptychodus 1.7 has them.

What is derived from dask arrays stays one, and keeps the coordinates that go with it.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset, Variable

from ptyxr._derived import derived_array
from ptyxr.errors import InvalidDataError, MissingDataError
from ptyxr.model import SCHEMA

if TYPE_CHECKING:
    from typing import SupportsIndex

__all__ = ["mode_power", "probe_at", "probe_intensity"]


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
    return derived_array(point, "probe", modes)


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
    return derived_array(point, "probe_intensity", total)


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
    return derived_array(point, "mode_power", part)
