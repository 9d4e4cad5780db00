"""Many products are one lazy stack by whole pixels, or a tree, and come out as they were."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from xarray.backends.file_manager import FILE_CACHE

import ptyxr
import releases
from ptyxr import processes
from ptyxr.errors import MissingDataError, MissingFileError, PtyxrError, RemoteError, SeriesError
from ptyxr.opening import find_files
from ptyxr.stacking import stack
from ptyxr.testing import assert_identical

Q = ptyxr.ureg.Quantity
#: Of each product: rows, columns and positions of the whole, its angle, and its number of epochs.
SIZES = {
    "a": (slice(0, 70), slice(3, 81), slice(0, 20), 30.0, 4),
    "b": (slice(2, 77), slice(0, 80), slice(5, 17), 10.0, 2),
    "c": (slice(1, 71), slice(2, 80), slice(0, 20), 20.0, 4),
    "d": (slice(0, 70), slice(3, 81), slice(0, 20), 20.0, 0),
}


@pytest.fixture(scope="module")
def whole():
    """Give a product of which others are parts, with an object of complex noise."""
    scan = ptyxr.tutorial.simulate_scan(positions=20, probe_size=16)
    raw = ptyxr.from_rawdata(scan).drop_vars(["diffraction"])
    ds = raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.to("m")
    rng = np.random.default_rng(1)
    shape = (2, 80, 90)
    noise = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("complex64")
    axes = {name: (np.arange(n) + 0.5) * 5e-8 for name, n in (("object_y", 80), ("object_x", 90))}
    ds = ds.drop_dims(["object_layer", "object_y", "object_x"])
    coords = {
        name: (name, values, {"units": "meter", "long_name": name.replace("_", " ")})
        for name, values in axes.items()
    }
    ds = ds.assign_coords(coords).assign(object=(("object_layer", "object_y", "object_x"), noise))
    spacing = ("object_layer_interface", Q([3.0], "um").to("m"))
    ds = ds.assign_coords(object_layer_spacing=spacing)
    return ds.ptyxr.quantify().assign_attrs(comments="a tomogram")


def part(whole, name):
    """Return a product: a part of the whole."""
    rows, columns, points, angle, epochs = SIZES[name]
    ds = whole.isel(object_y=rows, object_x=columns, position=points)
    ds = ds.assign_coords(tomography_angle=Q(angle, "degree"))
    if epochs:
        losses = np.linspace(1, 0.5, epochs)
        ds = ds.assign(loss=("epoch", losses)).assign_coords(epoch=np.arange(epochs))
    return ds


def write(ds, path, **metadata):
    return ds.ptyxr.to_product(path, photon_energy="8 keV", position_index="sequential", **metadata)


@pytest.fixture(scope="module")
def files(whole, tmp_path_factory):
    """Give the files of four products that share a grid; two have one size, and one angle."""
    folder = tmp_path_factory.mktemp("series")
    return [write(part(whole, name), folder / f"{name}.h5", name=name) for name in SIZES]


@pytest.fixture(scope="module")
def series(files):
    """Give the four as one dataset, by angle: b, c, d, a."""
    return ptyxr.open_series(files)


def alone(path, **options):
    return xr.open_dataset(path, engine="ptychodus", **options)


# --- stacking -------------------------------------------------------------------------------------


def test_products_of_different_sizes_are_one_dataset_at_their_places_in_space(files, series, whole):
    assert series.object.dims == ("tomography_angle", "object_layer", "object_y", "object_x")
    assert (
        dict(series.sizes) | {"object_y": 77, "object_x": 81, "position": 20, "epoch": 4}
        == series.sizes
    )
    for i, name in enumerate("bcda"):  # by angle, equal ones in the order of the files
        rows, columns, *_ = SIZES[name]
        here = {"object_y": rows, "object_x": columns}
        ours, theirs = series.object[i].isel(here), whole.object.isel(here)
        np.testing.assert_array_equal(ours.values, theirs.values)
        np.testing.assert_allclose(ours.object_x.values, theirs.object_x.values, atol=1e-20)
        assert int(np.isfinite(series.object[i].values).sum()) == theirs.size
    assert series.source.values.tolist() == [str(files["abcd".index(name)]) for name in "bcda"]
    assert series.position_count.values.tolist() == [12, 20, 20, 20]


def test_the_new_dimension_has_its_unit_and_selects_by_it(series):
    assert series.tomography_angle.data.units == "degree"
    assert series.position_x.data.units == "meter"
    assert series.sel(tomography_angle=Q(30, "degree")).name.item() == "a"
    third = series.sel(tomography_angle=Q(np.pi / 6, "radian"), method="nearest")
    assert third.name.item() == "a"
    between = series.sel(tomography_angle=slice(Q("15 deg"), Q("25 deg")))
    assert between.name.values.tolist() == ["c", "d"]


def test_the_nearest_angle_is_found_in_any_order_and_where_one_is_there_twice(files):
    ds = ptyxr.open_series(files, sort=False)
    assert ds.tomography_angle.values.tolist() == [30, 10, 20, 20]
    assert ds.sel(tomography_angle=Q("19 deg"), method="nearest").name.item() == "c"
    both = ds.sel(tomography_angle=[Q("9 deg"), Q("31 deg")], method="nearest")
    assert both.name.values.tolist() == ["b", "a"]
    with pytest.raises(PtyxrError, match="tolerance"):
        ds.sel(tomography_angle=Q("15 deg"), method="nearest", tolerance=Q("1 deg"))


def test_what_all_share_stays_one_number_and_what_differs_lies_along_the_dimension(series):
    assert series.photon_energy.ndim == series.object_pixel_width.ndim == 0
    assert series.attrs["comments"] == "a tomogram"
    assert "name" not in series.attrs
    assert series.name.values.tolist() == ["b", "c", "d", "a"]
    assert series.ptyxr.wavelength.ndim == 0


def test_each_product_comes_out_as_it_is_opened_alone(files):
    ds = ptyxr.open_series(files, sort=False)
    for i, path in enumerate(files):
        assert_identical(ds.isel(tomography_angle=i).ptyxr.trim(), alone(path))


def test_each_product_comes_out_of_plain_numbers(files):
    ds = ptyxr.open_series(files, sort=False, quantify=False)
    for i, path in enumerate(files):
        one = ds.isel(tomography_angle=i).ptyxr.trim()
        assert_identical(one, alone(path, quantify=False))


def test_products_of_one_size_come_out_by_selection_alone(files):
    ds = ptyxr.open_series([files[0], files[0]])
    one, other = ds.isel(tomography_angle=1), alone(files[0])
    beside = {"source", "position_count"}
    assert set(one.variables) - set(other.variables) == beside
    assert_identical(one.drop_vars(beside), other)


def test_each_product_comes_out_after_the_frame_was_moved_and_converted(files):
    ds = ptyxr.open_series(files, sort=False)
    moved = ds.ptyxr.shift(x="1 um").ptyxr.to("um").isel(tomography_angle=1).ptyxr.trim()
    expected = alone(files[1]).ptyxr.shift(x="1 um").ptyxr.to("um")
    xr.testing.assert_allclose(moved.ptyxr.dequantify(), expected.ptyxr.dequantify(), rtol=1e-14)
    pixels = ds.ptyxr.to("pixel").isel(tomography_angle=1).ptyxr.trim()
    expected = alone(files[1]).ptyxr.to("pixel").ptyxr.dequantify()
    xr.testing.assert_allclose(pixels.ptyxr.dequantify(), expected, rtol=1e-12)


def test_each_product_comes_out_of_a_crop(files):
    crop = ptyxr.open_series(files, sort=False).isel(object_x=slice(1, 40), position=slice(3, 18))
    one = crop.isel(tomography_angle=0).ptyxr.trim()
    whole = alone(files[0])
    np.testing.assert_array_equal(one.object.values, whole.object[..., :37].values)
    assert one.sizes["position"] == 15


def test_a_product_of_a_stack_is_written_as_it_was(files, tmp_path):
    ds = ptyxr.open_series(files, sort=False)
    written = [
        ds.isel(tomography_angle=i).ptyxr.to_product(tmp_path / path.name)
        for i, path in enumerate(files)
    ]
    for path, again in zip(files, written, strict=True):
        assert_identical(alone(again), alone(path))
    read = releases.read_products("1.7.0", [*written, *files])
    for one, other in zip(read[: len(files)], read[len(files) :], strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], str(key))


@pytest.mark.filterwarnings("ignore:.*object layers are left behind:UserWarning")
def test_pixel_numbers_stay_beside_positions(files):
    ds = ptyxr.open_series(files, sort=False)
    numbers = ds.isel(tomography_angle=1).ptyxr.to_rawdata().xcoords
    np.testing.assert_array_equal(numbers, alone(files[1]).ptyxr.to_rawdata().xcoords)


@pytest.mark.parametrize("join", ["inner", "outer"])
@given(data=st.data())
@settings(max_examples=15)
def test_alignment_moves_pixels_and_never_mixes_them(whole, join, data):
    bare = whole.ptyxr.dequantify()
    one = st.tuples(*(st.integers(0, 30),) * 2, *(st.integers(31, 80),) * 2)
    corners = data.draw(st.lists(one, min_size=1, max_size=4))
    crops = [
        bare.isel(object_y=slice(top, bottom), object_x=slice(left, right))
        for top, left, bottom, right in corners
    ]
    ds = stack(crops, [str(i) for i in range(len(crops))], "product", None, join=join)
    top, left, bottom, right = (np.array(side) for side in zip(*corners, strict=True))
    least, most = (np.min, np.max) if join == "outer" else (np.max, np.min)
    rows, columns = (least(top), most(bottom)), (least(left), most(right))
    frame = whole.isel(object_y=slice(*rows), object_x=slice(*columns))
    assert_axes_equal(ds, frame)
    for i, (up, start, down, end) in enumerate(corners):
        expected = np.full(frame.object.shape, np.nan, "complex64")
        y, x = (
            slice(max(up, rows[0]), min(down, rows[1])),
            slice(max(start, columns[0]), min(end, columns[1])),
        )
        there = (slice(None), shifted(y, rows[0]), shifted(x, columns[0]))
        expected[there] = whole.object.values[:, y, x]
        np.testing.assert_array_equal(ds.object[i].values, expected)
        if join == "outer":
            trimmed = ds.isel(product=i).ptyxr.trim()
            xr.testing.assert_identical(trimmed.object, crops[i].ptyxr.quantify().object)


def shifted(key, by):
    return slice(key.start - by, key.stop - by)


def assert_axes_equal(ds, other):
    for name in ("object_x", "object_y"):
        np.testing.assert_allclose(ds[name].values, other[name].values, rtol=0, atol=1e-20)
        assert ds[name].size == other[name].size


@given(data=st.data())
@settings(max_examples=50)
def test_any_selection_of_a_lazy_stack_is_that_of_the_numbers(files_stack, data):
    lazy, loaded = files_stack
    key = {}
    for dim in data.draw(st.sets(st.sampled_from(loaded.dims))):
        size = loaded.sizes[dim]
        index = st.integers(-size, size - 1)
        step = st.sampled_from([None, 1, 2, -1, -3])
        ends = st.none() | index
        key[dim] = data.draw(
            index | st.lists(index, max_size=5) | st.builds(slice, ends, ends, step)
        )
    np.testing.assert_array_equal(lazy.isel(key).values, loaded.isel(key).values)


@pytest.fixture(scope="module")
def files_stack(files):
    """Give the objects of a series: lazy, and in memory."""
    options = {"cache": False, "quantify": False, "engine": "ptychodus"}
    parts = [xr.open_dataset(path, **options) for path in files]
    ds = stack(parts, list(map(str, files)), "product", None)
    whole = ds.object.copy(data=np.asarray(ds.object.variable[...].data))
    return ds.object, whole


def test_epochs_align_by_their_numbers(whole, tmp_path):
    bare = part(whole, "a").drop_dims("epoch")
    paths = []
    for name, epochs in (("a", [0, 5, 10]), ("b", [5, 20]), ("c", [])):
        ds = bare
        if epochs:
            losses = ("epoch", 1.0 / (1 + np.array(epochs)))
            ds = bare.assign(loss=losses).assign_coords(epoch=epochs)
        paths.append(write(ds, tmp_path / f"{name}.h5"))
    ds = ptyxr.open_series(paths)
    assert ds.epoch.values.tolist() == [0, 5, 10, 20]
    expected = [[1, 1 / 6, 1 / 11, np.nan], [np.nan, 1 / 6, np.nan, 1 / 21], [np.nan] * 4]
    np.testing.assert_array_equal(ds.loss.values, expected)
    for i, path in enumerate(paths):
        assert_identical(ds.isel(tomography_angle=i).ptyxr.trim(), alone(path))


def test_what_only_some_products_have_is_padding_in_the_others(whole, tmp_path):
    first = part(whole, "a").assign_coords(exposure_time=Q("0.1 s"))
    other = part(whole, "a").drop_vars(["object_pixel_width", "loss", "epoch"])
    weights = np.ones((20, first.sizes["coherent_mode"]))
    other = other.assign(opr_weights=(("position", "coherent_mode"), weights))
    paths = [write(first, tmp_path / "a.h5"), write(other, tmp_path / "b.h5")]
    ds = ptyxr.open_series(paths)
    assert np.isnan(ds.opr_weights[0].values).all()
    assert np.isnan(ds.exposure_time.values).tolist() == [False, True]
    for i, path in enumerate(paths):
        assert_identical(ds.isel(tomography_angle=i).ptyxr.trim(), alone(path))


def test_pixel_sizes_that_differ_in_the_last_digit_are_one_grid(files, tmp_path):
    paths = [Path(shutil.copy(files[0], tmp_path / f"{i}.h5")) for i in range(3)]
    for i, path in enumerate(paths):
        with h5py.File(path, "a") as file:
            for variable in ("object", "probe"):
                for key in ("pixel_width_m", "pixel_height_m"):
                    file[variable].attrs[key] = np.float64(5e-8) * (1 + i * 2.3e-16)
            file.attrs["far_field"] = bool(i)
    ds = ptyxr.open_series(paths, "name", labels=["x", "y", "z"], combine="stack")
    assert len(set(ds.object_pixel_width.values)) == 3
    for name, path in zip("xyz", paths, strict=True):
        one = ds.sel(name=name).ptyxr.trim()
        assert_identical(one, alone(path).assign_attrs(name=name))
    there_and_back = ds.ptyxr.to("pixel").ptyxr.to("m")
    np.testing.assert_allclose(there_and_back.object_x.values, ds.object_x.values, rtol=1e-12)
    with pytest.raises(SeriesError, match="far field"):
        ds.ptyxr.detector_pixel_size  # noqa: B018


def test_attributes_of_any_name_are_kept_or_told_of(files, tmp_path):
    paths = [Path(shutil.copy(files[0], tmp_path / f"{i}.h5")) for i in range(2)]
    for i, path in enumerate(paths):
        with h5py.File(path, "a") as file:
            file.attrs["run"] = 5 - i
    ds = ptyxr.open_series(paths, "run")
    assert ds.run.values.tolist() == [4, 5]
    assert_identical(ds.sel(run=5).ptyxr.trim(), alone(paths[0]))
    ds.close()
    for i, path in enumerate(paths):
        shutil.copy(files[0], path)
        with h5py.File(path, "a") as file:
            file.attrs["source"] = f"beamline {i}"
    with pytest.raises(SeriesError, match=r"'source'.*no place as a coordinate"):
        ptyxr.open_series(paths, combine="stack")
    h5py.File(paths[0], "a").close()  # which HDF5 refuses while it is open


def test_integers_keep_their_kind_where_they_are_padded(series):
    assert series.position_index.dtype == np.int64
    assert series.position_index.values[0].tolist() == [*range(12), *[-1] * 8]
    assert (
        series.position_present.sum("position").values.tolist()
        == series.position_count.values.tolist()
    )


def test_datasets_of_ptychopinn_are_stacked_with_their_patterns(tmp_path):
    paths = []
    for positions in (9, 12):
        scan = ptyxr.tutorial.simulate_scan(positions=positions, probe_size=16)
        paths.append(tmp_path / f"{positions}.npz")
        ptyxr.tutorial.save_npz(scan, paths[-1])
    ds = ptyxr.open_series(str(tmp_path / "*.npz"), "exposure_time", labels=["1 ms", "2 s"])
    assert ds.diffraction.dims[:2] == ("exposure_time", "position")
    assert ds.exposure_time.data.to("s").magnitude.tolist() == [0.001, 2]
    for i, path in enumerate(sorted(paths)):
        one = ds.isel(exposure_time=ds.source.values.tolist().index(str(path)))
        expected = ptyxr.open_dataset(path)
        assert_identical(one.ptyxr.trim().drop_vars("exposure_time"), expected)
        assert i < 2


# --- lazy -----------------------------------------------------------------------------------------


def test_only_the_file_of_what_is_used_is_read(files, tmp_path):
    paths = [shutil.copy(path, tmp_path) for path in files]
    ds = ptyxr.open_series(paths, sort=False)
    for name in ("object", "probe", "loss"):
        assert not ds[name].variable._in_memory
    ds.close()
    for path in paths[1:]:
        (tmp_path / path).unlink()
    expected = alone(files[0]).object.values
    one = ds.isel(tomography_angle=0).ptyxr.trim()
    np.testing.assert_array_equal(one.object.values, expected)
    with pytest.raises(PtyxrError, match=re.escape(str(paths[1]))):
        ds.object[1].values  # noqa: B018


def test_few_files_are_open_at_once_and_a_pickle_reads_them_again(files):
    with xr.set_options(file_cache_maxsize=2):
        ds = ptyxr.open_series(files)
        again = pickle.loads(pickle.dumps(ds))
        assert len(xr.backends.file_manager.FILE_CACHE) <= 2
        assert_identical(again, ds)


def test_chunks_are_one_a_product(files):
    ds, expected = ptyxr.open_series(files, chunks={}), ptyxr.open_series(files)
    assert ds.object.chunks == ((1,) * 4, (2,), (77,), (81,))
    assert ds.position_x.data.units == "meter"
    assert_identical(ds.compute(), expected.load())
    before = len(FILE_CACHE)
    by_size = ptyxr.open_series(files, chunks="auto")
    assert by_size.object.chunks is not None
    assert len(FILE_CACHE) == before + 4
    by_size.close()
    assert len(FILE_CACHE) == before
    by_two = ptyxr.open_series(files, chunks={"tomography_angle": 2})
    assert by_two.object.chunks[0] == (2, 2)
    one = ds.isel(tomography_angle=0).ptyxr.trim().compute()
    assert_identical(one, alone(files[1]).load())


# --- trees ----------------------------------------------------------------------------------------


def changed(ds, what):
    """Return a product that does not go into a stack with others."""
    if what == "pitch":
        bare = ds.drop_vars(["object_pixel_width", "object_pixel_height"])
        return bare.ptyxr.to("m").assign_coords(
            object_x=("object_x", np.arange(ds.sizes["object_x"]) * 6e-8, {"units": "meter"}),
            object_y=("object_y", np.arange(ds.sizes["object_y"]) * 6e-8, {"units": "meter"}),
        )
    if what == "offset":
        return ds.ptyxr.shift(x="20 nm")
    if what == "probe":
        return ds.isel(probe_x=slice(1, -1), probe_y=slice(1, -1))
    return ds.isel(object_layer=[0]).drop_vars("object_layer_spacing")


@pytest.mark.parametrize(
    ("what", "key", "found"),
    [
        ("pitch", "object_", "pixels of"),
        ("offset", "object_x", "offset of 0.4"),
        ("probe", "probe_", "14 pixels"),
        ("layers", "object_layer", "1, expected 2"),
    ],
)
def test_products_without_a_common_grid_are_a_tree_that_says_why(
    whole, files, tmp_path, what, key, found
):
    odd = write(changed(part(whole, "a"), what), tmp_path / "a.h5")
    tree = ptyxr.open_series([files[0], files[1], odd])
    assert isinstance(tree, xr.DataTree)
    reason = tree.attrs["not_stacked"]
    assert all(text in reason for text in (str(odd), str(files[1]), key, found)), reason
    with pytest.raises(SeriesError, match=re.escape(str(odd))):
        ptyxr.open_series([files[0], files[1], odd], combine="stack")
    nodes = [f"{files[0].parent.name}_a", "b", f"{tmp_path.name}_a"]
    assert sorted(tree.children) == sorted(nodes)
    for name, path in zip(nodes, [files[0], files[1], odd], strict=True):
        assert_identical(tree[name].to_dataset(), alone(path))


def test_a_tree_is_to_be_had_of_any_products(files):
    tree = ptyxr.open_series([*files, files[0]], combine="tree", labels=Q(range(5), "degree"))
    folder = files[0].parent.name
    assert list(tree.children) == [f"{folder}_a", "b", "c", "d", f"{folder}_a_2"]
    assert "not_stacked" not in tree.attrs
    assert tree[f"{folder}_a_2"].tomography_angle.data == Q(4.0, "degree")


def test_objects_are_cropped_to_what_all_have_or_not_stacked_where_they_differ(files):
    inner = ptyxr.open_series(files, join="inner")
    assert (inner.sizes["object_y"], inner.sizes["object_x"]) == (68, 77)
    assert np.isfinite(inner.object.values).all()
    assert "join=" in ptyxr.open_series(files, join="exact").attrs["not_stacked"]


# --- files that do not fit ------------------------------------------------------------------------


@pytest.fixture
def broken(files, tmp_path):
    """Give two products, and three files that are none."""
    shutil.copy(files[0], tmp_path / "a.h5")
    shutil.copy(files[1], tmp_path / "b.h5")
    (tmp_path / "cut.h5").write_bytes(files[0].read_bytes()[:3000])
    (tmp_path / "text.h5").write_text("no product", encoding="utf-8")
    write(alone(files[0]).drop_vars("tomography_angle"), tmp_path / "without.h5")
    return tmp_path


def test_a_file_that_does_not_open_is_named_with_how_to_leave_it_out(broken):
    with pytest.raises(PtyxrError, match=r"cut\.h5.*errors='warn'.*3 of 5 files"):
        ptyxr.open_series(str(broken / "*.h5"))
    with pytest.warns(UserWarning, match=r"3 of 5 files are left out: .*cut\.h5.*text\.h5"):
        ds = ptyxr.open_series(str(broken / "*.h5"), errors="warn")
    assert ds.name.values.tolist() == ["b", "a"]
    assert ptyxr.open_series(str(broken / "*.h5"), errors="ignore").equals(ds)


def test_labels_stay_with_their_files_where_some_are_left_out(broken):
    angles = Q([5.0, 4.0, 3.0, 2.0, 1.0], "degree")
    ds = ptyxr.open_series(str(broken / "*.h5"), labels=angles, errors="ignore")
    assert ds.tomography_angle.values.tolist() == [1, 4, 5]
    names = ["without.h5", "b.h5", "a.h5"]
    assert ds.source.values.tolist() == [str(broken / name) for name in names]


def test_a_product_without_the_label_is_named_with_what_to_do(broken):
    paths = [broken / "a.h5", broken / "without.h5"]
    with pytest.raises(MissingDataError, match=r"without\.h5.*tomography angle.*labels="):
        ptyxr.open_series(paths)
    assert ptyxr.open_series(paths, "product").sizes["product"] == 2


def test_angles_that_nobody_told_are_warned_of(files, tmp_path):
    zero = alone(files[0]).assign_coords(tomography_angle=Q(0.0, "degree"))
    path = write(zero, tmp_path / "zero.h5")
    with pytest.warns(UserWarning, match="All 2 products have tomography_angle 0 degree"):
        ptyxr.open_series([path, path])


def test_warnings_of_many_files_are_given_once(files, tmp_path):
    for name in "abc":
        shutil.copy(files[0], tmp_path / f"{name}.h5")
        with h5py.File(tmp_path / f"{name}.h5", "a") as file:
            file["object"].attrs["pixel_width_m"] = 0.0
    with pytest.warns(UserWarning, match="no pixel size") as caught:
        tree = ptyxr.open_series(str(tmp_path / "*.h5"))
    assert len(caught) == 1
    assert "a.h5" in str(caught[0].message)
    assert "2 more of the files" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert tree.sizes["tomography_angle"] == 3


@pytest.mark.parametrize(
    ("paths", "error", "text"),
    [
        ("nowhere/*.h5", MissingFileError, "no file fits the pattern"),
        ([], MissingFileError, "no file in the list"),
        (".", MissingFileError, "this is a folder"),
        ("memory://nowhere/*.h5", MissingFileError, "list of addresses"),
        ("nosuch://nowhere/*.h5", RemoteError, "not known to fsspec"),
        (3, PtyxrError, "a pattern or a list of paths"),
        ([io.BytesIO()], PtyxrError, "a pattern or a list of paths"),
        (["missing.h5"], MissingFileError, "no such file"),
    ],
)
def test_what_names_no_files_is_refused(paths, error, text):
    with pytest.raises(error, match=text):
        ptyxr.open_series(paths)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"dim": "object_x"}, PtyxrError, "not put side by side"),
        ({"dim": "position_x"}, PtyxrError, "not put side by side"),
        ({"dim": ["product"]}, PtyxrError, "not put side by side"),
        ({"combine": "trees"}, PtyxrError, "'auto', 'stack', 'tree'"),
        ({"labels": [1, 2]}, PtyxrError, "expected 4 labels"),
        ({"labels": Q([1, 2, 3, 4], "m")}, PtyxrError, "tomography_angle"),
        ({"diffraction": "x.h5"}, PtyxrError, "one product"),
        ({"chunkz": {}}, TypeError, "chunkz"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(files, options, error, text):
    with pytest.raises(error, match=text):
        ptyxr.open_series(files, **options)


def test_a_dimension_with_a_name_much_like_another_is_warned_of(files):
    with pytest.warns(UserWarning, match="Did you mean dim='tomography_angle'"):
        ds = ptyxr.open_series(files, dim="tomographic_angle")
    assert ds.sizes["tomographic_angle"] == 4


def test_patterns_of_addresses_keep_the_links_of_their_chain(files):
    memory = fsspec.filesystem("memory")
    try:
        for path in files[:2]:
            memory.put(str(path), f"/scans/{path.name}")
        for chain in ("", "simplecache::"):
            found = find_files(f"{chain}memory:///scans/*.h5")
            assert found == [f"{chain}memory:///scans/{path.name}" for path in files[:2]]
            assert ptyxr.open_series(found, dim="name").sizes["name"] == 2
    finally:
        memory.store.clear()


def test_patterns_find_files_in_folders_and_names_with_brackets(files, tmp_path):
    for i in (1, 2):
        (tmp_path / f"scan{i}").mkdir()
        shutil.copy(files[i], tmp_path / f"scan{i}" / "product[1].h5")
    ds = ptyxr.open_series(tmp_path / "**" / "product*.h5", sort=False)
    assert [source.split("/")[-2] for source in ds.source.values] == ["scan1", "scan2"]
    one = ptyxr.open_series(tmp_path / "scan1" / "product[1].h5")
    assert one.sizes["tomography_angle"] == 1
    tree = ptyxr.open_series(tmp_path / "**" / "product*.h5", combine="tree")
    assert list(tree.children) == ["scan1_product[1]", "scan2_product[1]"]


# --- in parallel, with progress -------------------------------------------------------------------


@pytest.mark.slow
def test_processes_open_what_one_does(files):
    assert_identical(
        ptyxr.open_series(files * 3, parallel=2), ptyxr.open_series(files * 3, parallel=False)
    )


@pytest.mark.slow
def test_processes_hand_on_errors_and_leave_nothing_behind(broken):
    with pytest.raises(PtyxrError, match=r"cut\.h5"):
        ptyxr.open_series(sorted(broken.glob("*.h5")) * 5, parallel=2)
    with pytest.raises(TypeError, match="chunkz"):
        ptyxr.open_series([broken / "a.h5"] * 30, parallel=2, chunkz=1)


@pytest.mark.slow
def test_a_process_that_dies_is_told_of(files, monkeypatch):
    with pytest.raises(RuntimeError, match="ended with code 3"):
        list(processes.run(os._exit, [3, 3], 2))
    monkeypatch.setattr("ptyxr.opening._open_some", sys.exit)  # which ends a process
    with pytest.raises(PtyxrError, match=r"a\.h5 … .*d\.h5.*code.*parallel=False"):
        ptyxr.open_series(files, parallel=2)


@pytest.mark.slow
def test_a_process_that_dies_amid_its_answer_is_told_of(tmp_path, monkeypatch):
    # In a module that the process can import, which this one is not everywhere.
    (tmp_path / "amid.py").write_text(
        "import os, pickle\n"
        "def ends_amid_its_answer(answer):\n"
        "    os.write(3, pickle.dumps(answer)[:-2])\n"
        "    os._exit(4)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    amid = importlib.import_module("amid")
    with pytest.raises(RuntimeError, match="ended with code 4"):
        list(processes.run(amid.ends_amid_its_answer, [list(range(9))], 1))


@pytest.mark.slow
def test_a_script_needs_no_guard(files, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, ptyxr\n"
        "print('once')\n"
        "print(ptyxr.open_series(sys.argv[1:] * 10, parallel=2).sizes['tomography_angle'])\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(script), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["once", "40"]


def test_a_progress_bar_is_shown_where_it_is_asked_for_and_not_in_a_pipe(files, capfd):
    ptyxr.open_series(files)
    assert capfd.readouterr().err == ""
    ptyxr.open_series(files, progress=True)
    shown = capfd.readouterr()
    assert "4/4" in shown.err
    assert shown.out == ""


# --- what is done with a stack --------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.to_product("never.h5"),
        lambda x: x.to_npz("never.npz"),
        lambda x: x.to_rawdata(),
        lambda x: x.register(),
        lambda x: x.fill_object(),
        lambda x: x.nearest("1 um", "1 um"),
        lambda x: x.within("1 um", "1 um", "1 um"),
        lambda x: x.index_positions(),
        lambda x: x.validate(),
        lambda x: x.trim(),
        lambda x: x.plot(),
        lambda x: x.plot.object(),
        lambda x: x.plot.probe(),
        lambda x: x.plot.positions(),
        lambda x: x.plot.loss(),
    ],
)
def test_what_is_of_one_product_says_how_to_select_one(series, use):
    with pytest.raises(SeriesError, match=r"ds\.isel\(tomography_angle=0\)"):
        use(series.ptyxr)


def test_what_is_of_one_product_takes_one_of_a_stack_without_its_padding(files, series):
    one = series.isel(tomography_angle=0)
    expected = alone(files[1])
    here = {"x": expected.position_x[3].data, "y": expected.position_y[3].data}
    assert_identical(one.ptyxr.nearest(**here), expected.ptyxr.nearest(**here))
    assert not one.ptyxr.validate().errors
    assert_identical(one.ptyxr.register(), expected.ptyxr.register())


def test_a_stack_converts_and_derives_as_products_do(files):
    ds, one = ptyxr.open_series(files, sort=False), alone(files[0])
    converted, expected = ds.ptyxr.to("nm"), one.ptyxr.to("nm")
    assert_identical(converted.isel(tomography_angle=0).ptyxr.trim().probe_x, expected.probe_x)
    np.testing.assert_array_equal(
        ds.ptyxr.amplitude().isel(tomography_angle=0, object_y=slice(0, 70), object_x=slice(3, 81)),
        one.ptyxr.amplitude(),
    )
    plain = ds.ptyxr.dequantify()
    assert plain.tomography_angle.attrs["units"] == "degree"
    assert_identical(plain.ptyxr.quantify(), ds)


def test_energies_of_a_series_give_wavelengths_of_a_series(files):
    ds = ptyxr.open_series(files, "photon_energy", labels=["8 keV", "9 keV", "7 keV", "6 keV"])
    wavelength = ds.ptyxr.wavelength
    assert wavelength.dims == ("photon_energy",)
    expected = Q(12.398419843320026, "angstrom * keV") / ds.photon_energy.data
    np.testing.assert_allclose(wavelength.data.to("m").magnitude, expected.to("m").magnitude)


def test_a_stack_goes_to_netcdf_and_back(files, series, tmp_path):
    plain = series.ptyxr.dequantify()
    real = plain.drop_vars(["object", "probe"]).assign(phase=plain.ptyxr.phase())
    real.to_netcdf(tmp_path / "stack.nc", engine="h5netcdf")  # which has no complex numbers
    back = xr.open_dataset(tmp_path / "stack.nc", engine="h5netcdf").ptyxr.quantify()
    one = back.isel(tomography_angle=1).ptyxr.trim()
    expected = alone(files[2])
    np.testing.assert_array_equal(one.phase.values, expected.ptyxr.phase().values)
    np.testing.assert_array_equal(one.position_x.data.magnitude, expected.position_x.data.magnitude)
    assert one.attrs == expected.attrs


# --- xarray's own way -----------------------------------------------------------------------------


def no_points(ds):
    return ds.drop_dims("position")


@pytest.mark.parametrize(("parallel", "quantify"), [(False, True), (True, True), (False, False)])
def test_open_mfdataset_keeps_units_and_aligns_by_whole_pixels(files, parallel, quantify):
    with_losses = files[:3]
    ds = xr.open_mfdataset(
        with_losses,
        engine="ptychodus",
        combine="nested",
        concat_dim="tomography_angle",
        join="outer",
        data_vars="all",
        coords="different",
        compat="equals",
        combine_attrs="drop_conflicts",
        preprocess=no_points,
        parallel=parallel,
        quantify=quantify,
    ).ptyxr.quantify()
    ours = ptyxr.open_series(with_losses, sort=False)
    np.testing.assert_array_equal(ds.object.values, ours.object.values)
    np.testing.assert_array_equal(ds.loss.values, ours.loss.values)
    assert ds.tomography_angle.data.units == "degree"
    assert ds.photon_energy.data.units == "electron_volt"
    assert ds.object_x.data.units == "meter"
    assert ds.sel(tomography_angle=Q("0.5 rad"), method="nearest").tomography_angle.item() == Q(
        30, "degree"
    )


def test_datasets_are_concatenated_with_their_units(files):
    same = [alone(files[0]), alone(files[2])]
    how = {"data_vars": "all", "coords": "different", "compat": "equals", "join": "outer"}
    ds = xr.concat(same, "tomography_angle", combine_attrs="drop_conflicts", **how)
    ds = ds.ptyxr.quantify()
    ours = ptyxr.open_series([files[0], files[2]], sort=False)
    for name in ("object", "probe", "loss"):
        np.testing.assert_array_equal(ds[name].values, ours[name].values)
    assert ds.tomography_angle.data.units == "degree"
    assert ds.position_x.data.units == "meter"


def test_an_axis_by_another_part_of_a_pixel_is_not_aligned_by_xarray_either(files, whole, tmp_path):
    moved = write(part(whole, "a").ptyxr.shift(x="20 nm"), tmp_path / "moved.h5")
    with pytest.raises(PtyxrError, match=r"offset of .*0\.4"):
        xr.open_mfdataset(
            [files[0], moved],
            engine="ptychodus",
            combine="nested",
            concat_dim="tomography_angle",
            join="outer",
            data_vars="all",
            coords="different",
            compat="equals",
            preprocess=no_points,
        )
