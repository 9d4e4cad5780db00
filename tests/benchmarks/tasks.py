"""What is measured in a process of its own; see `measuring.in_child`.

python tests/benchmarks/tasks.py NAME ARGUMENT...
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from measuring import flush, peak, reset_peak

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = 16 * 2**20


def _measured(function: Callable[[], Any], *, synced: Path | None = None) -> dict[str, float]:
    held = reset_peak()
    start = time.perf_counter()
    function()
    if synced is not None:
        flush(synced)
    return {"s": time.perf_counter() - start, "MB": peak() - held}


# Converting


def convert_ptyxr(source: str, target: str) -> dict[str, float]:
    """Turn an NPZ into a product with ptyxr."""
    from making import SIZES, npz

    import ptyxr

    tiny = npz(Path(f"{target}.npz"), 9)
    ptyxr.open_dataset(tiny, **SIZES).ptyxr.to_product(f"{target}.tiny.h5", photon_energy="8 keV")

    def convert() -> None:
        with ptyxr.open_dataset(source, **SIZES) as ds:
            ds.ptyxr.to_product(target, photon_energy="8 keV")

    return _measured(convert, synced=Path(target)) if _touch(target, source) else {}


def convert_loop(source: str, target: str) -> dict[str, float]:
    """Copy the patterns of an NPZ into HDF5 block by block, by h5py alone."""

    def copy() -> None:
        with zipfile.ZipFile(source) as archive, archive.open("diff3d.npy") as member:
            version = np.lib.format.read_magic(member)
            assert version == (2, 0)
            shape, _, dtype = np.lib.format.read_array_header_2_0(member)
            frame = int(np.prod(shape[1:])) * dtype.itemsize
            rows = max(1, _BLOCK // frame)
            with h5py.File(target, "w") as file:
                made = file.create_dataset("diffraction", shape, dtype)
                for start in range(0, shape[0], rows):
                    count = min(rows, shape[0] - start)
                    block = np.frombuffer(member.read(count * frame), dtype)
                    made[start : start + count] = block.reshape(count, *shape[1:])

    return _measured(copy, synced=Path(target)) if _touch(target, source) else {}


def convert_load(source: str, target: str) -> dict[str, float]:
    """Load the patterns of an NPZ whole, and write them by h5py."""

    def copy() -> None:
        with np.load(source) as members, h5py.File(target, "w") as file:
            file["diffraction"] = members["diff3d"]

    return _measured(copy, synced=Path(target)) if _touch(target, source) else {}


def write_h5py(source: str, target: str) -> dict[str, float]:
    """Write the patterns of an NPZ, which are in memory already, by h5py."""
    with np.load(source) as members:
        patterns = members["diff3d"]

    def write() -> None:
        with h5py.File(target, "w") as file:
            file["diffraction"] = patterns

    return _measured(write, synced=Path(target)) if _touch(target, source) else {}


def _touch(target: str, source: str) -> bool:
    """Make the file, so that it can be waited for; what is left of an earlier one goes away.

    The source is read once: some systems take files that were not asked for of late from the cache.
    """
    Path(target).unlink(missing_ok=True)
    Path(target).touch()
    os.sync()
    with Path(source).open("rb", buffering=0) as file:
        block = bytearray(_BLOCK)
        while file.readinto(block):
            pass
    return True


# One pattern of an NPZ


def frame_ptyxr(path: str, which: str) -> dict[str, float]:
    """Open an NPZ with ptyxr, and read one pattern; units are in use already."""
    from making import npz

    import ptyxr

    tiny = npz(Path(f"{path}.tiny.npz"), 9)
    ptyxr.open_dataset(tiny).diffraction[0].values  # noqa: B018
    held = reset_peak()
    start = time.perf_counter()
    ds = ptyxr.open_dataset(path)
    opened = time.perf_counter()
    ds.diffraction[int(which)].values  # noqa: B018
    read = time.perf_counter()
    return {"open": 1e3 * (opened - start), "frame": 1e3 * (read - opened), "MB": peak() - held}


def frame_numpy(path: str, which: str) -> dict[str, float]:
    """Open an NPZ with numpy, and read one pattern: of all of them."""
    held = reset_peak()
    start = time.perf_counter()
    with np.load(path) as members:
        opened = time.perf_counter()
        members["diff3d"][int(which)]
    read = time.perf_counter()
    return {"open": 1e3 * (opened - start), "frame": 1e3 * (read - opened), "MB": peak() - held}


# Opening by others, and cold


def load_product(path: str, repeat: str) -> dict[str, float]:
    """Load a product with the Ptychodus that is on the path; it reads all of it."""
    from ptychodus.plugins.h5_product_file import H5ProductFileIO

    reader = H5ProductFileIO()
    times = []
    for _ in range(int(repeat) + 1):
        start = time.perf_counter()
        reader.read(Path(path))
        times.append(time.perf_counter() - start)
    return {"ms": 1e3 * statistics.median(times[1:])}


# Many


def _many(folder: str, opener: Callable[[Path], Any]) -> dict[str, float]:
    paths = sorted(Path(folder).glob("*.h5"))
    opener(paths[0])
    kept: list[Any] = []
    return _measured(lambda: kept.extend(opener(path) for path in paths))


def many_ptyxr(folder: str) -> dict[str, float]:
    """Open products one after the other with ptyxr, and keep them."""
    import xarray as xr

    return _many(folder, lambda path: xr.open_dataset(path, engine="ptychodus"))


def many_netcdf(folder: str) -> dict[str, float]:
    """The same with xarray's own engine."""
    import xarray as xr

    return _many(folder, lambda path: xr.open_dataset(path, engine="h5netcdf", phony_dims="sort"))


def many_h5py(folder: str) -> dict[str, float]:
    """The same with h5py, reading what describes them."""

    def opened(path: Path) -> Any:
        with h5py.File(path) as file:
            attrs = [dict(node.attrs) for node in (file, file["object"], file["probe"])]
            return attrs, [file[f"probe_position_{axis}_m"][()] for axis in "xy"]

    return _many(folder, opened)


def many_series(folder: str, *options: str) -> dict[str, float]:
    """Open products as one dataset, by several processes or by this one."""
    import ptyxr

    paths = sorted(Path(folder).glob("*.h5"))
    how: dict[str, Any] = {"progress": False, **({"parallel": False} if options else {})}
    ptyxr.open_series(paths[:2], **how)
    return _measured(lambda: ptyxr.open_series(paths, **how))


def many_serial(folder: str) -> dict[str, float]:
    """The same by this process alone."""
    return many_series(folder, "serial")


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
