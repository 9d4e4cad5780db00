"""Labels that are no grid have an index of their own unit."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import ptyxr
from ptyxr.errors import GridError, UnitError
from ptyxr.indexes import UnitIndex

Q = ptyxr.ureg.Quantity


def series(values=(0.0, 30.0, 60.0), unit="degree", name="tomography_angle"):
    plain = xr.Dataset(
        {"a": (name, np.arange(float(len(values))))},
        {name: (name, list(values), {"units": unit, "long_name": "tomography angle"})},
    )
    return plain.ptyxr.quantify()


@pytest.fixture
def ds():
    return series()


def angles(ds):
    return ds.tomography_angle.data.magnitude.tolist()


def test_quantify_makes_it_and_dequantify_takes_it_away(ds):
    assert isinstance(ds.xindexes["tomography_angle"], UnitIndex)
    assert ds.tomography_angle.pint.units == ptyxr.ureg.degree
    plain = ds.ptyxr.dequantify()
    assert type(plain.xindexes["tomography_angle"]) is xr.indexes.PandasIndex
    assert plain.tomography_angle.attrs == {"units": "degree", "long_name": "tomography angle"}
    ptyxr.testing.assert_identical(plain.ptyxr.quantify(), ds)


def test_select_in_any_unit_that_fits(ds):
    assert float(ds.sel(tomography_angle=Q(30, "degree")).a) == 1
    assert float(ds.sel(tomography_angle="30 degree").a) == 1
    assert float(ds.sel(tomography_angle=Q(0.5, "radian"), method="nearest").a) == 1
    assert angles(ds.sel(tomography_angle=slice(Q(10, "degree"), None))) == [30, 60]
    assert angles(ds.sel(tomography_angle=Q([60.0, 0.0], "degree"))) == [60, 0]
    where = xr.DataArray(Q([60.0, 0.0], "degree"), dims="p", coords={"p": [7, 8]})
    assert ds.sel(tomography_angle=where).a.to_dict()["coords"]["p"]["data"] == [7, 8]
    with pytest.raises(KeyError):
        ds.sel(tomography_angle=Q(31, "degree"))
    with pytest.raises(KeyError):
        ds.sel(tomography_angle=Q(31, "degree"), method="nearest", tolerance=Q(0.001, "radian"))


@pytest.mark.parametrize(
    ("label", "said"),
    [(30, "no unit"), (Q(1, "m"), "does not fit"), (slice(0, 30), "no unit")],
)
def test_other_labels_are_refused(ds, label, said):
    with pytest.raises(UnitError, match=said) as caught:
        ds.sel(tomography_angle=label)
    assert "tomography_angle" in str(caught.value)
    assert "degree" in str(caught.value)


def test_it_goes_along(ds):
    for changed, kept in (
        (ds.isel(tomography_angle=[2, 0]), [60, 0]),
        (ds.roll(tomography_angle=1, roll_coords=True), [60, 0, 30]),
        (xr.concat([ds, ds], "tomography_angle"), [0, 30, 60, 0, 30, 60]),
        (ds.sortby("tomography_angle", ascending=False), [60, 30, 0]),
        (copy.deepcopy(ds), [0, 30, 60]),
        (pickle.loads(pickle.dumps(ds)), [0, 30, 60]),
    ):
        assert isinstance(changed.xindexes["tomography_angle"], UnitIndex)
        assert angles(changed) == kept
        assert changed.tomography_angle.pint.units == ptyxr.ureg.degree
    renamed = ds.rename(tomography_angle="angle")
    assert float(renamed.sel(angle=Q(30, "degree")).a) == 1
    assert "tomography_angle" not in ds.isel(tomography_angle=1).xindexes


def test_units_of_one_dimension_align(ds):
    mrad = series(np.radians([30.0, 60.0, 90.0]), "radian")
    exact = series([500.0, 1000.0], "millidegree", "x") + series([1.0, 2.0], "degree", "x")
    assert exact.x.data.magnitude.tolist() == [1000.0]
    assert exact.a.values.tolist() == [1.0]
    outer = xr.align(ds, series([60.0, 90.0]), join="outer")
    assert angles(outer[1]) == [0, 30, 60, 90]
    assert np.isnan(outer[1].a.values).tolist() == [True, True, False, False]
    assert xr.concat([ds, mrad], "tomography_angle").tomography_angle.pint.units == (
        ptyxr.ureg.degree
    )
    assert ds.xindexes["tomography_angle"].equals(
        series(np.array([0, 30e3, 60e3]), "millidegree").xindexes["tomography_angle"]
    )


def test_units_of_another_dimension_are_refused(ds):
    with pytest.raises(UnitError, match=r"tomography_angle.*meter and degree"):
        ds + series([0.0, 1.0], "meter")
    assert not ds.identical(series([0.0, 30.0, 60.0], "meter"))
    bare = ds.ptyxr.dequantify()
    with pytest.raises((xr.MergeError, xr.AlignmentError), match="tomography_angle"):
        ds + bare


def test_it_shows_itself(ds):
    assert "UnitIndex(3 labels in degree)" in repr(ds)
    assert "UnitIndex" in ds._repr_html_()


def test_refusals_are_sentences(ds):
    with pytest.raises(GridError, match="UnitIndex is not made by stacking"):
        ds.expand_dims("b").stack(z=["b", "tomography_angle"], index_cls=UnitIndex)


def test_uneven_axes(product):
    ds = xr.open_dataset(product, engine="ptychodus")
    uneven = ds.ptyxr.interp(object_x=Q([1.0, 1.1, 1.36], "um"))
    assert isinstance(uneven.xindexes["object_x"], UnitIndex)
    um = uneven.ptyxr.to("um")
    np.testing.assert_allclose(um.object_x.data.magnitude, [1.0, 1.1, 1.36], rtol=1e-15)
    assert (uneven - um).sizes["object_x"] == 3
    moved = uneven.ptyxr.shift(x="10 nm")
    np.testing.assert_allclose(moved.object_x.data.magnitude, [1.01e-6, 1.11e-6, 1.37e-6])
    pixels = uneven.ptyxr.to("px")
    np.testing.assert_allclose(pixels.object_x.data.magnitude, [20, 22, 27.2])


@given(
    # Labels an ulp apart may be one label in another unit.
    st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=30, unique_by=lambda v: float(f"{v:.12g}")),
    st.sampled_from([("meter", "nm"), ("meter", "um"), ("degree", "radian"), ("eV", "keV")]),
)
def test_the_same_labels_in_another_unit_align_all(values, units):
    a = series(sorted(values), units[0], "x")
    b = a.assign_coords(x=a.x.pint.to(units[1])).ptyxr.quantify()
    assert str(b.x.pint.units) != str(a.x.pint.units)
    for first, second in ((a, b), (b, a)):
        assert (first - second).sizes == a.sizes
        assert xr.align(first, second, join="outer")[0].sizes == a.sizes
        assert first.xindexes["x"].equals(second.xindexes["x"])


def test_a_scalar_is_not_put_among_labels_with_units(ds):
    more = xr.Dataset({"a": 3.0}, {"tomography_angle": ((), Q(90, "degree"))}).ptyxr.quantify()
    with pytest.raises(UnitError, match=r"tomography_angle.*expand_dims"):
        xr.concat([ds, more], "tomography_angle")
    added = more.expand_dims("tomography_angle").ptyxr.quantify()
    assert angles(xr.concat([ds, added], "tomography_angle")) == [0, 30, 60, 90]


def test_lists_of_quantities_and_of_texts(ds):
    for label in (["60 degree", "0 degree"], [Q(60, "degree"), Q(0, "degree")]):
        assert angles(ds.sel(tomography_angle=label)) == [60, 0]
