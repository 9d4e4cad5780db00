"""What a thousand opened files cost in handles and memory; writes its part of the docs.

    python tests/benchmarks/handles.py            # prints the tables
    python tests/benchmarks/handles.py --write    # and puts them into docs/benchmarks.md

Each row is measured in a forked process of its own. Nothing is closed: a dataset is forgotten, or
all of them are kept.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import xarray as xr
from measuring import machine, main

import ptyxr

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = 1000
POINTS = 100


def opened(path: Path) -> Any:
    """Open a file with ptyxr, and read a little of it."""
    ds = xr.open_dataset(path, engine="ptychodus" if path.suffix == ".h5" else "ptychopinn")
    ds.probe.values  # noqa: B018
    return ds


def bare(path: Path) -> Any:
    """Open a file with h5py or numpy, and read a little of it."""
    if path.suffix == ".h5":
        file = h5py.File(path)
        file["probe"][()]
        return file
    archive = np.load(path)
    archive["probeGuess"]
    return archive


def handles() -> int:
    """Return how many descriptors the process holds."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (a Path for each is slow)


def resident() -> float:
    """Return how much memory the process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def measure(opener: Callable[[Path], Any], paths: list[Path], *, keep: bool) -> dict[str, float]:
    """Open files one after another, and return the handles and the memory it took."""
    for path in paths[:3]:
        opener(path)
    gc.collect()
    held, memory, most, kept = handles(), resident(), 0, []
    for path in paths:
        one = opener(path)
        if keep:
            kept.append(one)
        most = max(most, handles() - held)
    grown = resident() - memory
    one = None
    kept.clear()
    gc.collect()
    return {"most": most, "memory": grown, "after": handles() - held}


def forked(*arguments: Any, **options: Any) -> dict[str, float]:
    """Measure in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, json.dumps(measure(*arguments, **options)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = json.load(stream)
    os.waitpid(child, 0)
    return answer


def run(_: int) -> str:
    """Measure, and return the table as Markdown."""
    rng = np.random.default_rng(0)
    scan = {
        "xcoords": rng.uniform(32, 96, POINTS), "ycoords": rng.uniform(32, 96, POINTS),
        "probeGuess": np.ones((32, 32), complex), "objectGuess": np.ones((128, 128), complex),
    }  # fmt: skip
    columns = (
        f"{FILES} files, none closed", "opened with", "handles at most", "memory, MB",
        "handles after `gc.collect()`",
    )  # fmt: skip
    lines = [machine("handles"), "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        product = Path(folder) / "product.h5"
        sizes = {"object_pixel_size": "50 nm", "probe_pixel_size": "50 nm"}
        ptyxr.from_rawdata(scan, origin="corner", **sizes).ptyxr.to_product(
            product, position_index="sequential", photon_energy="8 keV"
        )
        npz = Path(folder) / "scan.npz"
        np.savez(npz, **scan)
        for kind, source, others in (
            ("HDF5", product, "`h5py.File`"),
            ("NPZ", npz, "`numpy.load`"),
        ):
            # Copies: HDF5 takes hard links for one file, and opens it once.
            paths = [
                shutil.copyfile(source, source.with_name(f"{number}{source.suffix}"))
                for number in range(FILES)
            ]
            for keep in (False, True):
                what = f"{kind}, {'kept' if keep else 'forgotten'}"
                for label, opener in (("ptyxr", opened), (others, bare)):
                    found = forked(opener, paths, keep=keep)
                    numbers = f"{found['most']} | {found['memory']:.0f} | {found['after']}"
                    lines.append(f"| {what} | {label} | {numbers} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main("handles", __doc__, run, repeat=1)
