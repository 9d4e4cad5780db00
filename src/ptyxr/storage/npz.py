"""Lazy, pickle-free access to the members of an NPZ file, and writing one as a stream."""

from __future__ import annotations

import contextlib
import io
import math
import os
import pickle
import threading
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.lib import format as npy

from ptyxr.errors import FormatError, InvalidDataError, MissingFileError, PtyxrError
from ptyxr.storage.arrays import StoredArray, ViewArray, outer
from ptyxr.storage.files import is_path, source_name
from ptyxr.storage.streams import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from xarray import Variable

__all__ = ["NpzFile", "is_zip", "write_npz"]

_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
_STRING_LIMIT: Final = 16 * 2**20
_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OverflowError,
    SyntaxError,
    TypeError,
)


def is_zip(start: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a zip archive, as an NPZ file is."""
    return start.startswith(_MAGIC)


class _Source:
    """A file that is opened anew for each access, or a file object under a lock.

    A dataset holds no descriptor, and its pickle holds the path.
    """

    def __init__(self, source: Any) -> None:
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
        except FileNotFoundError as error:
            raise MissingFileError("there is no such file", file=self.name) from error
        except OSError as error:
            raise FormatError(
                "the file cannot be read", file=self.name, found=str(error)
            ) from error
        return (status.st_size, status.st_mtime_ns, status.st_ino)

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        if self.path is None:
            with self._lock:
                yield self._object
            return
        if self._sign() != self._signature:
            raise InvalidDataError(
                "the file has changed since it was opened", file=self.name, remedy="Open it anew"
            )
        with open(self.path, "rb") as file:
            yield file

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


class NpzFile:
    """The members of an NPZ file: their headers are read, their numbers on use.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        What to open.

    Attributes
    ----------
    arrays : dict of str to StoredArray
        Members that hold numbers or text.
    objects : dict of str to zipfile.ZipInfo
        Members that hold pickled objects. They are never unpickled; see `text`.
    others : list of str
        Members that are no arrays.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or it is no zip archive.
    InvalidDataError
        If a member is damaged, encrypted, there twice, or lies about its size.
    """

    def __init__(self, source: Any) -> None:
        self._source = _Source(source)
        self.name = self._source.name
        self.arrays: dict[str, StoredArray] = {}
        self.objects: dict[str, zipfile.ZipInfo] = {}
        self.others: list[str] = []
        with self._source.open() as file:
            try:
                archive = zipfile.ZipFile(file)
            except _ERRORS as error:
                raise FormatError(
                    "the file cannot be read as NPZ", file=self.name, found=str(error)
                ) from error
            with archive:
                for info in archive.infolist():
                    self._member(archive, info, file)

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: BinaryIO) -> None:
        name, dot, suffix = info.filename.rpartition(".")
        if not dot or suffix != "npy":
            self.others.append(info.filename)
            return
        if name in self.arrays or name in self.objects:
            raise InvalidDataError("the member is there twice", file=self.name, key=name)
        try:
            with archive.open(info) as stream:
                version = npy.read_magic(stream)
                read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
                if version not in read:
                    raise ValueError(f"version {version} of the npy format")
                shape, fortran, dtype = read[version](stream)
                header = stream.tell()
        except _ERRORS as error:
            raise InvalidDataError(
                "the member cannot be read", file=self.name, key=name, found=str(error)
            ) from error
        if dtype.hasobject:
            self.objects[name] = info
            return
        if dtype.names is not None or any(length < 0 for length in shape):
            raise InvalidDataError(
                "the member is no plain array", file=self.name, key=name, found=f"{dtype} {shape}"
            )
        expected = header + math.prod(shape) * dtype.itemsize
        if expected != info.file_size:
            raise InvalidDataError(
                "the member is not as long as its header says",
                file=self.name,
                key=name,
                found=f"{info.file_size} bytes",
                expected=f"{expected} bytes for {dtype} {shape}",
            )
        stored = shape[::-1] if fortran else shape
        offset = None
        if info.compress_type == zipfile.ZIP_STORED and self._source.path is not None:
            offset = self._offset(file, info, name) + header
        array: StoredArray = NpzArray(self._source, info, stored, dtype, header, offset)
        if fortran and len(shape) > 1:
            array = ViewArray(array, tuple(reversed(range(len(shape)))))
        self.arrays[name] = array

    def _offset(self, file: BinaryIO, info: zipfile.ZipInfo, name: str) -> int:
        """Return where the bytes of a stored member begin in the file."""
        # The local header (APPNOTE 4.3.7) repeats the name and has extra fields of its own.
        file.seek(info.header_offset)
        local = file.read(30)
        offset = (
            info.header_offset
            + 30
            + sum(int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
        )
        end = file.seek(0, os.SEEK_END)
        if len(local) < 30 or offset + info.file_size > end:
            raise InvalidDataError("the member is cut short", file=self.name, key=name)
        return offset

    def text(self, name: str) -> str | None:
        """Return a member that holds one string, or None where there is none or it holds None.

        A pickled string is recognised without executing anything: the unpickler knows nothing but
        inert stand-ins for the three names that a pickled numpy array uses.

        Raises
        ------
        InvalidDataError
            If it holds anything else.
        """
        if name in self.arrays:
            array = self.arrays[name]
            if array.dtype.kind not in "US" or math.prod(array.shape) != 1:
                raise InvalidDataError(
                    "this is no string",
                    file=self.name,
                    key=name,
                    found=f"{array.dtype} {array.shape}",
                    expected="one string",
                )
            value = array.read().reshape(-1)[0]
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if name not in self.objects:
            return None
        info = self.objects[name]
        if info.file_size > _STRING_LIMIT:
            raise InvalidDataError(
                "the pickled member is too long for a string",
                file=self.name,
                key=name,
                found=f"{info.file_size} bytes",
            )
        try:
            with (
                self._source.open() as file,
                zipfile.ZipFile(file) as archive,
                archive.open(info) as stream,
            ):
                payload = io.BytesIO(stream.read(_STRING_LIMIT))
            version = npy.read_magic(payload)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            read(payload)
            return _unpickle_string(payload)
        except PtyxrError:
            raise
        # A pickle can fail in any way; none of them may reach the user as it is.
        except Exception as error:
            raise InvalidDataError(
                "the pickled member is no plain string, and is not unpickled",
                file=self.name,
                key=name,
                found=str(error),
                expected="one string",
            ) from error


class NpzArray(StoredArray):
    """An array in an NPZ file.

    What is stored as it is, is mapped into memory; what is compressed, or in a file object, is read
    as a stream from the first row that is wanted to the last.
    """

    def __init__(
        self,
        source: _Source,
        info: zipfile.ZipInfo,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        header: int,
        offset: int | None,
    ) -> None:
        self._source = source
        self._member = info.filename
        self.shape = shape
        self.dtype = dtype
        self._header = header
        self._offset = offset

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        if 0 in self.shape or not self.dtype.itemsize:
            return outer(np.empty(self.shape, self.dtype), key)
        if self._offset is None:
            return self._stream(key)
        with self._source.open() as file:
            mapped = np.memmap(file, self.dtype, "r", self._offset, self.shape or (1,))
            values = outer(mapped.reshape(self.shape), key)
            return np.array(values, copy=True, subok=False)

    def _stream(self, key: tuple[Any, ...]) -> np.ndarray:
        first, last = 0, 1
        if self.shape:
            rows = np.arange(self.shape[0])[key[0]]
            first, last = (int(rows.min()), int(rows.max()) + 1) if rows.size else (0, 0)
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            with (
                self._source.open() as file,
                zipfile.ZipFile(file) as archive,
                archive.open(self._member) as stream,
            ):
                stream.seek(self._header + first * row)
                data = bytearray((last - first) * row)
                view = memoryview(data)
                while view:
                    count = stream.readinto(view)  # type: ignore[attr-defined]
                    if not count:
                        raise EOFError("the member ends too early")
                    view = view[count:]
        except _ERRORS as error:
            if isinstance(error, PtyxrError):
                raise
            raise InvalidDataError(
                "the member cannot be read",
                file=self._source.name,
                key=self._member.removesuffix(".npy"),
                found=str(error),
            ) from error
        values = np.frombuffer(data, self.dtype)
        if not self.shape:
            return values.reshape(())
        values = values.reshape(last - first, *self.shape[1:])
        head = np.asarray(np.arange(self.shape[0])[key[0]]) - first
        shifted = int(head) if head.ndim == 0 else head
        return outer(values, (shifted, *key[1:]))


class _Inert:
    """Stands in for what a pickled array names; it records and does nothing."""

    def __init__(self, *_args: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


# Pure Python on purpose: the memo of the C unpickler can be made to allocate without bound.
class _StringUnpickler(pickle._Unpickler):  # noqa: SLF001
    """Knows the names in the pickle of a numpy array, as inert stand-ins, and no other."""

    NAMES: Final = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> type[_Inert]:
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _Inert


def _unpickle_string(payload: BinaryIO) -> str | None:
    array = _StringUnpickler(payload).load()
    if type(array) is not _Inert or type(array.state) is not tuple:
        raise pickle.UnpicklingError("it is no array")
    _, shape, _, _, values = array.state
    if shape != () or type(values) is not list or len(values) != 1:
        raise pickle.UnpicklingError("it is no array of one")
    if values[0] is not None and type(values[0]) is not str:
        raise pickle.UnpicklingError(f"it holds a {type(values[0]).__name__}")
    return values[0]


def write_npz(path: Path, members: Mapping[str, Variable], *, compressed: bool = False) -> None:
    """Write an NPZ file as a stream; numpy reads it without unpickling.

    Parameters
    ----------
    path : Path
        The file to write.
    members : mapping of str to Variable
        Members by name; lazy and dask data go block by block.
    compressed : bool
        Whether members are deflated.
    """
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, allowZip64=True) as archive:
        for name, variable in members.items():
            header = {
                "descr": npy.dtype_to_descr(np.dtype(variable.dtype)),
                "fortran_order": False,
                "shape": variable.shape,
            }
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                npy.write_array_header_1_0(stream, header)
                for _, values in blocks(variable):
                    stream.write(np.ascontiguousarray(values).data)
