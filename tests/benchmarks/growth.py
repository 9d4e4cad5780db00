"""How times and memory grow with size; writes its part of the docs, and a picture.

python tests/benchmarks/growth.py            # prints the table
python tests/benchmarks/growth.py --write    # puts it into docs/benchmarks.md, and the picture
                                             # into docs/_static/growth.svg
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
from large import bare, netcdf, opened
from making import SIDE, npz, product
from measuring import DOCS, cells, children, interleaved, machine, main, table

PICTURE = DOCS.parent / "_static" / "growth.svg"
PTYXR, XARRAY, H5PY, NUMPY = "ptyxr", "xarray, h5netcdf", "h5py", "numpy.load"
Curves = dict[str, list[tuple[float, float]]]


def opening(folder: Path, points: tuple[int, ...], repeat: int) -> Curves:
    """Measure opening products of more and more positions, in ms."""
    curves: Curves = {PTYXR: [], XARRAY: [], H5PY: []}
    path = folder / "open.h5"
    functions = {
        PTYXR: lambda: opened(path), XARRAY: lambda: netcdf(path), H5PY: lambda: bare(path),
    }  # fmt: skip
    for count in points:
        product(path, count)
        for name, took in interleaved(functions, repeat).items():
            curves[name].append((count, took))
    return curves


def converting(folder: Path, frames: tuple[int, ...], repeat: int) -> tuple[Curves, Curves, Curves]:
    """Measure one pattern in ms, and converting in s and MB, of larger and larger NPZ files."""
    first: Curves = {PTYXR: [], NUMPY: []}
    seconds: Curves = {PTYXR: [], H5PY: []}
    memory: Curves = {PTYXR: [], H5PY: []}
    source, target = folder / "source.npz", folder / "target.h5"
    for count in frames:
        size = count * SIDE * SIDE * 4 / 1e9
        npz(source, count)
        middle = count // 2
        found = children(
            {PTYXR: ("frame_ptyxr", source, middle), NUMPY: ("frame_numpy", source, middle)},
            repeat,
        )
        for name, one in found.items():
            first[name].append((size, one["open"] + one["frame"]))
        found = children(
            {PTYXR: ("convert_ptyxr", source, target), H5PY: ("convert_loop", source, target)},
            repeat,
        )
        for name, one in found.items():
            seconds[name].append((size, one["s"]))
            memory[name].append((size, one["MB"]))
    return first, seconds, memory


def draw(panels: list[tuple[str, str, str, Curves]]) -> None:
    """Draw what was measured."""
    mpl.use("svg")
    # The same numbers give the same file.
    mpl.rcParams.update({"svg.hashsalt": "ptyxr", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
    for ax, (title, along, up, curves) in zip(axes.flat, panels, strict=True):
        for name, points in curves.items():
            ax.loglog(*zip(*points, strict=True), "o-", label=name)
        ax.set(title=title, xlabel=along, ylabel=up)
        ax.grid(visible=True, alpha=0.3)
        ax.legend()
    figure.savefig(PICTURE, metadata={"Date": None})


def run(
    repeat: int,
    *,
    points: tuple[int, ...] = (100, 1000, 10_000, 100_000, 1_000_000),
    frames: tuple[int, ...] = (4096, 16_384, 65_536, 262_144),
) -> str:
    """Measure, and return the table as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        openings = opening(Path(folder), points, 3 * repeat)
        first, seconds, memory = converting(Path(folder), frames, repeat)
    panels = [
        ("Opening a product", "positions", "ms", openings),
        ("Opening an NPZ, and one pattern", "GB", "ms", first),
        ("Converting an NPZ: time", "GB", "s", seconds),
        ("Converting an NPZ: memory", "GB", "MB", memory),
    ]
    if "--write" in sys.argv:
        draw(panels)
    lines = [machine("growth")]
    for title, along, up, curves in panels:
        sizes = [size for size, _ in curves[PTYXR]]
        shown = (f"{size:,.0f}" if along == "positions" else f"{size:.2g} GB" for size in sizes)
        lines += ["", *table(f"{title}, {up}", *shown)]
        lines += [cells(name, *(took for _, took in found)) for name, found in curves.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main(
        "growth", __doc__, run, repeat=5,
        quick=lambda repeat: run(repeat, points=(100, 1000, 10_000), frames=(1024, 4096)),
    )  # fmt: skip
