"""Sound files, of which a hostile one differs in one thing, and the folder they stand in."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

POINTS, SIDE = 5, 8

#: What a file does to a reader that takes it at its word.
HARMS = {
    "executes": "executes code",
    "outside": "reads another file",
    "memory": "fills the memory",
    "crash": "ends the process by a signal",
    "hang": "never ends",
    "path": "has text that is no file name, or no line of a terminal",
    "error": "is damaged, or declared in an odd way",
}


@dataclass(frozen=True)
class Hostile:
    """How a hostile file is made, and what a refusal must name: the link, and where it leads."""

    name: str
    harm: str
    make: Callable[[Place, Path], object]
    says: tuple[str, ...] = ()


HOSTILE: dict[str, Hostile] = {}


def add(name: str, harm: str, make: Callable[[Place, Path], object], *says: str) -> None:
    """Put a file into the table."""
    HOSTILE[name] = Hostile(name, harm, make, says)


class Place:
    """A folder for hostile files, and beside it what they reach for."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.files = base / "files"
        self.outside = base / "outside"
        self.canaries = base / "canaries"
        #: Where readers work: some folders deep, so that "../../x" has somewhere to go.
        self.work = base / "work" / "a" / "b" / "c"

    def make(self) -> None:
        """Make the folders, what hostile files reach for, and the files."""
        for folder in (self.files, self.outside, self.canaries, self.work):
            folder.mkdir(parents=True)
        (self.outside / "outside.txt").write_text("what nobody asked for\n" * 200, encoding="utf-8")
        for name in ("second.h5", "part0.h5", "part1.h5"):
            with h5py.File(self.outside / name, "w") as file:
                file["data"] = np.arange(float(POINTS))
        product(self.outside / "outside.h5", self._bait)
        product(self.base / "sound.h5")
        archive(self.base / "sound.npz", SCAN)
        for one in HOSTILE.values():
            one.make(self, self.files / one.name)

    def _bait(self, file: h5py.File) -> None:
        for key, values in PATTERNS.items():
            file[key] = values
        for key, at in (("onward", "/data"), ("onward_group", "/")):
            file[key] = h5py.ExternalLink(str(self.outside / "second.h5"), at)


_RNG = np.random.default_rng(0)
_X, _Y = _RNG.uniform(6, 14, (2, POINTS))
_PROBE = np.ones((SIDE, SIDE), np.complex64)
_OBJECT = np.ones((20, 22), np.complex64)

SCAN: dict[str, Any] = {
    "xcoords": _X, "ycoords": _Y, "xcoords_start": _X, "ycoords_start": _Y,
    "diffraction": np.ones((SIDE, SIDE, POINTS), np.float32),
    "probeGuess": _PROBE, "objectGuess": _OBJECT, "scan_index": np.zeros(POINTS, int),
}  # fmt: skip
ATTRIBUTES: dict[str, Any] = {
    "name": "sound", "comments": "", "detector_object_distance_m": 1.5,
    "photon_energy_eV": 8000.0, "probe_energy_eV": 8000.0, "exposure_time_s": 0.1,
}  # fmt: skip
ARRAYS: dict[str, Any] = {
    "probe": _PROBE[np.newaxis, np.newaxis], "object": _OBJECT[np.newaxis],
    "probe_position_indexes": np.arange(POINTS),
    "probe_position_x_m": (_X - 11) * 5e-8, "probe_position_y_m": (_Y - 10) * 5e-8,
    "object_layer_spacing_m": np.zeros(0),
    "loss_values": np.arange(3.0), "loss_epochs": np.arange(3),
}  # fmt: skip
PIXELS = {"pixel_width_m": 5e-8, "pixel_height_m": 5e-8}
CENTER = {"center_x_m": 0.0, "center_y_m": 0.0}
PATTERNS: dict[str, Any] = {
    "patterns": np.ones((POINTS, SIDE, SIDE), np.uint16), "indexes": np.arange(POINTS),
    "bad_pixels": np.zeros((SIDE, SIDE), bool),
}  # fmt: skip


def product(path: Path, change: Callable[[h5py.File], object] | None = None) -> None:
    """Write a product that every release since 1.5 reads, and change one thing in it."""
    with h5py.File(path, "w") as file:
        file.attrs.update(ATTRIBUTES)
        for key, values in ARRAYS.items():
            file[key] = values
        file["probe"].attrs.update(PIXELS)
        file["object"].attrs.update(PIXELS | CENTER)
        if change is not None:
            change(file)


def patterns(path: Path, change: Callable[[h5py.File], object]) -> None:
    """Write assembled patterns, and change one thing in them."""
    with h5py.File(path, "w") as file:
        for key, values in PATTERNS.items():
            file[key] = values
        for side in ("width", "height"):
            file["patterns"].attrs[f"detector_pixel_{side}_m"] = 7.5e-5
        change(file)


def product_members() -> dict[str, Any]:
    """Return a product as members of an NPZ."""
    beside = {f"probe_{key}": value for key, value in PIXELS.items()}
    beside |= {f"object_{key}": value for key, value in (PIXELS | CENTER).items()}
    return {**ATTRIBUTES, **ARRAYS, **beside}


def npy(values: object) -> bytes:
    """Return an array as numpy writes it, pickled where it holds objects."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=True)
    return stream.getvalue()


def header(shape: str, descr: str = "'<f8'") -> bytes:
    """Return the header of an array alone, its shape and dtype as text."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(
    path: Path,
    members: Mapping[str, Any],
    raw: Mapping[str, bytes] | None = None,
    method: int = zipfile.ZIP_STORED,
) -> None:
    """Write arrays as an NPZ, and bytes under the names they are to have in it."""
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as file:
        for name, values in members.items():
            if f"{name}.npy" not in (raw or {}):
                file.writestr(f"{name}.npy", npy(values))
        for name, content in (raw or {}).items():
            file.writestr(name, content)
