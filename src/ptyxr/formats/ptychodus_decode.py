"""What the keys of a Ptychodus product mean, whatever file they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.errors import FormatError, InvalidDataError, listed, warn
from ptyxr.formats.assembly import Assembly, any_numbers, promoted
from ptyxr.formats.ptychodus_axes import decode_axes, decode_positions, mend_corner, number
from ptyxr.formats.ptychodus_keys import (
    DEFAULTS,
    FLUX,
    KEYS,
    LAYER_DISTANCE,
    RAW_DATA,
    RAW_MEMBERS,
    RAW_POSITIONS,
    STRUCTURAL,
    Key,
    find_attribute,
    find_dataset,
    is_default,
    misfit,
    not_carried,
)
from ptyxr.formats.ptychodus_raw import decode_raw_data
from ptyxr.model import SCHEMA
from ptyxr.storage.arrays import MemoryArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ptyxr.storage.groups import StoredGroup

__all__ = ["TELLING", "decode_product"]

_RANKS: Final = {"object": 3, "probe": 4}
#: Without these there is nothing to work with: they are refused where they are no numbers.
_NEEDED: Final = frozenset({"object", "probe", "position_x", "position_y"})
#: Which compounds are complex numbers.
_COMPLEX: Final = "; a compound is one with two floating-point fields r and i of one size"
#: What tells a product by its names; whether they are sound is seen on opening.
TELLING: Final = frozenset({"object", "probe", "probe_position_x_m"})


@any_numbers
def decode_product(
    group: StoredGroup,
    raw: StoredGroup | None,
    *,
    drop_variables: str | Iterable[str] | None = None,
    quantify: bool = True,
) -> Assembly:
    """Say in the words of the model what a product holds.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    raw : StoredGroup or None
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
    if not TELLING & group.names:
        raise FormatError(
            "this is no Ptychodus product",
            file=group.file,
            found=sorted(group.names)[:8],
            expected="'object', 'probe', 'probe_position_x_m'",
            remedy="ptyxr.open_dataset() finds the engine by looking inside",
        )
    wanted = [key for key in KEYS if key.place == "dataset" and product.wants(key.name)]
    group.check({s for key in wanted for s in key.spellings})
    _check_kinds(product, group, wanted)
    defaults = set(str(group.attrs.get(DEFAULTS, "")).split())
    # What someone changed since it was written is no default any more.
    attrs = {k: v for k, v in group.attrs.items() if k not in defaults or not is_default(k, v)}
    decode_positions(product, group, raw)
    _arrays(product, group, defaults)
    decode_axes(product, group, defaults)
    mend_corner(product, group)
    _root_attributes(product, attrs)
    if raw is not None:
        raw.check(RAW_MEMBERS)
        decode_raw_data(product, raw, defaults, group)
    product.detector_axes()
    _name_unreadable(group)
    product.left_out = not_carried(group)
    product.attrs["source_format"] = "ptychodus"
    return product


def _check_kinds(product: Assembly, group: StoredGroup, wanted: Iterable[Key]) -> None:
    """Refuse what is needed and no array of numbers; name what is not needed, and leave it out."""
    for key in wanted:
        for spelling in key.spellings:
            found = misfit(group, spelling)
            if found is None:
                continue
            aside = f"drop_variables={key.name!r} leaves it out"
            if key.name in _NEEDED:
                kind = SCHEMA[key.name].kind
                compound = kind == "complex" and "compound" in found
                raise InvalidDataError(
                    "this is no array of numbers",
                    file=product.file,
                    key=spelling,
                    found=found,
                    expected=f"an array of {kind} numbers{_COMPLEX if compound else ''}",
                    remedy=f"Write it as such with h5py; {aside}",
                )
            warn(
                f"{product.file}: {spelling!r} is {found} and no array of numbers, and is left "
                f"out. Write it as one with h5py to have it read; {aside} without a word.",
            )
    if RAW_DATA not in group.groups and RAW_DATA in group.names:
        error = group.bad.get(RAW_DATA)
        found = misfit(group, RAW_DATA) or "a dataset" if error is None else error.problem
        warn(
            f"{product.file}: '/{RAW_DATA}' is no group: {found}. Patterns and pixel numbers are "
            "left out; write them anew with ds.ptyxr.to_product().",
        )


def _name_unreadable(group: StoredGroup) -> None:
    """Name in one warning the attributes that are damaged, or neither numbers nor text."""
    beside = {name: array.attrs for name, array in group.arrays.items() if name in _RANKS}
    left = [repr(key) for key, value in group.attrs.items() if value is None]
    left += [
        f"{n}.attrs[{k!r}]" for n, kept in beside.items() for k, v in kept.items() if v is None
    ]
    if left:
        warn(
            f"{group.file}: these attributes are damaged, or neither numbers nor text, and are "
            f"left out: {listed(left)}. Write them again with h5py to have them read.",
        )


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
            product.scalar(key.name, number(value, product.file, key.spellings[0]))
        elif key.name == "far_field":
            far_field = number(value, product.file, "far_field", booleans=True)
            product.attrs[key.name] = int(bool(far_field))
        else:
            # Some writers keep text as an array of one.
            is_one = isinstance(value, np.ndarray) and value.size == 1
            product.attrs[key.name] = str(value.flat[0] if is_one else value)
    flux = attrs.get(FLUX)
    exposure = attrs.get("exposure_time_s")
    if flux is not None and "probe_photon_count" not in attrs and exposure is not None:
        count = number(flux, product.file, FLUX) * number(exposure, product.file, "exposure_time_s")
        product.scalar("probe_photon_count", count, source=f"{FLUX} * exposure_time_s")
    for name, value in attrs.items():
        if name in known or name in STRUCTURAL or value is None:
            continue
        # netCDF takes strings and numbers only.
        is_bool = isinstance(value, (bool, np.bool_))
        product.attrs.setdefault(name, int(value) if is_bool else value)


def _arrays(product: Assembly, group: StoredGroup, defaults: set[str]) -> None:
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
        if key.name == "opr_weights":
            product.array(key.name, spelling, array, dims=_weight_dims(product, array.shape))
        elif key.name == "epoch" and array.shape != (product.size("epoch"),):
            _lengths_differ(product.file, spelling, array.shape)
        else:
            product.check_kind(key.name, spelling, array)
            rank = _RANKS.get(key.name, len(entry.dims))
            if key.name in _RANKS:
                product.check_rank(spelling, array.shape, entry.dims, 2, rank)
            product.array(key.name, spelling, promoted(array, rank), encoding=encoding)


def _lengths_differ(file: str, key: str, shape: tuple[int, ...]) -> None:
    warn(
        f"{file}: {key!r} of shape {shape} does not go with the losses and is left out; "
        "`ptyxr validate` says more.",
    )


def _layer_spacing(product: Assembly, group: StoredGroup) -> None:
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


def _weights_in_attribute(product: Assembly, group: StoredGroup) -> None:
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
