"""Every release's product, read by every release: by Ptychodus alone, and through ptyxr.

    python tests/interop/exchange.py            # prints the tables
    python tests/interop/exchange.py --write    # and puts them into docs/interoperability.md

Each release is the real package, run in a process of its own; see `releases`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

sys.path.insert(0, str(Path(__file__).parents[1]))

import ptyxr  # noqa: F401  (registers .ptyxr)
import releases

DOCS = Path(__file__).parents[2] / "docs" / "interoperability.md"
BEGIN, END = "<!-- exchange: begin -->", "<!-- exchange: end -->"

KINDS = ("plain", "rich")
ENGINES = {".h5": "ptychodus", ".npz": "ptychodus-npz"}
#: What a release holds in memory, by the name that ptyxr has for it.
SCALARS = {
    "detector_object_distance_m": "detector_object_distance",
    "photon_energy_eV": "photon_energy",
    "probe_photon_count": "probe_photon_count",
    "exposure_time_s": "exposure_time",
    "mass_attenuation_m2_per_kg": "mass_attenuation",
    "tomography_angle_deg": "tomography_angle",
    "tilt_angle_deg": "tilt_angle",
    "focus_object_distance_m": "focus_object_distance",
    "probe_pixel_width_m": "probe_pixel_width",
    "probe_pixel_height_m": "probe_pixel_height",
    "object_pixel_width_m": "object_pixel_width",
    "object_pixel_height_m": "object_pixel_height",
}
ARRAYS = {
    "position_index": "position_index",
    "position_x_m": "position_x",
    "position_y_m": "position_y",
    "position_photon_count": "position_photon_count",
    "probe": "probe",
    "object": "object",
    "opr_weights": "opr_weights",
    "object_layer_spacing_m": "object_layer_spacing",
    "loss_values": "loss",
    "loss_epochs": "epoch",
}

Answer = list[str] | str


@dataclass(frozen=True)
class Product:
    """A product that a release wrote, and what ptyxr made of it."""

    writer: str
    kind: str
    truth: dict[str, Any]
    path: Path
    through: Path


def write_all(folder: Path, suffix: str = ".h5") -> list[Product]:
    """Have every release write its products, and ptyxr write these again."""
    products = []
    for writer in releases.RELEASES:
        for kind in KINDS:
            path, through = (folder / f"{writer}-{kind}{end}{suffix}" for end in ("", "-ptyxr"))
            truth = releases.write_product(writer, path, rich=kind == "rich")
            with warnings.catch_warnings():
                # The simulated scan lies beside its object on purpose.
                warnings.simplefilter("ignore", UserWarning)
                with xr.open_dataset(path, engine=ENGINES[suffix]) as ds:
                    ds.ptyxr.to_product(through)
            products.append(Product(writer, kind, truth, path, through))
    return products


def seen_by_ptyxr(ds: xr.Dataset) -> dict[str, Any]:
    """Return what a dataset holds under the names of the releases; what it lacks has no key."""
    values: dict[str, Any] = {
        name: ds.attrs[name] for name in ("name", "comments", "polarization") if name in ds.attrs
    }
    if "far_field" in ds.attrs:
        values["far_field"] = bool(ds.attrs["far_field"])
    for name, ours in SCALARS.items():
        if ours in ds.variables:
            values[name] = float(ds[ours].values)
    for name, ours in ARRAYS.items():
        if ours in ds.variables:
            values[name] = ds[ours].values
    for axis in ("x", "y"):
        values[f"object_center_{axis}_m"] = ds.xindexes[f"object_{axis}"].grid.center
    return values


def differences(found: dict[str, Any], truth: dict[str, Any], release: str) -> list[str]:
    """Return the names of what was found otherwise than it was written, to the bit."""
    wrong = []
    for name, value in found.items():
        if name not in truth or (name == "position_index" and release in ("1.0", "1.0.1")):
            continue  # what its writer left out; and releases that number positions by row
        true = truth[name]
        if value is None or true is None:
            # Weights, and counts for each position, are None where there are none.
            same = value is None and true is None
        elif isinstance(value, np.ndarray):
            same = value.shape == np.shape(true) and np.array_equal(value, true, equal_nan=True)
        else:
            same = value == true
        if not same:
            wrong.append(name)
    return wrong


def exchanged(
    products: list[Product], reader: str, *, through: bool
) -> dict[tuple[str, str], Answer]:
    """Return what a release finds otherwise in each product, or the error that it raises."""
    paths = [product.through if through else product.path for product in products]
    answers = releases.try_products(reader, paths)
    return {
        (product.writer, product.kind): (
            answer if isinstance(answer, str) else differences(answer, product.truth, reader)
        )
        for product, answer in zip(products, answers, strict=True)
    }


def mark(plain: Answer, rich: Answer) -> str:
    """Return the sign of a pair of releases: read and equal, read with losses, or not read."""
    if isinstance(rich, str) or isinstance(plain, str):
        return "✗"
    return "◐" if plain or rich else "●"


def grid(answers: dict[str, dict[tuple[str, str], Answer]]) -> list[str]:
    """Return a table: writers down, readers across."""
    lines = [
        "| written by | " + " | ".join(answers) + " |",
        "|---|" + "---|" * len(answers),
    ]
    for writer in releases.RELEASES:
        marks = (mark(*(found[writer, kind] for kind in KINDS)) for found in answers.values())
        lines.append(f"| **{writer}** | " + " | ".join(marks) + " |")
    return lines


def tables(folder: Path) -> str:
    """Return the two tables in markdown."""
    written = {suffix: write_all(folder, suffix) for suffix in ENGINES}
    lines: list[str] = []
    for title, suffix, through in (
        ("HDF5, Ptychodus to Ptychodus", ".h5", False),
        ("HDF5, through ptyxr", ".h5", True),
        ("NPZ, Ptychodus to Ptychodus", ".npz", False),
        ("NPZ, through ptyxr", ".npz", True),
    ):
        products = written[suffix]
        answers = {r: exchanged(products, r, through=through) for r in releases.RELEASES}
        rich = [found[w, "rich"] for found in answers.values() for w in releases.RELEASES]
        read = sum(not isinstance(answer, str) for answer in rich)
        kept = sum(not isinstance(answer, str) and "opr_weights" not in answer for answer in rich)
        equal = sum(answer == [] for answer in rich)
        lines += [
            f"### {title}",
            "",
            (
                f"Of {len(rich)} pairs, a rich product is read by {read}, with its OPR weights by "
                f"{kept}, and with all that the reader knows by {equal}."
            ),
            "",
            *grid(answers),
            "",
        ]
    return "\n".join(lines).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = tables(Path(folder))
    print(text)
    if arguments.write:
        head, rest = DOCS.read_text(encoding="utf-8").split(BEGIN)
        DOCS.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
