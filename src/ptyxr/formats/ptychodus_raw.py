"""The group ``/raw_data`` of a product, as PtychoPINN writes it: patterns and what goes along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptyxr.errors import warn
from ptyxr.formats.ptychodus_keys import RAW_DATA
from ptyxr.frame import ORIGINS
from ptyxr.model import SCHEMA

if TYPE_CHECKING:
    import numpy as np

    from ptyxr.formats.assembly import Assembly
    from ptyxr.storage.hdf5 import HDF5Group

__all__ = ["decode_raw_data"]


def decode_raw_data(product: Assembly, raw: HDF5Group, defaults: set[str]) -> None:
    """Put into a dataset what stands in ``/raw_data`` beside the pixel numbers.

    Parameters
    ----------
    product : Assembly
        The dataset in the making; its scan points are there already.
    raw : HDF5Group
        The group.
    defaults : set of str
        Keys that were written only as defaults.
    """
    if raw.attrs.get("pixel_origin") in ORIGINS:
        product.attrs["pixel_origin"] = str(raw.attrs["pixel_origin"])
    metadata = raw.attrs.get("_metadata")
    if metadata is None and "_metadata" in raw.arrays and raw.arrays["_metadata"].shape == ():
        stored: Any = raw.arrays["_metadata"].read()
        metadata = stored[()]
        metadata = metadata.decode("utf-8", "replace") if isinstance(metadata, bytes) else metadata
    if isinstance(metadata, str):
        product.attrs["source_metadata"] = metadata
    points = product.size("position")
    for name, key in (
        ("diffraction", "diffraction"),
        ("scan_index", "scan_index"),
        ("bad_pixels", "bad_pixels"),
    ):
        array = raw.arrays.get(key)
        if array is None or f"{RAW_DATA}/{key}" in defaults or not product.wants(name):
            continue
        if SCHEMA[name].dims[0] == "position" and array.shape[:1] != (points,):
            warn(
                f"{product.file}: '/raw_data/{key}' of shape {array.shape} does not go with "
                f"{points} scan points and is left out; group='/raw_data' opens it.",
            )
            continue
        attrs = {}
        if name == "diffraction":
            attrs = {
                "quantity": str(array.attrs.get("quantity", _quantity(array.dtype))),
                "original_axis_order": str(array.attrs.get("original_axis_order", "NHW")),
            }
        encoding = dict(array.encoding)
        if "chunksizes" in encoding:
            encoding["preferred_chunks"] = dict(
                zip(SCHEMA[name].dims, encoding["chunksizes"], strict=False)
            )
        product.array(name, f"/raw_data/{key}", array, attrs=attrs, encoding=encoding)


def _quantity(dtype: np.dtype[Any]) -> str:
    """Return what patterns are, by the contract of PtychoPINN: whole numbers are counts."""
    return "counts" if dtype.kind in "iu" else "amplitude"
