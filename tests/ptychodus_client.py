"""Have one release of the real Ptychodus read and write its own files.

Run as a script, in a process of its own, with a Ptychodus wheel on ``PYTHONPATH``; see `releases`,
which starts it. It imports no ptyxr, so what it says about a file is Ptychodus' word alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.metadata
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

#: Fields of ``ProductMetadata``: our name, and the spellings of it in the releases, newest first.
METADATA = {
    "name": ("name",),
    "comments": ("comments",),
    "detector_object_distance_m": ("detector_distance_m",),
    "photon_energy_eV": ("photon_energy_eV", "probe_energy_eV"),
    "probe_photon_count": ("probe_photon_count",),
    "exposure_time_s": ("exposure_time_s",),
    "mass_attenuation_m2_per_kg": ("mass_attenuation_m2_per_kg", "mass_attenuation_m2_kg"),
    "tomography_angle_deg": ("tomography_angle_deg",),
    "tilt_angle_deg": ("tilt_angle_deg",),
    "polarization": ("polarization",),
    "focus_object_distance_m": ("focus_object_distance_m",),
    "far_field": ("far_field",),
}
POINT_X = ("x_m", "coordinate_x_m", "position_x_m")
POINT_Y = ("y_m", "coordinate_y_m", "position_y_m")

Values = dict[str, Any]


def import_first(*names: str) -> Any:
    """Import the first of several modules: Ptychodus renames them between releases."""
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:  # the module is there, and something it needs is not
                raise
    return importlib.import_module(names[-1])


def spelled(owner: Any, names: tuple[str, ...]) -> str | None:
    """Return the one of `names` which this release knows, or None."""
    return next((name for name in names if hasattr(owner, name)), None)


def field_names(cls: Any) -> tuple[str, ...]:
    """Return the names of a dataclass' fields."""
    return tuple(field.name for field in dataclasses.fields(cls))


def product_io(path: str) -> Any:
    """Return the reader and writer of products, by suffix: the same plugins in every release."""
    if path.endswith(".npz"):
        return importlib.import_module("ptychodus.plugins.npz_product_file").NPZProductFileIO()
    return importlib.import_module("ptychodus.plugins.h5_product_file").H5ProductFileIO()


def plain(product: Any) -> Values:
    """Turn a product as Ptychodus holds it into plain values under names of our own."""
    values: Values = {}

    for name, spellings in METADATA.items():
        spelling = spelled(product.metadata, spellings)
        if spelling is not None:
            values[name] = getattr(product.metadata, spelling)
    if values.get("polarization") is not None:
        values["polarization"] = str(values["polarization"].value)

    positions = getattr(product, spelled(product, ("probe_positions", "positions")) or "")
    points = list(positions)
    values["position_index"] = np.array([point.index for point in points], dtype=np.int64)
    for name, spellings in (("position_x_m", POINT_X), ("position_y_m", POINT_Y)):
        values[name] = np.array(
            [getattr(point, spelled(point, spellings) or "") for point in points], dtype=np.float64
        )
    if hasattr(positions, "get_probe_photon_counts"):
        values["position_photon_count"] = positions.get_probe_photon_counts()

    probe_pixel = product.probes.get_pixel_geometry()
    values["probe"] = np.asarray(product.probes.get_array())
    values["probe_pixel_width_m"] = probe_pixel.width_m
    values["probe_pixel_height_m"] = probe_pixel.height_m
    try:
        values["opr_weights"] = np.asarray(product.probes.get_opr_weights())
    except ValueError:
        values["opr_weights"] = None

    geometry = product.object_.get_geometry()
    values["object"] = np.asarray(product.object_.get_array())
    values["object_pixel_width_m"] = geometry.pixel_width_m
    values["object_pixel_height_m"] = geometry.pixel_height_m
    values["object_center_x_m"] = geometry.center_x_m
    values["object_center_y_m"] = geometry.center_y_m
    values["object_layer_spacing_m"] = np.array(product.object_.layer_spacing_m, dtype=np.float64)

    losses = product.losses if hasattr(product, "losses") else product.costs
    # 1.0 has no epochs, and the reader of 1.1.0 gives plain numbers, whatever the class says.
    if hasattr(product, "losses") and not isinstance(losses, np.ndarray):
        values["loss_epochs"] = np.array([loss.epoch for loss in losses], dtype=np.int64)
        losses = [loss.value for loss in losses]
    values["loss_values"] = np.array(losses, dtype=np.float64)
    return values


def writer_stores(version: str) -> dict[str, bool]:
    """Say what the HDF5 writer of a release stores of what its `Product` can hold.

    Written down rather than found out: a test that asked the file would always be satisfied.
    """
    release = tuple(int(part) for part in version.split("."))
    return {
        "tomography_angle_deg": release >= (1, 5),  # read since 1.0
        "losses": release[:3] != (1, 1, 0),  # hands h5py a list of dataclasses, and aborts
        "position_index": release >= (1, 0, 2),  # until then a point's index is its row
    }


def make_product(version: str, *, rich: bool, seed: int, centred: bool, refined: bool) -> Any:
    """Build a product out of the release's own classes, with random and irregular values."""
    rng = np.random.default_rng(seed)
    stores = writer_stores(version)
    api = importlib.import_module("ptychodus.api.product")
    objects = importlib.import_module("ptychodus.api.object")
    probes = importlib.import_module("ptychodus.api.probe")
    scan = import_first("ptychodus.api.probe_positions", "ptychodus.api.scan")
    pixel_geometry = importlib.import_module("ptychodus.api.geometry").PixelGeometry

    rows, columns = 5, 7
    count = rows * columns
    coherent, incoherent, layers = (3, 2, 3) if rich else (1, 1, 1)
    # Unequal in x and y throughout, so that an exchange of the two shows.
    height, width = (16, 16) if refined or centred else (12, 16)
    dx, dy = 3.1e-8, 2.7e-8

    y, x = np.mgrid[:rows, :columns].reshape(2, count).astype(np.float64)
    x = (x * 5.0 + rng.uniform(-0.4, 0.4, count)) * dx + 1.7e-6
    y = (y * 4.0 + rng.uniform(-0.4, 0.4, count)) * dy - 2.3e-6
    # A fresh object is centred on the bounding box of the scan, which then moves in refinement.
    center_x = x.min() + (x.max() - x.min()) / 2.0
    center_y = y.min() + (y.max() - y.min()) / 2.0
    object_width = math.ceil((x.max() - x.min()) / dx + width)
    object_height = math.ceil((y.max() - y.min()) / dy + height)
    if refined:
        x = x + rng.normal(0.0, 0.7, count) * dx
        y = y + rng.normal(0.0, 0.7, count) * dy
    if refined or not centred:
        center_x += 1.37 * dx
        center_y -= 0.81 * dy

    def random_complex(*shape: int) -> Any:
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(
            np.complex64 if rich else np.complex128
        )

    index = np.arange(count)
    if rich and stores["position_index"]:
        index = rng.permutation(3 * count)[:count]  # neither sorted nor without gaps

    wanted: Values = {
        "name": "Kurbelwelle µ",
        "comments": "two\nlines" if rich else "",
        "detector_object_distance_m": 1.8734,
        "photon_energy_eV": 8801.25,
        # Whole: releases 1.3 to 1.6 make an int of it on reading.
        "probe_photon_count": 1234567.0,
        "exposure_time_s": 0.0123,
        "mass_attenuation_m2_per_kg": 0.47 if rich else 0.0,
        "tomography_angle_deg": 33.25 if rich and stores["tomography_angle_deg"] else 0.0,
        "tilt_angle_deg": -1.5 if rich else 0.0,
        "polarization": None,
        "focus_object_distance_m": -0.0125 if rich else 0.0,
        "far_field": not rich,
    }
    known = field_names(api.ProductMetadata)
    if rich and "polarization" in known:
        diffraction = importlib.import_module("ptychodus.api.diffraction")
        wanted["polarization"] = diffraction.Polarization("left_circular")
    metadata = api.ProductMetadata(
        **{
            spelling: wanted[name]
            for name, spellings in METADATA.items()
            for spelling in spellings
            if spelling in known
        }
    )

    point_class = scan.ProbePosition if hasattr(scan, "ProbePosition") else scan.ScanPoint
    counts = {}
    if rich and "probe_photon_count" in field_names(point_class):
        counts = {"probe_photon_count": rng.uniform(0.9e6, 1.1e6, count)}
    # The first three fields are index, x and y in every release.
    points = [
        point_class(
            int(index[i]), float(x[i]), float(y[i]), **{k: float(v[i]) for k, v in counts.items()}
        )
        for i in range(count)
    ]
    sequence_class = getattr(
        scan, spelled(scan, ("ProbePositionSequence", "PositionSequence")) or ""
    )

    loss_values: list[Any] = []
    if rich and stores["losses"]:
        loss_values = list(rng.uniform(0.1, 1.0, 4).tolist())
        if hasattr(api, "LossValue"):
            pairs = zip((0, 1, 2, 5), loss_values, strict=True)
            loss_values = [api.LossValue(epoch, value) for epoch, value in pairs]

    opr_weights = rng.normal(size=(count, coherent)) if rich else None
    return api.Product(
        metadata,
        sequence_class(points),
        probes.ProbeSequence(
            random_complex(coherent, incoherent, height, width), opr_weights, pixel_geometry(dx, dy)
        ),
        objects.Object(
            random_complex(layers, object_height, object_width),
            pixel_geometry(dx, dy),
            objects.ObjectCenter(float(center_x), float(center_y)),
            [1.5e-6, 2.5e-6][: layers - 1],
        ),
        loss_values,
    )


def without_what_npz_lacks(version: str, path: str, values: Values) -> Values:
    """Leave out what the NPZ plugin of a release has no key for; the HDF5 plugin has all."""
    if path.endswith(".npz") and tuple(int(part) for part in version.split(".")) < (1, 7):
        for name in ("tilt_angle_deg", "polarization", "far_field", "focus_object_distance_m",
                     "position_photon_count"):  # fmt: skip
            values.pop(name, None)
    return values


def written(version: str, path: str, product: Any) -> Values:
    """Give the values of a product which the release's writer puts into the file."""
    values = without_what_npz_lacks(version, path, plain(product))
    stores = writer_stores(version)
    if path.endswith(".npz"):
        stores["tomography_angle_deg"] = version == "1.7.0"
    if not stores["tomography_angle_deg"]:
        del values["tomography_angle_deg"]
    if not stores["losses"]:
        del values["loss_values"]
        values.pop("loss_epochs", None)
    return values


def read(path: str) -> Values:
    """Read a product with the release's own reader."""
    values = plain(product_io(path).read(Path(path)))
    return without_what_npz_lacks(importlib.metadata.version("ptychodus"), path, values)


def write(version: str, path: str, *, rich: bool, seed: int) -> Values:
    """Write a product with the release's own writer, and give what went in."""
    product = make_product(version, rich=rich, seed=seed, centred=False, refined=False)
    product_io(path).write(Path(path), product)
    return written(version, path, product)


def export(version: str, path: str, *, refined: bool, seed: int) -> Values:
    """Write training data as the release does, and give what went in.

    For PtychoPINN, or Ptychodus's own where the path ends with ``.h5`` (1.7.0). What is called is
    what `export_training_data` of the PtychoPINN reconstructor calls in `ptychodus.api.io`; the
    reconstructor itself needs tensorflow.
    """
    product = make_product(version, rich=False, seed=seed, centred=True, refined=refined)
    rng = np.random.default_rng(seed + 1)
    size = product.probes.get_array().shape[-1]
    patterns = rng.poisson(50.0, (len(product.probe_positions), size, size)).astype(np.uint16)
    bad_pixels = np.zeros((size, size), dtype=bool)
    bad_pixels[3, 5] = True

    reconstruct = import_first("ptychodus.api.reconstruct", "ptychodus.api.reconstructor")
    parameters = reconstruct.ReconstructInput(patterns, bad_pixels, product)
    io = importlib.import_module("ptychodus.api.io")
    if path.endswith(".h5"):
        io.save_training_data(Path(path), parameters)
        return {**plain(product), "diffraction": patterns, "bad_pixels": bad_pixels}
    # 1.7.0 always writes all probe modes; before, the PtychoPINN reconstructor asks for one.
    release = tuple(int(part) for part in version.split("."))
    options = {} if release >= (1, 7) else {"multimodal_probe": False}
    io.save_ptychopinn_training_data(Path(path), parameters, **options)
    return {**plain(product), "diffraction": patterns, "bad_pixels": bad_pixels}


def save(path: str, results: list[Values]) -> None:
    """Save the answers as NPZ without pickle: arrays as members, the rest as one JSON text."""
    members: dict[str, Any] = {}
    rest: list[Values] = []
    for number, values in enumerate(results):
        rest.append({})
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                members[f"{number}/{name}"] = value
            else:
                rest[-1][name] = value.item() if isinstance(value, np.generic) else value
    np.savez(path, json=np.frombuffer(json.dumps(rest).encode(), dtype=np.uint8), **members)


def main() -> None:
    """Do what the command line asks, and save the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("read", "try", "write", "export"))
    parser.add_argument("version")
    parser.add_argument("answer")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--rich", action="store_true")
    parser.add_argument("--refined", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    found = importlib.metadata.version("ptychodus")
    if found != arguments.version:
        raise RuntimeError(f"asked for ptychodus {arguments.version}, imported {found}")

    results = []
    for path in arguments.paths:
        try:
            if arguments.command in ("read", "try"):
                results.append(read(path))
            elif arguments.command == "write":
                results.append(write(found, path, rich=arguments.rich, seed=arguments.seed))
            else:
                results.append(export(found, path, refined=arguments.refined, seed=arguments.seed))
        except Exception as error:
            if arguments.command == "try":
                results.append({"error": f"{type(error).__name__}: {error}"})
                continue
            error.add_note(f"ptychodus {found} failed to {arguments.command} {path}")
            raise
    save(arguments.answer, results)


if __name__ == "__main__":
    main()
