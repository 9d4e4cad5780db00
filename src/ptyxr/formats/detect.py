"""Which engine opens a file: told by looking inside."""

from __future__ import annotations

import difflib
import inspect
import os
from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from ptyxr.errors import FormatError, listed
from ptyxr.formats.assembly import DECODERS
from ptyxr.formats.ptychodus_diffraction import pair_patterns
from ptyxr.model import KEPT
from ptyxr.storage.files import check_source, first_bytes, is_path, need_zarr, source_name
from ptyxr.storage.hdf5 import HDF5File, is_hdf5
from ptyxr.storage.npz import NpzFile, is_zip
from ptyxr.storage.recognise import Kind, forbidden, missing, recognise
from ptyxr.storage.remote import RemoteFile
from ptyxr.storage.sources import located
from ptyxr.storage.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import Dataset

    from ptyxr.storage.sources import FileLike

__all__ = ["find_engine", "open_dataset"]

_EXPECTED: Final = "a Ptychodus product, its patterns, or a PtychoPINN dataset"
_SAVE: Final = "Open it in Ptychodus and save it as an HDF5 product"
_NUMPY: Final = "numpy.load reads it; ptyxr.from_rawdata() takes it, under PtychoPINN's names"
_H5PY: Final = "h5py reads it; ptyxr.from_rawdata() takes it, under PtychoPINN's names"
_TELLING: Final = ("object", "probe", "probe_position_x_m")
_INCOMPLETE: Final = "a part of a product"
_PART: Final = "What there is opens with xr.open_dataset(path, engine={!r})"
#: What has all of these names in its root is this, in HDF5; the first that fits.
_HDF5: Final[tuple[tuple[frozenset[str], Kind], ...]] = tuple(
    (frozenset(names.split()), Kind(what, remedy))
    for names, what, remedy in (
        ("entry_1/ptychodus", "a CXI product of Ptychodus", _SAVE),
        ("header content", "a reconstruction by ptypy (.ptyr)", _H5PY),
        ("meta chunks", "patterns of ptypy (.ptyd)", _H5PY),
        ("cxi_version", "a CXI file", _H5PY),
        ("entry_1", "a CXI or NeXus file", _H5PY),
        ("entry", "a NeXus file", _H5PY),
        ("exchange", "a Data Exchange file", _H5PY),
        ("reconstruction", "a reconstruction by PtychoShelves", _H5PY),
        ("optimizable_tensors", "a reconstruction by PtyRAD", _H5PY),
        ("positions_px", "a reconstruction by pear", _H5PY),
        ("object probe outputs p", "a reconstruction by fold_slice (MATLAB)", _H5PY),
        ("dp", "patterns of fold_slice", _H5PY),
        ("object probe position_x", "a netCDF file of such a dataset",
         "Open it with xr.open_dataset(path, engine='h5netcdf').ptyxr.quantify()"),
        ("patterns", "HDF5 with patterns and no numbers of theirs",
         "Patterns are opened with engine='ptychodus-diffraction'"),
        *((name, _INCOMPLETE, _PART.format("ptychodus"))
          for name in _TELLING),
    )
)  # fmt: skip
#: The same of NPZ.
_NPZ: Final[tuple[tuple[frozenset[str], Kind], ...]] = tuple(
    (frozenset(names.split()), Kind(what, remedy))
    for names, what, remedy in (
        ("patterns indexes", "patterns of Ptychodus in NPZ", "Save them as HDF5 in Ptychodus"),
        ("pixelSizeXInMeters", "a state of Ptychodus before 0.7", _SAVE),
        ("reciprocal real", "training data of PtychoNN", "numpy.load reads them"),
        *((name, _INCOMPLETE, _PART.format("ptychodus-npz"))
          for name in _TELLING),
        *((name, "a part of a PtychoPINN dataset",
           "Positions are 'xcoords' and 'ycoords' there, in pixels: write them with numpy.savez")
          for name in ("diff3d", "diffraction", "probeGuess", "objectGuess", "xcoords", "ycoords")),
    )
)  # fmt: skip
#: Which the user need not know of: the file, and what the engines accept to please xarray.
_WITHOUT_EFFECT: Final = frozenset({"filename_or_obj", *DECODERS})
#: Which a Zarr store has in its root.
_ZARR: Final = frozenset({".zgroup", ".zattrs", "zarr.json"})
_EMPTY: Final = "What was to be written did not get that far: write it again"


def find_engine(source: Any) -> str:
    """Return the name of the engine of ptyxr that opens a file.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object

    Raises
    ------
    MissingFileError, RemoteError
        If there is no such file, or it cannot be reached.
    FormatError
        If no engine of ptyxr opens it; it says what it is instead.
    """
    if isinstance(source, RemoteFile):
        source.connect()
        with source.failing():
            return _find_engine(source)
    return _find_engine(source)


def _find_engine(source: Any) -> str:
    for name, engine in xr.backends.list_engines().items():
        ours = type(engine).__module__.startswith("ptyxr.formats.")
        if ours and engine.guess_can_open(source):
            return name
    kind = _kind(source)
    raise FormatError(
        "this is none of the files that ptyxr opens",
        file=source_name(source),
        found=kind.what,
        expected=_EXPECTED,
        remedy=kind.remedy,
    )


def _kind(source: Any) -> Kind:
    """Say what a file is that no engine opens.

    Raises
    ------
    PtyxrError
        If there is no such file, it can be none, or it cannot be read.
    """
    _check(source)
    start = first_bytes(source)
    if is_hdf5(start):
        return _inside_hdf5(source)
    if is_zip(start):
        file = NpzFile(source)
        if file.others and not file.names:
            packed = _with_names("a zip archive", {*file.others})
            return Kind(packed, "Unpack it first, with unzip")
        return _by_names({*file.names, *file.others}, "a zip archive", _NPZ)
    return recognise(source)


def _check(source: Any) -> None:
    """Refuse what is no file, and say what to give instead."""
    if isinstance(source, (list, tuple)):
        raise FormatError(
            "one file is opened at a time",
            found=f"a {type(source).__name__} of {len(source)}",
            remedy="ptyxr.open_series(files) opens them together",
        )
    if hasattr(source, "filename") and hasattr(source, "create_dataset"):
        raise FormatError(
            "this is a file that h5py has open",
            found=f"{source!r:.80}",
            expected="a path, bytes or a binary file object",
            remedy="Give the path: ptyxr.open_dataset(file.filename)",
        )
    if hasattr(source, "files") and hasattr(source, "allow_pickle"):
        raise FormatError(
            "this is a file that numpy has open",
            found=f"an {type(source).__name__}",
            expected="a path, bytes or a binary file object",
            remedy="Give the path, or what is open to ptyxr.from_rawdata()",
        )
    check_source(source)
    if not is_path(source):
        return
    name = source_name(source)
    # Of a path that may be anything, Path.exists raises where os.path says no.
    if not os.path.exists(name):  # noqa: PTH110
        raise missing(source)
    if os.path.isdir(name):  # noqa: PTH112
        raise FormatError("this is a folder", file=name, expected=_EXPECTED, remedy=_files_in(name))
    if not os.access(name, os.R_OK):
        raise forbidden(name)


def _files_in(folder: str) -> str:
    """Say which files in a folder may be meant."""
    with os.scandir(folder) as entries:
        names = sorted(one.name for one in entries)
    if _ZARR & {*names}:
        return "It is a Zarr store: open it with xr.open_zarr(path).ptyxr.quantify()"
    files = [one for one in names if one.lower().endswith((".h5", ".hdf5", ".npz"))]
    return (
        f"Name a file in it: {listed(map(repr, files), 3)}"
        if files
        else "Name a file; there is no HDF5 or NPZ in it"
    )


def _inside_hdf5(source: Any) -> Kind:
    opened = HDF5File(source)
    try:
        group = opened.group()
        entry = opened.group("/entry_1") if group and "entry_1" in group.groups else None
    finally:
        opened.close()
    if group is None:
        return Kind("HDF5 without a root group", _EMPTY)
    names = group.names | ({"entry_1/ptychodus"} if entry and "ptychodus" in entry.names else set())
    if "_NCProperties" in group.attrs and not {"object", "probe"} & names:
        return Kind(_with_names("a netCDF file", names), "xr.open_dataset() opens it without ptyxr")
    if "NX_class" in group.attrs:
        return Kind(_with_names("a NeXus file", names), _H5PY)
    return _by_names(names, "HDF5", _HDF5)


def _by_names(
    names: set[str], container: str, table: tuple[tuple[frozenset[str], Kind], ...]
) -> Kind:
    if not names:
        return Kind(f"{container} with nothing in it", _EMPTY)
    for needed, kind in table:
        if kind.what == _INCOMPLETE and needed <= names:
            lacks = ", ".join(repr(name) for name in _TELLING if name not in names)
            return Kind(f"{_INCOMPLETE}, without {lacks}", kind.remedy)
        if needed <= names:
            return Kind(_with_names(kind.what, names), kind.remedy)
    return Kind(_with_names(container, names), _H5PY if container == "HDF5" else _NUMPY)


def _with_names(what: str, names: set[str]) -> str:
    return f"{what} ({listed(repr(name) for name in sorted(names) if '/' not in name)})"


def _stored(source: Any, *, quantify: bool = True, **kwargs: Any) -> Dataset | None:
    """Return the dataset of a Zarr store that ``to_zarr`` wrote; of anything else None."""
    if not (is_path(source) and _is_zarr(source_name(source))):
        return None
    need_zarr()
    ds = xr.open_dataset(source, engine="zarr", **kwargs)
    if KEPT not in ds.attrs:
        ds.close()
        return None
    restored: Dataset = ds.ptyxr.quantify() if quantify else ds.ptyxr.dequantify()
    return restored


def _is_zarr(path: str) -> bool:
    return any(os.path.isfile(os.path.join(path, name)) for name in _ZARR)  # noqa: PTH113, PTH118


def _check_options(engine: str, options: dict[str, Any]) -> None:
    """Refuse a keyword that neither xarray nor the engine takes.

    Raises
    ------
    TypeError
        As Python has it; xarray's own would name a method that the user has not called.
    """
    backend = xr.backends.list_engines()[engine]
    own = [n for n in backend.open_dataset_parameters or () if n not in _WITHOUT_EFFECT]
    common = inspect.signature(xr.open_dataset).parameters
    unknown = [name for name in options if name not in common and name not in own]
    if "engine" in options:
        raise TypeError(
            "ptyxr.open_dataset() finds the engine itself; to name one, use "
            "xr.open_dataset(path, engine=...)"
        )
    if not unknown:
        return
    known = [*own, "chunks", "cache", "diffraction"]
    alike = difflib.get_close_matches(unknown[0], known, n=2)
    others = [
        name
        for name, other in xr.backends.list_engines().items()
        if unknown[0] in (other.open_dataset_parameters or ()) and "ptycho" in name
    ]
    if others:
        more = f"; it is for files of the engine {' or '.join(map(repr, others))}"
    elif alike:
        more = f"; did you mean {' or '.join(map(repr, alike))}?"
    else:
        more = f"; it takes {', '.join(known)}"
    raise TypeError(
        f"ptyxr.open_dataset() takes no {', '.join(map(repr, unknown))} for this file, which is "
        f"opened by the engine {engine!r}{more}"
    )


def open_dataset(
    source: FileLike,
    *,
    diffraction: FileLike | None = None,
    allow_external: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Dataset:
    """Open a file with the engine that its content asks for.

    xarray itself gives every HDF5 file to its netCDF engines, which read a product as a dataset
    without coordinates; this looks inside.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        A Ptychodus product, its diffraction or training file, or a PtychoPINN dataset: its path,
        its address as fsspec takes it (``https://…``, ``s3://…``), or its content; or the folder
        of a Zarr store that ``ds.ptyxr.to_zarr`` wrote.
    diffraction : str, path-like, bytes or binary file object, optional
        Ptychodus's file of patterns that belongs to a product: they are paired with the scan points
        by ``position_index``, by value, and left in the file until used. Points without a pattern
        are left out, with a warning.
    allow_external : bool, default: False
        Whether links and datasets are followed that lead out of an HDF5 file. Only for files that
        you trust: they may name any file that you can read. Those of a file on a network are
        refused in any case.
    storage_options : mapping, optional
        What fsspec is to be given for an address, that of `diffraction` too: user and key,
        ``{"anon": True}``, headers.
    **kwargs
        What ``xarray.open_dataset`` and the engine take: ``chunks``, ``drop_variables``,
        ``quantify``; for NPZ ``origin``, ``measurement``, ``object_pixel_size``,
        ``probe_pixel_size``.

    Returns
    -------
    xarray.Dataset
        In the data model: coordinates as Quantities, large arrays lazy.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or none that ptyxr opens.
    RemoteError
        If a file on a network cannot be reached, or may not be read.
    InvalidDataError
        If something in it cannot be represented.
    PtyxrError
        If `diffraction` cannot be paired: all numbers are equal, or there are none.
    TypeError
        If there is a keyword that neither xarray nor the engine takes.

    Examples
    --------
    >>> import ptyxr
    >>> path = ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_product("scan.h5")
    >>> with ptyxr.open_dataset(path) as ds:
    ...     print(ds.attrs["source_format"], ds.position_x.pint.units)
    ptychodus meter
    """
    if storage_options and not (is_url(source) or is_url(diffraction)):
        located(source, storage_options)  # which refuses it
    if diffraction is None and (stored := _stored(source, **kwargs)) is not None:
        return stored
    # Everything that looks inside, and the engine, share what is read of an address.
    source = located(source, storage_options) if is_url(source) else source
    if is_url(diffraction):
        diffraction = located(diffraction, storage_options)
    engine = find_engine(source)
    _check_options(engine, kwargs)
    own = xr.backends.list_engines()[engine].open_dataset_parameters or ()
    if "allow_external" in own:  # NPZ has no links
        kwargs["allow_external"] = allow_external
    ds = xr.open_dataset(source, engine=engine, **kwargs)
    if diffraction is None:
        return ds
    how: dict[str, Any] = {
        name: kwargs[name] for name in ("chunks", "cache", "quantify") if name in kwargs
    }
    how["allow_external"] = allow_external
    try:
        patterns = xr.open_dataset(diffraction, engine="ptychodus-diffraction", **how)
    except BaseException:
        ds.close()
        raise
    try:
        return pair_patterns(ds, patterns)
    except BaseException:
        ds.close()
        patterns.close()
        raise
