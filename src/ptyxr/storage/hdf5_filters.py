"""Filters that HDF5 has only with a plugin, such as Blosc2 and bitshuffle."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import PtyxrError

if TYPE_CHECKING:
    import h5py

__all__ = ["check_filters", "filter_encoding", "know_filter"]

#: Numbers up to this are filters of HDF5 itself, and those below 10 levels of gzip for h5py.
_LAST_OF_HDF5: Final = 255
_REMEDY: Final = "Install its plugin: pip install hdf5plugin"


def filter_encoding(dataset: h5py.Dataset) -> dict[str, Any]:
    """Return how a dataset is compressed, in the words of xarray.

    Returns
    -------
    dict
        ``compression``, ``compression_opts`` and ``shuffle``; a filter of a plugin by its number,
        as ``create_dataset`` takes it again.
    """
    encoding = {
        "compression": dataset.compression,
        "compression_opts": dataset.compression_opts,
        "shuffle": dataset.shuffle,
    }
    for number, values in _filters(dataset):
        if number > _LAST_OF_HDF5 and encoding["compression"] in (None, "unknown"):
            encoding |= {"compression": number, "compression_opts": values}
    return encoding


def _filters(dataset: h5py.Dataset) -> list[tuple[int, tuple[int, ...]]]:
    settings = dataset.id.get_create_plist()
    found = map(settings.get_filter, range(settings.get_nfilters()))
    return [(number, values) for number, _, values, _ in found]


def check_filters(dataset: h5py.Dataset) -> None:
    """Refuse a dataset that cannot be unpacked here; a plugin that is installed is made use of.

    Raises
    ------
    PtyxrError
        Naming the filter.
    """
    for number, _ in _filters(dataset):
        if not _is_known(number):
            raise PtyxrError(
                "the array is compressed by a filter that is not installed",
                file=dataset.file.filename,
                key=dataset.name,
                found=f"filter {number}",
                remedy=_REMEDY,
            )


def know_filter(key: str, compression: Any) -> None:
    """See that HDF5 knows a filter before something is written with it.

    Parameters
    ----------
    key : str
        The array, for the error.
    compression : int, str or mapping
        As ``h5py.Group.create_dataset`` takes it; only numbers need a plugin.

    Raises
    ------
    PtyxrError
        If the filter is not installed.
    """
    is_number = isinstance(compression, int) and compression > _LAST_OF_HDF5
    if is_number and not _is_known(compression):
        raise PtyxrError(
            "this filter is not installed",
            key=key,
            found=f"filter {compression}",
            remedy=_REMEDY,
        )


def _is_known(number: int) -> bool:
    import h5py

    if h5py.h5z.filter_avail(number):
        return True
    try:
        importlib.import_module("hdf5plugin")  # it registers what it has
    except ImportError:
        return False
    return bool(h5py.h5z.filter_avail(number))
