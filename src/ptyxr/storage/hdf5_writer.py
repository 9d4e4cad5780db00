"""Writing an HDF5 file from a plan: attributes, arrays that may be lazy, and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Variable
from xarray.backends.locks import HDF5_LOCK

from ptyxr.errors import PtyxrError
from ptyxr.storage.streams import blocks, checked_cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Plan", "PlannedArray", "storage_options", "write_hdf5"]


@dataclass
class PlannedArray:
    """An array to be written.

    Parameters
    ----------
    variable : Variable
        Its data: numpy, lazy or dask.
    dtype : numpy.dtype
        Type on disk.
    attrs : dict
        Attributes.
    options : dict
        How it is stored, as ``h5py.Group.create_dataset`` takes it.
    """

    variable: Variable
    dtype: np.dtype[Any]
    attrs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """What a file is to hold; paths are without leading slash.

    Parameters
    ----------
    attrs : dict
        Attributes of the root.
    arrays : dict of str to PlannedArray
        Datasets by path.
    group_attrs : dict of str to dict
        Attributes of groups by path.
    links : dict of str to str
        Hard links by path, and the path of what they lead to.
    """

    attrs: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, PlannedArray] = field(default_factory=dict)
    group_attrs: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def array(self, path: str, values: Any, dtype: Any = None, **attrs: Any) -> PlannedArray:
        """Add an array: a Variable, or anything numpy takes."""
        if not isinstance(values, Variable):
            values = np.asarray(values)
            values = Variable(tuple(f"dim_{i}" for i in range(values.ndim)), values)
        try:
            planned = PlannedArray(
                values, np.dtype(values.dtype if dtype is None else dtype), attrs
            )
        except TypeError as error:
            raise PtyxrError("no such dtype", key=path, found=repr(dtype)) from error
        self.arrays[path] = planned
        return planned


def storage_options(name: str, encoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``create_dataset`` takes from an encoding in the words of xarray.

    Parameters
    ----------
    name : str
        The variable, for the error.
    encoding : mapping
        ``chunksizes`` or ``chunks``, ``compression``, ``compression_opts`` or ``complevel``,
        ``zlib``, ``shuffle``, ``fletcher32``, ``dtype``.

    Raises
    ------
    PtyxrError
        If it has another key.
    """
    names = {
        "chunksizes": "chunks",
        "chunks": "chunks",
        "compression": "compression",
        "compression_opts": "compression_opts",
        "complevel": "compression_opts",
        "shuffle": "shuffle",
        "fletcher32": "fletcher32",
    }
    informational = {"source", "original_shape", "preferred_chunks"}
    unknown = set(encoding) - set(names) - {"zlib", "dtype"} - informational
    if unknown:
        raise PtyxrError(
            "no such encoding",
            key=name,
            found=", ".join(sorted(unknown)),
            expected=", ".join(sorted({*names, "zlib", "dtype"})),
        )
    options = {names[key]: value for key, value in encoding.items() if key in names}
    if encoding.get("zlib"):
        options.setdefault("compression", "gzip")
    return {key: value for key, value in options.items() if value is not None}


def write_hdf5(path: Path, plan: Plan) -> None:
    """Write a file, its large arrays block by block.

    Only writing is done under the HDF5 lock: computing a block may itself read HDF5.
    """
    import h5py

    with HDF5_LOCK:
        file = h5py.File(path, "w", libver=("earliest", "v110"))
    try:
        with HDF5_LOCK:
            _write_attributes(file, plan.attrs)
            for group, attrs in plan.group_attrs.items():
                _write_attributes(file.require_group(group), attrs)
        for name, planned in plan.arrays.items():
            _write_array(file, name, planned)
        with HDF5_LOCK:
            for name, target in plan.links.items():
                file[name] = file[target]
            file.flush()
    finally:
        with HDF5_LOCK:
            file.close()


def _write_attributes(node: Any, attrs: Mapping[str, Any]) -> None:
    for key, value in attrs.items():
        node.attrs[key] = value


def _write_array(file: Any, name: str, planned: PlannedArray) -> None:
    import h5py

    variable = planned.variable
    text = planned.dtype.kind in "UO"
    dtype = h5py.string_dtype() if text else planned.dtype
    options = dict(planned.options)
    chunks = options.get("chunks")
    if isinstance(chunks, (tuple, list)):
        # No chunk is longer than its axis; another rank is refused by HDF5 below.
        longest = zip(chunks, variable.shape, strict=False)
        options["chunks"] = (*(min(c, n) for c, n in longest), *chunks[variable.ndim :])
    with HDF5_LOCK:
        try:
            dataset = file.create_dataset(name, shape=variable.shape, dtype=dtype, **options)
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise PtyxrError(
                "HDF5 cannot store the array so", key=name, found=f"{options}: {error}"
            ) from error
        _write_attributes(dataset, planned.attrs)
    for key, values in blocks(variable, whole_rows=False):
        data = str(values) if text else checked_cast(values, planned.dtype, name)
        with HDF5_LOCK:
            dataset[key] = data
