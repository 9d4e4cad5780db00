"""What is installed, for reports of defects."""

from __future__ import annotations

import locale
import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["show_versions"]

# Distributions, by the names they have on package indexes: what ptyxr needs, then what its extras
# bring, then what files are written by, compressed with or fetched through.
_PACKAGES: Final = (
    ("h5netcdf", "h5py", "numpy", "pandas", "pint", "pint-xarray", "rich", "scipy", "typer",
     "xarray"),
    ("dask", "distributed", "matplotlib", "fsspec", "aiohttp"),
    ("ptychodus", "ptychopinn", "cf-xarray", "hdf5plugin", "kerchunk", "netCDF4", "zarr",
     "s3fs", "gcsfs", "jupyterlab", "ipython", "pip", "conda"),
)  # fmt: skip
_ABSENT: Final = "not installed"


def show_versions(file: TextIO | None = None) -> None:
    """Print the versions of ptyxr, of Python, of the system, and of the packages that matter.

    A report of a defect begins with it. On the command line it is ``ptyxr versions``. Of the
    packages only h5py is imported, for the version of HDF5 that it was built with; what is not
    installed is said to be so.

    Parameters
    ----------
    file : file object, optional
        A text file to print to; by default standard output.

    Examples
    --------
    >>> import ptyxr
    >>> ptyxr.show_versions()
    ptyxr: ...
    python: 3...
    ...
    xarray: 20...
    """
    lines = [f"ptyxr: {_version('ptyxr')}"]
    lines += [f"{name}: {value}" for name, value in _system()]
    for packages in _PACKAGES:
        lines.append("")
        lines += [f"{name}: {_version(name)}" for name in packages]
    print("\n".join(lines), file=file)


def _version(name: str) -> str:
    """Return the version of a distribution, from what its installer left."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return _ABSENT


def _system() -> Iterator[tuple[str, object]]:
    uname = platform.uname()
    yield "python", sys.version.replace("\n", " ")
    yield "OS", f"{uname.system} {uname.release} {uname.machine}"
    yield "byte order", sys.byteorder
    yield "locale", ".".join(part or "none" for part in locale.getlocale())
    for name in ("LC_ALL", "LANG", "HDF5_PLUGIN_PATH", "HDF5_USE_FILE_LOCKING"):
        if name in os.environ:
            yield name, os.environ[name]
    yield "HDF5", _hdf5()
    # Without an entry point, xarray does not find an engine by its name.
    engines = metadata.entry_points(group="xarray.backends")
    yield "engines", ", ".join(sorted({engine.name for engine in engines})) or "none"


def _hdf5() -> str:
    try:
        import h5py
    except Exception as error:  # noqa: BLE001  (a broken h5py may be what is to be reported)
        return f"h5py cannot be imported: {type(error).__name__}: {error}"
    return str(h5py.version.hdf5_version)
