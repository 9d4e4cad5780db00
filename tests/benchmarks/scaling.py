"""What more workers bring; writes its part of the docs.

    python tests/benchmarks/scaling.py            # prints the table
    python tests/benchmarks/scaling.py --write    # and puts it into docs/benchmarks.md

The patterns of a product and of an NPZ are summed over the detector by dask, on 1, 2 and 4 worker
processes of one thread on this machine. The workers run already; opening counts. Beside it, h5py or
numpy do it block by block in one process.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from distributed import Client, LocalCluster
from making import npz, product
from measuring import cells, interleaved, machine, main, table

WORKERS = (1, 2, 4)
ROWS = 1024  # patterns in a block, 16 MB


def by_h5py(path: Path) -> np.ndarray:
    """Sum patterns of a product block by block."""
    with h5py.File(path) as file:
        found = file["raw_data/diffraction"]
        return np.concatenate(
            [found[i : i + ROWS].sum((1, 2)) for i in range(0, found.shape[0], ROWS)]
        )


def by_numpy(path: Path) -> np.ndarray:
    """Sum patterns of an NPZ block by block, as a stream."""
    sums = []
    with zipfile.ZipFile(path) as archive, archive.open("diff3d.npy") as member:
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_2_0(member)
        size = int(np.prod(shape[1:])) * dtype.itemsize
        while block := member.read(ROWS * size):
            sums.append(np.frombuffer(block, dtype).reshape(-1, *shape[1:]).sum((1, 2)))
    return np.concatenate(sums)


def by_dask(path: Path, engine: str) -> Any:
    """Sum patterns by whatever workers there are."""
    with xr.open_dataset(path, engine=engine, chunks={"position": ROWS}) as ds:
        return ds.diffraction.sum(("detector_y", "detector_x")).compute()


def run(repeat: int, *, frames: int = 131_072) -> str:
    """Measure, and return the table as Markdown."""
    size = frames * 64 * 64 * 4 / 1e9
    columns = (f"sum patterns of {size:.2g} GB", "bare, 1 process, s",
               *(f"{n} worker{'s' * (n > 1)}, s" for n in WORKERS),
               *(f"{n} against 1" for n in WORKERS[1:]))  # fmt: skip
    lines = [machine("scaling"), "", *table(*columns)]
    with tempfile.TemporaryDirectory() as folder:
        sources = {
            "product": (
                product(Path(folder) / "p.h5", frames, frames=frames),
                "ptychodus",
                by_h5py,
            ),
            "NPZ, stored": (npz(Path(folder) / "s.npz", frames), "ptychopinn", by_numpy),
            "NPZ, deflated": (
                npz(Path(folder) / "c.npz", frames // 8, kind="counts", compressed=True),
                "ptychopinn",
                by_numpy,
            ),
        }
        times: dict[str, list[float]] = {}
        for label, (path, _, bare) in sources.items():
            times[label] = [interleaved({"bare": lambda b=bare, p=path: b(p)}, repeat)["bare"]]
        for workers in WORKERS:
            with (
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=":0"
                ) as cluster,
                Client(cluster),
            ):
                for label, (path, engine, _) in sources.items():
                    found = interleaved({"ptyxr": lambda p=path, e=engine: by_dask(p, e)}, repeat)
                    times[label].append(found["ptyxr"])
    for label, (bare_time, *found) in times.items():
        share = f"{label}, 1/8 of it" if "deflated" in label else label
        lines.append(
            cells(share, bare_time / 1e3, *(one / 1e3 for one in found),
                  *(found[0] / one for one in found[1:]))
        )  # fmt: skip
    lines += ["", f"This machine has {os.cpu_count()} cores."]
    return "\n".join(lines)


if __name__ == "__main__":
    main("scaling", __doc__, run, repeat=5, quick=lambda repeat: run(repeat, frames=16_384))
