"""The documentation's example of a format, docs/examples/cxi.py: it does what the page says."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest
import xarray as xr
from cxi import CXIBackend

import ptyxr
from cxi_files import PIXEL, write_cxi
from ptyxr.errors import FormatError, InvalidDataError

Q = ptyxr.ureg.Quantity


@pytest.fixture(scope="module")
def scan_and_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("cxi") / "scan.cxi"
    return write_cxi(path, positions=20, probe_size=32), path


@pytest.fixture
def path(scan_and_path):
    return scan_and_path[1]


@pytest.fixture
def ds(path):
    with xr.open_dataset(path, engine=CXIBackend) as opened:
        yield opened


def test_it_says_what_the_file_has(ds, scan_and_path):
    scan, _ = scan_and_path
    middle = scan.objectGuess.shape[1] / 2
    np.testing.assert_allclose(ds.position_x.data.magnitude, (scan.xcoords - middle) * PIXEL)
    assert ds.position_x.data.units == ptyxr.ureg.meter
    assert ds.photon_energy.data.units == ptyxr.ureg.electron_volt
    assert ds.photon_energy.data.magnitude == pytest.approx(8000, rel=1e-15)
    assert ds.detector_pixel_width.data == Q(75e-6, "m/pixel")
    assert ds.detector_object_distance.data == Q(1.548585, "m")
    np.testing.assert_array_equal(ds.diffraction.values, np.rint(scan.diff3d**2))
    assert ds.diffraction.attrs["quantity"] == "counts"
    assert np.argwhere(ds.bad_pixels.values).tolist() == [[3, 5]]
    assert ds.detector_x.data.units == ptyxr.ureg.pixel
    assert set(ds.variables) == {
        "diffraction", "bad_pixels", "position_x", "position_y", "detector_x", "detector_y",
        "photon_energy", "detector_object_distance", "detector_pixel_width",
        "detector_pixel_height",
    }  # fmt: skip


def test_it_is_lazy(ds):
    assert not ds.diffraction.variable._in_memory
    one = ds.diffraction.isel(position=3).load()
    assert one.shape == (32, 32)
    assert not ds.diffraction.variable._in_memory
    again = pickle.loads(pickle.dumps(ds))
    ptyxr.testing.assert_identical(again, ds)
    again.close()


def test_it_has_its_units_as_text(path):
    with xr.open_dataset(path, engine=CXIBackend, quantify=False) as plain:
        assert plain.position_x.attrs["units"] == "meter"
        assert isinstance(plain.position_x.data, np.ndarray)


def test_variables_are_left_out(path):
    with xr.open_dataset(path, engine=CXIBackend, drop_variables="bad_pixels") as less:
        assert "bad_pixels" not in less
        assert "diffraction" in less


def test_it_goes_to_a_product_and_back(ds, tmp_path):
    sized = ds.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.fill_object(padding=16)
    sized = sized.assign(probe=(("probe_y", "probe_x"), np.ones((32, 32), dtype=np.complex64)))
    path = sized.ptyxr.to_product(tmp_path / "scan.h5", name="CXI", position_index="sequential")
    with xr.open_dataset(path, engine="ptychodus") as product:
        for name in ds.variables:
            assert (product[name].data == ds[name].data).all(), name
            assert product[name].dtype == ds[name].dtype
        assert product.position_x.data.units == ptyxr.ureg.meter


def test_it_claims_its_own_files_only(path, npz, product, tmp_path):
    guess = CXIBackend().guess_can_open
    assert guess(path)
    for other in (npz, product, tmp_path, tmp_path / "none.cxi", b"", 7):
        assert not guess(other)
    with h5py.File(tmp_path / "image.cxi", "w") as file:
        file["entry_1/image_1/data"] = np.zeros((4, 4))
    assert not guess(tmp_path / "image.cxi")


def test_another_file_is_refused_in_one_sentence(product, tmp_path):
    with pytest.raises(FormatError, match="no CXI file of a scan"):
        xr.open_dataset(product, engine=CXIBackend)
    bad = tmp_path / "bad.cxi"
    write_cxi(bad, positions=6, probe_size=16)
    with h5py.File(bad, "r+") as file:
        del file["entry_1/data_1/translation"]
        file["entry_1/data_1/translation"] = np.zeros((5, 3))
    with pytest.raises(InvalidDataError, match="lengths disagree"):
        xr.open_dataset(bad, engine=CXIBackend)
