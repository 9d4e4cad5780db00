"""Which engine opens a file: told by looking inside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import xarray as xr

from ptyxr.errors import FormatError, MissingFileError, PtyxrError
from ptyxr.formats.ptychodus_diffraction import pair_patterns
from ptyxr.storage.files import first_bytes, is_path, source_name
from ptyxr.storage.hdf5 import HDF5File, is_hdf5
from ptyxr.storage.npz import NpzFile, is_zip

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["find_engine", "open_dataset"]


def find_engine(source: Any) -> str:
    """Return the name of the engine of ptyxr that opens a file.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If no engine of ptyxr opens it; it says what is inside.
    """
    for name, engine in xr.backends.list_engines().items():
        ours = type(engine).__module__.startswith("ptyxr.formats.")
        if ours and engine.guess_can_open(source):
            return name
    raise FormatError(
        "this is none of the files that ptyxr opens",
        file=source_name(source),
        found=_inside(source),
        expected="a Ptychodus product (HDF5) or a PtychoPINN dataset (NPZ)",
    )


def _inside(source: Any) -> str:
    """Say in a few words what a file is."""
    start = first_bytes(source)
    if is_path(source):
        name = source_name(source)
        # Of a path that may be anything, Path.exists raises where os.path says no.
        if not os.path.exists(name):  # noqa: PTH110
            raise MissingFileError("there is no such file", file=name)
        if os.path.isdir(name):  # noqa: PTH112
            return "a folder"
    try:
        if is_hdf5(start):
            opened = HDF5File(source)
            try:
                group = opened.group()
            finally:
                opened.close()
            return f"HDF5 with {sorted(group.names)[:8] if group else 'nothing'}"
        if is_zip(start):
            file = NpzFile(source)
            return f"a zip archive with {sorted([*file.names, *file.others])[:8]}"
    except PtyxrError as error:
        return f"a damaged file: {error.problem} ({error.found})"
    return f"bytes {start!r}" if start else "an empty or unreadable file"


def open_dataset(source: Any, *, diffraction: Any = None, **kwargs: Any) -> Dataset:
    """Open a file with the engine that its content asks for.

    xarray itself gives every HDF5 file to its netCDF engines, which read a product as a dataset
    without coordinates; this looks inside.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        A Ptychodus product, its diffraction or training file, or a PtychoPINN dataset.
    diffraction : str, path-like, bytes or binary file object, optional
        Ptychodus's file of patterns that belongs to a product: they are paired with the scan points
        by ``position_index``, by value, and left in the file until used. Points without a pattern
        are left out, with a warning.
    **kwargs
        What ``xarray.open_dataset`` and the engine take: ``chunks``, ``drop_variables``,
        ``quantify``; for NPZ ``origin``, ``measurement``, ``object_pixel_size``,
        ``probe_pixel_size``.

    Returns
    -------
    xarray.Dataset
        In the data model: coordinates as Quantities, large arrays lazy.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or none that ptyxr opens.
    InvalidDataError
        If something in it cannot be represented.
    PtyxrError
        If `diffraction` cannot be paired: all numbers are equal, or there are none.

    Examples
    --------
    >>> import ptyxr
    >>> path = getfixture("product")
    >>> ptyxr.open_dataset(path).attrs["source_format"]
    'ptychodus'
    """
    ds = xr.open_dataset(source, engine=find_engine(source), **kwargs)
    if diffraction is None:
        return ds
    how = {name: kwargs[name] for name in ("chunks", "cache", "quantify") if name in kwargs}
    try:
        patterns = xr.open_dataset(diffraction, engine="ptychodus-diffraction", **how)
    except BaseException:
        ds.close()
        raise
    try:
        return pair_patterns(ds, patterns)
    except BaseException:
        ds.close()
        patterns.close()
        raise
