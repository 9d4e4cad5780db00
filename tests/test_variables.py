"""Coordinates keep their units through what xarray does, by what it is relied on for."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pint
import pytest
import xarray as xr

import ptyxr
from ptyxr.carried import data_of
from ptyxr.errors import UnitError
from ptyxr.grids import Grid
from ptyxr.variables import AxisVariable, UnitVariable

Q = ptyxr.ureg.Quantity


@pytest.fixture
def ds(product):
    return xr.open_dataset(product, engine="ptychodus")


def units(ds, name="position_x"):
    return ds[name].pint.units


def test_opening_does_not_write_numbers_into_errors(product, monkeypatch):
    """pint writes a Quantity's numbers into the error of each attribute it has not."""
    asked = []
    original = pint.Quantity.__getattr__

    def noted(self, name):
        asked.append((name, np.size(self.magnitude)))
        return original(self, name)

    monkeypatch.setattr(pint.Quantity, "__getattr__", noted)
    ds = xr.open_dataset(product, engine="ptychodus")
    assert [name for name, size in asked if size > 1 and not hasattr(np.ndarray, name)] == []
    assert ds.position_x.variable.data.units == "meter"


def test_opening_and_chunking_leave_the_quantity(product):
    """`open_dataset` wraps what has no index, and `chunks=` makes dask arrays of it."""
    for options in ({}, {"chunks": {}}, {"cache": False}):
        opened = xr.open_dataset(product, engine="ptychodus", **options)
        for one in (opened, opened.chunk(), opened.compute(), opened.copy(deep=True)):
            assert isinstance(one.variables["position_x"], UnitVariable)
            assert units(one) == ptyxr.ureg.meter
            assert units(one, "photon_energy") == ptyxr.ureg.eV
            assert isinstance(one.variables["object_x"], AxisVariable)


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.isel(position=slice(2, 5)),
        lambda ds: ds.isel(position=[3, 1]),
        lambda ds: ds.isel(position=0),
        lambda ds: ds.rename(object="o"),
        lambda ds: ds.transpose(),
        lambda ds: ds.assign_coords(position_x=ds.position_x + Q(1, "nm")),
        lambda ds: ds.assign_coords(position_x=ds.position_x - ds.position_x.mean()),
        lambda ds: xr.concat([ds, ds], "position", data_vars="minimal"),
        lambda ds: xr.merge([ds[["diffraction"]], ds[["object"]]]),
        lambda ds: ds + ds,
        copy.deepcopy,
        lambda ds: pickle.loads(pickle.dumps(ds)),
    ],
)
def test_the_unit_survives(ds, change):
    assert units(change(ds)) == ptyxr.ureg.meter


def test_arithmetic_has_the_unit_it_has_now(ds):
    assert "units" not in (ds.position_x > Q(0, "m")).attrs
    square = ds.position_x * ds.position_x
    assert square.attrs["units"] == "meter ** 2"
    apart = ds.position_x - ds.nominal_position_x
    assert isinstance(apart.variable, UnitVariable)
    assert units(apart.chunk().to_dataset(name="a"), "a") == ptyxr.ureg.meter
    converted = (ds.position_x * 1).pint.to("um")
    assert units(converted.to_dataset(name="a").ptyxr.quantify(), "a") == ptyxr.ureg.um


def test_attributes_are_kept_and_the_unit_is_derived(ds):
    attrs = ds.position_x.attrs
    attrs["note"] = 1
    attrs.setdefault("more", 2)
    attrs.update(last=3)
    assert ds.position_x.attrs == {
        "long_name": "scan position x", "note": 1, "more": 2, "last": 3, "units": "meter"
    }  # fmt: skip
    del attrs["note"]
    assert attrs.pop("more") == 2
    assert "note" not in ds.position_x.attrs
    ds.position_x.attrs["units"] = "m"
    with pytest.raises(UnitError, match=r"'mm'.*meter"):
        ds.position_x.attrs["units"] = "mm"
    ds.position_x.attrs.clear()
    assert ds.position_x.attrs == {"units": "meter"}
    ds.position_x.attrs = {"a": 1, "units": "mm"}
    assert ds.position_x.attrs == {"a": 1, "units": "meter"}
    assert type(copy.copy(ds.position_x.attrs)) is dict
    assert pickle.loads(pickle.dumps(ds.position_x.attrs)) == {"a": 1, "units": "meter"}


def test_css_pixels_are_pints_to_convert_to(ds):
    css = ds.position_x.pint.to("px")
    assert css.pint.units == ptyxr.ureg.css_pixel
    with pytest.raises(UnitError, match="CSS pixel"):
        ds.assign_coords(position_x=css).ptyxr.to("um")


def test_pixel_numbers_go_along_with_their_points(ds):
    whole = ds.ptyxr.to_rawdata()
    for key in (slice(3, 9), slice(None, None, -1), [5, 1, 5]):
        part = ds.isel(position=key).ptyxr.to_rawdata()
        np.testing.assert_array_equal(part.xcoords, whole.xcoords[key])
        np.testing.assert_array_equal(part.ycoords_start, whole.ycoords_start[key])
    ordered = ds.sortby(abs(ds.position_index - 7)).ptyxr.to_rawdata()
    assert ordered.xcoords[0] == whole.xcoords[7]


def test_axes_that_are_the_same_pixels_concatenate(ds):
    index = ds.xindexes["object_x"]
    ulp = Grid(np.nextafter(index.grid.center, 1), index.grid.pitch, index.grid.size, "meter")
    other = index.replace(grid=ulp)
    near = ds.assign_coords(xr.Coordinates(other.create_variables(), {"object_x": other}))
    labels = [data_of(one.variables["object_x"]).magnitude for one in (near, ds)]
    assert not np.array_equal(*labels)
    for b in (near, ds.ptyxr.to("um")):
        both = xr.concat(
            [ds[["object"]], b[["object"]]], "scan", coords="minimal", compat="override"
        )
        assert both.sizes["object_x"] == ds.sizes["object_x"]


def test_an_array_alone(ds):
    assert units(ds.position_x.ptyxr.to("um").to_dataset(name="a"), "a") == ptyxr.ureg.um
    moved = ds.position_x.ptyxr.shift(x="10 nm") - ds.position_x
    np.testing.assert_allclose(moved.data.magnitude, 1e-8)
    assert isinstance(ds.position_x.ptyxr.dequantify().data, np.ndarray)
    assert ds.ptyxr.wavelength.ptyxr.to("nm").pint.units == ptyxr.ureg.nm


def test_an_index_on_positions_goes_along(ds):
    indexed = ds.ptyxr.index_positions()
    for one in (indexed.ptyxr.to("um"), indexed.ptyxr.shift(x="1 nm"), indexed.ptyxr.dequantify()):
        assert type(one.xindexes["position_x"]).__name__ == "PointIndex"
    moved = indexed.ptyxr.shift(x="1 nm").xindexes["position_x"].points
    np.testing.assert_allclose(moved[:, 0], ds.position_x.data.magnitude + 1e-9)


def test_map_blocks_needs_plain_coordinates(ds):
    """xarray asserts that every coordinate without an index is chunked."""
    plain = ds.ptyxr.dequantify().chunk()
    assert xr.map_blocks(lambda one: one, plain, template=plain).ptyxr.quantify().equals(ds)


def test_opening_writes_no_numbers_into_errors(product, npz):
    """pint does, where a Quantity is asked for what it has not: slow, up to 1000 numbers."""

    def never(number):
        raise AssertionError(number)

    with np.printoptions(formatter={"float_kind": never}):
        for path, engine in ((product, "ptychodus"), (npz, "ptychopinn")):
            ds = xr.open_dataset(path, engine=engine)
            assert isinstance(ds.position_x.variable._data, pint.Quantity)
            ds = xr.open_dataset(path, engine=engine, chunks={})
            assert isinstance(ds.position_x.variable._data, pint.Quantity)
        for ds in xr.open_groups(product, engine="ptychodus").values():
            assert isinstance(ds.position_x.variable._data, pint.Quantity)
        tree = xr.open_datatree(product, engine="ptychodus")
        assert isinstance(tree["raw_data"].position_x.variable._data, pint.Quantity)


def test_what_an_engine_hands_over_is_a_quantity_to_whoever_asks(product):
    opened = xr.backends.list_engines()["ptychodus"].open_dataset(product)
    whole = xr.open_dataset(product, engine="ptychodus")
    for made in (opened.copy, lambda: pickle.loads(pickle.dumps(opened.load()))):
        assert made().position_x.attrs["units"] == "meter"
        assert made().isel(position=3).position_x.data == whole.position_x[3].data
        assert isinstance((made().position_x * 2).data, pint.Quantity)
        assert made().ptyxr.to("um").position_x.pint.units == ptyxr.ureg.um
        ptyxr.testing.assert_identical(made().ptyxr.dequantify(), whole.ptyxr.dequantify())
        ptyxr.testing.assert_identical(made(), whole)


@pytest.mark.parametrize("engine", ["h5netcdf", "zarr"])
def test_kept_in_other_files(ds, tmp_path, engine):
    plain = ds.drop_vars(["object", "probe"]).ptyxr.dequantify()
    path = tmp_path / "kept"
    if engine == "zarr":
        plain.to_zarr(path, zarr_format=2)
    else:
        plain.to_netcdf(path, engine=engine)
    again = xr.open_dataset(path, engine=engine).ptyxr.quantify()
    for name in ("position_x", "photon_energy", "object_x", "detector_y"):
        assert units(again, name) == units(ds, name)
        np.testing.assert_array_equal(again[name].data.magnitude, ds[name].data.magnitude)
    assert again.xindexes["object_x"].grid.pitch == ds.xindexes["object_x"].grid.pitch


def test_merging_what_has_gaps(ds):
    gap = ds[["diffraction"]].copy(deep=True)
    gap.position_x.values = np.where(np.arange(40) == 3, np.nan, gap.position_x.values)
    merged = xr.merge([gap, ds[["diffraction"]]], compat="no_conflicts", join="exact")
    np.testing.assert_array_equal(merged.position_x.data.magnitude, ds.position_x.values)
    gap = gap.assign_coords(position_x=gap.position_x * 2)
    with pytest.raises(xr.MergeError, match="position_x"):
        xr.merge([gap, ds[["diffraction"]]], compat="no_conflicts", join="exact")


def test_further_dimensions_change_nothing_else(ds):
    plain = ds.position_x.pint.dequantify()
    assert plain.expand_dims("q").attrs == plain.attrs
    wide = ds.position_x.variable.set_dims(("q", "position"), (2, 40))
    assert isinstance(wide, UnitVariable)
    assert wide.attrs == ds.position_x.attrs
    assert ds.object_x.variable.set_dims(("object_x",)).equals(ds.object_x.variable)


def test_css_pixels_and_bare_numbers_do_not_combine(ds):
    for combine in (
        lambda: ds.position_x + Q(1, "px"),
        lambda: ds.object_x > Q(1, "px"),
        lambda: Q(1, "px") + ds.position_x,
    ):
        with pytest.raises(UnitError, match="CSS pixel"):
            combine()
    with pytest.raises(UnitError, match=r"position_x.*no unit"):
        ds.where(ds.position_x > 1e-7, drop=True)
    assert (ds.position_x > 0).any()
