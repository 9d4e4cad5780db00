"""Products open in the words of the data model, whichever release wrote them."""

from __future__ import annotations

import copy
import io
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import (
    ExternalDataError,
    FormatError,
    InvalidDataError,
    MissingFileError,
    PtyxrError,
)
from ptyxr.formats import ptychodus_keys
from ptyxr.formats.ptychodus_keys import KEYS
from ptyxr.model import SCHEMA
from ptyxr.storage.hdf5 import HDF5File

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


def test_pixel_numbers_are_read_when_used(product, recorded):
    """They are for going back to pixels; of a million points they take as long as the rest."""
    ds = opened(product)
    half = pickle.loads(pickle.dumps(ds.copy(deep=True))).isel(position=slice(20))
    assert not {"/raw_data/xcoords", "/raw_data/ycoords_start"} & set(recorded)
    np.testing.assert_array_equal(half.ptyxr.to_rawdata().xcoords, raw_numbers(product)[:20])
    assert "/raw_data/xcoords" in recorded


@pytest.mark.parametrize("options", [{}, {"quantify": False}])
def test_what_is_loaded_needs_its_file_no_more(product, tmp_path, options):
    path = shutil.copy(product, tmp_path / "p.h5")
    with xr.open_dataset(path, engine="ptychodus", **options) as ds:
        loaded = ds.load()
    Path(path).unlink()
    rawdata = loaded.ptyxr.quantify().ptyxr.to_rawdata()
    np.testing.assert_array_equal(rawdata.xcoords, raw_numbers(product))


def test_nominal_positions_are_read_when_used(product, recorded):
    ds = opened(product)
    assert ds.nominal_position_x.dtype == float
    repr(ds.copy().rename(position="point").assign(one=1).attrs)
    opened(product, chunks={})
    assert "/nominal_position_x_m" not in recorded
    assert ds.nominal_position_x.attrs["units"] == "meter"
    assert ds.nominal_position_x.pint.units == ptyxr.ureg.meter
    with h5py.File(product) as file:
        stored = file["nominal_position_x_m"][()]
    np.testing.assert_array_equal(ds.nominal_position_x.data.magnitude, stored)


def raw_numbers(path):
    with h5py.File(path) as file:
        return file["raw_data/xcoords"][()]


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


# What is there and of the wrong kind


def put(key, value):
    def change(file):
        file.pop(key, None)
        if isinstance(value, str) and value == "group":
            file.create_group(key)
        else:
            file[key] = value

    return change


def set_attribute(key, value, place="/"):
    return lambda file: file[place].attrs.__setitem__(key, value)


TEXT = np.array([b"a", b"b"])
PAIRS = np.zeros((4, 5), [("real", "f8"), ("imag", "f8")])


@pytest.mark.parametrize("key", ["object", "probe", "probe_position_x_m", "probe_position_y_m"])
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("group", "a group"),
        (TEXT, "text"),
        (PAIRS, "a compound of the fields 'real', 'imag'"),
        (np.dtype("f8"), "neither group nor dataset"),
        (np.zeros(3, bool), "bool"),
        (h5py.SoftLink("/nowhere"), "a link to '/nowhere'"),
        (h5py.ExternalLink("none.h5", "/object"), "none.h5"),
    ],
)
def test_needed_keys_of_the_wrong_kind(product, tmp_path, key, value, found):
    path = edit(product, tmp_path / "p.h5", put(key, value))
    for open_it in (opened, ptyxr.open_dataset):
        with pytest.raises(InvalidDataError) as caught:
            open_it(path)
        assert str(path) in str(caught.value)
        assert key in str(caught.value)
        assert found in str(caught.value)
    if "compound" in found and key in {"object", "probe"}:
        assert "floating-point fields r and i" in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "loss_values",
        "opr_weights",
        "probe_position_indexes",
        "object_layer_spacing_m",
        "bad_pixels",
    ],
)
@pytest.mark.parametrize(("value", "found"), [("group", "a group"), (TEXT, "text of shape (2,)")])
def test_other_keys_of_the_wrong_kind(product, tmp_path, key, value, found):
    path = edit(product, tmp_path / "p.h5", put(key, value))
    with pytest.warns(UserWarning, match=rf"{key}.*left out.*drop_variables") as caught:
        opened(path)
    assert found in str(caught[0].message)
    assert any(key in one for one in unknown(path))
    name = next(one.name for one in KEYS if key in one.spellings)
    opened(path, drop_variables=name).close()


def unknown(path):
    file = HDF5File(path)
    try:
        group = file.group()
        return ptychodus_keys.unknown(
            group, file.group("raw_data") if "raw_data" in group.groups else None
        )
    finally:
        file.close()


@pytest.mark.parametrize("key", ["xcoords", "ycoords_start", "diffraction", "scan_index"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("group", "a group"),
        (TEXT, "text"),
        (np.zeros(40, "c8"), "complex64"),
        (np.zeros((40, 1)), "(40, 1)"),
        (np.zeros(7), "7"),
    ],
)
def test_raw_members_of_the_wrong_kind(product, tmp_path, key, value, said):
    path = edit(product, tmp_path / "p.h5", put(f"raw_data/{key}", value))
    with pytest.warns(UserWarning, match=rf"/raw_data/{key}.*left out") as caught:
        ds = opened(path)
    assert said in str(caught[0].message)
    assert len(caught) == 1
    kept = [v.encoding["pixel_numbers"] for v in ds.variables.values() if v.dims == ("position",)
            and "pixel_numbers" in v.encoding]  # fmt: skip
    assert all(numbers.shape == (40,) and numbers.dtype.kind == "f" for numbers in kept)
    if said in {"a group", "text"}:
        assert any(f"raw_data/{key}" in one or key in one for one in unknown(path))


@pytest.mark.parametrize("value", [[1.0], h5py.SoftLink("/nowhere")])
def test_raw_data_that_are_no_group(product, tmp_path, value):
    path = edit(product, tmp_path / "p.h5", put("raw_data", value))
    with pytest.warns(UserWarning, match="'/raw_data' is no group"):
        assert "diffraction" not in opened(path)
    assert any("raw_data" in one for one in unknown(path))


@pytest.mark.parametrize(
    "value", [np.array(["pixel"], dtype=h5py.string_dtype()), 3.0, "elsewhere"]
)
def test_what_is_no_origin(product, tmp_path, value):
    path = edit(product, tmp_path / "p.h5", set_attribute("pixel_origin", value, "raw_data"))
    assert "pixel_origin" not in opened(path).attrs


@pytest.mark.parametrize("value", ["corner", "pixel", "center", "world"])
def test_origins_of_raw_data(product, tmp_path, value):
    path = edit(product, tmp_path / "p.h5", set_attribute("pixel_origin", value, "raw_data"))
    assert opened(path).attrs["pixel_origin"] == value


@pytest.mark.parametrize("place", ["object", "probe"])
@pytest.mark.parametrize("value", [0.0, -1e-9, np.nan])
def test_pixel_sizes_that_are_none(product, tmp_path, place, value):
    path = edit(product, tmp_path / "p.h5", set_attribute("pixel_width_m", value, place))
    said = rf"{place}\.attrs\['pixel_width_m'\].*assign_pixel_size\({place}="
    with pytest.warns(UserWarning, match=said) as caught:
        ds = opened(path)
    assert len(caught) == 1
    np.testing.assert_equal(float(ds[f"{place}_pixel_width"].data.magnitude), value)
    assert f"{place}_x" not in ds.coords
    assert ds[f"{place}_y"].size


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.arange(40, dtype="u8"), np.arange(40)),
        (np.arange(40, dtype="f4"), np.arange(40)),
        (np.full(40, 2**63, "u8"), "18446744073709551615|9223372036854775808"),
        (np.full(40, 0.5), "0.5"),
        (np.full(40, np.nan), "nan"),
        (np.full(40, 1e300), "1e\\+300"),
        (np.zeros(40, "c8"), "complex64"),
    ],
)
def test_indexes(product, tmp_path, value, expected):
    path = edit(product, tmp_path / "p.h5", put("probe_position_indexes", value))
    if isinstance(expected, str):
        with pytest.raises(InvalidDataError, match=rf"probe_position_indexes.*({expected})"):
            opened(path)
    else:
        found = opened(path).position_index
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [True, 8000 + 5j, "far", np.ones(2), h5py.Empty("f8")])
def test_scalars_that_are_no_numbers(product, tmp_path, value):
    path = edit(product, tmp_path / "p.h5", set_attribute("exposure_time_s", value))
    with pytest.raises(InvalidDataError, match=r"exposure_time_s.*no number"):
        opened(path)


@pytest.mark.parametrize(
    ("value", "expected"), [(np.array([b"Run"]), "Run"), (np.bytes_(b"\xffb"), "\ufffdb"), ("", "")]
)
def test_names(product, tmp_path, value, expected):
    assert opened(edit(product, tmp_path / "p.h5", set_attribute("name", value))).name == expected


@pytest.mark.filterwarnings("error")
def test_two_spellings_that_are_no_number_agree(product, tmp_path):
    def change(file):
        file.attrs["photon_energy_eV"] = np.nan
        file.attrs["probe_energy_eV"] = np.array([np.nan])

    assert np.isnan(opened(edit(product, tmp_path / "p.h5", change)).photon_energy.data.magnitude)


@pytest.mark.parametrize("key", ["scan_index", "bad_pixels"])
def test_in_the_root_and_in_raw_data(product, tmp_path, key):
    def change(file):
        shape = file["raw_data/diffraction"].shape
        value = np.arange(40) if key == "scan_index" else np.zeros(shape[1:], bool)
        file.attrs["ptyxr_defaults"] = ""
        put(key, value)(file)
        put(f"raw_data/{key}", value)(file)

    path = edit(product, tmp_path / "p.h5", change)
    opened(path)

    def differ(file):
        file[key][0] = 1

    with pytest.warns(UserWarning, match=rf"/raw_data/{key}.*'{key}' differ"):
        opened(edit(path, tmp_path / "q.h5", differ))


def test_the_rank_of_one_axis_is_said(product, tmp_path):
    path = edit(product, tmp_path / "p.h5", put("probe_position_indexes", np.zeros((40, 1), int)))
    with pytest.raises(InvalidDataError, match=r"position_indexes.*expected \(position,\)"):
        opened(path)


def test_raw_data_through_a_link_out_of_the_file(product, tmp_path):
    def change(file):
        del file["raw_data"]
        file["bridge"] = h5py.ExternalLink(str(product), "/raw_data")
        file["raw_data"] = h5py.SoftLink("/bridge")

    with pytest.raises(ExternalDataError, match="leads out"):
        ptyxr.open_dataset(edit(product, tmp_path / "p.h5", change))


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
    [(b"", "empty"), (b"PK\x05\x06" + b"\0" * 18, "zip"), (b"\x1f\x8b gzip", "gzip")],
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


def test_guessing_leaves_a_file_object_where_it_was(product, npz):
    for path in (product, npz):
        with Path(path).open("rb") as file:
            file.seek(17)
            for engine in ("ptychodus", "ptychopinn"):
                told = xr.backends.list_engines()[engine].guess_can_open(file)
                assert told == ((engine == "ptychodus") == (path == product))
                assert file.tell() == 17


def test_a_product_that_was_replaced_is_not_read(product, tmp_path):
    path = edit(product, tmp_path / "p.h5", lambda f: None)
    kept = pickle.dumps(opened(path))
    opened(path).ptyxr.to_product(path, name="another")
    with pytest.raises(InvalidDataError, match="changed"):
        pickle.loads(kept).object.load()


def test_groups(product, npz):
    raw = opened(product, group="/raw_data")
    source = xr.open_dataset(npz)
    for name in ("position_x", "nominal_position_y", "object_x"):
        np.testing.assert_array_equal(raw[name].data.magnitude, source[name].data.magnitude)
        assert raw[name].pint.units == ptyxr.ureg.pixel
    for name in ("object", "probe", "diffraction"):
        np.testing.assert_array_equal(raw[name], source[name])
    ptyxr.testing.assert_identical(opened(product, group="/").load(), opened(product).load())
    with pytest.raises(FormatError, match=r"/other.*'/' and '/raw_data'"):
        opened(product, group="other")


def test_a_tree(product, shared):
    with xr.open_datatree(product, engine="ptychodus") as tree:
        ptyxr.testing.assert_identical(tree.to_dataset().load(), opened(product).load())
        raw = tree["raw_data"]
        assert "object" not in raw.to_dataset(inherit=False)
        assert raw.position_x.pint.units == ptyxr.ureg.pixel
        assert tree.position_x.pint.units == ptyxr.ureg.meter
        np.testing.assert_array_equal(raw.diffraction, tree.diffraction)
    assert set(xr.open_groups(product, engine="ptychodus")) == {"/", "/raw_data"}
    plain = xr.open_datatree(shared("data/products/ptychodus-1.0-plain.h5"), engine="ptychodus")
    assert not plain.children
