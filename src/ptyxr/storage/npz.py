"""Lazy, pickle-free access to the members of an NPZ file."""

from __future__ import annotations

import io
import math
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ptyxr.errors import InvalidDataError, PtyxrError
from ptyxr.storage.arrays import StoredArray, ViewArray
from ptyxr.storage.files import clean_text, first_bytes, kept_position
from ptyxr.storage.npz_members import ZIP_ERRORS, NpzArray, member_start, read_header
from ptyxr.storage.pickled import pickled_string
from ptyxr.storage.recognise import unreadable
from ptyxr.storage.sources import Source, shown_address

if TYPE_CHECKING:
    from collections.abc import Container, Mapping


__all__ = ["NpzFile", "is_zip", "member_names"]

_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
_STRING_LIMIT: Final = 16 * 2**20
#: What numpy writes. Others can ask for gigabytes to be unpacked, and nothing of ours uses them.
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LARGEST: Final = 2**63 - 1


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
    storage_options : mapping, optional
        What fsspec is to be given for an address.

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

    def __init__(self, source: Any, storage_options: Mapping[str, Any] | None = None) -> None:
        self._source = Source(source, storage_options)
        self.name = self._source.name
        self.arrays: dict[str, StoredArray] = {}
        self.objects: dict[str, zipfile.ZipInfo] = {}
        self.others: list[str] = []
        self.bad: dict[str, InvalidDataError] = {}
        with self._source.open() as file:
            try:
                archive = zipfile.ZipFile(file)
            except ZIP_ERRORS as error:
                raise unreadable("NPZ", self._source.place, error) from error
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
    def address(self) -> str | None:
        """Where it is on a network, without what may be secret, or None."""
        return shown_address(self._source.place)

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
        if info.compress_type not in _METHODS:
            raise InvalidDataError(
                "the member is compressed in a way that numpy does not write",
                file=self.name,
                key=name,
                found=f"method {info.compress_type}",
                expected="0 (stored) or 8 (deflated)",
                remedy="Unpack the archive and zip it anew",
            )
        try:
            with archive.open(info) as stream:
                shape, fortran, dtype = read_header(stream)
                header = stream.tell()
            start = member_start(file, info)
        except ZIP_ERRORS as error:
            raise InvalidDataError(
                "the member cannot be read", file=self.name, key=name, found=str(error)
            ) from error
        if dtype.hasobject:
            self.objects[name] = info
            return
        longest = math.prod(length for length in shape if length) * max(dtype.itemsize, 1)
        if min(shape, default=0) < 0 or longest > _LARGEST:
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
        array: StoredArray = NpzArray(self._source, info, start, header, stored, dtype)
        if fortran and len(shape) > 1:
            array = ViewArray(array, tuple(reversed(range(len(shape)))))
        self.arrays[name] = array

    def text(self, name: str) -> str | None:
        """Return a member that holds one string, or None where there is none or it holds None.

        A pickled string is recognised by the opcodes of its pickle; nothing is unpickled.

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
            read_header(payload)
            text = pickled_string(payload)
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
