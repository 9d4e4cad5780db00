"""Attributes in HDF5 files, with text that can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.storage.files import clean_text

if TYPE_CHECKING:
    from ptyxr.storage.hdf5_text import HeapGuard

__all__ = ["read_attributes"]


def read_attributes(node: Any, guard: HeapGuard) -> dict[str, Any]:
    """Return the attributes of a group or dataset, text as str; to be used under the HDF5 lock.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
    guard : HeapGuard
        Looks at text of variable length first.

    Returns
    -------
    dict of str to object
        None where one cannot be read. What is neither numbers nor text is left out.
    """
    import h5py

    attributes: dict[str, Any] = {}
    for place in range(h5py.h5a.get_num_attrs(node.id)):
        name = b""
        value = None
        try:
            opened = h5py.h5a.open(node.id, index=place)
            name = opened.name
            if not _is_plain(opened.get_type(), guard, node, opened):
                continue  # such as the references that netCDF-4 keeps to its dimensions
            value = node.attrs[name]
            if isinstance(value, (np.ndarray, np.void)) and value.dtype.kind == "V":
                value = None  # a record
        except (OSError, TypeError, ValueError, KeyError, RuntimeError, OverflowError):
            value = None  # damaged, or of a type that h5py does not know
        # One whose name cannot be read either is not to vanish without a word.
        attributes[clean_text(name) or f"number {place}"] = _cleaned(value)
    return attributes


def _is_plain(kind: Any, guard: HeapGuard, node: Any, attribute: Any) -> bool:
    """Tell whether an attribute is of numbers or text, whose text has been looked at."""
    from h5py import h5t

    if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        if attribute.shape is not None:
            guard.check_attribute(node, attribute.name, attribute.shape)
        return True
    if isinstance(kind, h5t.TypeCompoundID) and not _is_complex(kind, attribute):
        return False
    # What leads elsewhere, or has text inside something else, no format of ours has.
    variable = kind.detect_class(h5t.VLEN) or kind.detect_class(h5t.REFERENCE)
    return not (variable or _has_text(kind))


def _is_complex(kind: Any, attribute: Any) -> bool:
    """Tell whether pairs are complex numbers that are as long in memory as in the file."""
    dtype = attribute.dtype
    return bool(dtype.kind == "c" and dtype.itemsize == kind.get_size())


def _has_text(kind: Any) -> bool:
    from h5py import h5t

    if isinstance(kind, h5t.TypeStringID):
        return bool(kind.is_variable_str())
    if isinstance(kind, h5t.TypeCompoundID):
        return any(_has_text(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    return isinstance(kind, h5t.TypeArrayID) and _has_text(kind.get_super())


def _cleaned(value: Any) -> Any:
    """Return an attribute with text that can be shown: in HDF5 any bytes may be called UTF-8."""
    import h5py

    if isinstance(value, (bytes, str)):
        return clean_text(value)
    if isinstance(value, h5py.Empty) and h5py.check_string_dtype(value.dtype):
        return ""
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        cleaned = np.empty(value.shape, dtype=object)
        for place, one in np.ndenumerate(value):
            cleaned[place] = clean_text(one) if isinstance(one, (bytes, str)) else one
        return cleaned
    return value
