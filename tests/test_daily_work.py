"""What scientists do every day works; what mixes up units is refused, with names."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import GridError, PtyxrError, UnitError
from ptyxr.model import SCHEMA
from ptyxr.variables import UnitVariable

Q = ptyxr.ureg.Quantity
AXES = ["object_x", "object_y", "probe_x", "probe_y"]


@pytest.fixture
def ds(product):
    return xr.open_dataset(product, engine="ptychodus").ptyxr.quantify()


# Not in the way


def test_refined_minus_initial(ds):
    apart = (ds.position_x - ds.nominal_position_x).data
    assert apart.units == ptyxr.ureg.meter
    refined = ds.assign_coords(position_x=ds.position_x + Q(3, "nm"))
    between = (refined.position_x - ds.position_x).data
    np.testing.assert_allclose(between.to("nm").magnitude, 3, rtol=1e-6)
    a, b = ptyxr.match_positions(refined, ds.isel(position=slice(None, None, -2)))
    np.testing.assert_allclose((a.position_x - b.position_x).data.to("nm").magnitude, 3, rtol=1e-6)


def test_two_reconstructions_of_one_scan_merge(ds):
    merged = xr.merge(
        [ds[["object"]], ds[["object"]].rename(object="other") * 2], compat="override", join="exact"
    )
    assert merged.object_x.pint.units == ptyxr.ureg.meter
    together = xr.concat([ds, ds.copy()], "reconstruction", data_vars="all")
    assert together.position_x.pint.units == ptyxr.ureg.meter


@pytest.mark.parametrize("unit", ["um", "m"])
def test_crops_of_one_grid_subtract(ds, unit):
    a, b = ds.isel(object_x=slice(3, 20)), ds.isel(object_x=slice(8, 30)).ptyxr.to(unit)
    apart = a.object - b.object
    assert apart.sizes["object_x"] == 12
    assert not apart.values.any()


def test_positions_are_shifted_by_assignment(ds):
    moved = ds.copy(deep=True)
    moved["position_x"] = moved.position_x + Q(1, "um")
    moved["position_y"] += Q(1, "um")
    moved = moved.assign_coords(nominal_position_x=Q(1, "um") + moved.nominal_position_x)
    for name in ("position_x", "position_y", "nominal_position_x"):
        apart = (moved[name] - ds[name]).data
        np.testing.assert_allclose(apart.to("um").magnitude, 1, rtol=1e-6)
        assert isinstance(moved.ptyxr.to("um").variables[name], UnitVariable)


def test_metres_and_micrometres_of_one_scan_combine(ds):
    um = ds.ptyxr.to("um")
    both = ds.drop_dims(AXES) + um.drop_dims(AXES)
    np.testing.assert_array_equal(both.position_x.data.magnitude, ds.position_x.data.magnitude)
    assert (ds.object - um.object).sizes == ds.object.sizes
    assert ds.position_x.variable.equals(um.position_x.variable)
    assert not ds.position_x.variable.equals((um.position_x * (1 + 1e-12)).variable)


# Refused


def test_grids_that_differ(ds):
    pixels = ds.drop_vars(["object_pixel_width", "object_pixel_height"]).ptyxr.to("px")
    coarse = pixels.ptyxr.assign_pixel_size(object="40 nm").ptyxr.to("m")
    for other, said in (
        (ds.ptyxr.shift(x="12.5 nm"), "offset of 0.25"),
        (coarse, "pixels of 4e-08 and 5e-08 meter"),
    ):
        with pytest.raises(GridError) as caught:
            xr.align(ds, other, join="inner")
        for word in ("object_", "interp_like", "shift", said):
            assert word in str(caught.value)


def test_adding_units_that_do_not_add(ds):
    energy, position = ds.photon_energy, ds.position_x
    for add in (
        lambda: position + energy,
        lambda: position + Q(1, "eV"),
        lambda: Q(1, "eV") + position,
        lambda: position + 1.0,
        lambda: position - ds.ptyxr.to("px").position_x,
        lambda: ds.assign_coords(position_x=position).position_x > energy,
    ):
        with pytest.raises(UnitError, match=r"position_x.*meter and ") as caught:
            add()
        assert caught.value.remedy
    with pytest.raises(UnitError, match=r"'position_x, photon_energy'.*meter and electron_volt"):
        position + energy
    with pytest.raises(UnitError, match="position_x"):
        position += Q(1, "eV")


def test_datasets_in_pixels_and_in_metres_do_not_combine(ds):
    pixels = ds.ptyxr.to("px")
    for combine in (
        lambda: ds + pixels,
        lambda: xr.align(ds, pixels, join="outer"),
        lambda: xr.merge([ds, pixels], compat="no_conflicts", join="outer"),
        lambda: xr.concat([ds, pixels], "position", join="outer"),
        lambda: ds.reindex_like(pixels),
    ):
        with pytest.raises(UnitError, match=r"(meter and pixel|pixel and meter)"):
            combine()
    a, b = ds.drop_dims(AXES), pixels.drop_dims(AXES)
    for combine in (lambda: a + b, lambda: xr.merge([a, b], compat="no_conflicts")):
        with pytest.raises(UnitError, match=r"position_x.*meter and pixel"):
            combine()


# Lost units: each function that touches the coordinate says so.

USES = {
    "position_x": ["quantify", "dequantify", "to_zarr", "to", "shift", "register", "nearest",
                   "within", "index_positions", "fill_object", "to_product", "to_npz",
                   "to_rawdata", "plot", "interp", "interp_like"],
    "nominal_position_y": ["quantify", "dequantify", "to_zarr", "to", "shift", "to_product",
                           "to_npz", "interp"],
    "object_x": ["quantify", "dequantify", "to_zarr", "to", "shift", "register", "to_product",
                 "to_npz", "to_rawdata", "plot", "interp", "interp_like", "object_extent"],
    "probe_y": ["quantify", "dequantify", "to_zarr", "to", "to_product", "plot"],
    "object_pixel_width": ["quantify", "dequantify", "to_zarr", "to", "to_product", "to_npz"],
    "photon_energy": ["quantify", "dequantify", "to_zarr", "to_product", "to_npz", "wavelength"],
    "detector_object_distance": ["quantify", "dequantify", "to_zarr", "to_product",
                                 "detector_pixel_size"],
}  # fmt: skip


def call(ds, name, folder):
    arguments = {
        "to": ("px",),
        "nearest": ("1 um", "1 um"),
        "within": ("1 um", "1 um", "1 um"),
        "to_product": (folder / "a.h5",),
        "to_npz": (folder / "a.npz",),
        "to_zarr": (folder / "a.zarr",),
    }.get(name, ())
    keywords = {"shift": {"x": "1 nm", "y": "1 nm"}, "interp": {"object_x": "1 um"}}.get(name, {})
    if name == "interp_like":
        arguments = (ds.isel(object_x=slice(2, 9)),)
    if name == "fill_object":
        ds = ds.drop_dims(["object_x", "object_y"])
    method = getattr(ds.ptyxr, name)
    return method(*arguments, **keywords) if callable(method) else method


def lost(ds, name):
    variable = ds.variables[name]
    return ds.assign_coords({name: (variable.dims, np.asarray(variable.values))})


def css(ds, name):
    variable = ds.variables[name]
    return ds.assign_coords(
        {name: (variable.dims, np.asarray(variable.values), {"units": "css_pixel"})}
    )


@pytest.mark.parametrize(("name", "function"), [(n, f) for n, fs in USES.items() for f in fs])
def test_lost_units_and_css_pixels_are_refused(ds, name, function, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    for spoil, said in ((lost, "lost its unit"), (css, "CSS pixel")):
        spoiled = spoil(ds, name)
        with pytest.raises(UnitError, match=said) as caught:
            call(spoiled, function, tmp_path)
        assert name in str(caught.value)
        assert not list(tmp_path.iterdir())
        assert not spoiled.ptyxr.validate()
        with pytest.raises(PtyxrError):
            spoiled.ptyxr.validate().raise_if_errors()


def test_what_needs_units_is_covered():
    """Every function of the accessor is in the list, or touches no coordinate."""
    listed = {function for functions in USES.values() for function in functions}
    others = {"amplitude", "phase", "probe_at", "probe_intensity", "mode_power", "object_z",
              "magnification", "assign_pixel_size", "validate", "trim"}  # fmt: skip
    accessor = type(xr.Dataset().ptyxr)
    assert {name for name in dir(accessor) if not name.startswith("_")} == listed | others
    assert set(USES) <= set(SCHEMA)
