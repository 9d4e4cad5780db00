"""Small sound files of every kind that ptyxr reads, which the mutations start from.

They are made when they are asked for, by the public API and by plain h5py and numpy, a few kB each.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5py
import numpy as np

import ptyxr
from ptyxr.tutorial import SimulatedScan, save_npz, simulate_scan

__all__ = ["FAMILIES", "ZIPPED", "Seed", "seeds", "spans", "suffix"]

#: The families of files, by the engine that opens them.
FAMILIES = ("ptychodus", "ptychodus-diffraction", "ptychodus-npz", "ptychopinn")
#: Those that are zip archives.
ZIPPED = frozenset({"ptychodus-npz", "ptychopinn"})

_POINTS, _SIZE = 5, 8


def suffix(family: str) -> str:
    """Return what the names of files of a family end in."""
    return ".npz" if family in ZIPPED else ".h5"


@dataclass(frozen=True)
class Seed:
    """A sound file.

    Attributes
    ----------
    name : str
        What it is.
    family : str
        The engine that opens it.
    data : bytes
        All of it.
    spans : tuple of (int, int)
        Where something other than plain numbers stands: what is worth damaging.
    """

    name: str
    family: str
    data: bytes
    spans: tuple[tuple[int, int], ...]


@cache
def seeds(family: str) -> tuple[Seed, ...]:
    """Return the sound files of a family; they are the same in every process."""
    makers = {
        "ptychodus": _products,
        "ptychodus-diffraction": _patterns,
        "ptychodus-npz": _npz_products,
        "ptychopinn": _npz_scans,
    }
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of points outside so small an object
        files = makers[family](Path(folder))
    return tuple(Seed(name, family, data, spans(data)) for name, data in files.items())


def spans(data: bytes) -> tuple[tuple[int, int], ...]:
    """Return where a file has something other than the numbers of its arrays.

    In HDF5 that is everything but the data of contiguous datasets; a zip archive is all of it.
    """
    if not data.startswith(b"\x89HDF"):
        return ((0, len(data)),)
    arrays: list[tuple[int, int]] = []

    def note(_name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and (offset := node.id.get_offset()) is not None:
            arrays.append((offset, offset + node.id.get_storage_size()))

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(note)
    kept, start = [], 0
    for first, last in sorted(set(arrays)):
        if first > start:
            kept.append((start, first))
        start = max(start, last)
    return (*kept, (start, len(data))) if start < len(data) else tuple(kept)


# --- what the files hold --------------------------------------------------------------------------


@cache
def _scan() -> SimulatedScan:
    return simulate_scan(positions=_POINTS, probe_size=_SIZE)


def _complex(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("c8")


def _hdf5(fill, **options) -> bytes:
    """Return an HDF5 file as bytes, filled by a function."""
    target = io.BytesIO()
    with h5py.File(target, "w", **options) as file:
        fill(file)
    return target.getvalue()


def _fill_old(file: h5py.File) -> None:
    """As Ptychodus 0.7 wrote it: a flux, distances of layers, costs, a probe of modes."""
    file.attrs.update(name="old", comments="of 0.7", detector_object_distance_m=1.5,
                      probe_energy_eV=8000.0, exposure_time_s=0.5,
                      probe_photons_per_s=1e6)  # fmt: skip
    file["probe_position_x_m"] = np.linspace(0, 1e-7, _POINTS)
    file["probe_position_y_m"] = np.linspace(1e-7, 0, _POINTS)
    file["probe_position_indexes"] = np.arange(_POINTS)
    file["probe"] = _complex(2, 4, 4)
    file["object"] = _complex(2, 7, 9)
    for name in ("probe", "object"):
        file[name].attrs.update(pixel_width_m=5e-8, pixel_height_m=5e-8)
    file["object"].attrs.update(center_x_m=0.0, center_y_m=0.0)
    file["object_layer_distance_m"] = [3e-6, np.inf]
    file["costs"] = [1.0, 0.5]


def _fill_new(file: h5py.File) -> None:
    """As Ptychodus 1.7 writes it, with all it may have, chunked and compressed, and links."""
    file.attrs.update(name="new", comments="of 1.7", detector_object_distance_m=1.5,
                      photon_energy_eV=8000.0, exposure_time_s=0.5, probe_photon_count=1e6,
                      mass_attenuation_m2_per_kg=0.1, tomography_angle_deg=10.0,
                      tilt_angle_deg=1.0, polarization="linear", focus_object_distance_m=1e-3,
                      far_field=True)  # fmt: skip
    packed = {"chunks": True, "compression": "gzip", "shuffle": True}
    file["probe_position_x_m"] = np.linspace(0, 1e-7, _POINTS)
    file["probe_position_y_m"] = np.linspace(1e-7, 0, _POINTS)
    file["probe_position_indexes"] = np.arange(_POINTS)
    file["probe_photon_counts"] = np.full(_POINTS, 1e6)
    file.create_dataset("probe", data=_complex(2, 2, 4, 4), **packed)
    file.create_dataset("object", data=_complex(2, 7, 9), chunks=(1, 4, 4), fletcher32=True)
    for name in ("probe", "object"):
        file[name].attrs.update(pixel_width_m=5e-8, pixel_height_m=4e-8)
    file["object"].attrs.update(center_x_m=1e-9, center_y_m=0.0)
    file["opr_weights"] = np.ones((_POINTS, 2))
    file["object_layer_spacing_m"] = [3e-6]
    file["loss_values"], file["loss_epochs"] = [1.0, 0.5], [0, 1]
    raw = file.create_group("raw_data")
    raw.attrs["_metadata"] = '{"nphotons": 1e6}'
    raw["xcoords"] = np.linspace(3, 5, _POINTS)
    raw["ycoords"] = np.linspace(5, 3, _POINTS)
    raw["scan_index"] = np.arange(_POINTS)
    raw.create_dataset(
        "diffraction", data=np.arange(_POINTS * 16.0).reshape(_POINTS, 4, 4), **packed
    )
    raw["probeGuess"] = h5py.SoftLink("/probe")
    raw["objectGuess"] = file["object"]


def _fill_part(file: h5py.File) -> None:
    """A part of a product: no root attributes, indexes, losses or centre."""
    file["object"] = _complex(1, 7, 9)
    file["object"].attrs.update(pixel_width_m=5e-8, pixel_height_m=4e-8)
    file["probe"] = _complex(1, 2, 4, 4)
    file["probe"].attrs["opr_weights"] = np.ones((_POINTS, 1))
    file["probe_position_x_m"] = np.linspace(-1e-7, 1e-7, _POINTS)
    file["probe_position_y_m"] = np.linspace(1e-7, -1e-7, _POINTS)


def _products(folder: Path) -> dict[str, bytes]:
    ds = ptyxr.from_rawdata(_scan()).ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")
    told = {"name": "tiny", "photon_energy": "8 keV", "detector_object_distance": "1.5 m",
            "position_index": "sequential"}  # fmt: skip
    ds.ptyxr.to_product(folder / "whole.h5", **told)
    ds.drop_vars("diffraction").ptyxr.to("m").ptyxr.to_product(folder / "bare.h5", **told)
    return {
        "product of ptyxr": (folder / "whole.h5").read_bytes(),
        "product without patterns": (folder / "bare.h5").read_bytes(),
        "product of 0.7": _hdf5(_fill_old),
        "product of 1.7": _hdf5(_fill_new),
        "product of 1.7, newest HDF5": _hdf5(_fill_new, libver="latest"),
        "part of a product": _hdf5(_fill_part),
        "part, in order, newest HDF5": _hdf5(_fill_part, libver="latest", track_order=True),
    }


def _patterns(_folder: Path) -> dict[str, bytes]:
    counts = np.arange(_POINTS * 16, dtype="u2").reshape(_POINTS, 4, 4)

    def assembled(file: h5py.File) -> None:
        patterns = file.create_dataset("patterns", data=counts, compression="lzf", chunks=(1, 4, 4))
        patterns.attrs.update(detector_pixel_width_m=75e-6, detector_pixel_height_m=75e-6)
        file["indexes"] = np.arange(_POINTS)
        file["bad_pixels"] = np.zeros((4, 4), dtype=bool)
        file["probe_photon_counts"] = np.full(_POINTS, 1e6)

    def training(file: h5py.File) -> None:
        file["patterns"] = counts
        file["bad_pixels"] = np.zeros((4, 4), dtype=bool)
        file["probe"] = _complex(2, 4, 4)
        file["object"] = _complex(7, 9)
        file["probe_position_x_px"] = np.linspace(2, 6, _POINTS)
        file["probe_position_y_px"] = np.linspace(2, 4, _POINTS)
        for name, value in (("object_pixel_width_m", 5e-8), ("object_pixel_height_m", 5e-8),
                            ("detector_object_distance_m", 1.5),
                            ("photon_energy_eV", 8e3)):  # fmt: skip
            file[name] = value

    return {
        "assembled patterns": _hdf5(assembled),
        "training data": _hdf5(training),
        "training data, newest HDF5": _hdf5(training, libver="latest"),
    }


def _npz(compressed: bool = False, **members) -> bytes:
    target = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(target, **members)
    return target.getvalue()


def _npz_products(folder: Path) -> dict[str, bytes]:
    ds = ptyxr.from_rawdata(_scan()).ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")
    ds.drop_vars("diffraction").ptyxr.to("m").ptyxr.to_product(
        folder / "product.npz", name="tiny", photon_energy="8 keV"
    )
    with h5py.File(io.BytesIO(_hdf5(_fill_new)), "r") as file:
        members = {k: v[()] for k, v in file.items() if isinstance(v, h5py.Dataset)}
        members.update(file.attrs)
        for name in ("object", "probe"):
            members.update({f"{name}_{key}": value for key, value in file[name].attrs.items()})
    return {
        "product of ptyxr": (folder / "product.npz").read_bytes(),
        "product of 1.7": _npz(**members),
        "compressed product": _npz(compressed=True, **members),
    }


def _npz_scans(folder: Path) -> dict[str, bytes]:
    scan = _scan()
    save_npz(scan, folder / "scan.npz")
    ds = ptyxr.open_dataset(folder / "scan.npz")
    ds.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.to_npz(
        folder / "again.npz", compressed=True
    )
    small = {
        "xcoords": scan.xcoords, "ycoords": scan.ycoords,
        "probeGuess": _complex(4, 4), "objectGuess": _complex(7, 9),
        "scan_index": np.zeros(_POINTS, dtype=int),
    }  # fmt: skip
    patterns = np.arange(_POINTS * 16.0).reshape(_POINTS, 4, 4)
    pickled = np.array('{"nphotons": 1e6}', dtype=object)
    return {
        "scan of PtychoPINN": (folder / "scan.npz").read_bytes(),
        "scan of ptyxr, compressed": (folder / "again.npz").read_bytes(),
        "old order of patterns": _npz(**small, diffraction=patterns.transpose(1, 2, 0)),
        "pickled metadata": _npz(**small, diff3d=patterns, _metadata=pickled),
        "export of Ptychodus": _npz(
            **small, xcoords_start=scan.xcoords, ycoords_start=scan.ycoords,
            diff3d=np.asfortranarray(patterns), bad_pixels=np.zeros((4, 4), dtype=bool),
        ),
    }  # fmt: skip
