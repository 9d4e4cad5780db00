"""Ptychodus products in HDF5: what their keys mean, and the engine ``"ptychodus"``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from xarray.backends import BackendEntrypoint

from ptyxr.errors import FormatError, InvalidDataError, PtyxrError, warn
from ptyxr.formats.assembly import Assembly, promoted
from ptyxr.formats.ptychodus_keys import (
    BY_NAME,
    CENTER,
    DEFAULTS,
    FLUX,
    FORMAT_ID,
    FORMAT_VERSION,
    KEYS,
    LAYER_DISTANCE,
    RAW_DATA,
    RAW_MEMBERS,
    RAW_POSITIONS,
    STRUCTURAL,
    Key,
    find_attribute,
    find_dataset,
    generation,
    is_default,
    unknown,
)
from ptyxr.formats.ptychodus_raw import decode_raw_data
from ptyxr.frame import PIXEL_NUMBERS
from ptyxr.grids import Grid
from ptyxr.model import SCHEMA
from ptyxr.storage.arrays import MemoryArray
from ptyxr.storage.files import first_bytes
from ptyxr.storage.hdf5 import HDF5File, HDF5Group, is_hdf5

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray import Dataset

__all__ = [
    "BY_NAME",
    "CENTER",
    "DEFAULTS",
    "FLUX",
    "FORMAT_ID",
    "FORMAT_VERSION",
    "KEYS",
    "LAYER_DISTANCE",
    "RAW_DATA",
    "RAW_POSITIONS",
    "STRUCTURAL",
    "Key",
    "PtychodusBackend",
    "decode_product",
    "generation",
    "unknown",
]

_RANKS: Final = {"object": 3, "probe": 4}


def _number(value: Any, file: str, key: str) -> float:
    array = np.asarray(value)
    try:
        # Some writers keep a number as an array of one.
        return float(array.reshape(-1)[0] if array.size == 1 else array)
    except (TypeError, ValueError) as error:
        raise InvalidDataError(
            "this is no number", file=file, key=key, found=repr(value), expected="a number"
        ) from error


def decode_product(
    group: HDF5Group,
    raw: HDF5Group | None,
    *,
    drop_variables: str | Iterable[str] | None = None,
    quantify: bool = True,
) -> Assembly:
    """Say in the words of the model what a product holds.

    Parameters
    ----------
    group : HDF5Group
        The root of the product.
    raw : HDF5Group or None
        Its group ``/raw_data``.
    drop_variables : str or iterable of str, optional
        Names of the model to leave out.
    quantify : bool
        Whether coordinates become Quantities.

    Raises
    ------
    FormatError
        If this is no product.
    InvalidDataError
        If something in it cannot be represented.
    """
    product = Assembly(group.file, drop_variables, quantify=quantify)
    if not {"object", "probe", "probe_position_x_m"} & set(group.arrays):
        raise FormatError(
            "this is no Ptychodus product",
            file=group.file,
            found=f"datasets {sorted(group.arrays)[:8]}",
            expected="'object', 'probe', 'probe_position_x_m'",
            remedy="ptyxr.open_dataset() finds the engine by looking inside",
        )
    group.check({s for key in KEYS if key.place == "dataset" for s in key.spellings})
    defaults = set(str(group.attrs.get(DEFAULTS, "")).split())
    # What someone changed since it was written is no default any more.
    attrs = {k: v for k, v in group.attrs.items() if k not in defaults or not is_default(k, v)}
    _positions(product, group, raw)
    _arrays(product, group, defaults)
    _object_axes(product, group, defaults)
    _probe_axes(product, group)
    _root_attributes(product, attrs)
    if raw is not None:
        raw.check(RAW_MEMBERS)
        decode_raw_data(product, raw, defaults)
    product.detector_axes()
    product.attrs["source_format"] = "ptychodus"
    return product


def _root_attributes(product: Assembly, attrs: Mapping[str, Any]) -> None:
    known: set[str] = set()
    for key in KEYS:
        if key.place != "root":
            continue
        known.update(key.spellings)
        value = find_attribute(attrs, key, product.file)
        if value is None:
            continue
        entry = SCHEMA[key.name]
        if entry.role == "scalar":
            product.scalar(key.name, _number(value, product.file, key.spellings[0]))
        elif key.name == "far_field":
            product.attrs[key.name] = int(bool(_number(value, product.file, "far_field")))
        else:
            product.attrs[key.name] = str(value)
    flux = attrs.get(FLUX)
    exposure = attrs.get("exposure_time_s")
    if flux is not None and "probe_photon_count" not in attrs and exposure is not None:
        count = _number(flux, product.file, FLUX) * _number(
            exposure, product.file, "exposure_time_s"
        )
        product.scalar("probe_photon_count", count, source=f"{FLUX} * exposure_time_s")
    for name, value in attrs.items():
        if name in known or name in STRUCTURAL or value is None:
            continue
        # netCDF takes strings and numbers only.
        is_bool = isinstance(value, (bool, np.bool_))
        product.attrs.setdefault(name, int(value) if is_bool else value)


def _positions(product: Assembly, group: HDF5Group, raw: HDF5Group | None) -> None:
    width, height = (_pixel(group, "object", key) for key in ("pixel_width_m", "pixel_height_m"))
    for name in filter(product.wants, RAW_POSITIONS):
        found = find_dataset(group.arrays, BY_NAME[name], product.file)
        numbers = None
        if raw is not None and RAW_POSITIONS[name] in raw.arrays:
            numbers = raw.arrays[RAW_POSITIONS[name]].read()
        encoding = {} if numbers is None else {PIXEL_NUMBERS: numbers}
        if found is not None:
            product.check_kind(name, found[0], found[1])
            values = found[1].read().astype(float, copy=False)
            product.coordinate(name, found[0], values, encoding=encoding)
        elif numbers is not None and name.startswith("nominal"):
            refined = name.removeprefix("nominal_")
            pixel = width if name.endswith("x") else height
            positions = group.arrays.get(BY_NAME[refined].spellings[0])
            start = raw.arrays.get(RAW_POSITIONS[refined]) if raw is not None else None
            if pixel is None or positions is None or start is None:
                continue
            at, refined_numbers = positions.read(), start.read()
            if not at.shape == refined_numbers.shape == numbers.shape:
                continue
            same = np.array_equal(refined_numbers * pixel, at)
            values = numbers * pixel if same else at + (numbers - refined_numbers) * pixel
            product.coordinate(name, f"/raw_data/{RAW_POSITIONS[name]}", values, encoding=encoding)


def _arrays(product: Assembly, group: HDF5Group, defaults: set[str]) -> None:
    for key in KEYS:
        entry = SCHEMA[key.name]
        if key.place != "dataset" or key.name in RAW_POSITIONS or not product.wants(key.name):
            continue
        found = find_dataset(group.arrays, key, product.file)
        if found is None and key.name == "object_layer_spacing":
            _layer_spacing(product, group)
            continue
        if found is None and key.name == "opr_weights":
            _weights_in_attribute(product, group)
            continue
        if found is None or found[0] in defaults:
            continue
        spelling, array = found
        if entry.unit is not None:
            product.check_kind(key.name, spelling, array)
            product.coordinate(key.name, spelling, array.read().astype(float, copy=False))
            continue
        encoding = {"original_shape": array.shape, **array.encoding}
        if "chunksizes" in encoding and len(encoding["chunksizes"]) == len(entry.dims):
            encoding["preferred_chunks"] = dict(
                zip(entry.dims, encoding["chunksizes"], strict=True)
            )
        if key.name == "opr_weights":
            product.array(key.name, spelling, array, dims=_weight_dims(product, array.shape))
        elif key.name == "epoch" and array.shape != (product.size("epoch"),):
            _lengths_differ(product.file, spelling, array.shape)
        else:
            rank = _RANKS.get(key.name, len(entry.dims))
            if key.name in _RANKS and len(array.shape) < 2:
                raise InvalidDataError(
                    "the rank is wrong",
                    file=product.file,
                    key=spelling,
                    found=f"shape {array.shape}",
                    expected=f"({', '.join(entry.dims)})",
                )
            product.array(key.name, spelling, promoted(array, rank), encoding=encoding)


def _lengths_differ(file: str, key: str, shape: tuple[int, ...]) -> None:
    warn(
        f"{file}: {key!r} of shape {shape} does not go with the losses and is left out; "
        "`ptyxr validate` says more.",
    )


def _layer_spacing(product: Assembly, group: HDF5Group) -> None:
    distance = group.arrays.get(LAYER_DISTANCE)
    if distance is not None and product.wants("object_layer_spacing"):
        product.check_kind("object_layer_spacing", LAYER_DISTANCE, distance)
        spacing = distance.read().astype(float).ravel()[:-1]
        product.coordinate("object_layer_spacing", LAYER_DISTANCE, spacing)


def _weight_dims(product: Assembly, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the dimensions of OPR weights: their own ones where a length does not fit."""
    if len(shape) != 2:
        return SCHEMA["opr_weights"].dims
    points, modes = product.size("position"), product.size("coherent_mode")
    dims = (
        "position" if points in (None, shape[0]) else "opr_entry",
        "coherent_mode" if modes in (None, shape[1]) else "opr_mode",
    )
    if "opr_mode" in dims:
        warn(
            f"{product.file}: 'opr_weights' of shape {shape} has weights for {shape[1]} coherent "
            f"modes, and the probe has {modes}; they are kept along 'opr_mode'. Rebuild the probe "
            "with all its modes before you apply them.",
        )
    return dims


def _weights_in_attribute(product: Assembly, group: HDF5Group) -> None:
    probe = group.arrays.get("probe")
    weights = None if probe is None else probe.attrs.get("opr_weights")
    if weights is None or not product.wants("opr_weights"):
        return
    stored = MemoryArray(np.asarray(weights))
    product.array(
        "opr_weights",
        "probe.attrs['opr_weights']",
        stored,
        dims=_weight_dims(product, stored.shape),
    )


def _pixel(group: HDF5Group, array: str, key: str) -> float | None:
    """Return a positive, finite pixel size in metres from the attributes of an array, or None."""
    value = group.arrays[array].attrs.get(key) if array in group.arrays else None
    if value is None:
        return None
    size = _number(value, group.file, f"{array}.attrs[{key!r}]")
    return size if np.isfinite(size) and size > 0 else None


def _object_axes(product: Assembly, group: HDF5Group, defaults: set[str]) -> None:
    array = group.arrays.get("object")
    if array is None:
        return
    sizes = dict(zip(("object_y", "object_x"), array.shape[-2:], strict=False))
    for name, key in (("object_x", "pixel_width_m"), ("object_y", "pixel_height_m")):
        pixel = _pixel(group, "object", key)
        if pixel is None:
            continue
        product.scalar(f"object_{key.removesuffix('_m')}", pixel)
        center = array.attrs.get(CENTER[name])
        if center is None or name not in sizes or f"object.{CENTER[name]}" in defaults:
            continue
        center = _number(center, group.file, f"object.attrs[{CENTER[name]!r}]")
        if np.isfinite(center) and sizes[name]:
            product.axis(name, Grid(center, pixel, sizes[name], "meter"))


def _probe_axes(product: Assembly, group: HDF5Group) -> None:
    array = group.arrays.get("probe")
    if array is None:
        return
    sizes = dict(zip(("probe_y", "probe_x"), array.shape[-2:], strict=False))
    for name, key in (("probe_x", "pixel_width_m"), ("probe_y", "pixel_height_m")):
        # Ptychodus itself takes the object's where a probe has none.
        pixel = _pixel(group, "probe", key) or _pixel(group, "object", key)
        if pixel is None:
            continue
        product.scalar(f"probe_{key.removesuffix('_m')}", pixel)
        if sizes.get(name):
            product.axis(name, Grid(0.0, pixel, sizes[name], "meter"))


def _groups(file: HDF5File) -> tuple[HDF5Group, HDF5Group | None]:
    """Return the root of a file, and its ``/raw_data`` where there is one."""
    group = file.group()
    if group is None:
        raise FormatError("the file has no root group", file=file.name)
    return group, file.group(RAW_DATA) if RAW_DATA in group.groups else None


class PtychodusBackend(BackendEntrypoint):
    """xarray's engine ``"ptychodus"``: Ptychodus products in HDF5."""

    description: ClassVar[str] = "Open Ptychodus products (HDF5) with units, using ptyxr"
    url: ClassVar[str] = "https://ptyxr.readthedocs.io"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        "mask_and_scale",
        "decode_times",
        "decode_timedelta",
        "use_cftime",
        "concat_characters",
        "decode_coords",
        "quantify",
    )

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = None,
        decode_times: Any = None,
        decode_timedelta: Any = None,
        use_cftime: Any = None,
        concat_characters: Any = None,
        decode_coords: Any = None,
        drop_variables: str | Iterable[str] | None = None,
        quantify: bool = True,
    ) -> Dataset:
        """Open a product as a dataset of the model, its arrays left in the file until used.

        Parameters
        ----------
        filename_or_obj : str, path-like, bytes or binary file object
            The product.
        mask_and_scale, decode_times, decode_timedelta, use_cftime, concat_characters, decode_coords
            Accepted and without effect: a product is no netCDF file.
        drop_variables : str or iterable of str, optional
            Names of the model that are left out, before they are read.
        quantify : bool, default: True
            Whether coordinates are pint Quantities, or numbers with a ``units`` attribute.

        Raises
        ------
        MissingFileError, FormatError
            If there is no such file, or it is no product.
        InvalidDataError
            If something in it cannot be represented.
        """
        del mask_and_scale, decode_times, decode_timedelta, use_cftime
        del concat_characters, decode_coords
        file = HDF5File(filename_or_obj)
        try:
            group, raw = _groups(file)
            product = decode_product(group, raw, drop_variables=drop_variables, quantify=quantify)
            ds = product.dataset(close=file.closer)
        except BaseException:
            file.close()
            raise
        return ds

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell whether this is a Ptychodus product, by looking inside."""
        try:
            if not is_hdf5(first_bytes(filename_or_obj)):
                return False
            file = HDF5File(filename_or_obj)
            try:
                group = file.group()
            finally:
                file.close()
        except (PtyxrError, OSError):
            return False
        return group is not None and {"object", "probe", "probe_position_x_m"} <= set(group.arrays)
