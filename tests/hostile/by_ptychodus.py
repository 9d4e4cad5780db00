"""The readers of Ptychodus itself, with its wheel on ``PYTHONPATH``: those of its own files."""

from __future__ import annotations

import logging
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hostile.sound import Place

OWN = ()  # it has no errors of its own

#: By suffix, as module and class. Its readers of positions, probes and objects are those of
#: products with an adapter.
READERS = {
    ".h5": (
        ("h5_product_file", "H5ProductFileIO"),
        ("training_data_file", "TrainingDataProductFileReader"),
        ("training_data_file", "TrainingDataDiffractionFileReader"),
    ),
    ".npz": (
        ("npz_product_file", "NPZProductFileIO"),
        ("slac_npz_file", "SLACProductFileReader"),
        ("npz_diffraction_file", "NPZDiffractionFileIO"),
        ("slac_npz_file", "SLACDiffractionFileReader"),
    ),
    ".npy": (("npy_diffraction_file", "NPYDiffractionFileIO"),),
}


def actions(path: Path, _: Place) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Read a file with each reader that takes its suffix."""
    logging.disable()
    for module, name in READERS[path.suffix]:
        reader = getattr(import_module(f"ptychodus.plugins.{module}"), name)()
        yield name, partial(_read, reader.read, path)
    if path.suffix == ".h5":
        load = import_module("ptychodus.api.io").load_diffraction_data
        yield "load_diffraction_data", partial(_read, load, path)


def _read(reader: Callable[[Path], Any], path: Path) -> None:
    reader(path)
