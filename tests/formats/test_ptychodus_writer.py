"""Products come back equal, are read by every kind of Ptychodus, and are complete or not there."""

from __future__ import annotations

import json
import shutil
import types
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ptyxr
import releases
from ptyxr.errors import (
    ExistingFileError,
    InvalidDataError,
    MissingDataError,
    PtyxrError,
    UnitError,
)
from ptyxr.formats.ptychodus_keys import KEYS
from ptyxr.placement import points_outside

Q = ptyxr.ureg.Quantity
SAME = "ignore:.*position indexes are:UserWarning"
OUTSIDE = "ignore:.*scan points lie outside:UserWarning"


def opened(path, **options):
    return xr.open_dataset(path, engine="ptychodus", **options)


@pytest.fixture
def run1084_meters(run1084):
    """Give Run1084 with patterns, with the pixel sizes of PtychoPINN's converter."""
    raw = ptyxr.open_dataset(run1084("--metadata"))
    return raw.ptyxr.assign_pixel_size(object="50 nm", probe="125 nm")


METADATA = {
    "name": "Run1084",
    "comments": "Run1084 product export",
    "photon_energy": "8 keV",
    "exposure_time": "100 ms",
    "detector_object_distance": "2 m",
    "mass_attenuation": 0.25,
}


@pytest.fixture
def run1084_product(run1084_meters, tmp_path):
    return run1084_meters.ptyxr.to_product(
        tmp_path / "run1084.h5", position_index="sequential", **METADATA
    )


@pytest.mark.parametrize("version", ["1.0", "1.3.2", "1.7.0"])
def test_ptychodus_reads_run1084(run1084_product, run1084, version):
    read = releases.read_product(version, run1084_product)
    with np.load(run1084("--metadata")) as source:
        np.testing.assert_array_equal(read["position_x_m"], source["xcoords"] * 5e-8)
        np.testing.assert_array_equal(read["position_y_m"], source["ycoords"] * 5e-8)
        np.testing.assert_array_equal(read["probe"][0, 0], source["probeGuess"].astype("c8"))
        np.testing.assert_array_equal(read["object"][0], source["objectGuess"].astype("c8"))
    assert read["name"] == "Run1084"
    assert read["comments"] == "Run1084 product export"
    assert read["photon_energy_eV"] == 8000
    assert read["exposure_time_s"] == 0.1
    assert read["detector_object_distance_m"] == 2
    assert read["mass_attenuation_m2_per_kg"] == 0.25
    assert read["probe_photon_count"] == 1e9
    assert (read["object_pixel_width_m"], read["probe_pixel_width_m"]) == (5e-8, 1.25e-7)
    assert (read["object_center_x_m"], read["object_center_y_m"]) == (113 * 5e-8, 113.5 * 5e-8)
    if version != "1.0":  # which numbers positions by their rows
        np.testing.assert_array_equal(read["position_index"], np.arange(1087))


@pytest.mark.parametrize("version", releases.RELEASES)
def test_every_release_reads_a_rich_product(version, tmp_path):
    """What a release knows of a product written by the newest one, it reads."""
    truth = releases.write_product("1.7.0", tmp_path / "rich.h5", rich=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        path = opened(tmp_path / "rich.h5").ptyxr.to_product(tmp_path / "again.h5")
    read = releases.read_product(version, path)
    for name, value in read.items():
        rows = name == "position_index" and version in ("1.0", "1.0.1")
        if rows or (name == "tomography_angle_deg" and name not in truth):
            continue
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, truth[name], err_msg=name)
        else:
            assert value == truth[name], name


def test_every_key_is_there_in_every_spelling(run1084_product):
    with h5py.File(run1084_product) as file:
        places = {"root": file.attrs, "dataset": file,
                  "object": file["object"].attrs, "probe": file["probe"].attrs}  # fmt: skip
        optional = {"polarization", "position_photon_count", "opr_weights", "bad_pixels",
                    "detector_pixel_width", "detector_pixel_height", "scan_index"}  # fmt: skip
        for key in KEYS:
            for spelling in key.spellings:
                assert (spelling in places[key.place]) == (key.name not in optional), spelling
        assert {"center_x_m", "center_y_m"} <= set(file["object"].attrs)
        assert file.attrs["format_id"] == "ptychodus.product.hdf5"
        assert file.attrs["format_version"] == "1.0"
        assert file.attrs["far_field"].dtype == bool
        assert file["loss_values"].dtype == float
        assert file["loss_epochs"].dtype == np.int64
        assert isinstance(file.attrs["name"], str)


def test_run1084_comes_back(run1084_meters, tmp_path):
    with pytest.warns(UserWarning, match=r"photon energy .*8 keV"):
        path = run1084_meters.ptyxr.to_product(tmp_path / "p.h5", position_index=np.arange(1087))
    expected = run1084_meters.ptyxr.to("m").load()
    for name in ("object", "probe"):
        expected[name] = expected[name].astype("c8")
    again = opened(path).load()
    assert set(again.variables) == set(expected.variables) | {"position_index"}
    for name in expected.variables:
        expected[name].attrs = again[name].attrs = {}
        ptyxr.testing.assert_identical(
            expected[name].reset_coords(drop=True), again[name].reset_coords(drop=True)
        )
    for name in ("probe", "object"):
        with h5py.File(path) as file:
            assert file[name].ndim == 2


@pytest.mark.parametrize("energy", [np.nan, np.inf])
def test_an_energy_that_is_no_number_is_warned_of(tmp_path, energy):
    ds = ptyxr.tutorial.simulate_product(positions=9, probe_size=16)
    odd = ds.assign_coords(photon_energy=ptyxr.ureg.Quantity(energy, "eV"))
    with pytest.warns(UserWarning, match=rf"photon energy is {energy}.*8 keV") as told:
        odd.ptyxr.to_product(tmp_path / "odd.h5", position_index="sequential")
    assert len(told) == 1


def test_raw_data_as_ptychopinn_has_it(run1084_product, run1084):
    with h5py.File(run1084_product) as file, np.load(run1084("--metadata")) as source:
        raw = file["raw_data"]
        for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "scan_index"):
            np.testing.assert_array_equal(raw[key], source[key])
        np.testing.assert_array_equal(raw["diffraction"], source["diff3d"])
        assert raw["diffraction"].attrs["axis_canonical"] == "NHW"
        assert raw["diffraction"].attrs["original_axis_order"] == "NHW"
        assert raw["probeGuess"] == file["probe"]
        assert raw["objectGuess"] == file["object"]
        assert json.loads(raw["_metadata"][()])["physics_parameters"]["nphotons"] == 1e9
        assert file.attrs["contains_raw_data"] == 1
        assert file.attrs["bundle_version"] == "1.0"


def test_pixel_numbers_without_patterns(run1084_meters, tmp_path):
    path = run1084_meters.ptyxr.to_product(
        tmp_path / "p.h5",
        include_diffraction=False,
        position_index="sequential",
        photon_energy="8 keV",
    )
    with h5py.File(path) as file:
        assert "diffraction" not in file["raw_data"]
        assert "contains_raw_data" not in file.attrs
        assert "xcoords" in file["raw_data"]
    assert "diffraction" not in opened(path)


def test_the_centre_belongs_to_the_positions(run1084_meters, run1084, tmp_path):
    args = {"position_index": "sequential", "photon_energy": "8 keV"}
    assert points_outside(opened(run1084_meters.ptyxr.to_product(tmp_path / "a.h5", **args))) == (
        0, 0, 1087
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"833 of 1087 scan points.*1070 of 1087 probe"):
        path = run1084_meters.ptyxr.to_product(tmp_path / "b.h5", object_center=(0, "0 m"), **args)
    with pytest.warns(UserWarning, match=r"833 of 1087 scan points.*register"):
        forced = opened(path)
    assert forced.xindexes["object_x"].grid.center == 0
    rawdata = forced.ptyxr.to_rawdata()
    with np.load(run1084("--metadata")) as source:
        for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start"):
            np.testing.assert_array_equal(getattr(rawdata, key), source[key])
    assert points_outside(forced.ptyxr.register()) == (0, 0, 1087)


def test_a_crop_comes_back_on_its_pixels(run1084_meters, tmp_path):
    whole = run1084_meters.ptyxr.to("m")
    crop = whole.isel(object_x=slice(20, 190), object_y=slice(31, 200))
    again = opened(
        crop.ptyxr.to_product(
            tmp_path / "crop.h5", position_index="sequential", photon_energy="8 keV"
        )
    )
    difference = whole.object.astype("c8") - again.object
    assert difference.shape == (1, 169, 170)
    assert (difference == 0).all()
    np.testing.assert_allclose(
        again.ptyxr.to_rawdata().xcoords, run1084_meters.ptyxr.to_rawdata().xcoords - 20
    )


@pytest.mark.parametrize("scheme", ["threads", "synchronous"])
def test_chunked_data_are_written(product, tmp_path, scheme):
    import dask

    ds = opened(product, chunks={"position": 7, "object_y": 11})
    with dask.config.set(scheduler=scheme):
        later = ds.ptyxr.to_product(tmp_path / "p.h5", compute=False)
        assert not (tmp_path / "p.h5").exists()
        assert later.compute() == tmp_path / "p.h5"
    ptyxr.testing.assert_identical(opened(tmp_path / "p.h5").load(), opened(product).load())


def test_encoding(product, tmp_path):
    path = opened(product).ptyxr.to_product(
        tmp_path / "p.h5",
        encoding={
            "object": {"dtype": "complex128"},
            "diffraction": {"chunksizes": (4, 32, 32), "compression": "gzip", "shuffle": True},
        },
    )
    with h5py.File(path) as file:
        assert file["object"].dtype == np.complex128
        assert file["raw_data/diffraction"].chunks == (4, 32, 32)
        assert file["raw_data/diffraction"].compression == "gzip"
    assert opened(path).diffraction.encoding["preferred_chunks"]["position"] % 4 == 0
    with pytest.warns(UserWarning, match="separate the stored chunks"):
        opened(path, chunks={"position": 3})
    for wrong in ({"objekt": {}}, {"object": {"quality": 1}}):
        with pytest.raises(PtyxrError, match="encod"):
            opened(product).ptyxr.to_product(tmp_path / "q.h5", encoding=wrong)
    assert not (tmp_path / "q.h5").exists()


def test_compressed_patterns_are_in_whole_chunks(product, tmp_path):
    """HDF5's own guess would cut each of them into pieces."""
    ds = opened(product)
    many = ds.isel(position=np.arange(400) % 40)
    for one, chunks in ((ds, (40, 32, 32)), (many, (256, 32, 32))):
        path = one.ptyxr.to_product(
            tmp_path / "p.h5", encoding={"diffraction": {"compression": "gzip"}}
        )
        with h5py.File(path) as file:
            assert file["raw_data/diffraction"].chunks == chunks
        np.testing.assert_array_equal(opened(path).diffraction, one.diffraction)
    path = ds.ptyxr.to_product(tmp_path / "p.h5", encoding={"diffraction": {"shuffle": False}})
    with h5py.File(path) as file:
        assert file["raw_data/diffraction"].chunks is None


# Arguments


def test_metadata(product, tmp_path):
    ds = opened(product)
    path = ds.ptyxr.to_product(
        tmp_path / "p.h5",
        name="new",
        photon_energy=Q(9, "keV"),
        exposure_time=0.2,
        tilt_angle="2 degree",
        polarization="left_circular",
        far_field=False,
    )
    again = opened(path)
    assert again.attrs["name"] == "new"
    assert again.attrs["polarization"] == "left_circular"
    assert again.attrs["far_field"] == 0
    values = [
        float(again[n].data.magnitude) for n in ("photon_energy", "exposure_time", "tilt_angle")
    ]
    assert values == [9000, 0.2, 2]
    assert float(ds.photon_energy.data.magnitude) == 8000
    with pytest.raises(TypeError, match=r"'energy'.*photon_energy"):
        ds.ptyxr.to_product(tmp_path / "q.h5", energy=3)
    with pytest.raises(UnitError, match="photon_energy"):
        ds.ptyxr.to_product(tmp_path / "q.h5", photon_energy="3 m")
    with pytest.raises(UnitError, match=r"object_x"):
        ds.ptyxr.to_product(tmp_path / "q.h5", object_pixel_width="3 nm")


def test_what_is_missing_is_said(product, npz, tmp_path):
    ds = opened(product)
    with pytest.raises(MissingDataError, match="fill_object"):
        ds.drop_vars("object").ptyxr.to_product(tmp_path / "p.h5")
    with pytest.raises(MissingDataError, match="probe"):
        ds.drop_vars("probe").ptyxr.to_product(tmp_path / "p.h5")
    with pytest.raises(InvalidDataError, match="object_layer_spacing"):
        ds.assign_coords(
            object_layer_spacing=("object_layer_interface", Q([1.0, 2.0], "um"))
        ).ptyxr.to_product(tmp_path / "p.h5")
    with pytest.raises(PtyxrError, match=r"object_center.*\(x, y\)"):
        ds.ptyxr.to_product(tmp_path / "p.h5", object_center=3)
    with pytest.raises(InvalidDataError, match="position_index"):
        ds.ptyxr.to_product(tmp_path / "p.h5", position_index=[1, 2])
    assert not list(tmp_path.iterdir())


def test_estimated_pixel_sizes(npz, tmp_path):
    raw = ptyxr.open_dataset(npz)
    with pytest.warns(UserWarning, match=r"estimated.*5e-08.*1\.25e-07.*assign_pixel_size"):
        path = raw.ptyxr.to_product(
            tmp_path / "p.h5", comments="mine", position_index="sequential", photon_energy="8 keV"
        )
    again = opened(path)
    assert again.attrs["comments"] == "mine; estimated pixel sizes"
    assert again.xindexes["probe_x"].grid.pitch == 1.25e-7
    sized = raw.ptyxr.assign_pixel_size(object="10 nm")
    path = sized.ptyxr.to_product(
        tmp_path / "q.h5", position_index="sequential", photon_energy="8 keV"
    )
    assert opened(path).xindexes["probe_x"].grid.pitch == 1e-8


def test_all_indexes_equal_is_warned_of(npz, tmp_path):
    raw = ptyxr.open_dataset(npz, object_pixel_size="50 nm")
    with pytest.warns(UserWarning, match=r"position indexes are 0.*sequential"):
        path = raw.ptyxr.to_product(tmp_path / "p.h5", photon_energy="8 keV")
    assert "position_index" not in opened(path)
    path = raw.ptyxr.to_product(
        tmp_path / "q.h5", position_index="sequential", photon_energy="8 keV"
    )
    assert opened(path).position_index.values.tolist() == list(range(40))


def test_what_has_no_place_is_named(product, tmp_path):
    ds = opened(product).assign(mask=("position", np.ones(40)))
    with pytest.warns(UserWarning, match=r"'mask'.*to_netcdf"):
        ds.ptyxr.to_product(tmp_path / "p.h5")


def test_weights_of_either_size(product, tmp_path):
    for columns, both in ((1, True), (3, None)):
        ds = opened(product).load()
        probe = xr.concat([ds.probe] * columns, "coherent_mode")
        weights = np.random.default_rng(0).random((40, columns))
        ds = ds.drop_vars("probe").assign(
            probe=probe, opr_weights=(("position", "coherent_mode"), weights)
        )
        path = ds.ptyxr.to_product(tmp_path / "p.h5")
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["opr_weights"], weights)
            assert ("opr_weights" in file["probe"].attrs) == (both is not False)
        np.testing.assert_array_equal(opened(path).opr_weights, weights)


# Files


def test_an_existing_file(product, tmp_path):
    target = Path(shutil.copy(product, tmp_path / "p.h5"))
    target.chmod(0o640)
    before = target.read_bytes()
    with pytest.raises(ExistingFileError, match="mode='w'"):
        opened(product).ptyxr.to_product(target, mode="x")
    assert target.read_bytes() == before
    ds = opened(target)
    ds.ptyxr.to_product(target, name="over itself")
    assert opened(target).attrs["name"] == "over itself"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["p.h5"]


def test_a_failure_leaves_the_old_file(product, tmp_path):
    import dask.array as da

    target = Path(shutil.copy(product, tmp_path / "p.h5"))
    before = target.read_bytes()
    ds = opened(product).load()

    def fail(block):
        raise RuntimeError("the graph fails")

    broken = da.from_array(ds.object.values, chunks=(1, 20, -1)).map_blocks(
        fail, dtype="c8", meta=np.empty((0, 0, 0), "c8")
    )
    with pytest.raises(RuntimeError, match="the graph fails"):
        ds.assign(object=(ds.object.dims, broken)).ptyxr.to_product(target)
    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.h5"]


def test_where_nothing_can_be_written(product, tmp_path):
    ds = opened(product)
    with pytest.raises(PtyxrError, match="folder"):
        ds.ptyxr.to_product(tmp_path / "missing" / "p.h5")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(PtyxrError, match="folder"):
        ds.ptyxr.to_product(tmp_path / "folder.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.h5"]


# Any dataset of the model


@st.composite
def datasets(draw):
    """Draw a dataset of the model in metres, with parts missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    number = st.integers(1, 5)
    n, layers, coherent, modes = (draw(number) for _ in range(4))
    # A last axis of 1 is taken for (H, W, 1).
    shape = tuple(draw(st.integers(2, 5)) for _ in range(4))
    dtypes = st.sampled_from(["c8", "c16"])

    def array(*lengths):
        return (rng.random(lengths) + 1j * rng.random(lengths)).astype(draw(dtypes))

    rawdata = types.SimpleNamespace(
        xcoords=rng.random(n) * shape[1],
        ycoords=rng.random(n) * shape[0],
        objectGuess=array(layers, *shape[:2]),
        probeGuess=array(modes, *shape[2:]),
    )
    size = st.floats(1e-12, 1e-3)
    ds = ptyxr.from_rawdata(
        rawdata, origin="corner",
        object_pixel_size=(draw(size), draw(size)), probe_pixel_size=(draw(size), draw(size)),
    ).ptyxr.to("m")  # fmt: skip
    ds.attrs = {"source_format": "ptychodus"}
    for name in ("position_x", "position_y"):
        ds.variables[name].encoding.clear()
    probe = np.stack([ds.probe.values[0]] * coherent)
    ds = ds.assign(probe=(ds.probe.dims, probe), object=(ds.object.dims, ds.object.values))
    for name in ("object", "probe"):
        ds[name].attrs["long_name"] = {"object": "object transmission"}.get(name, name)
    return draw(parts(ds, rng, n, layers, coherent))


@st.composite
def parts(draw, ds, rng, n, layers, coherent):
    def maybe(**assign):
        return assign if draw(st.booleans()) else {}

    real = st.floats(-1e12, 1e12)
    ds = ds.assign_coords(
        maybe(position_index=("position", rng.permutation(n) * 3))
        | maybe(photon_energy=Q(draw(real), "eV"))
        | maybe(tilt_angle=Q(draw(real), "degree"))
        | maybe(object_layer_spacing=("object_layer_interface", Q(rng.random(layers - 1), "m")))
        | maybe(position_photon_count=("position", Q(rng.random(n), "count")))
    )
    ds = ds.assign(
        maybe(opr_weights=(("position", "coherent_mode"), rng.random((n, coherent)).astype("f4")))
        | maybe(loss=("epoch", rng.random(3)))
    )
    if "loss" in ds and draw(st.booleans()):
        ds = ds.assign_coords(epoch=[4, 4, 9])
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
    return ds.assign_attrs(maybe(name=draw(text)) | maybe(far_field=1) | maybe(beamline=draw(text)))


def bare(variable):
    return getattr(variable.data, "magnitude", variable.data)


@pytest.mark.filterwarnings(SAME, OUTSIDE, "ignore:the photon energy")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(datasets())
def test_any_dataset_comes_back(tmp_path, ds):
    again = opened(ds.ptyxr.to_product(tmp_path / "p.h5"), cache=False)
    assert set(again.variables) == set(ds.variables)
    for name, variable in ds.variables.items():
        read = again.variables[name]
        assert (read.dims, read.dtype) == (variable.dims, variable.dtype), name
        np.testing.assert_array_equal(bare(read), bare(variable))
        assert getattr(read.data, "units", None) == getattr(variable.data, "units", None)
    assert again.attrs == ds.attrs
    again.close()


# Numbers that must not become others


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda ds: ds.assign_coords(position_index=ds.position_index + 0.5), "position_index"),
        (lambda ds: ds.assign_coords(position_index=ds.position_index * np.nan), "position_index"),
        (lambda ds: ds.assign(loss=("epoch", [1j])), "loss"),
    ],
)
def test_numbers_that_would_become_others(product, tmp_path, change, key):
    with pytest.raises(InvalidDataError, match=r"becoming others.*found (float64|complex128)"):
        change(opened(product)).ptyxr.to_product(tmp_path / "p.h5")
    assert not list(tmp_path.iterdir())
    assert key


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("object", {"dtype": "f4"}),
        ("object", {"dtype": "nonsense"}),
        ("diffraction", {"chunksizes": (1, 2)}),
        ("diffraction", {"compression": "nonsense"}),
        ("diffraction", {"compression": "gzip", "compression_opts": 99}),
    ],
)
def test_encodings_that_cannot_be(product, tmp_path, name, encoding):
    with pytest.raises(PtyxrError):
        opened(product).ptyxr.to_product(tmp_path / "p.h5", encoding={name: encoding})
    assert not list(tmp_path.iterdir())


def test_its_own_encoding_is_taken(product, tmp_path):
    ds = opened(product)
    path = ds.ptyxr.to_product(tmp_path / "p.h5", encoding={"diffraction": ds.diffraction.encoding})
    np.testing.assert_array_equal(opened(path).diffraction, ds.diffraction)


@pytest.mark.parametrize(
    "metadata",
    [
        {"far_field": "no"},
        {"photon_energy": True},
        {"photon_energy": 1 + 2j},
        {"photon_energy": float("nan")},
        {"photon_energy": 10**400},
        {"name": ["a"]},
        {"name": "a\0b"},
        {"comments": "\ud800"},
    ],
)
def test_metadata_that_are_none(product, tmp_path, metadata):
    with pytest.raises(PtyxrError, match=next(iter(metadata))):
        opened(product).ptyxr.to_product(tmp_path / "p.h5", **metadata)


def test_a_coordinate_may_be_given_as_metadata(product, tmp_path):
    ds = opened(product)
    for energy in (ds.photon_energy.pint.to("keV"), xr.DataArray(8.0, attrs={"units": "keV"})):
        path = ds.ptyxr.to_product(tmp_path / "p.h5", photon_energy=energy)
        assert float(opened(path).photon_energy.data.magnitude) == 8000


def test_an_angle_without_unit_is_refused(product, tmp_path):
    ds = opened(product).assign_coords(tomography_angle=Q(30, ""))
    with pytest.raises(UnitError, match="tomography_angle"):
        ds.ptyxr.to_product(tmp_path / "p.h5")


@pytest.mark.parametrize(
    ("select", "said"),
    [({"position": 0}, r"isel\(position=\[i\]\)"), ({"object_x": 0}, r"object_x=\[i\]")],
)
def test_a_single_point_says_how_to_keep_its_axis(product, tmp_path, select, said):
    one = opened(product).isel(select)
    for call in (lambda: one.ptyxr.to_product(tmp_path / "p.h5"), one.ptyxr.to_rawdata):
        with pytest.raises(PtyxrError, match=said):
            call()


def test_transposed_arrays_are_written_in_order(product, tmp_path):
    ds = opened(product).load()
    weights = np.random.default_rng(0).random((40, 40))
    probe = xr.concat([ds.probe] * 40, "coherent_mode")
    ds = ds.drop_vars("probe").assign(
        probe=probe, opr_weights=(("position", "coherent_mode"), weights)
    )
    turned = ds.transpose()
    again = opened(turned.ptyxr.to_product(tmp_path / "p.h5"))
    for name in ("object", "probe", "opr_weights", "diffraction"):
        np.testing.assert_array_equal(again[name], ds[name])


def test_one_known_side_makes_a_square_pixel(npz, tmp_path):
    raw = ptyxr.open_dataset(npz).assign_coords(object_pixel_width=Q(30, "nm/pixel"))
    with pytest.warns(UserWarning, match="estimated: object 3e-08"):
        path = raw.ptyxr.to_product(
            tmp_path / "p.h5", position_index="sequential", photon_energy="8 keV"
        )
    assert opened(path).xindexes["object_y"].grid.pitch == 3e-8
