"""Lazy, safe reading of HDF5 files under xarray's file managers and its HDF5 lock."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends import CachingFileManager
from xarray.backends.locks import HDF5_LOCK
from xarray.core import indexing

from ptyxr.errors import (
    ExternalDataError,
    FormatError,
    InvalidDataError,
    MissingFileError,
    PtyxrError,
)
from ptyxr.storage.files import (
    check_source,
    clean_text,
    file_signature,
    first_bytes,
    is_path,
    kept_position,
    source_name,
)
from ptyxr.storage.groups import Member, StoredGroup

if TYPE_CHECKING:
    import h5py

__all__ = ["HDF5Array", "HDF5File", "is_hdf5", "member_names"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
_LINKS = 64  # soft links that are followed on one way; HDF5 itself follows 16


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


def _open(path: Any, signature: tuple[int, ...] | None = None, mode: str = "r") -> h5py.File:
    """Open a file, and refuse one that has taken the place of the one that was described."""
    import h5py

    if signature is not None and file_signature(path) != signature:
        raise InvalidDataError(
            "the file has changed since it was opened", file=path, remedy="Open it anew"
        )
    return h5py.File(path, mode)


class HDF5File:
    """An open HDF5 file, which can be pickled where it was opened by path.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is not HDF5, or cut short.
    """

    def __init__(self, source: Any) -> None:
        self._file: h5py.File | None = None
        self._manager: CachingFileManager[Any] | None = None
        check_source(source)
        self.name = source_name(source)
        with HDF5_LOCK:
            try:
                if is_path(source):
                    # The handle may be closed and opened again, here or where it is unpickled.
                    signature = file_signature(self.name)
                    self._manager = CachingFileManager(_open, self.name, signature, mode="r")
                elif isinstance(source, (bytes, memoryview)):
                    source = io.BytesIO(source)
                if self._manager is None:
                    self._file = _open(source)
                else:
                    self._manager.acquire(needs_lock=False)
            except FileNotFoundError as error:
                raise MissingFileError("there is no such file", file=self.name) from error
            except IsADirectoryError as error:
                raise FormatError("this is a folder", file=self.name, expected="HDF5") from error
            except PermissionError as error:
                raise PtyxrError("the file may not be read", file=self.name) from error
            except (OSError, ValueError, TypeError, RuntimeError, OverflowError) as error:
                if isinstance(error, PtyxrError):
                    raise
                raise FormatError(
                    "the file cannot be read as HDF5", file=self.name, found=str(error)
                ) from error

    def acquire(self) -> h5py.File:
        """Return the file of h5py; to be used under the HDF5 lock."""
        if self._manager is not None:
            return self._manager.acquire(needs_lock=False)
        if not self._file:
            raise PtyxrError("the file has been closed", file=self.name)
        return self._file

    def names(self) -> set[str]:
        """Return the names in the root, whatever is behind them."""
        with HDF5_LOCK:
            return set(self.acquire())

    @property
    def closer(self) -> Closer:
        """What closes the file when the dataset is closed."""
        return Closer(self)

    def close(self) -> None:
        """Close the file."""
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
                self._check_way(root, path)
                found = root.get(path)
                return self._snapshot(found) if isinstance(found, h5py.Group) else None
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
                if isinstance(error, PtyxrError):
                    raise
                raise InvalidDataError(
                    "the group cannot be read", file=self.name, key=path, found=str(error)
                ) from error

    def _snapshot(self, group: h5py.Group) -> StoredGroup:
        import h5py

        root = group.file["/"]
        result = StoredGroup(self.name, group.name, _attributes(group))
        for key in group:
            path = f"{group.name.rstrip('/')}/{key}"
            try:
                self._check_way(root, path)
                member = group[key]
                if isinstance(member, h5py.Dataset):
                    result.arrays[key] = HDF5Array(self, member)
                elif isinstance(member, h5py.Group):
                    result.groups.append(key)
                else:
                    result.others.append(key)
            except InvalidDataError as error:
                result.bad[key] = error
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
                link = group.get(key, getlink=True)
                leads = isinstance(link, h5py.SoftLink)
                result.bad[key] = InvalidDataError(
                    "a link leads to nothing that can be read"
                    if leads
                    else "the member cannot be read",
                    file=self.name,
                    key=path,
                    found=f"a link to {clean_text(link.path)!r}" if leads else str(error),
                )
        return result

    def _check_way(self, root: h5py.Group, path: str) -> None:
        """Refuse a path that leads out of the file, before anything outside is opened.

        Soft links are followed by hand: h5py would go through an external link on the way.
        """
        import h5py

        steps = [step for step in path.split("/") if step]
        at: list[str] = []
        followed = 0
        while steps:
            step = steps.pop(0)
            if step == ".":
                continue
            place = root["/".join(at)] if at else root
            link = place.get(step, getlink=True) if isinstance(place, h5py.Group) else None
            if isinstance(link, h5py.ExternalLink):
                raise ExternalDataError(
                    "a link leads out of the file",
                    file=self.name,
                    key=path,
                    found=f"{link.filename!r}: {link.path!r}",
                    remedy="ptyxr reads nothing outside the file that was named",
                )
            if isinstance(link, h5py.SoftLink):
                followed += 1
                if followed > _LINKS:
                    return  # a circle, which h5py refuses itself
                steps = [part for part in link.path.split("/") if part] + steps
                at = [] if link.path.startswith("/") else at
            elif link is None:
                return  # nothing is there, which h5py says itself
            else:
                at.append(step)


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


def _attributes(node: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for key in node.attrs:
        try:
            value = node.attrs[key]
        except (OSError, TypeError, ValueError, KeyError):
            value = None  # of a type that h5py does not know; the format says what it misses
        attributes[clean_text(key)] = _cleaned(value)
    return attributes


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

    def __init__(self, file: HDF5File, dataset: h5py.Dataset) -> None:
        self._file = file
        self.path = dataset.name
        self.attrs = _attributes(dataset)
        if dataset.external or dataset.is_virtual:
            raise ExternalDataError(
                "the data lie outside the file",
                file=file.name,
                key=self.path,
                found=str(dataset.external or dataset.virtual_sources()),
                remedy="ptyxr reads nothing outside the file that was named",
            )
        if dataset.shape is None:
            raise InvalidDataError("the dataset is empty", file=file.name, key=self.path)
        self.shape = dataset.shape
        self.dtype = dataset.dtype
        self.stored_bytes = dataset.id.get_storage_size()
        self.encoding: dict[str, Any] = {}
        if dataset.chunks is not None:
            self.encoding = {
                "chunksizes": dataset.chunks,
                "compression": dataset.compression,
                "compression_opts": dataset.compression_opts,
                "shuffle": dataset.shuffle,
            }

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        with HDF5_LOCK:
            try:
                return np.asarray(self._file.acquire()[self.path][key])
            except PtyxrError:
                raise
            # A file object that was closed raises ValueError.
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
                raise InvalidDataError(
                    "the data cannot be read", file=self._file.name, key=self.path, found=str(error)
                ) from error
