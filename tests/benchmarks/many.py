"""Opening a thousand products; writes its part of the docs.

    python tests/benchmarks/many.py            # prints the table
    python tests/benchmarks/many.py --write    # and puts it into docs/benchmarks.md

Each row is measured in processes of its own, which have opened one product before, so that imports
do not count; in the last column they do. Before "cold" the files leave the page cache.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import h5py
from making import product
from measuring import cells, children, forget, in_child, machine, main, table

FILES = 1000
POINTS = 1000


def make(folder: Path, files: int) -> None:
    """Make products of one scan, at angles of their own."""
    first = product(folder / "0000.h5", POINTS)
    for number in range(files):
        path = folder / f"{number:04}.h5"
        if number:
            shutil.copyfile(first, path)
        with h5py.File(path, "r+") as file:
            file.attrs["tomography_angle_deg"] = 180 * number / files


def run(repeat: int, *, files: int = FILES) -> str:
    """Measure, and return the table as Markdown."""
    ways = {
        "`ptyxr.open_series`": "many_series",
        "the same, in one process": "many_serial",
        "ptyxr, a loop": "many_ptyxr",
        'xarray\'s h5netcdf engine, `phony_dims="sort"`, a loop': "many_netcdf",
        "`h5py.File`, attributes and positions, a loop": "many_h5py",
    }
    columns = (
        f"open {files:,} products",
        "warm, s",
        "cold, s",
        "memory, MB",
        "whole process, cold, s",
    )
    lines = [machine("many"), "", *table(*columns)]
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), files)
        paths = sorted(Path(folder).glob("*.h5"))
        warm = children({way: (task, folder) for way, task in ways.items()}, repeat)
        for way, task in ways.items():
            cold, whole = [], []
            for _ in range(repeat):
                for path in paths:
                    forget(path)
                start = time.perf_counter()
                cold.append(in_child(task, folder)["s"])
                whole.append(time.perf_counter() - start)
            found = warm[way]
            lines.append(
                cells(
                    way, found["s"], statistics.median(cold), found["MB"], statistics.median(whole)
                )
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main("many", __doc__, run, repeat=5, quick=lambda repeat: run(repeat, files=100))
