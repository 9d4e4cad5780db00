"""The group ``/raw_data`` of a product, as PtychoPINN writes it: patterns and what goes along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.errors import warn
from ptyxr.formats.assembly import KINDS, axes_text
from ptyxr.formats.ptychodus_keys import (
    BY_NAME,
    RAW_DATA,
    RAW_POSITIONS,
    describe,
    find_dataset,
    misfit,
)
from ptyxr.frame import ORIGINS
from ptyxr.model import SCHEMA
from ptyxr.storage.files import clean_text

if TYPE_CHECKING:
    from ptyxr.formats.assembly import Assembly
    from ptyxr.storage.groups import Member, StoredGroup

__all__ = ["decode_raw_data", "raw_array", "raw_origin"]


def raw_origin(raw: StoredGroup) -> str | None:
    """Return what the pixel numbers are counted from, or None where it is not told."""
    origin = raw.attrs.get("pixel_origin")
    return origin if isinstance(origin, str) and origin in (*ORIGINS, "world") else None


def raw_array(
    product: Assembly, raw: StoredGroup | None, name: str, points: int | None
) -> Member | None:
    """Return a member of ``/raw_data``, or None; warn where it cannot be what it is said to be.

    Parameters
    ----------
    product : Assembly
        The dataset in the making.
    raw : StoredGroup or None
        The group.
    name : str
        Name in the model.
    points : int or None
        How many scan points there are, where that is known.
    """
    if raw is None:
        return None
    key = RAW_POSITIONS.get(name, name)
    entry = SCHEMA[name]
    array, found = raw.arrays.get(key), misfit(raw, key)
    wanted = f"{entry.kind} of {axes_text(entry.dims)}"
    if found is None and array is not None and array.shape != (0,):
        # Whole numbers in floating point are looked at one by one, when they are taken.
        kinds = KINDS[entry.kind] + ("f" if entry.kind == "int" else "")
        if array.dtype.kind not in kinds or len(array.shape) != len(entry.dims):
            found = describe(array)
    if found is not None:
        warn(
            f"{product.file}: '/{RAW_DATA}/{key}' is {found} where {wanted} is expected, and is "
            "left out. Write it as such with h5py to have it read.",
        )
        return None
    if array is None or entry.dims[0] != "position" or points in (None, array.shape[0]):
        return array
    warn(
        f"{product.file}: '/{RAW_DATA}/{key}' of shape {array.shape} does not go with {points} "
        "scan points and is left out. h5py reads it.",
    )
    return None


def decode_raw_data(
    product: Assembly, raw: StoredGroup, defaults: set[str], root: StoredGroup
) -> None:
    """Put into a dataset what stands in ``/raw_data`` beside the pixel numbers.

    Parameters
    ----------
    product : Assembly
        The dataset in the making; its scan points are there already.
    raw : StoredGroup
        The group.
    defaults : set of str
        Keys that were written only as defaults.
    root : StoredGroup
        The root of the product, where some of it may stand too.
    """
    origin = raw_origin(raw)
    if origin is not None:
        product.attrs["pixel_origin"] = origin
    metadata = raw.attrs.get("_metadata")
    if metadata is None and "_metadata" in raw.arrays and raw.arrays["_metadata"].shape == ():
        stored: Any = raw.arrays["_metadata"].read()
        metadata = stored[()]
    if isinstance(metadata, (str, bytes)):
        product.attrs["source_metadata"] = clean_text(metadata)
    points = product.size("position")
    for name in ("diffraction", "scan_index", "bad_pixels"):
        if f"{RAW_DATA}/{name}" in defaults or not product.wants(name):
            continue
        array = raw_array(product, raw, name, points)
        if array is None:
            continue
        _compare(product, array, name, root, defaults)
        attrs = {}
        if name == "diffraction":
            attrs = {
                "quantity": _text(array, "quantity") or _quantity(array.dtype),
                "original_axis_order": _text(array, "original_axis_order") or "NHW",
            }
        product.array(name, f"/{RAW_DATA}/{name}", array, attrs=attrs, encoding=array.encoding)


def _compare(
    product: Assembly, array: Member, name: str, root: StoredGroup, defaults: set[str]
) -> None:
    """Warn where the root has the same thing, and has it differently."""
    found = find_dataset(root.arrays, BY_NAME[name], product.file) if name in BY_NAME else None
    if found is None or found[0] in defaults:
        return
    if found[1].shape != array.shape or not np.array_equal(found[1].read(), array.read()):
        key = f"/{RAW_DATA}/{name}"
        warn(
            f"{product.file}: {key!r} and {found[0]!r} differ; {key!r} is taken. "
            "Rewrite the file with ds.ptyxr.to_product() to bring them together.",
        )


def _text(array: Member, name: str) -> str | None:
    value = array.attrs.get(name)
    return value if isinstance(value, str) else None


def _quantity(dtype: np.dtype[Any]) -> str:
    """Return what patterns are, by the contract of PtychoPINN: whole numbers are counts."""
    return "counts" if dtype.kind in "iu" else "amplitude"
