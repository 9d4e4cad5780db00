"""What HDF5 writes to, where a full disk is an error of Python's and none of HDF5's.

Where a write fails inside HDF5 (2.0.0), closing the file fails too: its descriptor can stay open,
and now and then the process crashes. So HDF5 is let believe that all went well, and the error is
raised after each call.
"""

from __future__ import annotations

import contextlib
import os
from typing import IO, TYPE_CHECKING, Any

from ptyxr.storage.locks import HDF5_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Sink", "writing"]


class Sink:
    """A file for ``h5py.File`` that remembers an error instead of raising it.

    Parameters
    ----------
    file : binary file object
        Opened for reading and writing, without a buffer.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._error: BaseException | None = None
        self._place = 0
        self._length = file.seek(0, os.SEEK_END)

    def check(self) -> None:
        """Raise the first error, once.

        Raises
        ------
        OSError
            If something could not be written.
        KeyboardInterrupt
            If the user did not want to wait.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error

    # What h5py's file-object driver calls.

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place; the end is where it would be had all been written."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def write(self, data: Any) -> int:
        """Write, and go on as if it had been done where it could not."""
        view = memoryview(data).cast("B")
        try:
            self._file.seek(self._place)
            rest = view
            while rest:
                rest = rest[self._file.write(rest) :]
        # Also of Ctrl-C: HDF5 would make an error of its own of it.
        except BaseException as error:  # noqa: BLE001
            self._error = self._error or error
        self._place += len(view)
        self._length = max(self._length, self._place)
        return len(view)

    def read(self, size: int) -> bytes:
        """Read what was written; h5py takes for a file what has this."""
        data = bytearray(size)
        self.readinto(data)
        return bytes(data)

    def readinto(self, buffer: Any) -> int:
        """Read what was written; zeros where that failed."""
        view = memoryview(buffer).cast("B")
        count = 0
        try:
            self._file.seek(self._place)
            count = self._file.readinto(view)  # type: ignore[attr-defined]
        except BaseException as error:  # noqa: BLE001
            self._error = self._error or error
        view[count:] = bytes(len(view) - count)
        self._place += len(view)
        return len(view)

    def truncate(self, size: int) -> int:
        """Set the length."""
        try:
            self._file.truncate(size)
        except BaseException as error:  # noqa: BLE001
            self._error = self._error or error
        self._length = size
        return size

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


@contextlib.contextmanager
def writing(sink: Sink) -> Iterator[None]:
    """Hold the HDF5 lock; afterwards, raise what could not be written."""
    with HDF5_LOCK:
        try:
            yield
        finally:
            sink.check()
