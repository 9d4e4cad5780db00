"""Files that are opened anew for each access, so that nothing holds a descriptor."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

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

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Source"]


class Source:
    """A file that is opened anew for each access, or a file object under a lock.

    A dataset holds no descriptor, and its pickle holds the path.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or it can be none.
    """

    def __init__(self, source: Any) -> None:
        check_source(source)
        self.name = source_name(source)
        self.path = self.name if is_path(source) else None
        self._object = io.BytesIO(source) if isinstance(source, (bytes, memoryview)) else source
        self._lock = threading.Lock()
        #: Of the file that was opened first; later ones must be the same.
        self._signature: tuple[int, ...] | None = None
        if self.path is not None:
            try:
                regular_status(self.path)
            except FormatError:
                raise
            except (OSError, ValueError) as error:
                raise self._sentence(error) from error

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the file, at any position."""
        if self.path is None:
            with self._lock:
                yield self._object
            return
        try:
            file = open(self.path, "rb")  # noqa: SIM115  (what is done with it raises its own)
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
        if self.path is None:
            raise PtyxrError(
                "a dataset opened from a file object cannot be pickled before it is loaded",
                file=self.name,
                remedy="Call .load() first, or open the file by its path",
            )
        return {"name": self.name, "path": self.path, "_signature": self._signature}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _object=None, _lock=threading.Lock())
