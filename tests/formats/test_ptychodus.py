"""Products open in the words of the data model, whichever release wrote them."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import FormatError, InvalidDataError, MissingFileError, PtyxrError
from ptyxr.model import SCHEMA

OFF = "ignore:.*scan points lie outside the object:UserWarning"


def opened(path, **options):
    return xr.open_dataset(path, engine="ptychodus", **options)


def edit(source, target, change):
    target.write_bytes(Path(source).read_bytes())
    with h5py.File(target, "a") as file:
        change(file)
    return target


def test_every_release_opens_with_units(released):
    with h5py.File(released) as file, opened(released) as ds:
        assert ds.position_x.pint.units == ptyxr.ureg.meter
        np.testing.assert_array_equal(ds.position_x.data.magnitude, file["probe_position_x_m"][()])
        width = file["object"].attrs["pixel_width_m"]
        columns = np.arange(file["object"].shape[-1])
        center = file["object"].attrs["center_x_m"]
        expected = center + (columns - (columns.size - 1) / 2) * width
        np.testing.assert_array_equal(ds.object_x.data.magnitude, expected)
        energy = file.attrs.get("photon_energy_eV", file.attrs.get("probe_energy_eV"))
        assert ds.photon_energy.data == ptyxr.ureg.Quantity(energy, "eV")
        attenuation = file.attrs.get(
            "mass_attenuation_m2_per_kg", file.attrs.get("mass_attenuation_m2_kg")
        )
        assert ds.mass_attenuation.data == ptyxr.ureg.Quantity(attenuation, "m**2/kg")
        losses = next(file[k] for k in ("loss_values", "losses", "costs") if k in file)
        np.testing.assert_array_equal(ds.loss, losses)
        np.testing.assert_array_equal(ds.object.values, file["object"])
        np.testing.assert_array_equal(ds.probe.values, file["probe"])
        np.testing.assert_array_equal(ds.position_index, file["probe_position_indexes"])
        assert ds.attrs["name"] == "golden µ"
        for name, variable in ds.variables.items():
            assert variable.dims == SCHEMA[name].dims
            assert variable.attrs["long_name"] == SCHEMA[name].long_name


def test_only_what_the_file_has_is_there(shared):
    ds = opened(shared("data/products/ptychodus-1.0-plain.h5"))
    assert "tilt_angle" not in ds.variables
    assert "epoch" not in ds.variables
    assert "far_field" not in ds.attrs
    assert float(ds.probe_photon_count.data.magnitude) == 0.0


@pytest.mark.filterwarnings(OFF)
def test_written_and_opened_again_is_the_same(released, tmp_path):
    with opened(released) as ds, opened(ds.ptyxr.to_product(tmp_path / "again.h5")) as again:
        assert list(ds.variables) == list(again.variables)
        ptyxr.testing.assert_identical(ds.load(), again.load())


@pytest.fixture
def recorded(monkeypatch):
    """Record what is read of datasets in files."""
    read = []
    original = h5py.Dataset.__getitem__

    def recording(self, key, **kwargs):
        read.append(self.name)
        return original(self, key, **kwargs)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recording)
    return read


def test_large_arrays_are_read_when_used(product, recorded):
    large = {"/object", "/probe", "/raw_data/diffraction"}
    ds = opened(product)
    ds.ptyxr.to("um").isel(position=slice(2, 5))
    repr(ds)
    assert not large & set(recorded)
    ds.diffraction.isel(position=3).load()
    assert large & set(recorded) == {"/raw_data/diffraction"}
    ds.object.load()
    assert large & set(recorded) == {"/raw_data/diffraction", "/object"}


def test_dropped_variables_are_not_read(product, recorded):
    ds = opened(product, drop_variables=["position_x", "diffraction", "photon_energy"])
    assert not {"position_x", "diffraction", "photon_energy"} & set(ds.variables)
    assert "/probe_position_x_m" not in recorded
    assert opened(product, drop_variables="object").object_x.size


@pytest.mark.parametrize("how", ["str", "path", "file", "bytesio"])
def test_opened_by_path_or_object(product, how):
    expected = opened(product).load()
    with Path(product).open("rb") as file:
        source = {
            "str": str(product),
            "path": Path(product),
            "file": file,
            "bytesio": io.BytesIO(Path(product).read_bytes()),
        }[how]
        with opened(source) as ds:
            ptyxr.testing.assert_identical(ds.load(), expected)


def test_cf_arguments_change_nothing(product):
    plain = opened(product).load()
    for options in (
        {"decode_cf": False},
        {"decode_times": False, "mask_and_scale": False, "decode_timedelta": False},
        {"use_cftime": False, "concat_characters": False, "decode_coords": False},
    ):
        ptyxr.testing.assert_identical(opened(product, **options).load(), plain)


def _sum(ds):
    return complex(ds.object.sum()), str(ds.position_x.data.units)


def test_pickled_and_used_elsewhere(product, tmp_path):
    ds = opened(product)
    expected = _sum(ds)
    again = pickle.loads(pickle.dumps(ds))
    assert _sum(again) == expected
    ds.close()
    assert _sum(copy.deepcopy(again)) == expected
    (tmp_path / "ds.pickle").write_bytes(pickle.dumps(again))
    elsewhere = (
        "import pickle, sys; ds = pickle.load(open(sys.argv[1], 'rb'));"
        "print((complex(ds.object.sum()), str(ds.position_x.data.units)))"
    )
    command = [sys.executable, "-W", "ignore", "-c", elsewhere, str(tmp_path / "ds.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(expected)


def test_pickled_from_a_file_object(product):
    ds = opened(io.BytesIO(Path(product).read_bytes()))
    with pytest.raises(PtyxrError, match=r"\.load\(\)"):
        pickle.dumps(ds)
    assert _sum(pickle.loads(pickle.dumps(ds.load()))) == _sum(opened(product))


def test_chunked(product):
    ds = opened(product, chunks={})
    assert ds.object.chunks is not None
    assert ds.position_x.pint.units == ptyxr.ureg.meter
    ptyxr.testing.assert_identical(ds.compute(), opened(product).load())


def test_without_quantities(product):
    ds = opened(product, quantify=False)
    assert isinstance(ds.position_x.data, np.ndarray)
    for name in ds.coords:
        if SCHEMA[name].unit is not None:
            units = ds[name].attrs["units"]
            assert units.isascii()
            assert ptyxr.ureg.Unit(units) == ptyxr.ureg.Unit(SCHEMA[name].unit)
    ptyxr.testing.assert_identical(ds.ptyxr.quantify().load(), opened(product).load())


# What releases did differently


def rename(place, old, new):
    def change(file):
        node = file if place is None else file[place]
        node.attrs[new] = node.attrs[old]
        del node.attrs[old]

    return change


@pytest.mark.parametrize("name", ["loss_values", "losses", "costs"])
def test_losses_under_each_name(product, tmp_path, name):
    def change(file):
        for key in ("loss_values", "losses", "costs", "loss_epochs"):
            file.pop(key, None)
        file[name] = [3.0, 2.0]
        file.attrs["ptyxr_defaults"] = ""

    assert opened(edit(product, tmp_path / "p.h5", change)).loss.values.tolist() == [3.0, 2.0]


def test_two_spellings_that_differ(product, tmp_path):
    def change(file):
        file.attrs["probe_energy_eV"] = 1.0

    path = edit(product, tmp_path / "p.h5", change)
    with pytest.warns(UserWarning, match=r"photon_energy_eV.*probe_energy_eV.*to_product"):
        ds = opened(path)
    assert float(ds.photon_energy.data.magnitude) == 8000.0


@pytest.mark.parametrize("place", ["root", "attribute"])
def test_weights_at_the_root_or_at_the_probe(product, tmp_path, place):
    weights = np.random.default_rng(0).random((40, 1)).astype("f4")

    def change(file):
        if place == "root":
            file["opr_weights"] = weights
        else:
            file["probe"].attrs["opr_weights"] = weights

    ds = opened(edit(product, tmp_path / "p.h5", change))
    assert ds.opr_weights.dims == ("position", "coherent_mode")
    np.testing.assert_array_equal(ds.opr_weights, weights)
    np.testing.assert_array_equal(ds.opr_weights[3:5, 0], weights[3:5, 0])


def test_weights_of_other_lengths(product, tmp_path):
    def change(file):
        file["opr_weights"] = np.ones((7, 3))

    path = edit(product, tmp_path / "p.h5", change)
    with pytest.warns(UserWarning, match="coherent modes"):
        ds = opened(path)
    assert ds.opr_weights.dims == ("opr_entry", "opr_mode")


@pytest.mark.parametrize(("rank", "shape"), [(2, (1, 1, 5, 6)), (3, (1, 4, 5, 6))])
def test_lower_ranks_are_promoted(product, tmp_path, rank, shape):
    probe = np.arange(np.prod(shape), dtype="c8").reshape(shape)

    def change(file):
        attrs = dict(file["probe"].attrs)
        del file["probe"]
        file["probe"] = probe.reshape(shape[-rank:])
        file["probe"].attrs.update(attrs)
        file["object"].attrs["center_x_m"] = 0.0

    path = edit(product, tmp_path / "p.h5", change)
    with opened(path) as ds:
        assert ds.probe.shape == shape
        np.testing.assert_array_equal(ds.probe, probe)
        np.testing.assert_array_equal(ds.probe[0, 0, ::-2, [1, 3]], probe[0, 0, ::-2, [1, 3]].T)


@pytest.mark.filterwarnings(OFF)
@pytest.mark.parametrize("ranks", [(2, 2), (3, 3), (3, 4)])
def test_ranks_are_written_as_opened(product, tmp_path, ranks):
    def change(file):
        for name, rank, full in zip(("object", "probe"), ranks, (3, 4), strict=True):
            attrs, values = dict(file[name].attrs), file[name][()]
            del file[name]
            file[name] = values.reshape((1,) * (rank - values.ndim) + values.shape)
            file[name].attrs.update(attrs)
            assert rank <= full

    path = edit(product, tmp_path / "p.h5", change)
    with h5py.File(opened(path).ptyxr.to_product(tmp_path / "again.h5")) as file:
        assert (file["object"].ndim, file["probe"].ndim) == ranks


def test_a_probe_without_pixel_size_takes_the_objects(product, tmp_path):
    def change(file):
        del file["probe"].attrs["pixel_width_m"], file["probe"].attrs["pixel_height_m"]
        file["object"].attrs["pixel_height_m"] = 4e-8

    ds = opened(edit(product, tmp_path / "p.h5", change))
    assert float(ds.probe_pixel_width.data.magnitude) == 5e-8
    assert float(ds.probe_pixel_height.data.magnitude) == 4e-8
    assert ds.xindexes["probe_y"].grid.pitch == 4e-8


def test_version_0_7(product, tmp_path):
    def change(file):
        for key in ("object_layer_spacing_m", "loss_values", "losses", "loss_epochs"):
            file.pop(key, None)
        for key in ("probe_photon_count", "ptyxr_defaults"):
            del file.attrs[key]
        file.attrs["probe_photons_per_s"] = 1e6
        file.attrs["exposure_time_s"] = 0.5
        file["object_layer_distance_m"] = [np.inf]

    ds = opened(edit(product, tmp_path / "p.h5", change))
    assert ds.object_layer_spacing.size == 0
    assert float(ds.probe_photon_count.data.magnitude) == 5e5
    assert "probe_photons_per_s" in ds.probe_photon_count.attrs["source"]


def test_unknown_attributes_survive(product, tmp_path):
    def change(file):
        file.attrs["beamline"] = "2-ID"
        file.attrs["ring_current"] = np.array([100.0, 101.0])

    ds = opened(edit(product, tmp_path / "p.h5", change))
    again = opened(ds.ptyxr.to_product(tmp_path / "again.h5"))
    assert again.attrs["beamline"] == "2-ID"
    np.testing.assert_array_equal(again.attrs["ring_current"], [100.0, 101.0])


# What is no product


def test_what_is_no_product(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = [1]
    with pytest.raises(FormatError, match=r"no Ptychodus product.*\['data'\]"):
        opened(tmp_path / "other.h5")
    with pytest.raises(MissingFileError, match="no such file"):
        opened(tmp_path / "missing.h5")
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "missing.h5")
    with pytest.raises(FormatError, match="folder"):
        opened(tmp_path)
    (tmp_path / "junk.h5").write_bytes(b"junk")
    with pytest.raises(FormatError, match="HDF5"):
        opened(tmp_path / "junk.h5")


def test_a_file_cut_short(product, tmp_path):
    (tmp_path / "cut.h5").write_bytes(Path(product).read_bytes()[:3000])
    with pytest.raises(PtyxrError, match=r"cut\.h5"):
        opened(tmp_path / "cut.h5")


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (lambda f: replace(f, "object", np.zeros((3, 4))), "object", "complex"),
        (lambda f: replace(f, "probe_position_y_m", np.zeros(3)), "probe_position_y_m", None),
        (lambda f: replace(f, "probe", np.zeros(3, "c8")), "probe", None),
        (
            lambda f: f.attrs.__setitem__("detector_object_distance_m", "far"),
            "detector_object_distance_m",
            "number",
        ),
    ],
)
def test_what_cannot_be_represented(product, tmp_path, change, key, said):
    path = edit(product, tmp_path / "p.h5", change)
    with pytest.raises(InvalidDataError) as caught:
        opened(path)
    assert str(path) in str(caught.value)
    assert key in str(caught.value)
    assert said is None or said in str(caught.value)


def replace(file, key, values):
    attrs = dict(file[key].attrs)
    del file[key]
    file[key] = values
    file[key].attrs.update(attrs)


def test_links_out_of_the_file_are_refused(product, tmp_path):
    def change(file):
        del file["object"]
        file["object"] = h5py.ExternalLink("/etc/other.h5", "/object")

    with pytest.raises(InvalidDataError, match=r"object.*/etc/other\.h5"):
        opened(edit(product, tmp_path / "p.h5", change))


# Which engine


def test_the_engine_is_found_by_content(product, npz, tmp_path):
    disguised = tmp_path / "data.bin"
    disguised.write_bytes(Path(product).read_bytes())
    assert ptyxr.open_dataset(disguised).attrs["source_format"] == "ptychodus"
    assert ptyxr.open_dataset(npz).attrs["source_format"] == "ptychopinn"
    assert ptyxr.open_dataset(io.BytesIO(Path(npz).read_bytes())).sizes["position"] == 40
    assert xr.open_dataset(npz).attrs["source_format"] == "ptychopinn"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"PK\x05\x06" + b"\0" * 18, "zip"), (b"\x1f\x8b gzip", "bytes")],
)
def test_what_no_engine_opens(tmp_path, content, said):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=said):
        ptyxr.open_dataset(path)


def test_handles_are_given_back(product, tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(5):
        opened(product).close()
        with pytest.raises(PtyxrError):
            opened(edit(product, tmp_path / "p.h5", lambda f: replace(f, "object", [1.0])))
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
