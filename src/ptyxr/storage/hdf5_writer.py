"""Writing an HDF5 file from a plan: attributes, arrays that may be lazy, and links."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Variable

from ptyxr.errors import PtyxrError
from ptyxr.storage.chunked import Destination, is_dask, locked, store, write_lock
from ptyxr.storage.debris import mark_of
from ptyxr.storage.hdf5_filters import know_filter
from ptyxr.storage.hdf5_sink import Sink, writing
from ptyxr.storage.locks import HDF5_LOCK
from ptyxr.storage.progress import Progress
from ptyxr.storage.streams import blocks, checked_cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    import h5py

__all__ = ["Plan", "PlannedArray", "check_hdf5", "dataset_options", "write_hdf5"]


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

    @property
    def is_text(self) -> bool:
        """Whether it is one string."""
        return self.dtype.kind in "UO"

    @property
    def is_chunked(self) -> bool:
        """Whether dask computes it."""
        return is_dask(self.variable) and not self.is_text

    @property
    def is_in_place(self) -> bool:
        """Whether each of its numbers may have its place before it is there: unless compressed."""
        return not any(self.options.get(name) for name in ("compression", "shuffle", "fletcher32"))

    @property
    def nbytes(self) -> int:
        """How long it is, in bytes; 0 for text."""
        return 0 if self.is_text else math.prod(self.variable.shape) * self.dtype.itemsize


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
        if planned.is_text and planned.variable.ndim:
            # As one string, most of it would be dots.
            raise PtyxrError(
                "this is no array of numbers",
                key=path,
                found=f"{planned.dtype} {planned.variable.shape}",
                remedy="Convert it first, with astype",
            )
        self.arrays[path] = planned
        return planned


def dataset_options(name: str, encoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``create_dataset`` takes from an encoding in the words of xarray.

    Parameters
    ----------
    name : str
        The variable, for the error.
    encoding : mapping
        ``chunksizes`` or ``chunks``, ``compression``, ``compression_opts`` or ``complevel``,
        ``zlib``, ``shuffle``, ``fletcher32``, ``dtype``. The compression is "gzip", "lzf", or what
        hdf5plugin offers, as in ``{**hdf5plugin.Blosc2()}``.

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
    know_filter(name, options.get("compression"))
    return {key: value for key, value in options.items() if value is not None}


def write_hdf5(path: Path, plan: Plan) -> None:
    """Write a file, its large arrays block by block.

    Only writing is done under the HDF5 lock: computing a block may itself read HDF5. What dask has
    comes last, all of it in one go.

    Raises
    ------
    OSError
        If the disk is full, or refuses for another reason.
    PtyxrError
        If an array cannot be stored as planned.
    """
    progress = Progress(sum(planned.nbytes for planned in plan.arrays.values()))
    chunked = {name: one for name, one in plan.arrays.items() if one.is_chunked}
    lock = write_lock() if chunked else None
    with _opened(path, "w") as (file, sink):
        here = _Open(file, sink)
        with writing(sink):
            _write_attributes(file, plan.attrs)
            for group, attrs in plan.group_attrs.items():
                _write_attributes(file.require_group(group), attrs)
        for name, planned in plan.arrays.items():
            with writing(sink):
                _create_array(file, name, planned, placed=name in chunked and lock is not None)
            if name not in chunked:
                for key, values in _blocks(name, planned):
                    here.put(name, key, values)
                    progress.add(getattr(values, "nbytes", 0))
        with writing(sink):
            for name, target in plan.links.items():
                file[name] = file[target]
    if not chunked:
        return
    arrays = {name: (one.variable, one.dtype) for name, one in chunked.items()}
    if lock is not None:
        in_place = {name for name, one in chunked.items() if one.is_in_place}
        try:
            store(_Reopened(path, lock, in_place), arrays, progress)
        finally:
            mark_of(path).unlink(missing_ok=True)
        return
    with _opened(path, "r+") as (file, sink):
        store(_Open(file, sink), arrays, progress)


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[tuple[h5py.File, Sink]]:
    with open(path, "w+b" if mode == "w" else "r+b", buffering=0) as raw, _in_sink(raw, mode) as it:
        yield it


@contextlib.contextmanager
def _in_sink(raw: BinaryIO, mode: str) -> Iterator[tuple[h5py.File, Sink]]:
    import h5py

    sink = Sink(raw)
    with writing(sink):
        file = h5py.File(sink, mode, libver=("earliest", "v110"))
    try:
        yield file, sink
    finally:
        with writing(sink):
            file.close()


class _Open(Destination):
    """A file that is open here, for threads."""

    def __init__(self, file: h5py.File, sink: Sink) -> None:
        self._file = file
        self._sink = sink

    def put(self, name: str, key: tuple[slice, ...], values: np.ndarray) -> None:
        with writing(self._sink):
            self._file[name][key] = values


class _Reopened(Destination):
    """A file that is opened for each block, by one process at a time."""

    def __init__(self, path: Path, lock: Any, in_place: set[str]) -> None:
        self._path = path
        self._lock = lock
        self._in_place = in_place

    def put(self, name: str, key: tuple[slice, ...], values: np.ndarray) -> None:
        opening = locked(self._path, self._lock, in_place=name in self._in_place)
        with opening as raw, _in_sink(raw, "r+") as opened:
            _Open(*opened).put(name, key, values)


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


def _create_array(
    file: h5py.File, name: str, planned: PlannedArray, *, placed: bool = False
) -> None:
    """Create a dataset, and where it is to be `placed`, give all its numbers their place at once.

    Who writes them then changes nothing else in the file, and may be killed and start again.
    """
    import h5py

    variable = planned.variable
    dtype = h5py.string_dtype() if planned.is_text else planned.dtype
    options = dict(planned.options)
    chunks = options.get("chunks")
    if isinstance(chunks, (tuple, list)):
        # No chunk is longer than its axis; another rank is refused by HDF5 below.
        longest = zip(chunks, variable.shape, strict=False)
        options["chunks"] = (*(min(c, n) for c, n in longest), *chunks[variable.ndim :])
    if placed and planned.is_in_place:
        options["dcpl"] = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options["dcpl"].set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        options["dcpl"].set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    try:
        dataset = file.create_dataset(name, shape=variable.shape, dtype=dtype, **options)
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise PtyxrError(
            "HDF5 cannot store the array so", key=name, found=f"{options}: {error}"
        ) from error
    _write_attributes(dataset, planned.attrs)


def _blocks(name: str, planned: PlannedArray) -> Iterator[tuple[tuple[slice, ...], Any]]:
    chunks = planned.options.get("chunks")
    rows = chunks[0] if isinstance(chunks, (tuple, list)) and chunks else 1
    # Chunks are written once, and so each with all that is in it.
    for key, values in blocks(planned.variable, any_order=not planned.options, rows=rows):
        yield key, str(values) if planned.is_text else checked_cast(values, planned.dtype, name)
