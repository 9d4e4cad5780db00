"""Lazy, pickle-free access to the members of an NPZ file, and writing one as a stream."""

from __future__ import annotations

import io
import math
import os
import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.lib import format as npy

from ptyxr.errors import FormatError, InvalidDataError, PtyxrError
from ptyxr.storage.arrays import StoredArray, ViewArray, outer
from ptyxr.storage.files import clean_text, first_bytes, kept_position
from ptyxr.storage.pickled import unpickle_string
from ptyxr.storage.sources import Source
from ptyxr.storage.streams import blocks, checked_cast

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

    from xarray import Variable

__all__ = ["NpzFile", "is_zip", "member_names", "write_npz"]

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
    tokenize.TokenError,  # of a header that numpy reads as Python 2 wrote it
    TypeError,
)


def is_zip(start: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a zip archive, as an NPZ file is."""
    return start.startswith(_MAGIC)


def member_names(source: Any) -> set[str]:
    """Return the names of the arrays in an NPZ file, from its directory alone; never raises.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object

    Returns
    -------
    set of str
        Empty where it is no zip archive, or a damaged one.
    """
    try:
        if not is_zip(first_bytes(source)):
            return set()
        with (
            kept_position(source),
            Source(source).open() as file,
            zipfile.ZipFile(file) as archive,
        ):
            return {n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")}
    # Whatever a damaged archive makes zipfile raise: it is not ours to open.
    except Exception:  # noqa: BLE001
        return set()


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
    bad : dict of str to InvalidDataError
        Members that are damaged, encrypted, there twice, or lie about their size.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or it is no zip archive.
    """

    def __init__(self, source: Any) -> None:
        self._source = Source(source)
        self.name = self._source.name
        self.arrays: dict[str, StoredArray] = {}
        self.objects: dict[str, zipfile.ZipInfo] = {}
        self.others: list[str] = []
        self.bad: dict[str, InvalidDataError] = {}
        with self._source.open() as file:
            try:
                archive = zipfile.ZipFile(file)
            except _ERRORS as error:
                raise FormatError(
                    "the file cannot be read as NPZ", file=self.name, found=str(error)
                ) from error
            with archive:
                for info in archive.infolist():
                    name, dot, suffix = info.filename.rpartition(".")
                    if not dot or suffix != "npy":
                        self.others.append(info.filename)
                        continue
                    try:
                        self._member(archive, info, file, name)
                    except InvalidDataError as error:
                        self.bad[name] = error
        for name in self.bad:
            # Of a member that is there twice, neither is taken.
            self.arrays.pop(name, None)
            self.objects.pop(name, None)

    @property
    def names(self) -> set[str]:
        """The names of all members that are called arrays, sound or not."""
        return {*self.arrays, *self.objects, *self.bad}

    def check(self, known: Container[str]) -> None:
        """Refuse a bad member that is needed.

        Parameters
        ----------
        known : container of str
            The names that are needed.

        Raises
        ------
        InvalidDataError
            The first that was found.
        """
        for name, error in self.bad.items():
            if name in known:
                raise error

    def _member(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: BinaryIO, name: str
    ) -> None:
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
        if name in self.bad:
            raise self.bad[name]
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
            try:
                value = array.read().reshape(-1)[0]
            except ValueError as error:
                if isinstance(error, PtyxrError):
                    raise
                # numpy refuses characters that Unicode does not have.
                raise InvalidDataError(
                    "this is no text", file=self.name, key=name, found=str(error)
                ) from error
            return clean_text(value)
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
            text = unpickle_string(payload)
            return None if text is None else clean_text(text)
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
        source: Source,
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


def write_npz(
    path: Path,
    members: Mapping[str, Variable],
    *,
    dtypes: Mapping[str, np.dtype[Any]] | None = None,
    compressed: bool = False,
) -> None:
    """Write an NPZ file as a stream; numpy reads it without unpickling.

    Parameters
    ----------
    path : Path
        The file to write.
    members : mapping of str to Variable
        Members by name; lazy and dask data go block by block.
    dtypes : mapping of str to numpy.dtype, optional
        Types on disk, where they are others than those of the variables.
    compressed : bool
        Whether members are deflated.
    """
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, allowZip64=True) as archive:
        for name, variable in members.items():
            dtype = np.dtype((dtypes or {}).get(name, variable.dtype))
            header = {
                "descr": npy.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": variable.shape,
            }
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                npy.write_array_header_1_0(stream, header)
                for _, values in blocks(variable):
                    stream.write(np.ascontiguousarray(checked_cast(values, dtype, name)).data)
