"""Lazy, safe reading of HDF5 files under xarray's file managers and its HDF5 lock."""

from __future__ import annotations

import contextlib
import io
import os
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from xarray.backends import CachingFileManager
from xarray.core import indexing

from ptyxr.errors import (
    ChangedFileError,
    FormatError,
    InvalidDataError,
    PtyxrError,
)
from ptyxr.storage.files import (
    check_source,
    clean_text,
    first_bytes,
    is_path,
    is_same,
    kept_position,
    regular_status,
    signature,
    source_name,
)
from ptyxr.storage.groups import Member, StoredGroup
from ptyxr.storage.hdf5_attributes import read_attributes
from ptyxr.storage.hdf5_bytes import FileBytes
from ptyxr.storage.hdf5_chunks import read_chunked
from ptyxr.storage.hdf5_filters import check_filters, filter_encoding
from ptyxr.storage.hdf5_outside import check_data, check_way
from ptyxr.storage.hdf5_text import HeapGuard
from ptyxr.storage.hdf5_trees import TreeGuard
from ptyxr.storage.locks import HDF5_LOCK
from ptyxr.storage.recognise import forbidden, missing, unreadable

if TYPE_CHECKING:
    import h5py
    import numpy as np

__all__ = ["HDF5Array", "HDF5File", "is_hdf5", "member_names"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
#: What h5py raises over a damaged file, and over a file object that was closed.
_ERRORS: Final = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
_ATTEMPTS = 20  # to open a file that others replace


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


def _open(path: Any, expected: tuple[int, ...] | None = None, mode: str = "r") -> h5py.File:
    """Open a file, and refuse one that has taken the place of the one that was described."""
    import h5py

    # Where the disk is read-only or knows no locks, HDF5 is not to insist on one.
    file = h5py.File(path, mode, locking="best-effort")
    # Of the file that was opened: another may take its place at any moment.
    if expected is not None and not is_same(_signature(file, path), expected):
        file.close()
        raise ChangedFileError(path)
    return file


def _signature(file: h5py.File, path: str) -> tuple[int, ...]:
    try:
        return signature(os.fstat(file.id.get_vfd_handle()))
    except (OSError, NotImplementedError, TypeError):  # not every driver has a descriptor
        return signature(os.stat(path))


#: What is open by its path in this process.
_opened: weakref.WeakSet[HDF5File] = weakref.WeakSet()


def _close_older(new: HDF5File) -> None:
    """Close what was opened by a path before the file there was written over.

    HDF5 knows an open file by its number on the disk, and would give the old one again.
    """
    here = new._expected or ()  # noqa: SLF001
    for old in list(_opened):
        there = old._expected or here  # noqa: SLF001
        if old.name == new.name and there[2] == here[2] and not is_same(there, here):
            old.close()
    _opened.add(new)


class HDF5File:
    """An open HDF5 file, which can be pickled where it was opened by path.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.
    allow_external : bool, default: False
        Whether links and datasets are followed that lead out of the file.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is not HDF5, or cut short.
    """

    def __init__(self, source: Any, *, allow_external: bool = False) -> None:
        self._file: h5py.File | None = None
        self._stream: Any = None
        self._expected: tuple[int, ...] | None = None
        self._manager: CachingFileManager[Any] | None = None
        check_source(source)
        self.name = source_name(source)
        # h5py would take a file object for every other file that is named in it.
        self.allow_external = allow_external and is_path(source)
        with HDF5_LOCK:
            try:
                if is_path(source):
                    # The handle may be closed and opened again, here or where it is unpickled.
                    self._manager = self._manage()
                elif isinstance(source, (bytes, memoryview)):
                    source = io.BytesIO(source)
                if self._manager is None:
                    self._stream = source
                    self._file = _open(source)
            except FileNotFoundError as error:
                raise missing(source) from error
            except IsADirectoryError as error:
                raise FormatError("this is a folder", file=self.name, expected="HDF5") from error
            except PermissionError as error:
                raise forbidden(self.name) from error
            except BlockingIOError as error:
                raise PtyxrError(
                    "another program has the file open for writing",
                    file=self.name,
                    remedy="Open it when that has finished, or open a copy",
                ) from error
            except _ERRORS as error:
                if "locking flag" in str(error):
                    raise PtyxrError(
                        "this process has the file open with other locking",
                        file=self.name,
                        remedy="Close it there first",
                    ) from error
                if isinstance(error, PtyxrError):
                    raise
                raise unreadable("HDF5", source, error) from error

    def _manage(self) -> CachingFileManager[Any]:
        """Open the file by its path, in whatever state it is at that moment."""
        for attempt in range(_ATTEMPTS):
            expected = self._expected = signature(regular_status(self.name))
            _close_older(self)
            manager = CachingFileManager(_open, self.name, expected, mode="r")
            try:
                manager.acquire(needs_lock=False)
            except ChangedFileError:
                # It was replaced between the two steps. Where that goes on it is being written.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return manager
        raise AssertionError("unreachable")

    def acquire(self) -> h5py.File:
        """Return the file of h5py; to be used under the HDF5 lock."""
        if self._manager is not None:
            file = self._manager.acquire(needs_lock=False)
            # It may be written over in place, by what knows nothing of HDF5's locks.
            if self._expected is not None and not is_same(
                _signature(file, self.name), self._expected
            ):
                raise ChangedFileError(self.name)
            return file
        if not self._file:
            raise PtyxrError("the file has been closed", file=self.name)
        return self._file

    def names(self) -> set[str]:
        """Return the names in the root, whatever is behind them."""
        with HDF5_LOCK:
            root = self.acquire()
            TreeGuard(self.bytes_of(root)).check_root()
            return set(root)

    @property
    def closer(self) -> Closer:
        """What closes the file when the dataset is closed."""
        return Closer(self)

    def close(self) -> None:
        """Close the file."""
        # Of a damaged file HDF5 may say here that it is one; the descriptor is closed all the same.
        with contextlib.suppress(OSError, RuntimeError):
            if self._manager is not None:
                self._manager.close()
            elif self._file is not None:
                with HDF5_LOCK:
                    self._file.close()

    @property
    def by_object(self) -> bool:
        """Whether it was opened from a file object, which no other process has."""
        return self._manager is None

    def __getstate__(self) -> dict[str, Any]:
        if self.by_object:
            raise PtyxrError(
                "a dataset opened from a file object cannot be pickled before it is loaded",
                file=self.name,
                remedy="Call .load() first, or open the file by its path",
            )
        return self.__dict__

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

        with HDF5_LOCK:
            root = self.acquire()
            try:
                trees = TreeGuard(self.bytes_of(root))
                trees.check_root()
                self._check_way(root, path)
                if path.strip("/") and path in root:
                    trees.check_member(root, path.strip("/"))
                found = root.get(path)
                return self._snapshot(found, path, trees) if isinstance(found, h5py.Group) else None
            except _ERRORS as error:
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
            trees = TreeGuard(self.bytes_of(group))
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
            except _ERRORS as error:
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
        return HeapGuard(node.file, self.bytes_of(node))

    def bytes_of(self, node: h5py.Group | h5py.Dataset) -> FileBytes:
        """Return the bytes of the file that has a node."""
        return FileBytes(node.file, self._stream)

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
        return (partial, (_close_nothing,)) if self._file.by_object else (Closer, (self._file,))


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
        self.stored_bytes = None if file.allow_external else dataset.id.get_storage_size()
        self.encoding: dict[str, Any] = {}
        self._checked = False
        self._has_checksums = dataset.chunks is not None
        if dataset.chunks is not None:
            self.encoding["chunksizes"] = dataset.chunks
            # A filter without its settings is damaged, which reading it will say.
            with contextlib.suppress(IndexError, ValueError, TypeError):
                self._has_checksums = dataset.fletcher32
                self.encoding |= filter_encoding(dataset)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        with HDF5_LOCK:
            try:
                dataset = self._file.acquire()[self._path]
                self._check(dataset)
                return read_chunked(dataset, key)
            except PtyxrError:
                raise
            # A file object that was closed raises ValueError.
            except _ERRORS as error:
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
            TreeGuard(self._file.bytes_of(dataset)).check_dataset(dataset)
            self._checked = True
        if self._has_checksums:
            # Of a chunk that is shorter than its checksum, HDF5 (2.0.0) reads far beyond the end.
            if dataset.id.chunk_iter(lambda chunk: chunk if chunk.size < 4 else None):
                raise ValueError("a chunk is shorter than its checksum")
            self._has_checksums = False
