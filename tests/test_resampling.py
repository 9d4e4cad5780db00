"""Interpolating by length, onto other pixels."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import GridError, MissingDataError, UnitError

Q = ptyxr.ureg.Quantity


@pytest.fixture
def ds(product):
    ds = xr.open_dataset(product, engine="ptychodus")
    x, y = (ds[name].data.to("um").magnitude for name in ("object_x", "object_y"))
    plane = 3 * x[None, None, :] + 1j * y[None, :, None]
    return ds.assign(object=(ds.object.dims, plane, ds.object.attrs))


def test_places_in_any_unit(ds):
    there = ds.ptyxr.interp(object_x=Q([1510.0, 1520.0], "nm"), object_y="1.3 um")
    np.testing.assert_allclose(there.object.values[0], [4.53 + 1.3j, 4.56 + 1.3j], rtol=1e-6)
    assert there.object_x.pint.units == ptyxr.ureg.meter
    assert there.object_x.attrs["long_name"] == "object x"


def test_a_cut_keeps_its_own_coordinate(ds):
    along = xr.DataArray(np.linspace(0, 1, 5), dims="s", coords={"s": np.arange(5)})
    cut = ds.object.ptyxr.interp(
        object_x=along * Q(1, "um") + Q(1, "um"), object_y=along * Q(0.5, "um") + Q(1, "um")
    )
    assert cut.dims == ("object_layer", "s")
    np.testing.assert_allclose(cut.values[0].real, 3 * (1 + along), rtol=1e-6)
    assert cut.object_y.pint.units == ptyxr.ureg.meter
    assert cut.s.values.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("unit", ["m", "um", "px"])
def test_onto_another_grid(ds, unit):
    other = ds.isel(object_x=slice(4, 20, 2)).ptyxr.shift(x="13 nm", y="-7 nm").ptyxr.to(unit)
    same = ds.ptyxr.to("px") if unit == "px" else ds
    with pytest.raises(GridError, match=r"object_.*interp_like"):
        same.object - other.object
    on = same.ptyxr.interp_like(other)
    assert on.xindexes["object_x"].equals(other.xindexes["object_x"])
    apart = on.object - other.object
    assert apart.sizes["object_x"] == 8
    inner = apart.isel(object_y=slice(1, -1)).values
    np.testing.assert_allclose(inner.real, 3 * 0.013, rtol=1e-5)


def test_the_last_pixel_is_not_beyond_the_end(ds):
    um = ds.ptyxr.to("um").ptyxr.to("nm")
    assert not np.isnan(ds.ptyxr.interp_like(um).object.values).any()
    np.testing.assert_array_equal(ds.object.ptyxr.interp_like(um.object), ds.object)


def test_what_does_not_fit(ds):
    with pytest.raises(UnitError, match=r"object_x.*meter and pixel"):
        ds.ptyxr.interp_like(ds.ptyxr.to("px"))
    with pytest.raises(UnitError, match=r"object_x.*no unit"):
        ds.ptyxr.interp(object_x=1e-6)
    with pytest.raises(MissingDataError, match="object_z"):
        ds.ptyxr.interp(object_z="1 um")
    with pytest.raises(MissingDataError, match="no pixel axis in common"):
        ds.ptyxr.interp_like(xr.Dataset())


def test_pixel_sizes_are_those_of_the_new_grid(ds):
    pixels = ds.drop_vars(["object_pixel_width", "object_pixel_height"]).ptyxr.to("px")
    coarse = pixels.ptyxr.assign_pixel_size(object="75 nm").ptyxr.to("m")
    for resampled in (
        ds.ptyxr.interp_like(coarse[["object"]]),
        ds.ptyxr.interp(
            object_x=Q(np.arange(10) * 75e-9 + 1e-6, "m"),
            object_y=Q(np.arange(10) * 75e-9 + 1e-6, "m"),
        ),
    ):
        assert resampled.object_pixel_width.values == pytest.approx(75e-9)
        back = resampled.ptyxr.to("px").ptyxr.to("m")
        np.testing.assert_allclose(back.position_x.values, ds.position_x.values, rtol=1e-12)
        assert not resampled.ptyxr.validate().errors
    twice = ds.isel(object_x=slice(None, None, 2)).ptyxr.to("px").ptyxr.to("m")
    assert twice.object_pixel_width.data == ds.object_pixel_width.data


def test_flags_and_numbers_beside_the_object(ds):
    ds = ds.assign(
        mask=(("object_x",), np.arange(ds.sizes["object_x"]) > 5),
        object=ds.object.astype("c8"),
    )
    there = ds.ptyxr.interp(object_x=Q([1.5, 1.6], "um"))
    assert there.mask.dtype == bool
    assert there.object.dtype == np.complex64
    same = ds.ptyxr.interp_like(ds)
    ptyxr.testing.assert_identical(same, ds)
