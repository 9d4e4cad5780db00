"""Opening, reading and converting what is large; writes its part of the docs.

    python tests/benchmarks/large.py            # prints the tables
    python tests/benchmarks/large.py --write    # and puts them into docs/benchmarks.md

What is compared runs interleaved, in one run, and each number is a median. What needs memory told
runs in a process of its own. Both sides wait until what they wrote is on the disk.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from making import SIDE, npz, product
from measuring import cells, children, forget, in_child, interleaved, judged, machine, main, table

sys.path.insert(0, str(Path(__file__).parents[1]))

import releases

COLUMNS = ("", "ptyxr", "beside it", "", "ratio", "bar", "met")


def opened(path: Path) -> None:
    """Open a product with ptyxr."""
    xr.open_dataset(path, engine="ptychodus").close()


def netcdf(path: Path) -> None:
    """Open a product with xarray's own engine, which finds no names of dimensions in it."""
    xr.open_dataset(path, engine="h5netcdf", phony_dims="sort").close()


def bare(path: Path) -> None:
    """Open a product with h5py, and read what describes it."""
    with h5py.File(path) as file:
        dict(file.attrs)
        for node in ("object", "probe"):
            dict(file[node].attrs)
        for name in ("probe_position_x_m", "probe_position_y_m"):
            file[name][()]


def opening(folder: Path, scale: int, repeat: int) -> list[str]:
    """Measure opening products."""
    lines = ["", *table(*COLUMNS)]
    wheel = releases._unpacked(releases.wheel("1.7.0"), "1.7.0")
    path = folder / "open.h5"
    openers = {
        "ptyxr": lambda: opened(path), "xarray": lambda: netcdf(path), "h5py": lambda: bare(path),
    }  # fmt: skip
    large = max(257, 12_288 // scale)
    for points, side, plain in (
        (1000, 256, True), (1000, 256, False), (1087, 256, False), (100_000, 256, True),
        (100_000, 256, False), (1_000_000, 256, True), (1_000_000, 256, False),
        (1087, large, False),
    ):  # fmt: skip
        product(path, points // scale, side=side, plain=plain)
        what = f"{points // scale:,} positions, {'of Ptychodus' if plain else 'once NPZ'}"
        if side > 256:
            what += f", an object of {side * side * 8 / 1e9:.2g} GB"
        found = interleaved(openers, repeat)
        ours = found["ptyxr"]
        bar = judged(ours / found["xarray"], 0.8)
        theirs = 'xarray\'s h5netcdf engine, `phony_dims="sort"`'
        lines.append(
            cells(f"open, {what}", f"{ours:.2f} ms", theirs, f"{found['xarray']:.2f} ms",
                  ours / found["xarray"], *bar)
        )  # fmt: skip
        if points >= 100_000:
            lines.append(cells("", f"{ours:.2f} ms", "", "", "", *judged(ours, 20, unit="ms")))
        lines.append(
            cells("", "", "`h5py.File`, attributes and positions", f"{found['h5py']:.2f} ms",
                  ours / found["h5py"], "", "")
        )  # fmt: skip
        loaded = in_child("load_product", path, min(repeat, 5), PYTHONPATH=str(wheel))["ms"]
        lines.append(
            cells("", "", "Ptychodus 1.7.0, `load_product`: all of it", f"{loaded:,.1f} ms",
                  ours / loaded, "", "")
        )  # fmt: skip
    return lines


WHOLE = {
    "ptyxr": "import xarray; xr = xarray.open_dataset({path!r}, engine='ptychodus')",
    "xarray": "import xarray; xarray.open_dataset({path!r}, engine='h5netcdf', phony_dims='sort')",
    "h5py": "import h5py; f = h5py.File({path!r}); f['probe_position_x_m'][()]",
}


def whole_processes(folder: Path, scale: int, repeat: int) -> list[str]:
    """Measure fresh interpreters, with everything cached and with nothing."""
    path = product(folder / "open.h5", 100_000 // scale)
    lines = [
        "",
        *table("whole process, 100,000 positions", "warm, s", "file cold, s", "all cold, s"),
    ]
    every = Path("/proc/sys/vm/drop_caches")
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(max(3, repeat // 10)):
        for cache in ("warm", "file", "all"):
            for name, code in WHOLE.items():
                if cache == "file":
                    forget(path)
                if cache == "all":
                    try:
                        every.write_text("3", encoding="utf-8")
                    except OSError:
                        continue  # for root alone
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", code.format(path=str(path))], check=True)
                times.setdefault((name, cache), []).append(time.perf_counter() - start)
    for name in WHOLE:
        medians = (times.get((name, cache)) for cache in ("warm", "file", "all"))
        lines.append(cells(name, *(float(np.median(one)) if one else "-" for one in medians)))
    return lines


def reading(folder: Path, scale: int, repeat: int) -> list[str]:
    """Measure reading the large arrays whole, opening included."""
    side, frames = 12_288 // scale, 65_000 // scale
    path = product(folder / "read.h5", frames, side=side, frames=frames)
    lines = ["", *table(*COLUMNS)]
    for name, where in (("object", "object"), ("diffraction", "raw_data/diffraction")):

        def ours(name: str = name) -> None:
            with xr.open_dataset(path, engine="ptychodus") as ds:
                ds[name].values  # noqa: B018

        def theirs(where: str = where) -> None:
            with h5py.File(path) as file:
                file[where][()]

        with h5py.File(path) as file:
            size = file[where].nbytes / 1e6
        for cache, cold in (("warm", ()), ("cold", (path,))):
            found = interleaved({"ptyxr": ours, "h5py": theirs}, repeat, cold=cold)
            speed = found["h5py"] / found["ptyxr"]
            bar = judged(speed, 0.85, at_least=True) if cache == "warm" else ("", "")
            lines.append(
                cells(f"open and read `{name}`, {size:,.0f} MB, {cache}",
                      f"{size / found['ptyxr']:.2f} GB/s", "`h5py`, open and read",
                      f"{size / found['h5py']:.2f} GB/s", speed, *bar)
            )  # fmt: skip
    return lines


def frames(folder: Path, scale: int, repeat: int) -> list[str]:
    """Measure one pattern of an NPZ."""
    count = 65_000 // scale
    size = count * SIDE * SIDE * 4 / 1e9
    columns = (
        "NPZ",
        "pattern",
        "ptyxr opens, ms",
        "reads it, ms",
        "MB",
        "`numpy.load`, ms",
        "MB",
        "ratio",
    )
    lines, bars = ["", *table(*columns)], []
    for compressed in (False, True):
        kind = "counts" if compressed else "noise"
        path = npz(folder / "one.npz", count, kind=kind, compressed=compressed)
        label = f"deflated, {size / 2:.2g} GB" if compressed else f"stored, {size:.2g} GB"
        for which in (0, count // 2, count - 1):
            found = children(
                {"ptyxr": ("frame_ptyxr", path, which), "numpy": ("frame_numpy", path, which)},
                min(3, repeat) if compressed else repeat,
            )  # fmt: skip
            ours, theirs = found["ptyxr"], found["numpy"]
            both = ours["open"] + ours["frame"]
            whole = theirs["open"] + theirs["frame"]
            lines.append(
                cells(label, which, ours["open"], ours["frame"], ours["MB"], whole,
                      theirs["MB"], f"{both / whole:.4f}")
            )  # fmt: skip
            if not (compressed or which):
                bars += [
                    cells("stored: opens", ours["open"], *judged(ours["open"], 25, unit="ms")),
                    cells("first pattern", ours["frame"], *judged(ours["frame"], 5, unit="ms")),
                    cells("memory of both", ours["MB"], *judged(ours["MB"], 20, unit="MB")),
                ]
    return [*lines, "", *table("NPZ", "ptyxr", "bar", "met"), *bars]


def converting(folder: Path, sizes: tuple[int, ...], repeat: int) -> list[str]:
    """Measure turning an NPZ into a product, on the disk at the end."""
    columns = ("convert", "", "s", "memory, MB", "ratio of times", "bar", "met")
    lines = ["", *table(*columns)]
    target = folder / "target.h5"
    for count in sizes:
        source = npz(folder / "source.npz", count)
        found = children(
            {"ptyxr, NPZ to product": ("convert_ptyxr", source, target),
             "`h5py` writing the array from memory": ("write_h5py", source, target),
             "`h5py`, a loop of blocks": ("convert_loop", source, target),
             "load all, then write": ("convert_load", source, target)}, repeat,
        )  # fmt: skip
        ours = found["ptyxr, NPZ to product"]
        for label, one in found.items():
            ratio: object = "" if one is ours else ours["s"] / one["s"]
            bar = ("", "")
            if one is ours:
                bar = judged(ours["MB"], 150, unit="MB")
            elif "memory" in label and count == sizes[0]:
                # Larger ones are read from the disk again, which nothing has to be from memory.
                bar = judged(ours["s"] / one["s"], 2)
            size = f"{count * SIDE * SIDE * 4 / 1e9:.2g} GB"
            lines.append(cells(size, label, one["s"], one["MB"], ratio, *bar))
        source.unlink()
    target.unlink()
    return lines


def run(repeat: int, *, scale: int = 1, sizes: tuple[int, ...] = (65_536, 524_288)) -> str:
    """Measure, and return the tables as Markdown."""
    lines = [machine("large")]
    with tempfile.TemporaryDirectory() as folder:
        lines += opening(Path(folder), scale, repeat)
        lines += whole_processes(Path(folder), scale, repeat)
        lines += reading(Path(folder), scale, max(3, repeat // 3))
        lines += frames(Path(folder), scale, max(3, repeat // 3))
        lines += converting(Path(folder), sizes, max(3, repeat // 10))
    return "\n".join(lines)


if __name__ == "__main__":
    main("large", __doc__, run, repeat=31,
         quick=lambda repeat: run(repeat, scale=10, sizes=(6_553,)))  # fmt: skip
