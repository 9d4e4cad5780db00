"""Writing an NPZ file as a stream, and a look at what was written."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from ptyxr.errors import PtyxrError
from ptyxr.storage.npz import NpzFile
from ptyxr.storage.streams import blocks, checked_cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
