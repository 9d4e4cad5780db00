"""Pixels become metres by the pixel size alone, and the frame moves only when told to."""

from __future__ import annotations

import types

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import ptyxr
from ptyxr.errors import MissingDataError, UnitError
from ptyxr.placement import points_outside

Q = ptyxr.ureg.Quantity

sizes = st.floats(1e-12, 1e-3)  # what a pixel can be; larger ones without a unit are refused
# Below, a product would underflow.
numbers_of_pixels = st.floats(-1e5, 1e5).filter(lambda x: x == 0 or abs(x) > 0.01)


def dataset(x=(6.0, 7.25), y=(5.5, 6.0), shape=(20, 22), probe=(4, 6), **options):
    raw = types.SimpleNamespace(
        xcoords=np.array(x),
        ycoords=np.array(y),
        xcoords_start=np.array(x) + 0.25,
        ycoords_start=np.array(y) - 0.25,
        objectGuess=np.ones(shape, complex),
        probeGuess=np.ones(probe, complex),
        diff3d=np.ones((len(x), *probe), "f4"),
    )
    return ptyxr.from_rawdata(raw, **options)


@pytest.fixture
def raw():
    return dataset()


@pytest.fixture
def meters(raw):
    return raw.ptyxr.assign_pixel_size(object=("50 nm", "40 nm"), probe="30 nm").ptyxr.to("m")


def numbers(ds, name, unit=None):
    coord = ds[name] if unit is None else ds[name].pint.to(unit)
    return coord.data.magnitude


@given(st.lists(numbers_of_pixels, min_size=1, max_size=30), sizes, sizes)
def test_positions_to_metres_are_exact(x, width, height):
    ds = dataset(x, x, origin="corner").ptyxr.assign_pixel_size(object=(width, height), probe=width)
    m = ds.ptyxr.to("m")
    np.testing.assert_array_equal(numbers(m, "position_x"), np.array(x) * width)
    np.testing.assert_array_equal(numbers(m, "position_y"), np.array(x) * height)
    back = m.ptyxr.to("px")
    np.testing.assert_array_max_ulp(numbers(back, "position_x"), np.array(x), maxulp=1)
    np.testing.assert_array_max_ulp(numbers(back, "position_y"), np.array(x), maxulp=1)
    assert back.xindexes["object_x"].equals(ds.xindexes["object_x"])
    j = np.arange(22)
    np.testing.assert_array_equal(numbers(m, "object_x"), 11 * width + (j - 10.5) * width)


@given(sizes)
def test_axes_align_after_a_round_trip(size):
    ds = dataset().ptyxr.assign_pixel_size(object=size, probe=size)
    there = ds.ptyxr.to("um").ptyxr.to("m").ptyxr.to("pixel")
    assert (ds.object - there.object.isel(object_x=slice(3, 9))).sizes["object_x"] == 6


def test_to(meters):
    assert meters.ptyxr.to("m").identical(meters)
    um = meters.ptyxr.to("um")
    np.testing.assert_allclose(numbers(um, "position_x"), numbers(meters, "position_x") * 1e6)
    assert um.xindexes["object_x"].grid.pitch == 0.05
    assert um.xindexes["object_y"].grid.pitch == 0.04
    assert um.xindexes["probe_x"].grid.pitch == 0.03
    assert um.detector_x.pint.units == ptyxr.ureg.pixel
    assert um.ptyxr.to("m").xindexes["object_x"].grid == meters.xindexes["object_x"].grid
    assert meters.ptyxr.to(ptyxr.ureg.nm).nominal_position_y.pint.units == ptyxr.ureg.nm
    assert float(numbers(um, "object_pixel_width")) == 5e-8


def test_what_is_in_metres_stays_as_it_is(meters):
    again = meters.ptyxr.to("m")
    ptyxr.testing.assert_identical(again, meters)
    for name in ("position_x", "position_y"):
        assert np.shares_memory(numbers(again, name), numbers(meters, name))


def test_a_detector_of_known_pixels_converts(raw):
    ds = raw.ptyxr.assign_pixel_size(object="1 nm", probe="1 nm", detector="75 um").ptyxr.to("m")
    np.testing.assert_allclose(numbers(ds, "detector_x"), np.arange(6) * 75e-6)


def test_pixels_of_unknown_size(raw):
    with pytest.raises(MissingDataError, match=r"assign_pixel_size\(object="):
        raw.ptyxr.to("m")
    with pytest.raises(MissingDataError, match=r"assign_pixel_size\(probe="):
        raw.ptyxr.assign_pixel_size(object="1 nm").ptyxr.to("m")


@pytest.mark.parametrize("unit", ["eV", "m/pixel", "nonsense", Q(1, "px").units, "s"])
def test_what_is_no_length(meters, unit):
    with pytest.raises(UnitError, match="unit"):
        meters.ptyxr.to(unit)


def test_another_pixel_size_on_metres_is_refused(meters):
    with pytest.raises(UnitError, match=r"object_x.*5e-08.*6e-08"):
        meters.ptyxr.assign_pixel_size(object="60 nm")
    again = meters.ptyxr.assign_pixel_size(object=("50 nm", "40 nm"))
    ptyxr.testing.assert_identical(again, meters)


def test_shift(meters):
    moved = meters.ptyxr.shift(x="10 nm", y="-2 pixel")
    for name, by in (("position_x", 1e-8), ("nominal_position_x", 1e-8), ("object_x", 1e-8),
                     ("position_y", -8e-8), ("object_y", -8e-8), ("probe_x", 0)):  # fmt: skip
        np.testing.assert_allclose(
            numbers(moved, name), numbers(meters, name) + by, rtol=0, atol=1e-18
        )
    pixels = meters.ptyxr.to("px").ptyxr.shift(x=Q(100, "nm"))
    np.testing.assert_allclose(
        numbers(pixels, "position_x"), numbers(meters, "position_x") / 5e-8 + 2
    )
    with pytest.raises(UnitError, match="x"):
        meters.ptyxr.shift(x=3)
    with pytest.raises(UnitError, match="CSS"):
        meters.ptyxr.shift(x=Q(3, "px"))


def test_register_puts_positions_on_their_pixels(meters):
    lost = meters.ptyxr.to("m")
    for name in ("object_x", "object_y"):
        index = lost.xindexes[name]
        zero = type(index.grid)(0.0, index.grid.pitch, index.grid.size, "meter")
        lost = lost.assign_coords(
            xr.Coordinates(
                index.replace(grid=zero).create_variables(), {name: index.replace(grid=zero)}
            )
        )
    found = lost.ptyxr.register()
    np.testing.assert_allclose(numbers(found, "object_x"), numbers(meters, "object_x"))
    np.testing.assert_array_equal(numbers(found, "position_x"), numbers(meters, "position_x"))
    crop = lost.isel(object_x=slice(4, 12)).ptyxr.register()
    np.testing.assert_allclose(numbers(crop, "object_x"), numbers(meters, "object_x")[4:12])
    moved = meters.ptyxr.shift(x="1 um").ptyxr.register()
    np.testing.assert_allclose(numbers(moved, "object_x"), numbers(meters, "object_x") + 1e-6)


def forgotten(ds):
    """Return a dataset whose positions keep no pixel numbers."""
    ds = ds.copy()
    for name in ("position_x", "position_y", "nominal_position_x", "nominal_position_y"):
        ds.variables[name].encoding.clear()
    return ds


def test_register_without_pixel_numbers_centres_the_object(meters):
    ds = forgotten(meters)
    ptyxr.testing.assert_identical(ds.ptyxr.register(), ds)
    away = ds.assign_coords(position_x=ds.position_x + Q(1, "mm")).ptyxr.register()
    assert away.xindexes["object_x"].grid.center == pytest.approx(6.625 * 5e-8 + 1e-3)
    lost = ds.assign_coords(position_x=("position", Q([np.nan, 1.0], "m")))
    with pytest.raises(MissingDataError, match=r"position_x.*1 finite of 2"):
        lost.ptyxr.register()


@pytest.mark.parametrize("unit", ["px", "um"])
def test_fill_object(meters, unit):
    ds = meters.drop_vars(["object", "object_x", "object_y"]).ptyxr.to(unit).ptyxr.fill_object()
    assert points_outside(ds) == (0, 0, 2)
    assert ds.object.dtype == complex
    assert ds.object_x.pint.units == ds.position_x.pint.units
    np.testing.assert_array_equal(ds.ptyxr.to_rawdata().xcoords, [6.0, 7.25])
    wide = ds.ptyxr.fill_object(padding=3)
    assert wide.sizes["object_x"] >= ds.sizes["object_x"] + 3


def test_fill_object_where_the_scan_begins_below_the_corner():
    ds = dataset(x=(1.0, 4.0), y=(-2.0, 3.0), origin="corner", object_pixel_size="1 nm")
    filled = ds.drop_vars(["object", "object_x", "object_y"]).ptyxr.fill_object()
    assert points_outside(filled) == (0, 0, 2)
    rawdata = filled.ptyxr.to_rawdata()
    # PtychoPINN counts from the corner of the object it is given.
    assert (rawdata.ycoords >= 2).all()
    np.testing.assert_allclose(np.diff(rawdata.ycoords), [5.0])


def test_points_outside():
    assert points_outside(dataset(x=(0.0, 22.0, 22.1), y=(3.0, 3.0, 3.0))) == (1, 3, 3)
    assert points_outside(dataset().drop_vars(["object_x"])) is None


def test_one_array_converts_too(meters):
    array = meters.object
    um = array.ptyxr.to("um")
    assert um.name == "object"
    np.testing.assert_array_equal(
        um.object_x.data.magnitude, numbers(meters.ptyxr.to("um"), "object_x")
    )
    assert array.ptyxr.to("um").ptyxr.shift(x="1 um").object_x.pint.units == ptyxr.ureg.um
    assert array.ptyxr.dequantify().object_x.attrs["units"] == "meter"


def test_a_unit_that_was_lost_is_refused(meters):
    lost = meters.assign_coords(position_x=("position", np.zeros(2)))
    for call in (
        lambda: lost.ptyxr.to("um"),
        lambda: lost.ptyxr.shift(x="1 nm"),
        lambda: lost.ptyxr.nearest(x="1 nm", y="1 nm"),
        lost.ptyxr.to_rawdata,
        lost.ptyxr.register,
    ):
        with pytest.raises(UnitError, match=r"position_x.*lost its unit"):
            call()


# Scan points


def test_nearest_and_within(meters):
    assert (
        float(numbers(meters.ptyxr.nearest(x="0.35 um", y="0.23 um"), "position_x")) == 7.25 * 5e-8
    )
    near = meters.ptyxr.within(x="0.3 um", y="0.22 um", radius="10 nm")
    assert near.sizes["position"] == 1
    assert meters.ptyxr.within(x="1 m", y="1 m", radius="1 nm").sizes["position"] == 0
    with pytest.raises(UnitError, match="x"):
        meters.ptyxr.nearest(x="3 pixel", y="1 um")


def test_an_index_on_positions(meters):
    ds = meters.ptyxr.index_positions()
    found = ds.sel(position_x=Q(0.3, "um"), position_y=Q(0.2, "um"), method="nearest")
    assert float(numbers(found, "position_x")) == 6 * 5e-8
    assert "PointIndex(2 points in meter)" in repr(ds)
    assert ds.isel(position=[1]).xindexes["position_x"].points.shape == (1, 2)
    both = xr.concat([ds, ds], "position", data_vars="minimal")
    assert len(both.xindexes["position_x"].points) == 4
    with pytest.raises(UnitError, match="CSS"):
        ds.sel(position_x=Q(1, "px"), position_y=Q(1, "px"), method="nearest")
    with pytest.raises(ptyxr.errors.PtyxrError, match="nearest"):
        ds.sel(position_x=Q(1, "m"), position_y=Q(1, "m"))
