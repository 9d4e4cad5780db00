"""Patterns of Ptychodus: opened alone, and paired with the scan points of a product."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import ptyxr
import releases
from ptyxr.errors import FormatError, InvalidDataError, MissingDataError, PtyxrError
from ptyxr.formats.ptychodus_diffraction import _rows
from ptyxr.placement import points_outside


def write_patterns(path, indexes, **more):
    """Write an assembled diffraction file, as ``save_diffraction_data`` does."""
    indexes = np.asarray(indexes)
    patterns = np.arange(indexes.size * 16 * 16, dtype="u2").reshape(-1, 16, 16)
    with h5py.File(path, "w") as file:
        file.create_dataset("indexes", data=indexes, compression="lzf")
        made = file.create_dataset("patterns", data=patterns, compression="lzf")
        made.attrs.update(detector_pixel_width_m=75e-6, detector_pixel_height_m=76e-6)
        file["bad_pixels"] = np.eye(16, dtype=bool)
        for name, values in more.items():
            file[name] = values
    return patterns


@pytest.fixture
def rich(tmp_path):
    releases.write_product("1.7.0", tmp_path / "product.h5", rich=True)
    with xr.open_dataset(tmp_path / "product.h5", engine="ptychodus") as ds:
        return tmp_path / "product.h5", ds.position_index.values.copy()


def test_opened_alone(tmp_path):
    path = tmp_path / "diffraction.h5"
    patterns = write_patterns(path, [4, 2, 7], probe_photon_counts=[1e6, 2e6, 3e6])
    with ptyxr.open_dataset(path) as ds:
        np.testing.assert_array_equal(ds.diffraction, patterns)
        assert ds.diffraction.attrs["quantity"] == "counts"
        assert ds.diffraction.dtype == np.uint16
        assert ds.position_index.values.tolist() == [4, 2, 7]
        assert ds.position_photon_count.values.tolist() == [1e6, 2e6, 3e6]
        assert ds.bad_pixels.dtype == bool
        assert float(ds.detector_pixel_height.values) == 76e-6
        assert ds.ptyxr.to("um").detector_x.data.to("um").magnitude[1] == pytest.approx(75)
    with pytest.raises(FormatError):
        xr.open_dataset(path, engine="ptychodus")


def test_paired_by_number(rich, tmp_path, monkeypatch):
    product, numbers = rich
    shuffled = np.random.default_rng(0).permutation(np.r_[numbers, [9000, 9001]])
    patterns = write_patterns(tmp_path / "diffraction.h5", shuffled)
    read = []
    original = h5py.Dataset.__getitem__

    def recording(self, key, *rest):
        read.append(self.name)
        return original(self, key, *rest)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recording)
    with ptyxr.open_dataset(product, diffraction=tmp_path / "diffraction.h5") as ds:
        assert "/patterns" not in read
        rows = [shuffled.tolist().index(n) for n in numbers]
        np.testing.assert_array_equal(ds.diffraction[3], patterns[rows[3]])
        np.testing.assert_array_equal(ds.diffraction, patterns[rows])
        assert ds.diffraction.dims == ("position", "detector_y", "detector_x")
        assert ds.diffraction.attrs["quantity"] == "counts"
        assert ds.detector_pixel_width.pint.units == ptyxr.ureg.Unit("m/pixel")
        assert ds.ptyxr.to("px").detector_x.pint.units == ptyxr.ureg.pixel
        with pytest.warns(UserWarning, match="layer"):  # what NPZ has no room for
            path = ds.isel(position=slice(5)).ptyxr.to_npz(
                tmp_path / "a.npz", measurement="amplitude", origin="world"
            )
    with np.load(path) as members:
        np.testing.assert_allclose(members["diff3d"], np.sqrt(patterns[rows[:5]]), rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"chunks": {}}, {"quantify": False}])
def test_paired_datasets_travel(rich, tmp_path, options):
    product, numbers = rich
    patterns = write_patterns(tmp_path / "diffraction.h5", numbers)
    ds = ptyxr.open_dataset(product, diffraction=tmp_path / "diffraction.h5", **options)
    sent = pickle.dumps(ds)
    assert patterns[7].tobytes() not in sent
    np.testing.assert_array_equal(pickle.loads(sent).diffraction, patterns)
    ds.close()


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("patterns", None, FormatError),
        ("object", np.zeros(5, complex), InvalidDataError),
        ("probe_photon_counts", np.array([b"a"] * 3), InvalidDataError),
        ("probe_photon_counts", np.ones(3) + 1j, InvalidDataError),
        ("indexes", np.array([0.5, 1, 2]), InvalidDataError),
        ("indexes", np.arange(2), InvalidDataError),
    ],
)
def test_damaged_files(tmp_path, name, values, error):
    path = tmp_path / "diffraction.h5"
    write_patterns(path, [1, 2, 3])
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        if values is None:
            file.create_group(name)
        else:
            file[name] = values
    with pytest.raises(error, match=name):
        xr.open_dataset(path, engine="ptychodus-diffraction")


def test_what_is_no_pixel_size(tmp_path):
    path = tmp_path / "diffraction.h5"
    write_patterns(path, [1, 2, 3])
    with h5py.File(path, "r+") as file:
        file["patterns"].attrs["detector_pixel_width_m"] = 0.0
    with pytest.warns(UserWarning, match=r"detector_pixel_width_m.*no pixel size"):
        ds = ptyxr.open_dataset(path)
    assert "detector_pixel_width" not in ds.coords
    ds.close()


def test_gaps(rich, tmp_path):
    product, numbers = rich
    patterns = write_patterns(tmp_path / "some.h5", numbers[::-2])
    with pytest.warns(UserWarning, match="17 of 35 scan points have no pattern"):
        ds = ptyxr.open_dataset(product, diffraction=tmp_path / "some.h5", chunks={})
    assert ds.position_index.values.tolist() == numbers[::2].tolist()
    np.testing.assert_array_equal(ds.diffraction, patterns[::-1])
    assert ds.sizes["position"] == ds.opr_weights.shape[0] == 18
    ds.close()


numbers = st.lists(st.integers(-3, 12), min_size=1, max_size=20)


@given(numbers, numbers)
def test_repeats_pair_in_order(wanted, there):
    rows = _rows(np.array(wanted), np.array(there))
    for i, row in enumerate(rows):
        places = [k for k, n in enumerate(there) if n == wanted[i]]
        before = wanted[:i].count(wanted[i])
        assert row == (places[min(before, len(places) - 1)] if places else -1)


def test_what_pairs_nothing(rich, product, tmp_path):
    path, numbers = rich
    write_patterns(tmp_path / "zeros.h5", np.zeros(35, int))
    with pytest.raises(PtyxrError, match=r"position_index.*all patterns have one number"):
        ptyxr.open_dataset(path, diffraction=tmp_path / "zeros.h5")
    write_patterns(tmp_path / "good.h5", numbers)
    with pytest.raises(PtyxrError, match=r"has patterns itself.*drop_variables"):
        ptyxr.open_dataset(product, diffraction=tmp_path / "good.h5")
    for none in (numbers + 10_000, numbers[:0]):
        write_patterns(tmp_path / "other.h5", none)
        with pytest.raises(PtyxrError, match="no scan point has a pattern"):
            ptyxr.open_dataset(path, diffraction=tmp_path / "other.h5")
    with h5py.File(tmp_path / "good.h5", "r+") as file:
        del file["indexes"]
    with pytest.raises(MissingDataError, match="position_index"):
        ptyxr.open_dataset(path, diffraction=tmp_path / "good.h5")


def test_training_data(tmp_path):
    """Positions are pixels from the centre of pixel (0, 0), in the file that 1.7.0 writes."""
    truth = releases.export_training_npz("1.7.0", tmp_path / "train.h5", refined=True)
    with ptyxr.open_dataset(tmp_path / "train.h5") as raw:
        assert raw.position_x.pint.units == ptyxr.ureg.pixel
        np.testing.assert_array_equal(raw.probe[0], truth["probe"][0])
        np.testing.assert_array_equal(raw.object, truth["object"])
        assert float(raw.photon_energy.values) == truth["photon_energy_eV"]
        assert bool(raw.bad_pixels[3, 5])
        ds = raw.ptyxr.assign_pixel_size(probe="50 nm").ptyxr.to("m")
        for axis, side in (("x", "width"), ("y", "height")):
            pixel = truth[f"object_pixel_{side}_m"]
            center = truth[f"object_center_{axis}_m"]
            relative = ds[f"position_{axis}"].values - ds.xindexes[f"object_{axis}"].grid.center
            expected = truth[f"position_{axis}_m"] - center
            np.testing.assert_allclose(relative, expected, atol=1e-6 * pixel)
        assert points_outside(ds)[0] == 0


def test_the_detector_is_that_of_the_patterns(product, tmp_path):
    """The product has patterns of 32 x 32 pixels, and its own mask of them."""
    write_patterns(tmp_path / "diffraction.h5", np.arange(40))
    with h5py.File(tmp_path / "diffraction.h5", "r+") as file:
        file["photon_energy_eV"] = 9000.0
    with pytest.warns(UserWarning, match=r"photon_energy.*8000.*9000.*belong together"):
        ds = ptyxr.open_dataset(
            product, diffraction=tmp_path / "diffraction.h5", drop_variables="diffraction"
        )
    assert ds.diffraction.shape == (40, 16, 16)
    assert ds.bad_pixels.shape == (16, 16)
    assert ds.photon_energy.data.magnitude == 8000
    ds.close()
