"""HDF5 files as h5py has them open: by path, by address or on a file object."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import weakref
from typing import TYPE_CHECKING, Any, Final

from xarray.backends import CachingFileManager

from ptyxr.errors import ChangedFileError, FormatError, PtyxrError
from ptyxr.storage.files import is_same, regular_status, signature, source_name
from ptyxr.storage.hdf5_bytes import FileBytes
from ptyxr.storage.locks import HDF5_LOCK, RESTING_LOCK
from ptyxr.storage.recognise import forbidden, missing, unreadable
from ptyxr.storage.remote import RemoteFile
from ptyxr.storage.sources import located, no_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import h5py

__all__ = ["HDF5_ERRORS", "Handle"]

#: What h5py raises over a damaged file, and over a file object that was closed.
HDF5_ERRORS: Final = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
_ATTEMPTS = 20  # to open a file that others replace


def _open(path: str, expected: tuple[int, ...] | None = None, mode: str = "r") -> h5py.File:
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
_opened: weakref.WeakSet[Handle] = weakref.WeakSet()
#: What is open on objects of Python.
_on_objects: weakref.WeakValueDictionary[int, h5py.File] = weakref.WeakValueDictionary()


def _close_older(new: Handle) -> None:
    """Close what was opened by a path before the file there was written over.

    HDF5 knows an open file by its number on the disk, and would give the old one again.
    """
    here = new._expected or ()  # noqa: SLF001
    for old in list(_opened):
        there = old._expected or here  # noqa: SLF001
        if old.name == new.name and there[2] == here[2] and not is_same(there, here):
            old.close()
    _opened.add(new)


def _open_object(stream: Any, mode: str = "r") -> h5py.File:
    """Open a file on an object, and see to it that it is closed before Python ends.

    HDF5 closes what is open when it ends itself; the object is gone then, and it would crash.
    """
    import h5py

    if not _on_objects:
        atexit.unregister(_close_all)
        atexit.register(_close_all)
    file = h5py.File(stream, mode)
    _on_objects[id(file)] = file
    return file


def _close_all() -> None:
    for file in list(_on_objects.values()):
        with contextlib.suppress(*HDF5_ERRORS):
            file.close()


class Handle:
    """An HDF5 file that is open, or is opened again where it must be.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.
    storage_options : mapping, optional
        What fsspec is to be given for an address.

    Attributes
    ----------
    name : str
        What it is called in messages.
    place : str, RemoteFile or binary file object
        What was opened.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is not HDF5, or cut short.
    """

    def __init__(self, source: Any, storage_options: Mapping[str, Any] | None = None) -> None:
        place = located(source, storage_options)
        # Who gave it may go on reading: this has a position of its own.
        self.place = place.open() if isinstance(place, RemoteFile) else place
        self.name = source_name(self.place)
        self._file: h5py.File | None = None
        self._expected: tuple[int, ...] | None = None
        self._manager: CachingFileManager[Any] | None = None
        # What only memory and the system have a part in, waits for no other thread.
        plain = isinstance(self.place, (str, io.BytesIO, io.BufferedReader))
        self._lock = HDF5_LOCK if plain else RESTING_LOCK
        with self.held():
            try:
                self._open()
            except PtyxrError:
                raise
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
            except HDF5_ERRORS as error:
                if "locking flag" in str(error):
                    raise PtyxrError(
                        "this process has the file open with other locking",
                        file=self.name,
                        remedy="Close it there first",
                    ) from error
                raise unreadable("HDF5", self.place, error) from error

    def _open(self) -> None:
        # The handle may be closed and opened again, here or where it is unpickled.
        if isinstance(self.place, str):
            self._manager = self._manage(self.place)
        elif isinstance(self.place, RemoteFile):
            self.place.connect()
            self._manager = CachingFileManager(_open_object, self.place, mode="r")
            self._manager.acquire(needs_lock=False)
        else:
            self._file = _open_object(self.place)

    def _manage(self, path: str) -> CachingFileManager[Any]:
        """Open the file by its path, in whatever state it is at that moment."""
        for attempt in range(_ATTEMPTS):
            expected = self._expected = signature(regular_status(path))
            _close_older(self)
            manager = CachingFileManager(_open, path, expected, mode="r")
            try:
                manager.acquire(needs_lock=False)
            except ChangedFileError:
                # It was replaced between the two steps. Where that goes on it is being written.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return manager
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock on HDF5; raise what went wrong on a network, whatever it was taken for."""
        with self._lock:
            if isinstance(self.place, RemoteFile):
                with self.place.failing():
                    yield
            else:
                yield

    def acquire(self) -> h5py.File:
        """Return the file of h5py; to be used while it is held."""
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

    def bytes_of(self, node: h5py.Group | h5py.Dataset) -> FileBytes:
        """Return the bytes of the file that has a node."""
        return FileBytes(node.file, None if isinstance(self.place, str) else self.place)

    def close(self) -> None:
        """Close the file."""
        # Of a damaged file HDF5 may say here that it is one; the descriptor is closed all the same.
        with contextlib.suppress(OSError, RuntimeError):
            if self._manager is not None:
                self._manager.close()
            elif self._file is not None:
                with self._lock:
                    self._file.close()

    @property
    def by_object(self) -> bool:
        """Whether it was opened from a file object, which no other process has."""
        return self._manager is None

    def __getstate__(self) -> dict[str, Any]:
        if self.by_object:
            raise no_pickle(self.name)
        return self.__dict__
