"""What HDF5's filters make of diffraction patterns; writes its part of the docs.

    python tests/benchmarks/filters.py            # prints the tables
    python tests/benchmarks/filters.py --write    # and puts them into docs/benchmarks.md

The patterns are those of the simulated scan: photon counts, and their roots as PtychoPINN keeps
them. Chunks are whole patterns, about 1 MB of them. Filters that a plain HDF5 does not have are
measured where hdf5plugin is installed.
"""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from measuring import cells, flush, interleaved, machine, main, table

from ptyxr.tutorial import simulate_scan

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 2**20

FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "gzip 1, chunks as HDF5 guesses": {
        "compression": "gzip",
        "compression_opts": 1,
        "chunks": True,
    },
    "lzf": {"compression": "lzf"},
    "shuffle + lzf": {"compression": "lzf", "shuffle": True},
    "gzip 1": {"compression": "gzip", "compression_opts": 1},
    "gzip 4": {"compression": "gzip", "compression_opts": 4},
    "shuffle + gzip 1": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "shuffle + gzip 4": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
    "shuffle + gzip 9": {"compression": "gzip", "compression_opts": 9, "shuffle": True},
}


def filters() -> dict[str, dict[str, Any]]:
    """Return the filters there are, by the name that they have in the table."""
    found = dict(FILTERS)
    if find_spec("hdf5plugin"):
        import hdf5plugin

        found["*bitshuffle + LZ4*"] = dict(hdf5plugin.Bitshuffle(cname="lz4"))
        found["*bitshuffle + Zstd 3*"] = dict(hdf5plugin.Bitshuffle(cname="zstd", clevel=3))
        found["*Blosc2, Zstd 3*"] = dict(hdf5plugin.Blosc2(cname="zstd", clevel=3))
    return found


def patterns(positions: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what detectors and PtychoPINN have, with the name that it has in the table."""
    for photons, dtype in ((1e4, "u2"), (1e6, "u4")):
        amplitudes = np.asarray(simulate_scan(positions=positions, photons=photons).diff3d)
        counts = np.minimum(np.rint(np.square(amplitudes.astype(float))), np.iinfo(dtype).max)
        yield f"counts, {np.dtype(dtype)}, {photons:g} photons", counts.astype(dtype)
    yield f"amplitude, float32, {photons:g} photons", amplitudes.astype("f4")


def run(repeat: int, *, positions: int = 1000) -> str:
    """Measure, and return the table as Markdown."""
    lines = [machine("filters")]
    for what, values in patterns(positions):
        lines += ["", *one_table(what, values, repeat)]
    return "\n".join(lines)


def one_table(what: str, values: np.ndarray, repeat: int) -> list[str]:
    """Measure every filter on one array."""
    megabytes = values.nbytes / 1e6
    columns = (
        f"{what}, {megabytes:.0f} MB",
        "size",
        "write, MB/s",
        "read, MB/s",
        "one pattern, ms",
    )
    lines = table(*columns)
    rows = min(len(values), max(1, CHUNK // values[0].nbytes))
    with tempfile.TemporaryDirectory() as folder:

        def path(name: str) -> Path:
            return Path(folder) / f"{name.replace('*', '').replace(' ', '')}.h5"

        def write(name: str, options: dict[str, Any]) -> None:
            layout = {"chunks": (rows, *values.shape[1:]), **options} if options else {}
            with h5py.File(path(name), "w") as file:
                file.create_dataset("diffraction", data=values, **layout)
            flush(path(name))

        def read(name: str, selected: Any = ()) -> None:
            with h5py.File(path(name)) as file:
                file["diffraction"][selected]

        every = filters()
        written = interleaved(
            {name: lambda n=name, o=options: write(n, o) for name, options in every.items()},
            repeat,
        )
        whole = interleaved({name: lambda n=name: read(n) for name in every}, repeat)
        single = interleaved(
            {name: lambda n=name: read(n, len(values) // 2) for name in every}, repeat
        )
        for name in every:
            size = os.stat(path(name)).st_size / 1e6  # noqa: PTH116
            lines.append(
                cells(name, f"{size / megabytes:.0%}", 1e3 * megabytes / written[name],
                      1e3 * megabytes / whole[name], single[name])
            )  # fmt: skip
    return lines


if __name__ == "__main__":
    main("filters", __doc__, run, repeat=3, quick=lambda repeat: run(repeat, positions=200))
