"""Datasets in files of other formats: plain, with all that is kept beside the numbers."""

from __future__ import annotations

import json
import math
import os
import warnings
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray import Variable, open_zarr

from ptyxr.carried import has_quantity
from ptyxr.coordinates import dequantify, replace_coordinates
from ptyxr.errors import InvalidDataError, PtyxrError, UnitError
from ptyxr.formats.assembly import LEFT_OUT
from ptyxr.frame import PIXEL_ORIGIN
from ptyxr.grids import Grid, tidy
from ptyxr.indexes import GridIndex
from ptyxr.model import KEPT
from ptyxr.storage.chunked import is_dask
from ptyxr.storage.files import need_zarr
from ptyxr.storage.preferred import grown
from ptyxr.units import PIXEL
from ptyxr.variables import PIXEL_NUMBERS, kept_numbers

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from dask.delayed import Delayed
    from xarray import Dataset, Index
    from xarray.backends import ZarrStore

__all__ = ["packed", "to_zarr", "unpacked"]

_SHAPE: Final = "original_shape"
#: How HDF5 compressed an array; other writers have other words for it, and refuse these.
_COMPRESSION: Final = ("compression", "compression_opts")
#: Bytes that are read, compressed and written at once; each thread has a few of them in memory.
_BLOCK: Final = 16 * 2**20


def packed(ds: Dataset) -> Dataset:
    """Return the dataset as other formats store it; `unpacked` is the way back.

    Units are attributes. The pixel numbers that positions came with are coordinates. The exact
    grids of the axes, dtypes of attributes, and ranks as in the file that was opened are text in
    one attribute. How arrays were compressed is not carried over.

    Raises
    ------
    UnitError
        If a coordinate of the model has lost its unit, or carries one that ptyxr refuses.
    """
    kept: dict[str, Any] = {
        "grids": {}, "attrs": {}, _SHAPE: {}, PIXEL_ORIGIN: {}, PIXEL_NUMBERS: {},
        LEFT_OUT: [str(name) for name in ds.encoding.get(LEFT_OUT, ())],
    }  # fmt: skip
    numbers: dict[Hashable, Variable] = {}
    for name, variable in ds.variables.items():
        if not isinstance(name, str):
            continue
        index, encoding = ds.xindexes.get(name), variable.encoding
        if isinstance(index, GridIndex):
            kept["grids"][name] = asdict(index.grid)
        if _SHAPE in encoding:
            kept[_SHAPE][name] = [int(length) for length in encoding[_SHAPE]]
        pixels = kept_numbers(variable)
        if pixels is not None:
            stored = f"{name}_pixels"
            about = {"long_name": f"{name} as it came, in pixels", "units": PIXEL}
            numbers[stored] = Variable(variable.dims, pixels, about)
            kept[PIXEL_NUMBERS][name] = stored
            kept[PIXEL_ORIGIN][name] = encoding.get(PIXEL_ORIGIN)
    plain = dequantify(ds).assign_coords(numbers)  # which copies each variable's encoding
    for variable in plain.variables.values():
        for key in _COMPRESSION:
            variable.encoding.pop(key, None)
    attrs = dict(plain.attrs)
    for name, value in ds.attrs.items():
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
            real = np.asarray(value)
            if real.dtype.kind == "c":  # as JSON has them: real and imaginary parts
                real = np.stack([real.real, real.imag], -1)
            kept["attrs"][name] = [value.dtype.str, list(np.shape(value))]
            attrs[name] = real.tolist()
    note = {what: found for what, found in kept.items() if found}
    plain.attrs = {**attrs, KEPT: json.dumps(note)} if note else attrs
    return plain


def unpacked(ds: Dataset) -> Dataset:
    """Return the dataset as it was before `packed`, units still as attributes.

    What no longer belongs to the dataset, because it was cut or converted since, is left away.

    Raises
    ------
    InvalidDataError
        If what was kept cannot be read.
    """
    if KEPT not in ds.attrs:
        return ds
    ds = ds.copy()
    text = ds.attrs.pop(KEPT)
    try:
        return _unpacked(ds, json.loads(text))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise InvalidDataError(
            "what was kept of the dataset cannot be read",
            file=ds.encoding.get("source"),
            key=KEPT,
            found=repr(text),
            remedy=f"Delete it: ds.attrs.pop({KEPT!r})",
        ) from error


def _unpacked(ds: Dataset, kept: Mapping[str, Any]) -> Dataset:
    for name, (dtype, shape) in kept.get("attrs", {}).items():
        if name in ds.attrs:
            ds.attrs[name] = _typed(ds.attrs[name], np.dtype(dtype), tuple(shape))
    for name, shape in kept.get(_SHAPE, {}).items():
        if name in ds.variables and math.prod(shape) == ds.variables[name].size:
            _keep(ds, name, **{_SHAPE: tuple(shape)})
    for name, stored in kept.get(PIXEL_NUMBERS, {}).items():
        if stored not in ds.variables:
            continue
        if name in ds.variables and ds.variables[name].dims == ds.variables[stored].dims:
            origin = {PIXEL_ORIGIN: kept[PIXEL_ORIGIN][name]} if kept[PIXEL_ORIGIN][name] else {}
            _keep(ds, name, **{PIXEL_NUMBERS: ds.variables[stored].values, **origin})
        ds = ds.drop_vars(stored)
    if LEFT_OUT in kept:
        ds.encoding = {**ds.encoding, LEFT_OUT: [str(one) for one in kept[LEFT_OUT]]}
    indexes: dict[Hashable, Index] = {}
    for name, found in kept.get("grids", {}).items():
        variable = ds.variables.get(name)
        if variable is None or variable.ndim != 1 or has_quantity(variable):
            continue
        grid = Grid(**found)
        at = np.asarray(grid.columns(variable.values), dtype=float)
        if variable.attrs.get("units") != grid.unit or not np.isfinite(at).all():
            continue
        columns = np.rint(at).astype(np.int64)
        if np.array_equal(grid.labels(columns), variable.values):
            indexes[name] = GridIndex(grid, tidy(columns), name, variable.dims[0], quantified=False)
    return replace_coordinates(ds, {}, indexes)


def _typed(value: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    array = np.asarray(value)
    if dtype.kind == "c":
        array = array.reshape(*shape, 2)
        array = array[..., 0] + 1j * array[..., 1]
    return array.astype(dtype).reshape(shape)[()]


def _keep(ds: Dataset, name: str, **encoding: Any) -> None:
    variable = ds.variables[name]
    variable.encoding = {**variable.encoding, **encoding}


def to_zarr(ds: Dataset, store: Any = None, **kwargs: Any) -> ZarrStore | Delayed:
    """Write a dataset into a Zarr store; see the accessor's method of this name."""
    need_zarr()
    _keep_what_is_there(packed_ds := packed(ds), store, kwargs)
    plain = _in_blocks(packed_ds, kwargs.get("encoding") or {})
    with warnings.catch_warnings():
        # What xarray does by default, every format 3 store of its: it is not the user's doing.
        if kwargs.get("consolidated") is None:
            warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        written: ZarrStore | Delayed = plain.to_zarr(store, **kwargs)
    return written


def _keep_what_is_there(ds: Dataset, store: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuse what would be numbers in another unit than the store says, or end its own source.

    xarray writes numbers into arrays that are there, and leaves their attributes as they are.
    """
    adds = kwargs.get("region") is not None or kwargs.get("append_dim") is not None
    mode = kwargs.get("mode") or ("a" if adds else "w-")
    if mode == "w" and isinstance(store, (str, os.PathLike)):
        source = ds.encoding.get("source")
        lazy = not all(v._in_memory for v in ds.variables.values())  # noqa: SLF001
        if lazy and source is not None and os.path.realpath(source) == os.path.realpath(store):
            raise PtyxrError(
                "the store would be emptied before it is read",
                file=str(store),
                remedy="Write another store, or call .load() first",
            )
    if mode in ("w", "w-"):
        return
    how = ("group", "storage_options", "zarr_format", "consolidated")
    try:
        there = open_zarr(
            store, chunks=None, decode_cf=False, **{k: kwargs[k] for k in how if k in kwargs}
        )
    except FileNotFoundError:
        return
    with there:
        for name, variable in ds.variables.items():
            if name not in there.variables:
                continue
            unit, other = variable.attrs.get("units"), there.variables[name].attrs.get("units")
            if unit != other:
                raise UnitError(
                    "the store has these numbers in another unit",
                    key=str(name),
                    found=repr(unit),
                    expected=repr(other),
                    remedy="Convert the dataset first, with ds.ptyxr.to(...)",
                )


def _in_blocks(ds: Dataset, given: Mapping[Any, Any]) -> Dataset:
    """Return the dataset with large arrays as dask arrays: xarray would load others whole."""
    if find_spec("dask") is None:
        return ds
    large = {
        name: array.chunk(_blocks(array.variable, given.get(name) or {}))
        for name, array in ds.data_vars.items()
        if array.nbytes > _BLOCK and not is_dask(array.variable)
    }
    return ds.assign(large)


def _blocks(variable: Variable, given: Mapping[str, Any]) -> dict[Hashable, int]:
    """Return lengths of blocks: whole chunks of file and store, the last axes first."""
    chunks = next(
        (
            found
            for known in (given, variable.encoding)
            for key in ("shards", "chunks", "chunksizes")
            if isinstance(found := known.get(key), (tuple, list)) and len(found) == variable.ndim
        ),
        (1,) * variable.ndim,
    )
    least = [min(c, n) for c, n in zip(chunks, variable.shape, strict=True)]
    lengths = grown(least, variable.shape, variable.dtype.itemsize, _BLOCK)
    return dict(zip(variable.dims, lengths, strict=True))
