"""Writing an HDF5 file from a plan: attributes, arrays that may be lazy, and links."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Variable

from ptyxr.errors import PtyxrError
from ptyxr.storage.hdf5_sink import Sink
from ptyxr.storage.locks import HDF5_LOCK
from ptyxr.storage.streams import blocks, checked_cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import h5py

__all__ = ["Plan", "PlannedArray", "check_hdf5", "storage_options", "write_hdf5"]


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

    Raises
    ------
    OSError
        If the disk is full, or refuses for another reason.
    PtyxrError
        If an array cannot be stored as planned.
    """
    import h5py

    with open(path, "w+b", buffering=0) as raw:
        sink = Sink(raw)
        with _writing(sink):
            file = h5py.File(sink, "w", libver=("earliest", "v110"))
        try:
            with _writing(sink):
                _write_attributes(file, plan.attrs)
                for group, attrs in plan.group_attrs.items():
                    _write_attributes(file.require_group(group), attrs)
            for name, planned in plan.arrays.items():
                _write_array(file, name, planned, sink)
            with _writing(sink):
                for name, target in plan.links.items():
                    file[name] = file[target]
        finally:
            with _writing(sink):
                file.close()


@contextlib.contextmanager
def _writing(sink: Sink) -> Iterator[None]:
    """Hold the HDF5 lock; afterwards, raise what could not be written."""
    with HDF5_LOCK:
        try:
            yield
        finally:
            sink.check()


def check_hdf5(path: Path, plan: Plan) -> None:
    """Open a file that was written, and see that everything is in it and in its full length.

    Parameters
    ----------
    path : Path
        The file.
    plan : Plan
        What it is to hold.

    Raises
    ------
    PtyxrError
        If something is missing, or shorter than it was to be.
    """
    import h5py

    with HDF5_LOCK, h5py.File(path, "r") as file:
        for name, attrs in {"/": plan.attrs, **plan.group_attrs}.items():
            node = file.get(name)
            _written_whole(name, set(attrs), set() if node is None else set(node.attrs))
        for name, planned in plan.arrays.items():
            dataset = file.get(name)
            if not isinstance(dataset, h5py.Dataset):
                raise PtyxrError("the array was not written", key=name)
            _written_whole(name, planned.variable.shape, dataset.shape)
            _written_whole(name, set(planned.attrs), set(dataset.attrs))
            _written_whole(name, *_stored_parts(dataset))
        for name, target in plan.links.items():
            _written_whole(name, file[target], file.get(name))


def _stored_parts(dataset: h5py.Dataset) -> tuple[int, int]:
    """Return how many bytes, or chunks where it has them, a dataset must have and has."""
    if dataset.dtype.hasobject:
        return 0, 0  # text has its length elsewhere
    if dataset.chunks is None:
        return dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
    edges = zip(dataset.shape, dataset.chunks, strict=True)
    return math.prod(-(-length // chunk) for length, chunk in edges), dataset.id.get_num_chunks()


def _written_whole(key: str, expected: object, found: object) -> None:
    if found != expected:
        raise PtyxrError(
            "the file was not written whole",
            key=key,
            found=found,
            expected=expected,
        )


def _write_attributes(node: Any, attrs: Mapping[str, Any]) -> None:
    for key, value in attrs.items():
        node.attrs[key] = value


def _write_array(file: Any, name: str, planned: PlannedArray, sink: Sink) -> None:
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
    with _writing(sink):
        try:
            dataset = file.create_dataset(name, shape=variable.shape, dtype=dtype, **options)
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise PtyxrError(
                "HDF5 cannot store the array so", key=name, found=f"{options}: {error}"
            ) from error
        _write_attributes(dataset, planned.attrs)
    for key, values in blocks(variable, whole_rows=False):
        data = str(values) if text else checked_cast(values, planned.dtype, name)
        with _writing(sink):
            dataset[key] = data
