"""PtychoPINN is on no package index: its side is held by the reads and checks that it makes.

Products as ``ptycho/io/ptychodus_product_io.py`` writes and imports them, and datasets as
``RawData.from_file`` (``ptycho/raw_data.py``) loads them.
"""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.placement import points_outside
from ptyxr.validation import validate_file

PIXEL = 5e-8
NUMBERS = {"x": "xcoords", "y": "ycoords"}


@pytest.fixture
def scan():
    made = ptyxr.tutorial.simulate_scan(positions=30, probe_size=16)
    return {key: np.asarray(getattr(made, key)) for key in
            ("xcoords", "ycoords", "diff3d", "probeGuess", "objectGuess")}  # fmt: skip


def write_product(path, scan, *, patterns):
    """Write a product as PtychoPINN does: positions from the corner, and a centre of 0."""
    points = len(scan["xcoords"])
    with h5py.File(path, "w") as file:
        for key in ("detector_object_distance_m", "probe_energy_eV", "probe_photon_count",
                    "exposure_time_s", "mass_attenuation_m2_kg",
                    "tomography_angle_deg"):  # fmt: skip
            file.attrs[key] = 0.0
        file.attrs.update(name="scan", comments="", bundle_version="1.0")
        file.attrs["contains_raw_data"] = int(patterns)
        for axis, key in NUMBERS.items():
            file[f"probe_position_{axis}_m"] = scan[key] * PIXEL
        file["probe_position_indexes"] = np.zeros(points, int)
        for name, key, size in (("object", "objectGuess", PIXEL), ("probe", "probeGuess", 1.25e-7)):
            data = file.create_dataset(name, data=scan[key].astype("c8"))
            data.attrs.update(pixel_width_m=size, pixel_height_m=size)
        file["object"].attrs.update(center_x_m=0.0, center_y_m=0.0)
        for key in ("object_layer_spacing_m", "loss_values", "loss_epochs"):
            file[key] = np.zeros(0)
        if patterns:
            group = file.create_group("raw_data")
            made = group.create_dataset("diffraction", data=scan["diff3d"], compression="gzip")
            made.attrs.update(axis_canonical="NHW", original_axis_order="NHW")
            for key in NUMBERS.values():
                group[key] = scan[key]
            group["scan_index"] = np.zeros(points, int)
            group["probeGuess"], group["objectGuess"] = file["probe"], file["object"]


@pytest.mark.parametrize("patterns", [True, False])
def test_its_products_are_recognised(scan, tmp_path, patterns):
    path = tmp_path / "pinn.h5"
    write_product(path, scan, patterns=patterns)
    with pytest.warns(UserWarning, match=r"corner.*PtychoPINN.*of 30 scan points.*register"):
        ds = xr.open_dataset(path, engine="ptychodus")
    for axis, key in NUMBERS.items():
        np.testing.assert_array_equal(ds[f"position_{axis}"].values, scan[key] * PIXEL)
    assert "corner" in str(validate_file(path))
    assert points_outside(ds)[0] > 0
    right = ds.ptyxr.register()
    assert points_outside(right)[0] == 0
    for axis, key in NUMBERS.items():
        size = ds.sizes[f"object_{axis}"]
        assert right.xindexes[f"object_{axis}"].grid.center == pytest.approx(size / 2 * PIXEL)
        index = right[f"object_{axis}"].values / PIXEL
        np.testing.assert_allclose(index, np.arange(size) + 0.5)
        for one in (ds, right):
            np.testing.assert_allclose(getattr(one.ptyxr.to_rawdata(), key), scan[key], rtol=1e-14)
    again = right.ptyxr.to_product(tmp_path / "right.h5", position_index="sequential")
    assert points_outside(xr.open_dataset(again, engine="ptychodus"))[0] == 0


def load_as_rawdata(path):
    """Load a dataset with the calls and assertions of ``RawData.from_file``, and no pickle."""
    with np.load(path, allow_pickle=False) as data:
        found = {key: data[key] for key in ("xcoords", "ycoords", "diff3d", "probeGuess")}
        for key in ("xcoords_start", "ycoords_start"):
            found[key] = data[key]
        found["objectGuess"] = data.get("objectGuess")
        points = len(found["xcoords"])
        found["scan_index"] = data["scan_index"] if "scan_index" in data else np.zeros(points, int)
        found["metadata"] = json.loads(str(data["_metadata"].item())) if "_metadata" in data else {}
    for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "scan_index"):
        assert found[key].shape == (points,), key
    assert found["diff3d"].ndim == 3
    assert found["diff3d"].shape[0] == points
    assert found["diff3d"].shape[1] == found["diff3d"].shape[2]
    assert found["probeGuess"].ndim == 2
    assert found["objectGuess"] is None or found["objectGuess"].ndim == 2
    return found


def test_rawdata_loads_what_is_written(scan, product, tmp_path):
    ds = ptyxr.from_rawdata(scan, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    found = load_as_rawdata(ds.ptyxr.to_npz(tmp_path / "scan.npz"))
    for key in scan:
        np.testing.assert_array_equal(found[key], scan[key])
    with xr.open_dataset(product, engine="ptychodus") as one:
        found = load_as_rawdata(one.ptyxr.to_npz(tmp_path / "product.npz"))
        assert found["metadata"]
        np.testing.assert_array_equal(found["diff3d"], one.diffraction)


def test_without_patterns_it_is_said(product, tmp_path):
    with xr.open_dataset(product, engine="ptychodus") as ds:
        bare = ds.drop_vars("diffraction")
        with pytest.warns(UserWarning, match=r"diff3d|patterns"):
            path = bare.ptyxr.to_npz(tmp_path / "bare.npz")
    assert "diff3d" not in np.load(path).files


def test_its_importer_reads_what_is_written(scan, tmp_path):
    """Probe and object of rank 2, and metres over the object's pixel size: what it asks for."""
    ds = ptyxr.from_rawdata(scan, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    ds = ds.assign_coords(photon_energy=ptyxr.ureg.Quantity(8, "keV"))
    path = ds.ptyxr.to_product(tmp_path / "p.h5", name="scan", position_index="sequential")
    np.savez(tmp_path / "source.npz", **scan)
    with h5py.File(path) as file:
        assert file["probe"].ndim == file["object"].ndim == 2
        assert file["probe"].dtype == file["object"].dtype == np.complex64
        pixel = float(file["object"].attrs["pixel_width_m"])
        for axis, key in NUMBERS.items():
            found = file[f"probe_position_{axis}_m"][()] / pixel
            np.testing.assert_allclose(found, scan[key], rtol=1e-14)
            np.testing.assert_array_equal(file[f"raw_data/{key}"], scan[key])
        np.testing.assert_array_equal(file["raw_data/diffraction"], scan["diff3d"])
        assert file["raw_data/diffraction"].attrs["axis_canonical"] == "NHW"
        assert file["raw_data/probeGuess"] == file["probe"]
        assert file["raw_data/objectGuess"] == file["object"]
        assert file.attrs["contains_raw_data"]
    assert not validate_file(path, tmp_path / "source.npz").errors
