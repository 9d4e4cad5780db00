"""Writing an NPZ file as a stream, and a look at what was written."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from ptyxr.errors import PtyxrError
from ptyxr.storage.chunked import Destination, is_dask, store
from ptyxr.storage.flat import read_into, write_flat
from ptyxr.storage.npz import NpzFile
from ptyxr.storage.progress import Progress
from ptyxr.storage.streams import BLOCK_BYTES, blocks, checked_cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from xarray import Variable

__all__ = ["check_npz", "write_npz"]


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
    types = {n: np.dtype((dtypes or {}).get(n, v.dtype)) for n, v in members.items()}
    for name, dtype in types.items():
        if dtype.hasobject:
            raise PtyxrError(
                "this is no array of numbers",
                key=name,
                found=str(dtype),
                remedy="Convert it first, with astype",
            )
    progress = Progress(sum(v.size * types[name].itemsize for name, v in members.items()))
    members = _with_small_ones_computed(members)
    with open(path, "w+b") as file:
        with zipfile.ZipFile(file, "w", method, allowZip64=True) as archive:
            for name, variable in members.items():
                dtype = types[name]
                header = {
                    "descr": npy.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": variable.shape,
                }
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    npy.write_array_header_1_0(stream, header)
                    for values in _rows(path, file, variable, name, dtype, progress):
                        stream.write(values)
        # What dask wrote reached beyond what is there now.
        file.truncate()


def _with_small_ones_computed(members: Mapping[str, Variable]) -> dict[str, Variable]:
    """Have dask compute what is small in one go, as it shares what goes before."""
    small = {n: v for n, v in members.items() if is_dask(v) and v.nbytes <= BLOCK_BYTES}
    if not small:
        return dict(members)
    from dask.base import compute

    values = compute(*(variable.data for variable in small.values()))
    pairs = zip(small.items(), values, strict=True)
    return {**members, **{name: v.copy(deep=False, data=data) for (name, v), data in pairs}}


def _rows(
    path: Path,
    file: BinaryIO,
    variable: Variable,
    name: str,
    dtype: np.dtype[Any],
    progress: Progress,
) -> Iterator[memoryview]:
    """Give the bytes of an array from the first to the last."""
    if not is_dask(variable):
        for _, values in blocks(variable):
            yield np.ascontiguousarray(checked_cast(values, dtype, name)).data
            progress.add(values.size * dtype.itemsize)
        return
    # dask's chunks come in any order, from any process, and a zip archive is written in one. So
    # they are put where they will not be reached before they are read again: deflating makes
    # nothing longer than by its few bytes for each block.
    file.flush()
    nbytes = variable.size * dtype.itemsize
    place = file.tell() + nbytes // 1000 + 2**20
    store(_Beyond(path, place, variable.shape), {name: (variable, dtype)}, progress)
    with open(path, "rb", buffering=0) as stored:
        for start in range(0, nbytes, BLOCK_BYTES):
            values = np.empty(min(BLOCK_BYTES, nbytes - start), np.uint8)
            read_into(stored, place + start, values)
            yield values.data


class _Beyond(Destination):
    """A place in a file behind what is written already, for chunks of one array."""

    def __init__(self, path: Path, place: int, shape: tuple[int, ...]) -> None:
        self._path = path
        self._place = place
        self._shape = shape

    def put(self, name: str, key: tuple[slice, ...], values: np.ndarray) -> None:
        del name
        with open(self._path, "r+b", buffering=0) as file:
            write_flat(file, self._place, self._shape, key, values)


def check_npz(path: Path, members: Mapping[str, Variable]) -> None:
    """Open a file that was written, and see that every member is in it and in its full length.

    Parameters
    ----------
    path : Path
        The file.
    members : mapping of str to Variable
        What it is to hold.

    Raises
    ------
    PtyxrError
        If something is missing, or shorter than it was to be.
    """
    file = NpzFile(path)
    file.check(members)
    found = {name: array.shape for name, array in file.arrays.items()}
    expected = {name: tuple(variable.shape) for name, variable in members.items()}
    if found != expected:
        raise PtyxrError(
            "the file was not written whole",
            found=found,
            expected=expected,
        )
