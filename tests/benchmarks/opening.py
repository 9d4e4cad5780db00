"""How long opening takes, beside h5py and numpy on the same file; writes its part of the docs.

    python tests/benchmarks/opening.py            # prints the tables
    python tests/benchmarks/opening.py --write    # and puts them into docs/benchmarks.md

Each number is the median of repeated runs. Imports are timed in fresh processes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from measuring import machine, main, median

import ptyxr

IMPORT = """
import json, sys, time
import xarray
before = set(sys.modules)
start = time.perf_counter()
import {module}
took = time.perf_counter() - start
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps([took, sorted(new - set(sys.stdlib_module_names))]))
"""


def imported(module: str, repeat: int) -> tuple[float, list[str]]:
    """Return how long a module takes to import after xarray, in ms, and what it pulls in."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    answers = []
    for _ in range(repeat + 1):  # the first one writes the bytecode
        done = subprocess.run(
            [sys.executable, "-c", IMPORT.format(module=module)],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        answers.append(json.loads(done.stdout))
    return 1e3 * statistics.median(took for took, _ in answers[1:]), answers[-1][1]


def make(folder: Path, points: int) -> tuple[Path, Path]:
    """Make a product and an NPZ of a scan, with 64 x 64 patterns for at most 2000 points."""
    rng = np.random.default_rng(0)
    side = 64 if points <= 2000 else 1
    raw = {
        "xcoords": rng.uniform(64, 960, points),
        "ycoords": rng.uniform(64, 960, points),
        "diff3d": rng.random((points, side, side), "f4"),
        "probeGuess": rng.random((64, 64)) + 0j,
        "objectGuess": rng.random((1024, 1024)) + 0j,
        "scan_index": np.zeros(points, int),
    }  # fmt: skip
    npz = folder / f"{points}.npz"
    np.savez(npz, **raw)
    sized = ptyxr.open_dataset(npz, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    product = sized.ptyxr.to_product(
        folder / f"{points}.h5", position_index="sequential", photon_energy="8 keV"
    )
    return product, npz


def bare_h5py(path: Path) -> None:
    """Open a product with h5py, and read what describes it."""
    with h5py.File(path) as file:
        dict(file.attrs)
        for name in ("object", "probe"):
            dict(file[name].attrs)
        for name in ("probe_position_x_m", "probe_position_y_m"):
            file[name][()]


def bare_numpy(path: Path) -> None:
    """Open an NPZ with numpy, and read its positions."""
    with np.load(path) as file:
        for name in ("xcoords", "ycoords"):
            file[name]


def run(repeat: int) -> str:
    """Measure, and return the tables as Markdown."""
    lines = [
        machine("opening"),
        "",
        "| import, after `import xarray` | ms | pulls in, beside the standard library |",
        "|---|---|---|",
    ]
    for module in ("ptyxr.formats.ptychodus", "ptyxr.formats.ptychopinn", "h5py", "pint_xarray"):
        took, names = imported(module, repeat=7)
        lines.append(f"| `{module}` | {took:.1f} | {', '.join(names) or '-'} |")
    lines += ["", "| open | points | ms | beside it | ms | ratio |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for points in (1087, 100_000):
            product, npz = make(Path(folder), points)
            for label, engine, path, other, bare in (
                (
                    "product",
                    "ptychodus",
                    product,
                    "`h5py.File`, attributes and positions",
                    bare_h5py,
                ),
                ("NPZ", "ptychopinn", npz, "`numpy.load`, positions", bare_numpy),
            ):
                for quantify in (True, False):
                    ours = median(
                        lambda engine=engine, path=path, quantify=quantify: xr.open_dataset(
                            path, engine=engine, quantify=quantify
                        ).close(),
                        repeat,
                    )
                    theirs = median(lambda bare=bare, path=path: bare(path), repeat)
                    lines.append(
                        f"| {label}, `quantify={quantify}` | {points:,} | {ours:.2f} | {other} | "
                        f"{theirs:.2f} | {ours / theirs:.1f} |"
                    )
    return "\n".join(lines)


if __name__ == "__main__":
    main("opening", __doc__, run, repeat=101)
