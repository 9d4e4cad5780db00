"""What is to be opened, one notion for all; and files that are opened anew for each access."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ptyxr.errors import ChangedFileError, FormatError, PtyxrError
from ptyxr.storage.files import (
    check_source,
    is_path,
    is_same,
    regular_status,
    signature,
    source_name,
)
from ptyxr.storage.recognise import forbidden, missing
from ptyxr.storage.remote import RemoteFile
from ptyxr.storage.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    #: A path or an address, the content of a file, or a binary file object.
    FileLike: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO

__all__ = ["Source", "located", "no_pickle", "shown_address"]


def located(source: Any, storage_options: Mapping[str, Any] | None = None) -> Any:
    """Return what is to be opened as one of four: a path, an address, bytes or a file object.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        As it was given.
    storage_options : mapping, optional
        What fsspec is to be given for an address.

    Returns
    -------
    str, RemoteFile, io.BytesIO or binary file object
        An absolute path; a file on a network, of which nothing is read yet; what is in memory; or
        the file object itself.

    Raises
    ------
    FormatError
        If it is none of them.
    PtyxrError
        If there are `storage_options` for what is no address, or they are no mapping.
    """
    if not isinstance(storage_options, Mapping | None):
        raise PtyxrError(
            "options have names",
            key="storage_options",
            found=type(storage_options).__name__,
            expected="a mapping, as in {'anon': True}",
        )
    if is_url(source):
        return RemoteFile(source, storage_options)
    check_source(source)
    if storage_options and not isinstance(source, RemoteFile):
        raise PtyxrError(
            "storage_options are for addresses only",
            file=source_name(source),
            expected="an address such as 'https://host/file.h5' or 's3://bucket/file.h5'",
            remedy="Leave them out",
        )
    if is_path(source):
        return source_name(source)
    return io.BytesIO(source) if isinstance(source, (bytes, memoryview)) else source


def shown_address(place: Any) -> str | None:
    """Return the address of what is on a network, without what may be secret in it, or None."""
    name = source_name(place)
    return name if is_url(name) else None


def no_pickle(name: str) -> PtyxrError:
    """Return the error for a file object, which no other process has."""
    return PtyxrError(
        "a dataset opened from a file object cannot be pickled before it is loaded",
        file=name,
        remedy="Call .load() first, or open the file by its path or its address",
    )


class Source:
    """A file that is opened anew for each access, or a file object under a lock.

    A dataset holds no descriptor, and its pickle holds the path or the address.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.
    storage_options : mapping, optional
        What fsspec is to be given for an address.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or it can be none.
    """

    def __init__(self, source: Any, storage_options: Mapping[str, Any] | None = None) -> None:
        self.place = located(source, storage_options)
        self.name = source_name(self.place)
        self._lock = threading.Lock()
        #: Of the file that was opened first; later ones must be the same.
        self._signature: tuple[int, ...] | None = None
        if isinstance(self.place, RemoteFile):
            self.place.connect()
        if isinstance(self.place, str):
            try:
                regular_status(self.place)
            except FormatError:
                raise
            except (OSError, ValueError) as error:
                raise self._sentence(error) from error

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the file, at any position."""
        if isinstance(self.place, RemoteFile):
            with self.place.opened() as remote:
                yield cast("BinaryIO", remote)
            return
        if not isinstance(self.place, str):
            with self._lock:
                yield self.place
            return
        try:
            file = open(self.place, "rb")  # noqa: SIM115  (what is done with it raises its own)
        except (OSError, ValueError) as error:
            raise self._sentence(error) from error
        with file:
            # Of the file that was opened: another may take its place at any moment.
            found = signature(os.fstat(file.fileno()))
            if self._signature is None:
                self._signature = found
            if not is_same(found, self._signature):
                raise ChangedFileError(self.name)
            yield file
            # What was read is of one file only where it was not written over meanwhile.
            if not is_same(signature(os.fstat(file.fileno())), self._signature):
                raise ChangedFileError(self.name)

    def _sentence(self, error: Exception) -> PtyxrError:
        if isinstance(error, FileNotFoundError):
            return missing(self.name)
        if isinstance(error, PermissionError):
            return forbidden(self.name)
        return FormatError("the file cannot be read", file=self.name, found=str(error))

    def __getstate__(self) -> dict[str, Any]:
        if not isinstance(self.place, (str, RemoteFile)):
            raise no_pickle(self.name)
        return {"name": self.name, "place": self.place, "_signature": self._signature}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
