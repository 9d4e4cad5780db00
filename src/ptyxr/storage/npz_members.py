"""The members of an NPZ file: how they begin, and reading them where they lie or unpacked."""

from __future__ import annotations

import ast
import io
import re
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib import format as npy

from ptyxr.errors import InvalidDataError, PtyxrError
from ptyxr.storage.arrays import StoredArray, outer
from ptyxr.storage.flat import read_flat
from ptyxr.storage.inflated import Inflated

if TYPE_CHECKING:
    from typing import BinaryIO

    from ptyxr.storage.sources import Source

__all__ = ["ZIP_ERRORS", "NpzArray", "member_start", "read_header"]

#: What the standard library raises over a damaged archive.
ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OverflowError,
)
#: Lengths of the header's length, by the version of the npy format.
_WIDTHS: Final = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
_LONGEST_HEADER: Final = 10_000  # as numpy has it
#: How numpy writes a type that is no record; aliases that it warns of are none of these.
_PLAIN: Final = re.compile(r"[<>|=]?[?biufcmMOSUV]\d*(\[[^\]]*\])?")
_MOST_AXES: Final = 32  # as HDF5 has it; numpy 2 has 64
_KEYS: Final = {"descr", "fortran_order", "shape"}


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and dtype of an array in the npy format (NEP 1).

    numpy's own function warns of headers that Python 2 wrote, at a line that is none of the user's.

    Parameters
    ----------
    stream : binary file object
        At the beginning; it is left at the first number.

    Returns
    -------
    (shape, fortran_order, dtype)

    Raises
    ------
    ValueError
        If it is no such header.
    """
    version = npy.read_magic(stream)
    if version not in _WIDTHS:
        raise ValueError(f"version {version} of the npy format")
    width = _WIDTHS[version]
    length = int.from_bytes(stream.read(width), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    text = stream.read(length).decode("latin1" if version < (3, 0) else "utf-8")
    try:
        # Python 2 wrote long integers as "10L".
        header = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text))
    # Python's parser runs out of its own memory on what is nested too deeply.
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"no header: {error}") from error
    if not isinstance(header, dict) or set(header) != _KEYS:
        raise ValueError(f"no header: {text[:80]!r}")
    shape, fortran = header["shape"], header["fortran_order"]
    sound = isinstance(shape, tuple) and all(type(length) is int for length in shape)
    sound = sound and len(shape) <= _MOST_AXES
    if not sound or not isinstance(fortran, bool):
        raise ValueError(f"no shape and order: {shape!r:.80}, {fortran!r:.80}")
    kind = header["descr"]
    if not isinstance(kind, str) or not _PLAIN.fullmatch(kind):
        raise ValueError(f"no array of plain numbers or text: {kind!r:.80}")
    try:
        return shape, fortran, np.dtype(kind)
    except TypeError as error:
        raise ValueError(f"no dtype: {error}") from error


def member_start(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin in the file.

    Raises
    ------
    ValueError
        If they would reach beyond its end.
    """
    # The local header (APPNOTE 4.3.7) repeats the name and has extra fields of its own.
    file.seek(info.header_offset)
    local = file.read(30)
    lengths = sum(int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
    start = info.header_offset + 30 + lengths
    if len(local) < 30 or start + info.compress_size > file.seek(0, io.SEEK_END):
        raise ValueError("the member is cut short")
    return start


class NpzArray(StoredArray):
    """An array in an NPZ file.

    What is stored as it is, is read where it lies; what is compressed is unpacked from the nearest
    place that was kept.

    Parameters
    ----------
    source : Source
        The file.
    info : zipfile.ZipInfo
        The member.
    start : int
        Where its bytes begin in the file.
    header : int
        How many bytes of it come before the numbers.
    shape : tuple of int
        Its shape, in C order.
    dtype : numpy.dtype
        Its type.
    """

    def __init__(
        self,
        source: Source,
        info: zipfile.ZipInfo,
        start: int,
        header: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._source = source
        deflated = info.compress_type != zipfile.ZIP_STORED
        self._inflated = Inflated(info, start) if deflated else None
        # Where the first axes have length 1, it is the same to read along a later one.
        longer = [axis for axis, length in enumerate(shape) if length > 1]
        self.stream_axis = longer[0] if longer else None
        self._start = start
        self._header = header
        self._stored = info.compress_size
        self.shape = shape
        self.dtype = dtype
        self.origin = (source.name, info.filename.removesuffix(".npy"))

    @property
    def stored_bytes(self) -> int:
        """How long it is in the file, compressed or not."""
        return self._stored

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        if 0 in self.shape or not self.dtype.itemsize:
            return outer(np.empty(self.shape, self.dtype), key)
        try:
            with self._source.open() as file:
                if self._inflated is None:
                    at = self._start + self._header
                    return read_flat(file, at, self.shape, self.dtype, key)
                unpacked = self._inflated.open(file)
                return read_flat(unpacked, self._header, self.shape, self.dtype, key)
        except ZIP_ERRORS as error:
            if isinstance(error, PtyxrError):
                raise
            file_name, name = self.origin
            raise InvalidDataError(
                "the member cannot be read", file=file_name, key=name, found=str(error)
            ) from error
