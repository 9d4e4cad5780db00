"""Lazy, safe reading of HDF5 files under xarray's file managers and its HDF5 lock."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import IO, TYPE_CHECKING, Any, cast

from xarray.core import indexing

from ptyxr.errors import InvalidDataError, PtyxrError
from ptyxr.storage.files import clean_text, first_bytes, kept_position
from ptyxr.storage.flat import read_flat
from ptyxr.storage.groups import Member, StoredGroup
from ptyxr.storage.hdf5_attributes import read_attributes
from ptyxr.storage.hdf5_chunks import read_chunked
from ptyxr.storage.hdf5_filters import check_filters, filter_encoding
from ptyxr.storage.hdf5_handles import HDF5_ERRORS, Handle
from ptyxr.storage.hdf5_outside import check_data, check_way
from ptyxr.storage.hdf5_text import HeapGuard
from ptyxr.storage.hdf5_trees import TreeGuard
from ptyxr.storage.remote import RemoteFile
from ptyxr.storage.sources import shown_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    import h5py
    import numpy as np

__all__ = ["HDF5Array", "HDF5File", "is_hdf5", "member_names"]

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(start: bytes) -> bool:
    """Tell whether the first bytes of a file are those of an HDF5 file."""
    return start.startswith(_MAGIC)


def member_names(source: Any) -> set[str]:
    """Return the names of what is in the root of an HDF5 file; never raises.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object

    Returns
    -------
    set of str
        Empty where it is no HDF5 file, or a damaged one.
    """
    try:
        if not is_hdf5(first_bytes(source)):
            return set()
        with kept_position(source):
            file = HDF5File(source)
            try:
                return file.names()
            finally:
                file.close()
    # Whatever a damaged file makes h5py raise: it is not ours to open.
    except Exception:  # noqa: BLE001
        return set()


class HDF5File:
    """An open HDF5 file, which can be pickled where it was opened by path.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.
    allow_external : bool, default: False
        Whether links and datasets are followed that lead out of the file; those of a file on a
        network, or given as an object, never are.
    storage_options : mapping, optional
        What fsspec is to be given for an address.

    Raises
    ------
    MissingFileError, RemoteError
        If there is no such file, or it cannot be reached.
    FormatError
        If it is not HDF5, or cut short.
    """

    def __init__(
        self,
        source: Any,
        *,
        allow_external: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.handle = Handle(source, storage_options)
        self.name = self.handle.name
        # h5py would take a file object for every other file that is named in it.
        self.allow_external = allow_external and isinstance(self.handle.place, str)

    @property
    def address(self) -> str | None:
        """Where it is on a network, without what may be secret, or None."""
        return shown_address(self.handle.place)

    def names(self) -> set[str]:
        """Return the names in the root, whatever is behind them."""
        with self.handle.held():
            root = self.handle.acquire()
            TreeGuard(self.handle.bytes_of(root)).check_root()
            return set(root)

    @property
    def closer(self) -> Closer:
        """What closes the file when the dataset is closed."""
        return Closer(self)

    def close(self) -> None:
        """Close the file."""
        self.handle.close()

    def group(self, path: str = "/") -> StoredGroup | None:
        """Return what a group holds, or None where there is no such group.

        Raises
        ------
        ExternalDataError
            If the way to it leads out of the file.
        InvalidDataError
            If it cannot be read.
        """
        import h5py

        with self.handle.held():
            root = self.handle.acquire()
            try:
                trees = TreeGuard(self.handle.bytes_of(root))
                trees.check_root()
                self._check_way(root, path)
                if path.strip("/") and path in root:
                    trees.check_member(root, path.strip("/"))
                found = root.get(path)
                return self._snapshot(found, path, trees) if isinstance(found, h5py.Group) else None
            except HDF5_ERRORS as error:
                if isinstance(error, PtyxrError) and error.file is not None:
                    raise
                raise InvalidDataError(
                    "the group cannot be read", file=self.name, key=path, found=str(error)
                ) from error

    def _snapshot(self, group: h5py.Group, place: str, trees: TreeGuard) -> StoredGroup:
        import h5py

        place = f"/{place.strip('/')}"
        guard = self.guard(group)
        if self.allow_external:
            trees = TreeGuard(self.handle.bytes_of(group))
        result = StoredGroup(self.name, place, read_attributes(group, guard))
        for key in group:
            name = clean_text(key)
            path = f"{place.rstrip('/')}/{name}"
            if name != key:
                # h5py gives bytes, and does not take them back.
                result.bad[name] = InvalidDataError(
                    "the name is no UTF-8", file=self.name, key=path, found=repr(key)
                )
                continue
            try:
                # The way to the group itself was looked at.
                if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                    self._check_way(group.file["/"], path)
                trees.check_member(group, key)
                member = group[key]
                if isinstance(member, h5py.Dataset):
                    beside = self.allow_external and member.file != group.file
                    its_guard = self.guard(member) if beside else guard
                    result.arrays[name] = HDF5Array(self, member, path, its_guard)
                elif isinstance(member, h5py.Group):
                    result.groups.append(name)
                else:
                    result.others.append(name)
            except HDF5_ERRORS as error:
                if isinstance(error, InvalidDataError) and error.file is not None:
                    result.bad[name] = error
                else:
                    result.bad[name] = self._bad(group, key, path, error)
        return result

    def _bad(self, group: h5py.Group, key: str, path: str, error: Exception) -> InvalidDataError:
        import h5py

        link = group.get(key, getlink=True)
        leads = isinstance(link, h5py.SoftLink)
        problem = (
            "a link leads to nothing that can be read" if leads else "the member cannot be read"
        )
        found = f"a link to {clean_text(link.path)!r}" if leads else str(error)
        return InvalidDataError(problem, file=self.name, key=path, found=found)

    def guard(self, node: h5py.Group | h5py.Dataset) -> HeapGuard:
        """Return what looks at text before it is read, in the file that has a node."""
        return HeapGuard(node.file, self.handle.bytes_of(node))

    def _check_way(self, root: h5py.Group, path: str) -> None:
        if not self.allow_external:
            check_way(root, path, self.name)


class Closer:
    """Closes a file; a copy of it in another process has nothing to close.

    Parameters
    ----------
    file : HDF5File
        The file.
    """

    def __init__(self, file: HDF5File) -> None:
        self._file = file

    def __call__(self) -> None:
        """Close the file."""
        self._file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        # A loaded dataset pickles although its file object does not.
        return (
            (partial, (_close_nothing,)) if self._file.handle.by_object else (Closer, (self._file,))
        )


def _flat_start(dataset: h5py.Dataset, dtype: np.dtype[Any]) -> int | None:
    """Return where the numbers of a dataset lie as numpy has them, or None where they do not."""
    import h5py

    plain = dtype.kind in "fiuc" and not (dataset.chunks or dataset.is_virtual or dataset.external)
    if not plain or h5py.h5t.py_create(dtype) != dataset.id.get_type():
        return None
    start = dataset.id.get_offset()
    stored = dataset.id.get_storage_size()
    return None if start is None or stored < dataset.size * dtype.itemsize else int(start)


def _close_nothing() -> None:
    """Do nothing: in another process there is no file object to close."""


class HDF5Array(Member):
    """A dataset in an HDF5 file, read on use.

    Attributes
    ----------
    attrs : dict
        Its attributes.
    encoding : dict
        How it is stored, in the words of xarray: ``chunksizes``, ``compression``, ``shuffle``.
    """

    support = indexing.IndexingSupport.OUTER_1VECTOR

    def __init__(self, file: HDF5File, dataset: h5py.Dataset, path: str, guard: HeapGuard) -> None:
        self._file = file
        # Where it was found: behind a link out of the file it has another name.
        self._path = path
        self.origin = (file.name, path)
        if not file.allow_external:
            check_data(dataset, file.name)
        self.attrs = read_attributes(dataset, guard)
        if dataset.shape is None:
            raise InvalidDataError("the dataset is empty", file=file.name, key=path)
        self.shape = dataset.shape
        self.dtype = dataset.dtype
        self.encoding: dict[str, Any] = {}
        #: Only chunks have filters and an index to be looked at before they are read.
        self._checked = dataset.chunks is None
        #: Where the numbers begin in a file on a network, as far as they are read from there.
        self._start: int | None = None
        self._has_checksums = dataset.chunks is not None
        if dataset.chunks is not None:
            self.encoding["chunksizes"] = dataset.chunks
            # A filter without its settings is damaged, which reading it will say.
            with contextlib.suppress(IndexError, ValueError, TypeError):
                self._has_checksums = dataset.fletcher32
                self.encoding |= filter_encoding(dataset)

    @property
    def stored_bytes(self) -> int | None:
        """How long it is in the file; HDF5 goes through the index of all chunks for it."""
        if self._file.allow_external:
            return None
        with self._file.handle.held():
            return int(self._file.handle.acquire()[self._path].id.get_storage_size())

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        handle = self._file.handle
        try:
            if self._start is None:
                with handle.held():
                    dataset = handle.acquire()[self._path]
                    self._check(dataset)
                    if isinstance(handle.place, RemoteFile):
                        self._start = _flat_start(dataset, self.dtype)
                    if self._start is None:
                        return read_chunked(dataset, key)
            # HDF5 would ask for each row of a part by itself, one after the other.
            with handle.place.opened() as file:
                return read_flat(cast("IO[bytes]", file), self._start, self.shape, self.dtype, key)
        except PtyxrError:
            raise
        # A file object that was closed raises ValueError.
        except (*HDF5_ERRORS, EOFError) as error:
            name, where = self.origin
            raise InvalidDataError(
                "the data cannot be read", file=name, key=where, found=str(error)
            ) from error

    def _check(self, dataset: h5py.Dataset) -> None:
        """Refuse what HDF5 could not read without a crash, or in finite time."""
        import h5py

        if self.dtype.hasobject:
            if h5py.check_string_dtype(self.dtype) is None:
                raise TypeError(f"{dataset.dtype} is neither numbers nor text")
            self._file.guard(dataset).check_dataset(dataset)
        if not self._checked:
            check_filters(dataset)
            TreeGuard(self._file.handle.bytes_of(dataset)).check_dataset(dataset)
            self._checked = True
        if self._has_checksums:
            # Of a chunk that is shorter than its checksum, HDF5 (2.0.0) reads far beyond the end.
            if dataset.id.chunk_iter(lambda chunk: chunk if chunk.size < 4 else None):
                raise ValueError("a chunk is shorter than its checksum")
            self._has_checksums = False
