"""Units on and off a whole dataset, and arrays that were computed of a coordinate."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import GridError, UnitError
from ptyxr.indexes import GridIndex

Q = ptyxr.ureg.Quantity


@pytest.fixture
def ds(product):
    return xr.open_dataset(product, engine="ptychodus")


def test_what_was_computed_of_a_coordinate_is_not_the_coordinate(ds):
    """xarray keeps name and old coordinate beside the result."""
    centred = ds.position_x - ds.position_x.mean()
    np.testing.assert_allclose(centred.ptyxr.to("nm").data.magnitude, centred.values * 1e9)
    np.testing.assert_allclose(
        (ds.position_x * 2).ptyxr.to("nm").data.magnitude, ds.position_x.values * 2e9
    )
    assert (ds.position_x**2).ptyxr.to("nm").pint.units == ptyxr.ureg.Unit("m^2")
    assert (ds.photon_energy * 2).ptyxr.quantify().data == Q(16000, "eV")
    assert (ds.photon_energy * 2).ptyxr.dequantify().values == 16000
    middle = (ds.object_x - ds.object_x.mean()).ptyxr.to("um").data
    assert abs(middle.mean().magnitude) < 1e-12
    np.testing.assert_allclose(
        ds.position_x.ptyxr.shift(x="1 um").values, ds.position_x.values + 1e-6
    )


def test_quantities_among_the_data_are_stored_too(ds, tmp_path):
    drift = ds[["diffraction"]].assign(drift=ds.position_x - ds.nominal_position_x)
    plain = drift.ptyxr.dequantify()
    assert plain.drift.attrs["units"] == "meter"
    plain.to_netcdf(tmp_path / "drift.nc", engine="netcdf4")
    plain.to_zarr(tmp_path / "drift.zarr", zarr_format=2)
    np.testing.assert_array_equal(
        xr.open_dataset(tmp_path / "drift.nc", engine="netcdf4").drift, drift.drift.values
    )


def test_indexes_of_others_stay(ds):
    lat, lon = np.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0])
    field = xr.Dataset(
        coords={"lat": (("y", "x"), lat, {"units": "degree"}),
                "lon": (("y", "x"), lon, {"units": "degree"})}
    ).set_xindex(["lat", "lon"], xr.indexes.NDPointIndex)  # fmt: skip
    for one in (field.ptyxr.quantify(), field.ptyxr.dequantify(), field.ptyxr.to("um")):
        assert type(one.xindexes["lat"]) is xr.indexes.NDPointIndex
    stacked = ds[["object"]].stack(pixel=["object_y", "object_x"])
    assert stacked.ptyxr.quantify().sizes == stacked.sizes
    with pytest.raises(GridError, match="unstack"):
        stacked.ptyxr.to("um")
    again = stacked.unstack().ptyxr.quantify()
    assert isinstance(again.xindexes["object_x"], GridIndex)
    ptyxr.testing.assert_identical(again.object_x.drop_attrs(), ds.object_x.drop_attrs())


def test_unstacking_all_there_is(ds):
    assert ds[["object"]].stack(row=["object_y"]).unstack().sizes["object_y"] > 1
    assert ds.ptyxr.index_positions().unstack().sizes == ds.sizes


@pytest.mark.parametrize("name", [1, ("a", 1)])
def test_names_are_whatever_xarray_takes(ds, name):
    odd = ds.assign_coords({name: ("position", np.arange(40.0), {"units": "nm"})})
    for one in (odd.ptyxr.quantify(), odd.ptyxr.dequantify().ptyxr.quantify()):
        assert one.coords[name].pint.units == ptyxr.ureg.nm


def test_what_was_dropped_is_restored_where_units_are_in_use(ds):
    coarse = ds.coarsen(object_x=2, boundary="trim").mean()
    assert coarse.ptyxr.to("um").object_x.pint.units == ptyxr.ureg.um
    plain = ds.ptyxr.dequantify().ptyxr.to("um")
    assert plain.object_x.attrs["units"] == "micrometer"
    assert isinstance(plain.position_x.data, np.ndarray)


def test_rolled_labels_are_the_grid_that_they_were(ds):
    bare = ds.drop_vars(["object_pixel_width", "object_pixel_height"])[["object"]]
    rolled = bare.roll(object_x=7, roll_coords=True)
    again = xr.Dataset.from_dict(rolled.ptyxr.dequantify().to_dict()).ptyxr.quantify()
    assert again.xindexes["object_x"].equals(rolled.xindexes["object_x"])


def test_single_pixels_of_two_sizes_are_not_one(ds):
    one = ds[["object"]].isel(object_x=[3])
    grid = one.xindexes["object_x"].line()
    wide = type(grid)(grid.center, grid.pitch * 2, 1, grid.unit)
    other = GridIndex.full(wide, "object_x")
    assert not one.xindexes["object_x"].equals(other)
    assert one.xindexes["object_x"].equals(GridIndex.full(grid, "object_x"))


@pytest.mark.parametrize(
    "function", [lambda ds: ds.ptyxr.to("px"), lambda ds: ds.ptyxr.shift(x="1 um")]
)
def test_a_renamed_axis_does_not_stay_behind(ds, function):
    with pytest.raises(GridError, match=r"'x'.*another name"):
        function(ds.rename(object_x="x"))


def test_empty_axes(ds):
    empty = ds.isel(object_x=[])
    assert empty.sizes["object_x"] == 0
    assert empty.ptyxr.to("um").sizes["object_x"] == 0


def test_labels_of_an_index_are_not_written_into(ds):
    indexed = ds.ptyxr.index_positions()
    with pytest.raises(UnitError, match=r"object_x.*in place"):
        ds.object_x[0] = Q(1, "m")
    x = indexed.position_x
    with pytest.raises(UnitError, match=r"position_x.*in place"):
        x += Q(1, "m")
    free = ds.copy(deep=True)
    free.position_x[0] = Q(1, "um")
    free.position_x.values *= 2
    assert free.position_x[0].data == Q(2e-6, "m")
