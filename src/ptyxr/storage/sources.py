"""Files that are opened anew for each access, so that nothing holds a descriptor."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from ptyxr.errors import FormatError, InvalidDataError, MissingFileError, PtyxrError
from ptyxr.storage.files import check_source, is_path, source_name

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
        self._signature = self._sign()

    def _sign(self) -> tuple[int, ...] | None:
        if self.path is None:
            return None
        try:
            status = os.stat(self.path)
        except (OSError, ValueError) as error:
            raise self._sentence(error) from error
        if stat.S_ISDIR(status.st_mode):
            raise FormatError("this is a folder", file=self.name, expected="NPZ")
        return (status.st_size, status.st_mtime_ns, status.st_ino)

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the file, at any position."""
        if self.path is None:
            with self._lock:
                yield self._object
            return
        if self._sign() != self._signature:
            raise InvalidDataError(
                "the file has changed since it was opened", file=self.name, remedy="Open it anew"
            )
        try:
            file = open(self.path, "rb")  # noqa: SIM115  (what is done with it raises its own)
        except OSError as error:
            raise self._sentence(error) from error
        with file:
            yield file

    def _sentence(self, error: Exception) -> PtyxrError:
        if isinstance(error, FileNotFoundError):
            return MissingFileError("there is no such file", file=self.name)
        if isinstance(error, PermissionError):
            return PtyxrError("the file may not be read", file=self.name)
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
