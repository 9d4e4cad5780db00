"""What honest files have in common with damaged ones is no reason to refuse them."""

from __future__ import annotations

import io
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

from ptyxr import open_dataset
from ptyxr.errors import ChangedFileError, ExternalDataError
from ptyxr.tutorial import save_npz, simulate_scan


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest")
    save_npz(simulate_scan(positions=20, probe_size=32), folder / "scan.npz")
    ds = xr.open_dataset(folder / "scan.npz", engine="ptychopinn")
    ds = ds.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")
    told = {"name": "a scan", "photon_energy": "8 keV"}
    ds.ptyxr.to_product(folder / "product.h5", position_index="sequential", **told)
    return folder / "product.h5"


@pytest.fixture
def newest(product, tmp_path):
    """The product in the newest form of HDF5, with so many attributes that they lie apart."""
    path = tmp_path / "newest.h5"
    with h5py.File(product) as old, h5py.File(path, "w", libver="latest") as new:
        new.attrs.update(old.attrs)
        for name in old:
            old.copy(name, new)
    return path


def test_data_that_look_like_the_index_or_the_text_of_a_file(newest):
    with h5py.File(newest, "r+", libver="latest") as file:
        file["notes"] = np.frombuffer(b"BTHD\0\5 and GCOL\1\0\0\0 and OHDR" * 50, "u1")
    with open_dataset(newest) as ds:
        assert ds.attrs["name"] == "a scan"
        assert ds.object.load().dtype.kind == "c"


def test_references_between_dimensions_are_passed_over(product, tmp_path):
    path = shutil.copy(product, tmp_path / "scales.h5")
    with h5py.File(path, "r+") as file:
        file["modes"] = np.arange(file["probe"].shape[0])
        file["modes"].make_scale()
        file["probe"].dims[0].attach_scale(file["modes"])
        file.attrs["see"] = file["probe"].ref
    with open_dataset(path) as ds:  # warnings are errors
        assert "see" not in ds.attrs


def test_a_file_that_is_written_over_in_place(product, tmp_path):
    path = tmp_path / "product.h5"
    shutil.copyfile(product, path)
    with open_dataset(path) as old, open_dataset(product) as right:
        changed = right.isel(position=slice(5)).assign(object=2 * right.object)
        changed.ptyxr.to_product(tmp_path / "other.h5")
        shutil.copyfile(tmp_path / "other.h5", path)
        with pytest.raises(ChangedFileError, match="Open it anew"):
            old.diffraction.load()
        with open_dataset(path) as new:
            assert new.sizes["position"] == 5
            np.testing.assert_array_equal(new.object, 2 * right.object)


def test_a_file_object_leads_nowhere_else_even_if_it_is_trusted(product, tmp_path):
    path = shutil.copy(product, tmp_path / "virtual.h5")
    with h5py.File(path, "r+") as file:
        shape, dtype = file["object"].shape, file["object"].dtype
        del file["object"]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(str(product), "object", shape)
        file.create_virtual_dataset("object", layout)
    with open_dataset(path, allow_external=True) as ds:
        assert ds.object.to_numpy().any()
    with pytest.raises(ExternalDataError):
        open_dataset(io.BytesIO(path.read_bytes()), allow_external=True)
