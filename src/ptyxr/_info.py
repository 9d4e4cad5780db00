"""What ``ptyxr info`` shows: what a file holds, with units, and what ptyxr does not know of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr._console import file_size, show, table
from ptyxr.amounts import number, shape
from ptyxr.coordinates import axis, magnitude, unit_of
from ptyxr.formats import ptychodus_keys, ptychopinn
from ptyxr.formats.detect import open_dataset
from ptyxr.formats.ptychodus_diffraction import PtychodusDiffractionBackend
from ptyxr.formats.ptychodus_groups import root_and_raw
from ptyxr.formats.ptychodus_npz import PtychodusNpzBackend, as_group
from ptyxr.formats.ptychopinn import PtychoPINNBackend
from ptyxr.model import AXES, SCHEMA
from ptyxr.storage.files import source_name
from ptyxr.storage.hdf5 import HDF5File
from ptyxr.storage.npz import NpzFile
from ptyxr.storage.sources import located

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from xarray import Dataset

__all__ = ["run_info"]


def run_info(file: Path | str, *, allow_external: bool) -> None:
    """Print what a file holds; nothing big is read.

    Parameters
    ----------
    file : Path or str
        A path; an address, where it is text.
    allow_external : bool
        Whether links are followed that lead out of it.
    """
    source: Any = (
        located(file) if isinstance(file, str) else file
    )  # what is read of it, is read once
    with open_dataset(source, allow_external=allow_external) as ds:
        heading = [("path", str(file) if source is file else source_name(file))]
        if isinstance(source, Path) and source.is_dir():
            _describe(ds, [*heading, ("format", "Zarr store of ptyxr")], [])
            return
        if PtychoPINNBackend().guess_can_open(source):
            kind, unknown = "PtychoPINN dataset (NPZ)", ptychopinn.unknown(NpzFile(source))
        elif PtychodusNpzBackend().guess_can_open(source):
            group = as_group(NpzFile(source))
            kind = f"Ptychodus product (NPZ), {ptychodus_keys.generation(group)}"
            unknown = ptychodus_keys.unknown(group)
        elif PtychodusDiffractionBackend().guess_can_open(source):
            kind, unknown = "Ptychodus patterns (HDF5)", []
        else:
            product = HDF5File(source, allow_external=allow_external)
            try:
                group, raw = root_and_raw(product)
            finally:
                product.close()
            kind = f"Ptychodus product (HDF5), {ptychodus_keys.generation(group)}"
            unknown = ptychodus_keys.unknown(group, raw)
        local = isinstance(source, Path)
        size = source.stat().st_size if local else source.seek(0, os.SEEK_END)
        _describe(ds, [*heading, ("size", file_size(size)), ("format", kind)], unknown)


def _describe(ds: Dataset, heading: Sequence[tuple[str, str]], unknown: Sequence[str]) -> None:
    """Print what a dataset holds, without reading its arrays.

    Parameters
    ----------
    ds : Dataset
        A dataset of the model.
    heading : sequence of (str, str)
        What is known of the file itself, as names and values.
    unknown : sequence of str
        What in the file ptyxr does not know.
    """
    known = [(name, str(ds.attrs[name])) for name in SCHEMA if ds.attrs.get(name) not in (None, "")]
    other = [(str(name), str(ds.attrs[name])) for name in ds.attrs if name not in SCHEMA]
    scalars, along = _coordinates(ds)
    arrays = [
        (
            str(name),
            shape(variable.shape),
            ", ".join(map(str, variable.dims)),
            str(variable.dtype),
            file_size(variable.nbytes),
            _note(variable),
        )
        for name, variable in ds.data_vars.variables.items()
    ]
    tables: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]] = {
        "File": (("", ""), [*heading, *((name, _short(value)) for name, value in known + other)]),
        "Arrays": (("name", "shape", "dimensions", "dtype", "size", "what"), arrays),
        "Coordinates": (("name", "length", "first to last, or range", "pixel", "what"), along),
        "Scalars": (("name", "value", "what"), scalars),
        "Not known to ptyxr": (("",), [(name,) for name in unknown] or [("nothing",)]),
    }
    parts: list[RenderableType] = []
    for title, (columns, rows) in tables.items():
        if rows:
            parts += ["", f"[bold]{title}[/bold]", table(columns, rows)]
    show(*parts[1:])


def _short(text: str, length: int = 300) -> str:
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def _note(variable: Any) -> str:
    notes = [str(variable.attrs.get("long_name", ""))]
    if "quantity" in variable.attrs:
        notes.append(f"as {variable.attrs['quantity']}")
    if variable.encoding.get("compression"):
        notes.append(f"compressed ({variable.encoding['compression']})")
    return ", ".join(filter(None, notes))


def _coordinates(ds: Dataset) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the rows for scalar coordinates, and for those along a dimension."""
    scalars: list[tuple[str, ...]] = []
    along: list[tuple[str, ...]] = []
    for name in map(str, ds.coords):
        variable = ds.variables[name]
        what = str(variable.attrs.get("long_name", ""))
        has_unit = name not in SCHEMA or SCHEMA[name].unit is not None
        unit = unit_of(ds, name) if has_unit and "units" in variable.attrs else None
        values = magnitude(ds, name) if unit is not None else np.asarray(variable.values)
        if name in AXES and variable.dims == (name,):
            grid = axis(ds, name).grid
            pitch = number(abs(grid.pitch), grid.unit)
            ends = (
                f"{number(float(values[0]), unit)} to {number(values[-1], unit)}"
                if values.size
                else ""
            )
            along.append((name, str(variable.size), ends, pitch, what))
        elif not variable.ndim:
            value = values[()]
            scalars.append(
                (
                    name,
                    number(float(value), unit) if value.dtype.kind in "fiu" else f"{value}",
                    what,
                )
            )
        else:
            span = ""
            if values.size and values.dtype.kind in "fiu":
                span = f"{number(values.min(), unit)} to {number(values.max(), unit)}"
            along.append((name, shape(variable.shape), span, "", what))
    return scalars, along
