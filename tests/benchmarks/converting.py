"""What units cost, in opening and in converting; writes its part of the docs.

    python tests/benchmarks/converting.py            # prints the tables
    python tests/benchmarks/converting.py --write    # and puts them into docs/benchmarks.md

Each number is the median of repeated runs, side by side with the bare multiplication.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from measuring import machine, main, median

import ptyxr

POINTS = 1_000_000


def run(repeat: int) -> str:
    """Measure, and return the tables as Markdown."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(2, 7, (2, POINTS))
    raw = {
        "diff3d": None, "probeGuess": np.ones((64, 64), complex),
        "objectGuess": np.ones((512, 512), complex), "xcoords": x, "ycoords": y,
        "xcoords_start": x, "ycoords_start": y, "scan_index": np.arange(POINTS),
    }  # fmt: skip
    size = {"object_pixel_size": "50 nm", "probe_pixel_size": "50 nm"}
    lines = [
        machine("converting"),
        "",
        "| open a product of | `quantify=True`, ms | `quantify=False`, ms | ratio |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for points in (100, 1000, 1087, POINTS):
            part = {k: v[:points] if np.ndim(v) == 1 else v for k, v in raw.items()}
            path = ptyxr.from_rawdata(part, **size).ptyxr.to_product(
                Path(folder) / f"{points}.h5", include_diffraction=False, photon_energy="8 keV"
            )

            def opened(quantify: bool, path: Path = path) -> None:
                xr.open_dataset(path, engine="ptychodus", quantify=quantify).close()

            with_units = median(lambda opened=opened: opened(True), repeat)
            without = median(lambda opened=opened: opened(False), repeat)
            lines.append(
                f"| {points:,} positions | {with_units:.2f} | {without:.2f} | "
                f"{with_units / without:.2f} |"
            )

    names = ["position_x", "position_y", "object_pixel_width", "object_pixel_height"]
    pixels = ptyxr.from_rawdata(raw, **size).reset_coords()[names].set_coords(names)
    meters = pixels.ptyxr.to("m")
    lines += [
        "",
        f"| convert {POINTS:,} positions, x and y | ms | bare multiplication, ms | ratio |",
        "|---|---|---|---|",
    ]
    for label, ds, factor in (("px to m", pixels, 5e-8), ("m to um", meters, 1e6)):
        unit = label.split()[-1]
        x, y = (ds[name].data.magnitude for name in names[:2])
        ours = median(lambda ds=ds, unit=unit: ds.ptyxr.to(unit), repeat)
        bare = median(lambda x=x, y=y, factor=factor: (x * factor, y * factor), repeat)
        lines.append(f"| {label} | {ours:.2f} | {bare:.2f} | {ours / bare:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main("converting", __doc__, run, repeat=51)
