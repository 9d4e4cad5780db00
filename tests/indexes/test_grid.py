"""Axes are grids: exact under selection, aligned by whole pixels, selected by length."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import ptyxr
from ptyxr.coordinates import replace_coordinates
from ptyxr.errors import GridError, UnitError
from ptyxr.grids import Grid
from ptyxr.indexes import GridIndex

Q = ptyxr.ureg.Quantity

grids = st.builds(
    Grid,
    center=st.floats(-1e-3, 1e-3),
    pitch=st.floats(1e-9, 1e-5),
    size=st.integers(1, 60),
    unit=st.just("meter"),
)


def line(grid, name="object_x"):
    ds = xr.Dataset({"a": ((name,), np.arange(float(grid.size)))})
    return replace_coordinates(ds, {}, {name: GridIndex.full(grid, name)})


@pytest.fixture
def ds():
    return line(Grid(1e-7, 5e-8, 10, "meter"))


def labels(ds, name="object_x"):
    return ds[name].data.magnitude


def test_the_formula(ds):
    j = np.arange(10)
    np.testing.assert_array_equal(labels(ds), 1e-7 + (j - 4.5) * 5e-8)


@given(grids, st.data())
def test_selection_is_exact(grid, data):
    ds = line(grid)
    bounds = st.one_of(st.none(), st.integers(-70, 70))
    step = data.draw(st.sampled_from([None, 1, 2, 3, -1, -2]))
    key = slice(data.draw(bounds), data.draw(bounds), step)
    cut = ds.isel(object_x=key)
    np.testing.assert_array_equal(labels(cut), labels(ds)[key])
    np.testing.assert_array_equal(cut.xindexes["object_x"].labels, labels(ds)[key])
    chosen = data.draw(st.lists(st.integers(0, grid.size - 1), min_size=1))
    listed = ds.isel(object_x=chosen)
    np.testing.assert_array_equal(labels(listed), labels(ds)[chosen])
    assert isinstance(listed.xindexes["object_x"], GridIndex)


@given(grids, st.data())
def test_every_label_is_found(grid, data):
    ds = line(grid)
    j = data.draw(st.integers(0, grid.size - 1))
    assert float(ds.sel(object_x=Q(labels(ds)[j], "m")).a) == j
    a, b = sorted([j, data.draw(st.integers(0, grid.size - 1))])
    cut = ds.sel(object_x=slice(Q(labels(ds)[a], "m"), Q(labels(ds)[b], "m")))
    np.testing.assert_array_equal(cut.a, np.arange(a, b + 1))


@given(grids, st.data())
def test_a_crop_aligns_by_all_its_pixels(grid, data):
    ds = line(grid)
    a = data.draw(st.integers(0, grid.size - 1))
    b = data.draw(st.integers(a + 1, grid.size))
    crop = ds.isel(object_x=slice(a, b))
    # What a file keeps of a crop is a centre, a pitch and a length.
    read = line(crop.xindexes["object_x"].line()).assign(a=("object_x", crop.a.values))
    difference = ds.a - read.a
    assert difference.size == b - a
    assert (difference == 0).all()
    rest = [ds.isel(object_x=slice(b, None))] if b < grid.size else []
    joined = xr.concat([read, *rest], "object_x", data_vars="all")
    np.testing.assert_allclose(labels(joined), labels(ds)[a:], rtol=0, atol=1e-6 * grid.pitch)


@pytest.mark.parametrize("join", ["inner", "outer", "left", "right"])
def test_align(ds, join):
    a, b = xr.align(ds.isel(object_x=slice(0, 7)), ds.isel(object_x=slice(3, 10)), join=join)
    columns = {"inner": (3, 7), "outer": (0, 10), "left": (0, 7), "right": (3, 10)}[join]
    for one in (a, b):
        np.testing.assert_array_equal(labels(one), labels(ds)[slice(*columns)])
    same = a.a.where(a.a.notnull() & b.a.notnull(), drop=True)
    np.testing.assert_array_equal(same, np.arange(3.0, 7.0))


def test_units_of_one_dimension_align(ds):
    um = line(Grid(0.1, 0.05, 10, "micrometer"))
    assert (ds.a - um.a).size == 10
    assert ds.xindexes["object_x"].equals(um.xindexes["object_x"])


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (Grid(1e-7 + 1e-8, 5e-8, 10, "meter"), r"offset of 0\.2"),
        (Grid(1e-7, 4e-8, 10, "meter"), r"pixels of .*5e-08"),
    ],
)
def test_other_grids_are_refused(ds, grid, said):
    with pytest.raises(GridError, match=said) as caught:
        ds.a - line(grid).a
    assert "object_x" in str(caught.value)
    assert "interp" in str(caught.value)


def test_other_units_are_refused(ds):
    with pytest.raises(UnitError, match=r"object_x.*pixel and meter|object_x.*meter and pixel"):
        ds.a - line(Grid(0, 1, 10, "pixel")).a


def test_sel(ds):
    assert float(ds.sel(object_x=Q(75, "nm")).a) == 4
    assert float(ds.sel(object_x="80 nm", method="nearest").a) == 4
    assert ds.sel(object_x=Q([75, 125], "nm")).a.values.tolist() == [4, 5]
    points = xr.DataArray(Q([75, 125, 75], "nm"), dims="point")
    assert ds.sel(object_x=points).a.values.tolist() == [4, 5, 4]
    assert ds.sel(object_x=slice(None, Q(0, "m"))).a.values.tolist() == [0, 1, 2]
    assert (
        ds.isel(object_x=slice(None, None, -1))
        .sel(object_x=slice(Q(0, "m"), None))
        .sizes["object_x"]
        == 3
    )
    with pytest.raises(KeyError, match="no pixel has its centre at the label"):
        ds.sel(object_x=Q(80, "nm"))
    with pytest.raises(KeyError):
        ds.sel(object_x=Q(95, "nm"), method="nearest", tolerance=Q(1, "nm"))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (1.0, "no unit"),
        (Q(1, "pixel"), "expected meter"),
        (Q(1, "px"), "CSS pixel"),
        (Q(1, "eV"), "electron_volt"),
        (slice(0, 1), "no unit"),
    ],
)
def test_labels_of_other_units_are_refused(ds, label, said):
    with pytest.raises(UnitError, match=said) as caught:
        ds.sel(object_x=label)
    assert "object_x" in str(caught.value)


def test_reindex(ds):
    wanted = ds.isel(object_x=slice(8, 10)).xindexes["object_x"]
    whole = ds.isel(object_x=slice(0, 9)).reindex_like(ds.isel(object_x=[8, 9]))
    np.testing.assert_array_equal(labels(whole), wanted.labels)
    assert whole.a.isnull().values.tolist() == [False, True]


def test_roll_rename_copy_pickle(ds):
    rolled = ds.roll(object_x=2, roll_coords=True)
    np.testing.assert_array_equal(labels(rolled), np.roll(labels(ds), 2))
    renamed = ds.rename(object_x="x", a="b")
    assert isinstance(renamed.xindexes["x"], GridIndex)
    np.testing.assert_array_equal(labels(renamed, "x"), labels(ds))
    for again in (copy.deepcopy(ds), pickle.loads(pickle.dumps(ds))):
        ptyxr.testing.assert_identical(again, ds)
        assert again.xindexes["object_x"].grid == ds.xindexes["object_x"].grid


def test_what_is_no_line_says_so(ds):
    with pytest.raises(GridError, match="sortby"):
        ds.isel(object_x=[0, 3, 4]).xindexes["object_x"].line()
    assert ds.isel(object_x=slice(1, None, 3)).xindexes["object_x"].line().pitch == 1.5e-7


def test_grids_are_found_in_labels(ds):
    plain = ds.ptyxr.dequantify().drop_indexes("object_x")
    again = plain.ptyxr.quantify()
    assert again.xindexes["object_x"].equals(ds.xindexes["object_x"])
    size = Q(5e-8, "m/pixel")
    uneven = plain.isel(object_x=[0, 1, 5]).assign_coords(object_pixel_width=size)
    assert uneven.ptyxr.quantify().xindexes["object_x"].columns.tolist() == [0, 1, 5]


def test_it_shows_itself(ds):
    assert "GridIndex(10 pixels of 5e-08 meter)" in repr(ds)
