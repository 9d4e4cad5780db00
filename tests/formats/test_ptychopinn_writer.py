"""What is written for PtychoPINN loads there without unpickling, and comes back."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import MissingDataError, PtyxrError

Q = ptyxr.ureg.Quantity


@pytest.fixture
def ds(product):
    return xr.open_dataset(product, engine="ptychodus")


def rawdata_from_file(path):
    """Read a dataset with the calls and assertions of PtychoPINN's ``RawData.from_file``."""
    with np.load(path, allow_pickle=False) as file:
        coords = [file[f"{axis}coords{start}"] for start in ("", "_start") for axis in "xy"]
        diff3d, probe, obj = file["diff3d"], file["probeGuess"], file["objectGuess"]
        metadata = json.loads(str(file["_metadata"].item()))
        scan_index = file["scan_index"]
    assert all(c.ndim == 1 and c.shape == coords[0].shape for c in coords)
    assert diff3d.ndim == 3
    assert diff3d.shape[1] == diff3d.shape[2]
    assert probe.ndim == 2
    assert obj.ndim == 2
    assert scan_index.shape == coords[0].shape
    return coords, diff3d, probe, obj, metadata


def test_ptychopinn_loads_it(ds, tmp_path, npz):
    path = ds.ptyxr.to_npz(tmp_path / "back.npz")
    coords, diff3d, probe, obj, metadata = rawdata_from_file(path)
    with np.load(npz) as source:
        keys = ("xcoords", "ycoords", "xcoords_start", "ycoords_start")
        for key, values in zip(keys, coords, strict=True):
            np.testing.assert_array_equal(values, source[key])
        np.testing.assert_array_equal(diff3d, source["diff3d"])
        np.testing.assert_array_equal(probe, source["probeGuess"])
        np.testing.assert_array_equal(obj, source["objectGuess"])
    assert metadata["photon_energy_eV"] == 8000
    assert metadata["object_pixel_width_m"] == 5e-8
    assert metadata["name"] == "simulated"


def test_there_and_back(ds, tmp_path):
    back = ptyxr.open_dataset(ds.ptyxr.to_npz(tmp_path / "back.npz")).ptyxr.to("m")
    for name in ("position_x", "position_y", "nominal_position_x", "photon_energy", "object_x"):
        np.testing.assert_array_equal(back[name].data.magnitude, ds[name].data.magnitude)
    np.testing.assert_array_equal(back.object, ds.object)
    assert (back.object - ds.object).shape == ds.object.shape


@pytest.mark.filterwarnings("ignore:.*no diffraction patterns", "ignore:.*lie outside")
def test_a_frame_that_is_not_the_corners_comes_back(shared, tmp_path):
    ds = xr.open_dataset(shared("data/products/ptychodus-1.7.0-plain.h5"), engine="ptychodus")
    for origin in ("corner", "pixel", "center", "world"):
        path = ds.ptyxr.to_npz(tmp_path / "p.npz", origin=origin)
        grid = ds.xindexes["object_x"].grid
        offset = {
            "corner": grid.size / 2,
            "pixel": (grid.size - 1) / 2,
            "center": 0,
            "world": grid.center / grid.pitch,
        }[origin]
        with np.load(path) as file:
            expected = (ds.position_x.data.magnitude - grid.center) / grid.pitch + offset
            np.testing.assert_allclose(file["xcoords"], expected, rtol=0, atol=1e-9)
        back = ptyxr.open_dataset(path).ptyxr.to("m")
        for name in ("position_x", "position_y", "object_x", "object_y"):
            np.testing.assert_allclose(
                back[name].data.magnitude, ds[name].data.magnitude, rtol=0, atol=1e-18
            )


def test_positions_that_were_moved_are_counted_anew(ds):
    corner = ds.ptyxr.to_rawdata().xcoords
    moved = ds.ptyxr.shift(x="1 um")
    np.testing.assert_allclose(moved.ptyxr.to_rawdata().xcoords, corner)
    refined = ds.assign_coords(position_x=ds.position_x + Q(25, "nm"))
    np.testing.assert_allclose(refined.ptyxr.to_rawdata().xcoords, corner + 0.5)
    part = ds.isel(position=slice(3, 9))
    np.testing.assert_allclose(part.ptyxr.to_rawdata().xcoords, corner[3:9])
    crop = ds.isel(object_x=slice(2, None))
    np.testing.assert_array_equal(crop.ptyxr.to_rawdata().xcoords, corner - 2)


def test_the_world_where_the_axes_are_wrong(ds, tmp_path):
    def forget(ds):
        for name in ("position_x", "position_y", "nominal_position_x", "nominal_position_y"):
            ds.variables[name].encoding.clear()
        return ds

    expected = ds.ptyxr.to_rawdata().xcoords
    with pytest.warns(UserWarning, match="lie outside"):
        path = ds.ptyxr.to_product(tmp_path / "zero.h5", object_center=(0, 0))
    with pytest.warns(UserWarning, match="corner of the object"):
        forced = forget(xr.open_dataset(path, engine="ptychodus"))
    with pytest.warns(UserWarning, match=r"divided by the pixel size.*register"):
        found = forced.ptyxr.to_rawdata().xcoords
    np.testing.assert_allclose(found, expected)


def test_modes_and_layers_that_are_left_behind(ds):
    loaded = ds.load()
    weaker = xr.concat([loaded.probe * 0.1, loaded.probe, loaded.probe * 0.2], "incoherent_mode")
    many = loaded.drop_vars("probe").assign(probe=weaker)
    with pytest.warns(UserWarning, match="2 incoherent modes"):
        np.testing.assert_array_equal(many.ptyxr.to_rawdata().probeGuess, loaded.probe[0, 0])
    assert many.ptyxr.to_rawdata(probe="all").probeGuess.shape == (3, 32, 32)
    with pytest.warns(UserWarning, match="incoherent"):
        assert many.ptyxr.to_rawdata(probe=2).probeGuess[16, 16] == weaker[0, 2, 16, 16]
    with pytest.raises(PtyxrError, match="probe"):
        many.ptyxr.to_rawdata(probe="best")
    layers = xr.concat([loaded.object] * 2, "object_layer")
    thick = loaded.drop_vars("object").assign(object=layers)
    with pytest.warns(UserWarning, match="1 object layers"):
        assert thick.ptyxr.to_rawdata().objectGuess.ndim == 2


def test_measurement(ds, tmp_path):
    counts = ds.assign(diffraction=(ds.diffraction**2).round().astype("u4"))
    counts.diffraction.attrs["quantity"] = "counts"
    path = counts.ptyxr.to_npz(tmp_path / "a.npz", measurement="amplitude")
    with np.load(path) as file:
        np.testing.assert_array_equal(file["diff3d"], np.sqrt(counts.diffraction))
    assert counts.ptyxr.to_rawdata().diff3d.dtype == np.uint32
    counts.diffraction.attrs["quantity"] = "unknown"
    with pytest.raises(PtyxrError, match="quantity"):
        counts.ptyxr.to_rawdata(measurement="amplitude")


def test_without_patterns_it_is_said(ds, tmp_path):
    with pytest.warns(UserWarning, match="PtychoPINN does not load"):
        ds.drop_vars("diffraction").ptyxr.to_npz(tmp_path / "p.npz")


def test_what_is_missing(ds):
    with pytest.raises(MissingDataError, match="position_x"):
        ds.drop_vars("position_x").ptyxr.to_rawdata()
    with pytest.raises(PtyxrError, match=r"origin.*'world'"):
        ds.ptyxr.to_rawdata(origin="middle")


@pytest.mark.parametrize("compressed", [False, True])
def test_chunked_and_compressed(ds, product, tmp_path, compressed):
    chunked = xr.open_dataset(product, engine="ptychodus", chunks={"position": 7})
    path = chunked.ptyxr.to_npz(tmp_path / "p.npz", compressed=compressed)
    np.testing.assert_array_equal(ptyxr.open_dataset(path).diffraction, ds.diffraction)


def test_the_importer_divides_metres_by_the_pixel_size(ds, product):
    """What PtychoPINN's importer of products computes is ``.to("px")``, and ``origin="world"``."""
    with h5py.File(product) as file:
        width = file["object"].attrs["pixel_width_m"]
        imported = file["probe_position_x_m"][()] / width
        assert file["probe"].ndim == file["object"].ndim == 2
    np.testing.assert_array_equal(ds.ptyxr.to("px").position_x.data.magnitude, imported)
    np.testing.assert_array_equal(ds.ptyxr.to_rawdata(origin="world").xcoords, imported)


def fraction_of(ds):
    """Return where positions are on the object, as a part of its extent."""
    return [
        (ds[f"position_{a}"].data.magnitude - ds.xindexes[f"object_{a}"].line().center)
        / (ds.xindexes[f"object_{a}"].line().size * ds.xindexes[f"object_{a}"].line().pitch)
        for a in "xy"
    ]


@pytest.mark.filterwarnings("ignore:.*scan points lie outside", "ignore:the photon energy")
@pytest.mark.parametrize("origin", ["corner", "pixel", "center"])
@pytest.mark.parametrize(
    "cut",
    [
        {},
        {"object_x": slice(3, -4), "object_y": slice(2, None)},
        {"object_x": slice(None, None, 2), "object_y": slice(1, None, 3)},
    ],
    ids=["whole", "crop", "stride"],
)
def test_positions_stay_on_their_place(npz, tmp_path, origin, cut):
    raw = ptyxr.open_dataset(npz, origin=origin, object_pixel_size="50 nm", probe_pixel_size="5 nm")
    ds = raw.isel(cut)
    bare = ds.drop_attrs(deep=False)
    for source in (ds, ds.ptyxr.to("m"), bare):
        again = ptyxr.open_dataset(source.ptyxr.to_npz(tmp_path / "p.npz"))
        for found, expected in zip(fraction_of(again), fraction_of(ds), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        product = source.ptyxr.to_product(tmp_path / "p.h5", position_index="sequential")
        reopened = xr.open_dataset(product, engine="ptychodus").drop_attrs(deep=False)
        through = ptyxr.open_dataset(reopened.ptyxr.to_npz(tmp_path / "q.npz"))
        for found, expected in zip(fraction_of(through), fraction_of(ds), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        width = ds.xindexes["object_x"].line().pitch * 5e-8
        assert again.ptyxr.to("m").xindexes["object_x"].grid.pitch == pytest.approx(width)


def test_the_worlds_numbers_stay_the_worlds(ds, tmp_path):
    there = ds.ptyxr.shift(x="3 um", y="-2 um")
    path = there.ptyxr.to_npz(tmp_path / "a.npz", origin="world")
    first = ptyxr.open_dataset(path)
    second = ptyxr.open_dataset(first.ptyxr.to_npz(tmp_path / "b.npz"))
    product = first.ptyxr.to("m").ptyxr.to_product(tmp_path / "c.h5", position_index="sequential")
    third = xr.open_dataset(product, engine="ptychodus")
    for one in (first, second, third):
        for found, expected in zip(fraction_of(one), fraction_of(ds), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_a_moved_object_is_warned_of(ds):
    moved = ds.assign_coords(object_x=ds.object_x + Q(50, "nm")).ptyxr.quantify()
    with pytest.warns(UserWarning, match=r"1 pixels from.*origin='corner'"):
        kept = moved.ptyxr.to_rawdata()
    np.testing.assert_allclose(kept.xcoords - 1, moved.ptyxr.to_rawdata(origin="corner").xcoords)


@pytest.mark.parametrize(("dtype", "result"), [("u1", "f4"), ("u4", "f8"), ("f4", "f4")])
def test_measurements_do_not_overflow(ds, dtype, result):
    ds = ds.load()
    counts = ds.assign(diffraction=xr.full_like(ds.diffraction, 200, dtype=dtype))
    counts.diffraction.attrs["quantity"] = "amplitude"
    squared = counts.ptyxr.to_rawdata(measurement="counts").diff3d
    assert squared.dtype == result
    assert (squared == 40000).all()
    counts.diffraction.attrs["quantity"] = "counts"
    assert counts.ptyxr.to_rawdata(measurement="amplitude").diff3d.dtype == result
    negative = ds.assign(diffraction=ds.diffraction - 1e9)
    negative.diffraction.attrs["quantity"] = "counts"
    with pytest.raises(PtyxrError, match="below 0"):
        negative.ptyxr.to_rawdata(measurement="amplitude")


def test_it_shows_itself(ds):
    assert repr(ds.ptyxr.to_rawdata()).startswith("<RawData: 40 positions, patterns (32, 32)")


def test_the_name_of_another_format_is_refused(ds, tmp_path):
    with pytest.raises(PtyxrError, match=r"'\.h5'.*to_product"):
        ds.ptyxr.to_npz(tmp_path / "p.h5")
