"""Files of old versions, of jobs that crashed, and of other writers: what is there opens."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
import releases
from ptyxr.validation import validate_file


def opened(path):
    return xr.open_dataset(path, engine="ptychodus")


def random_complex(*shape):
    rng = np.random.default_rng(0)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("c8")


def test_a_product_of_version_0_7(tmp_path):
    """A flux instead of a count, a distance for each layer, a probe of incoherent modes."""
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(name="old", comments="", detector_object_distance_m=1.5,
                          probe_energy_eV=8000.0, exposure_time_s=0.5,
                          probe_photons_per_s=1e6)  # fmt: skip
        file["probe_position_x_m"] = file["probe_position_y_m"] = np.linspace(0, 1e-7, 5)
        file["probe_position_indexes"] = np.arange(5)
        file["probe"] = random_complex(3, 8, 8)
        file["object"] = random_complex(2, 20, 20)
        for name in ("probe", "object"):
            file[name].attrs.update(pixel_width_m=5e-8, pixel_height_m=5e-8)
        file["object"].attrs.update(center_x_m=0.0, center_y_m=0.0)
        file["object_layer_distance_m"] = [3e-6, np.inf]
        file["costs"] = [1.0, 0.5]
    ds = opened(path)
    assert ds.probe.shape == (1, 3, 8, 8)
    assert ds.object_layer_spacing.values.tolist() == [3e-6]
    assert ds.probe_photon_count.data.magnitude == 5e5
    assert ds.loss.values.tolist() == [1.0, 0.5]
    again = ds.ptyxr.to_product(tmp_path / "new.h5")
    for release in ("1.0", "1.7.0"):
        read = releases.read_product(release, again)
        assert read["object_layer_spacing_m"].tolist() == [3e-6]
        assert read["probe_photon_count"] == 5e5


def test_a_file_that_stops_before_the_losses(tmp_path):
    """So 1.1.0 left it: its writer handed h5py what it cannot store, and aborted."""
    truth = releases.write_product("1.1.0", tmp_path / "whole.h5", rich=True)
    with h5py.File(tmp_path / "whole.h5", "r+") as file:
        for name in ("losses", "loss_values", "loss_epochs", "costs"):
            if name in file:
                del file[name]
    ds = opened(tmp_path / "whole.h5")
    np.testing.assert_array_equal(ds.object, truth["object"])
    assert "loss" not in ds
    report = validate_file(tmp_path / "whole.h5")
    assert "loss" in str(report)
    again = ds.ptyxr.to_product(tmp_path / "mended.h5")
    assert releases.read_product("1.1.0", again)["loss_values"].size == 0


def test_a_para_file(tmp_path):
    """A part of a product: no root attributes, indexes, losses, centre, or probe pixels."""
    path = tmp_path / "ptychodus_para.hdf5"
    x = np.linspace(-1e-7, 1e-7, 6)
    with h5py.File(path, "w") as file:
        file["object"] = random_complex(1, 20, 24)
        file["object"].attrs.update(pixel_width_m=5e-8, pixel_height_m=4e-8)
        file["probe"] = random_complex(1, 2, 8, 8)
        file["probe_position_x_m"], file["probe_position_y_m"] = x, -x
    ds = ptyxr.open_dataset(path)
    assert set(ds.data_vars) == {"object", "probe"}
    assert not {"photon_energy", "position_index", "object_x", "epoch"} & set(ds.variables)
    assert ds.object_pixel_height.data.magnitude == 4e-8
    np.testing.assert_array_equal(ds.position_x.data.magnitude, x)
    report = str(validate_file(path))
    for key in ("center_x_m", "photon_energy_eV", "probe_position_indexes"):
        assert key in report


def test_what_no_one_knows(product, tmp_path):
    """Attributes survive rewriting; datasets and groups are named, in one warning."""
    path = tmp_path / "extra.h5"
    path.write_bytes(product.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["beamline"] = "2-ID-D"
        file.attrs["ring_current_mA"] = 100.5
        file["dark"] = np.zeros(3)
        file["notes/today"] = [1, 2]
    ds = opened(path)
    with pytest.warns(UserWarning, match="'/dark', '/notes'") as caught:
        again = ds.ptyxr.to("um").ptyxr.to_product(tmp_path / "again.h5")
    assert sum("/dark" in str(one.message) for one in caught) == 1
    with h5py.File(again) as file:
        assert file.attrs["beamline"] == "2-ID-D"
        assert file.attrs["ring_current_mA"] == 100.5
    assert not opened(again).encoding.get("left_out")
