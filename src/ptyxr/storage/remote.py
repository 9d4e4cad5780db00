"""Files on a network, by fsspec: ranges of bytes, in few requests, and what goes wrong with them.

What is small and scattered, as the metadata of HDF5 and NPZ are, is read in blocks that are kept;
what is large is read as it is asked for, and not kept.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptyxr.errors import (
    ChangedFileError,
    MissingDependencyError,
    PtyxrError,
    RemoteError,
)
from ptyxr.storage.remote_errors import TRY_AGAIN, in_whole, sentence
from ptyxr.storage.remote_http import ask_http, fetch_http
from ptyxr.storage.urls import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["RemoteFile"]

#: What describes a file stands in some places of a few kB each.
BLOCK: Final = 32 * 2**10
_BLOCKS: Final = 128  # that are kept of a file: 4 MB
#: From this length on, what is asked for is read as it is: a frame of 64 x 64 pixels.
DIRECT: Final = 16 * 2**10
_AT_ONCE: Final = 16  # requests
#: At most so much is asked for at once.
_PIECE: Final = 32 * 2**20
#: What people give to say how a file is buffered by fsspec, which then does it.
_BUFFERING: Final = ("cache_type", "block_size", "cache_options")
#: What tells a file from one that took its place, in the words of the file systems.
_TELLING: Final = (
    "ETag", "etag", "md5Hash", "generation", "version_id", "VersionId",
    "LastModified", "last_modified", "Last-Modified", "mtime", "modified", "updated", "created",
)  # fmt: skip
_CACHED: Final = "fsspec.implementations.cached"
_HTTP: Final = "fsspec.implementations.http"
_MEMORY: Final = "fsspec.implementations.memory"


class _State(NamedTuple):
    """How long a file is, and what tells it from another one."""

    size: int
    mark: str


class _Remote:
    """A file on a network: one for all that read it, in whichever thread."""

    def __init__(self, url: str, options: dict[str, Any], expected: _State | None = None) -> None:
        self.url = url
        self.options = options
        self.name = shown(url)
        self.state = expected
        self._forget()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Remote, (self.url, self.options, self.state))

    def __del__(self) -> None:
        # Some hold a file on the disk open, as "simplecache" does.
        with contextlib.suppress(Exception):
            self._file.close()

    def _forget(self) -> None:
        """Begin anew, as in a process that was forked: neither locks nor connections go along."""
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._connected = False
        self._fs: Any = None
        self._path = ""
        self._file: Any = None  # of fsspec
        self._is_http = False
        self._parallel = False  # whether several threads may read of it at once

    # --- connecting -------------------------------------------------------------------------------

    def connect(self) -> _State:
        """Ask for the file, once; in another process or later it must be the same."""
        if self._process != os.getpid():
            self._forget()
        with self._lock:
            if not self._connected:
                expected = self.state
                try:
                    state = self._connect()
                except Exception as error:  # noqa: BLE001  (file systems raise anything)
                    # The cause is not shown: addresses and headers in it can be secret.
                    raise sentence(error, self.url, self.options) from None
                if expected is not None and expected != state:
                    raise ChangedFileError(self.name)
                self.state = state
                self._connected = True
            if self.state is None:
                raise AssertionError("unreachable")
            return self.state

    def _connect(self) -> _State:
        try:
            from fsspec.asyn import AsyncFileSystem
            from fsspec.core import url_to_fs
        except ImportError:
            raise MissingDependencyError(
                "files on a network are read by fsspec, which is not installed",
                file=self.name,
                remedy="pip install 'ptyxr[remote]'",
            ) from None
        options = {key: value for key, value in self.options.items() if key not in _BUFFERING}
        how = {key: value for key, value in self.options.items() if key in _BUFFERING}
        fs, path = self._fs, self._path = url_to_fs(self.url, **options)
        if type(fs).__module__ == _MEMORY:
            return self._described(fs.info(path))
        self._parallel = isinstance(fs, AsyncFileSystem) and not how
        if type(fs).__module__ != _CACHED:
            how.setdefault("cache_type", "none")
        if type(fs).__module__ == _HTTP:
            self._is_http = True
            answer, headers, first = ask_http(fs, path)
            state = _State(*answer)
            self._file = fs.open(path, "rb", size=state.size, headers=headers, **how)
            self._keep(0, first)
            return state
        if not isinstance(fs, AsyncFileSystem):
            self._file = fs.open(path, "rb", **how)
            return self._described(_info(fs, path))
        # What a listing once said may be old.
        fs.invalidate_cache(path)
        # To open it is to ask for it; s3fs has the server compare each range with what it was told.
        self._file = fs.open(path, "rb", **how)
        return self._described(self._file.details)

    def _described(self, info: dict[str, Any]) -> _State:
        if info.get("type") == "directory":
            raise IsADirectoryError(self.name)
        if info.get("size") is None:
            raise RemoteError(
                "the server does not say how long the file is",
                file=self.name,
                remedy=in_whole(self.name),
            )
        mark = next((f"{key} {info[key]}" for key in _TELLING if info.get(key)), "")
        return _State(int(info["size"]), mark)

    # --- reading ----------------------------------------------------------------------------------

    def read(self, start: int, view: memoryview, *, direct: bool = False) -> int:
        """Fill a buffer from a place on, as far as the file goes; return how much that is."""
        size = self.connect().size
        count = max(0, min(len(view), size - start))
        view = view[:count]
        if self._knows(start, count) or (count < DIRECT and not direct):
            for number, data in self._wanted(start, count, size):
                low = max(number * BLOCK, start)
                piece = data[low - number * BLOCK : start + count - number * BLOCK]
                view[low - start : low - start + len(piece)] = piece
            return count
        for place in range(0, count, _PIECE):
            stop = min(place + _PIECE, count)
            view[place:stop] = self._fetch(start + place, start + stop)
        return count

    def _knows(self, start: int, count: int) -> bool:
        numbers = range(start // BLOCK, -(-(start + count) // BLOCK))
        return len(numbers) <= _BLOCKS and all(number in self._blocks for number in numbers)

    def _wanted(self, start: int, count: int, size: int) -> Iterator[tuple[int, bytes]]:
        """Give blocks by number, those that are missing in one request."""
        if not count:
            return
        numbers = range(start // BLOCK, (start + count - 1) // BLOCK + 1)
        with self._lock:
            known = {number: self._blocks.get(number) for number in numbers}
            for number, data in known.items():
                if data is not None:
                    self._blocks.move_to_end(number)
        missing = [number for number, data in known.items() if data is None]
        if missing:
            low, high = missing[0] * BLOCK, min((missing[-1] + 1) * BLOCK, size)
            known |= self._keep(low, self._fetch(low, high))
        for number in numbers:
            yield number, known[number] or b""

    def _keep(self, start: int, data: bytes) -> dict[int, bytes]:
        new = {
            (start + place) // BLOCK: data[place : place + BLOCK]
            for place in range(0, len(data), BLOCK)
        }
        with self._lock:
            self._blocks.update(new)
            while len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        return new

    def _fetch(self, start: int, stop: int) -> bytes:
        """Read a range in one request."""
        try:
            data = self._range(start, stop)
        except Exception as error:  # noqa: BLE001  (file systems raise anything)
            raise sentence(error, self.url, self.options) from None
        if len(data) != stop - start:
            much = "less" if len(data) < stop - start else "more"
            raise RemoteError(
                f"the server gave {much} than it was asked for",
                file=self.name,
                found=f"{len(data)} bytes",
                expected=f"{stop - start} bytes from {start} on",
                remedy=TRY_AGAIN,
            )
        return data

    def _range(self, start: int, stop: int) -> bytes:
        if self._parallel and self._is_http:
            return fetch_http(self._file, start, stop, self.connect().mark)
        if self._parallel:
            # What each file of an asynchronous file system has; it leaves the position alone.
            return bytes(self._file._fetch_range(start, stop))  # noqa: SLF001
        with self._lock:
            if self._file is None:  # in memory, where all who open a file share one position
                if self._described(self._fs.info(self._path)) != self.state:
                    raise ChangedFileError(self.name)
                return bytes(self._fs.cat_file(self._path, start, stop))
            self._file.seek(start)
            return bytes(self._file.read(stop - start))


class RemoteFile(io.RawIOBase):
    """A file on a network as a binary file object, which pickles as its address.

    Parameters
    ----------
    url : str
        The address, as fsspec takes it.
    options : mapping, optional
        ``storage_options`` of fsspec. With ``cache_type``, ``block_size`` or ``cache_options``,
        fsspec buffers in place of this.

    Attributes
    ----------
    name, path : str
        The address without what may be secret.
    access : int
        What one more request costs, in bytes that could be read meanwhile, several at a time.
    failure : PtyxrError or None
        What went wrong last: those who look inside take any error for a damaged file.

    Raises
    ------
    MissingFileError, RemoteError, MissingDependencyError
        On first use, if it cannot be read.
    """

    access = 64 * 2**10

    def __init__(self, url: str | _Remote, options: Mapping[str, Any] | None = None) -> None:
        self._remote = url if isinstance(url, _Remote) else _Remote(url, dict(options or {}))
        self._place = 0
        self.name = self.path = self._remote.name
        self.failure: PtyxrError | None = None

    def open(self) -> RemoteFile:
        """Return another one on the same file, with a position of its own."""
        return RemoteFile(self._remote)

    def connect(self) -> None:
        """Ask the server for the file, if that was not done yet."""
        self._remote.connect()

    @contextlib.contextmanager
    def opened(self) -> Iterator[RemoteFile]:
        """Give another one on the same file; what went wrong with it is raised in the end."""
        file = self.open()
        with file.failing():
            yield file

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Raise what goes wrong meanwhile, whatever others take it for."""
        self.failure = None
        try:
            yield
        finally:
            if self.failure is not None:
                raise self.failure from None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from any place."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; nothing is read."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}
        place = offset + (start[whence] if whence in start else self._size())
        if place < 0:
            raise ValueError(f"a negative position: {place}")
        self._place = place
        return place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, as far as the file goes."""
        view = memoryview(buffer).cast("B")
        try:
            count = self._remote.read(self._place, view)
        except PtyxrError as error:
            self.failure = error
            raise
        self._place += count
        return count

    def fill(self, pieces: Sequence[tuple[int, Any]]) -> None:
        """Fill several buffers from their places on, several at a time.

        Parameters
        ----------
        pieces : sequence of (int, buffer)
            Place in the file, and what is to be filled.

        Raises
        ------
        EOFError
            If the file ends before.
        """

        def read(piece: tuple[int, Any]) -> None:
            view = memoryview(piece[1]).cast("B")
            if self._remote.read(piece[0], view, direct=len(pieces) > 1) < len(view):
                raise EOFError("the file ends before the array does")

        try:
            with ThreadPoolExecutor(min(_AT_ONCE, len(pieces))) as pool:
                for _ in pool.map(read, pieces):
                    pass
        except PtyxrError as error:
            self.failure = error
            raise

    def readall(self) -> bytes:
        """Return what is left."""
        return self.read(max(0, self._size() - self._place)) or b""

    def _size(self) -> int:
        try:
            return self._remote.connect().size
        except PtyxrError as error:
            self.failure = error
            raise

    def __repr__(self) -> str:
        return f"<RemoteFile {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemoteFile, (self._remote,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteFile) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key()[0])

    def _key(self) -> tuple[Any, ...]:
        return (self._remote.url, self._remote.options, self._remote.state)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return self._key()


# --- other file systems ---------------------------------------------------------------------------


def _info(fs: Any, path: str) -> dict[str, Any]:
    """Return what a file system says of a file.

    Where "filecache" and "blockcache" do not say it themselves, fsspec (2026.9) would look for the
    folder that an address is in.
    """
    if type(fs).__module__ == _CACHED and "info" not in vars(type(fs)):
        fs = fs.fs
    info: dict[str, Any] = fs.info(path)
    return info
