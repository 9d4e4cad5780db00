from __future__ import annotations

import json
import os
import subprocess
import sys

import dask
import dask.array
import numpy as np
import pint
import pint_xarray  # noqa: F401  (xarray takes no Quantity of a bare float without it)
import pytest
import xarray as xr

import releases
from ptyxr import frame, optics, pixel_sizes
from ptyxr.coordinates import dequantify
from ptyxr.errors import GridError, InvalidDataError, MissingDataError, PtyxrError, UnitError
from ptyxr.formats.ptychodus import PtychodusBackend

Q = pint.get_application_registry().Quantity

RELEASE = "1.7.0"
POINTS = (0, 3, 34)
ENERGIES_EV = (8801.25, 8000.0, 1.0, 12398.4, 0.1)
#: Signed distances of detector and focus from the object.
DISTANCES_M = ((1.8734, 0.0), (1.8734, -0.0125), (1.8734, 0.0125), (0.0, -3.0), (-2.0, 0.7))

#: What Ptychodus itself derives, asked in a process of its own.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from ptychodus.api.constants import energy_eV_to_wavelength_m
from ptychodus.api.geometry import ImageExtent, PixelGeometry
from ptychodus.api.object import _layer_depths_m
from ptychodus.api.propagate import (
    compute_far_field_pixel_geometry, compute_magnification, compute_product_geometry)
from ptychodus.plugins.h5_product_file import H5ProductFileIO

answer, asked = sys.argv[1], json.loads(sys.argv[2])
values = {
    "wavelength": [energy_eV_to_wavelength_m(e) for e in asked["energies"]],
    "magnification": [compute_magnification(*z) for z in asked["distances"]],
}
for name, path in asked["products"].items():
    product = H5ProductFileIO().read(Path(path))
    metadata, probes, obj = product.metadata, product.probes, product.object_
    shown = {"no_opr": probes.get_probe_no_opr()}
    # Without weights there is one probe, which simulate() takes at every point.
    for point in asked["points"] if probes.get_opr_weights_or_none() is not None else [0]:
        shown[point] = probes[point]
    for point, probe in shown.items():
        values[f"{name}/probe/{point}"] = probe.get_array()
        values[f"{name}/intensity/{point}"] = probe.get_intensity()
        values[f"{name}/power/{point}"] = [
            probe.get_incoherent_mode_relative_power(m) for m in range(probes.num_incoherent_modes)]
    geometry = obj.get_geometry()
    values[f"{name}/extent"] = [geometry.width_m, geometry.height_m]
    values[f"{name}/minimum"] = [geometry.minimum_x_m, geometry.minimum_y_m]
    values[f"{name}/z"] = _layer_depths_m(obj.layer_spacing_m)
    values[f"{name}/wavelength"] = metadata.photon_wavelength_m
    values[f"{name}/magnification"] = metadata.magnification
    pixel, extent = probes.get_pixel_geometry(), ImageExtent(probes.width_px, probes.height_px)
    far = compute_far_field_pixel_geometry(
        pixel, extent, wavelength_m=metadata.photon_wavelength_m,
        propagation_distance_m=metadata.detector_distance_m)
    values[f"{name}/far_field"] = [far.width_m, far.height_m]
    for far_field, (width, height) in asked["detector"].get(name, {}).items():
        implied = compute_product_geometry(
            photon_energy_eV=metadata.photon_energy_eV, probe_photon_count=1.0,
            exposure_time_s=1.0, detector_distance_m=metadata.detector_distance_m,
            focus_object_distance_m=metadata.focus_object_distance_m,
            far_field=far_field == "far", detector_extent=extent,
            detector_pixel_geometry=PixelGeometry(width, height)).object_plane_pixel_geometry
        values[f"{name}/object_plane/{far_field}"] = [implied.width_m, implied.height_m]
np.savez(answer, **{k: np.asarray(v) for k, v in values.items()})
"""


def ask_ptychodus(answer, **asked):
    package = releases._unpacked(releases.wheel(RELEASE), RELEASE)
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, os.fspath(answer), json.dumps(asked)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.fspath(package), "PYTHONUTF8": "1"},
        timeout=300,
        check=False,
    )
    assert not done.returncode, done.stderr
    with np.load(answer) as members:
        return dict(members)


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Rich: near field, an optic, OPR, complex64. Plain: far field, one mode, complex128."""
    directory = tmp_path_factory.mktemp("products")
    paths = {name: directory / f"{name}.h5" for name in ("rich", "plain")}
    for name, path in paths.items():
        releases.write_product(RELEASE, path, rich=name == "rich")
    return paths


def open_product(path, **options):
    return xr.open_dataset(path, engine=PtychodusBackend, **options)


@pytest.fixture
def rich(products):
    with open_product(products["rich"]) as ds:
        yield ds


@pytest.fixture
def plain(products):
    with open_product(products["plain"]) as ds:
        yield ds


def far(ds):
    return ds.assign_attrs(far_field=1)


def detector_sizes(ds):
    size = optics.detector_pixel_size(ds)
    return [float(size[name].data.magnitude) for name in ("width", "height")]


@pytest.fixture(scope="module")
def told(products, tmp_path_factory):
    """What Ptychodus derives; from the detector that ptyxr infers, the way back included."""
    detector = {}
    for name, path in products.items():
        with open_product(path) as ds:
            near = ds.assign_attrs(far_field=0)
            detector[name] = {"far": detector_sizes(far(ds)), "near": detector_sizes(near)}
    return ask_ptychodus(
        tmp_path_factory.mktemp("told") / "answer.npz",
        energies=ENERGIES_EV,
        distances=DISTANCES_M,
        points=POINTS,
        products={name: os.fspath(path) for name, path in products.items()},
        detector=detector,
    )


def in_metres(array):
    assert array.data.units == Q(1, "m").units
    return array.data.magnitude


def one_mode(*modes, **coords):
    """Return a probe of 1 x 1 pixel with these coherent modes, each a list of incoherent ones."""
    dims = ("coherent_mode", "incoherent_mode", "probe_y", "probe_x")
    data = np.array(modes, dtype=complex)[..., None, None]
    return xr.Dataset({"probe": (dims, data)}, coords=coords)


# --- the same as Ptychodus ------------------------------------------------------------------------


def test_wavelengths_of_a_series_are_those_of_ptychodus(told):
    series = xr.Dataset(
        coords={"photon_energy": ("tomogram", Q(list(ENERGIES_EV), "eV")), "tomogram": range(5)}
    )
    got = optics.wavelength(series)
    assert got.name == "wavelength"
    assert got.dims == ("tomogram",)
    assert set(got.coords) == {"tomogram", "photon_energy"}
    np.testing.assert_array_equal(in_metres(got), told["wavelength"])


def test_magnifications_of_a_series_are_those_of_ptychodus(told):
    detector, focus = np.transpose(DISTANCES_M)
    series = xr.Dataset(
        coords={
            "detector_object_distance": ("tomogram", Q(detector, "m")),
            "focus_object_distance": ("tomogram", Q(focus, "m")),
        }
    )
    got = optics.magnification(series)
    assert got.dims == ("tomogram",)
    np.testing.assert_array_equal(got.values, told["magnification"])


@pytest.mark.parametrize("name", ["rich", "plain"])
def test_scalars_are_those_of_ptychodus(products, told, name):
    with open_product(products[name]) as ds:
        assert in_metres(optics.wavelength(ds)) == told[f"{name}/wavelength"]
        assert optics.magnification(ds).values == told[f"{name}/magnification"]
        np.testing.assert_array_equal(in_metres(optics.object_z(ds)), told[f"{name}/z"])
        extent = optics.object_extent(ds)
        sides = [in_metres(extent.width), in_metres(extent.height)]
        np.testing.assert_array_equal(sides, told[f"{name}/extent"])
        edges = [in_metres(extent.minimum_x), in_metres(extent.minimum_y)]
        np.testing.assert_array_equal(edges, told[f"{name}/minimum"])


@pytest.mark.parametrize("name", ["rich", "plain"])
def test_detector_pixels_are_those_of_ptychodus(products, told, name):
    with open_product(products[name]) as ds:
        np.testing.assert_array_equal(detector_sizes(far(ds)), told[f"{name}/far_field"])
        pitch = [pixel_sizes.pixel_length(ds, f"probe_{n}") for n in "xy"]
    for far_field in ("far", "near"):
        back = told[f"{name}/object_plane/{far_field}"]
        np.testing.assert_allclose(back, pitch, rtol=1e-15)


@pytest.mark.parametrize("chunks", [None, {}, {"probe_x": 5, "coherent_mode": 2}])
@pytest.mark.parametrize("position", [None, *POINTS])
def test_probes_with_weights_are_those_of_ptychodus(products, told, position, chunks):
    point = "no_opr" if position is None else position
    with open_product(products["rich"], chunks=chunks) as ds:
        if position is not None:
            got = optics.probe_at(ds, position)
            assert got.dims == ("incoherent_mode", "probe_y", "probe_x")
            assert got.dtype == np.complex64
            np.testing.assert_array_equal(got.values, told[f"rich/probe/{point}"])
        intensity = optics.probe_intensity(ds, position)
        power = optics.mode_power(ds, position)
        assert intensity.dims == ("probe_y", "probe_x")
        assert power.dims == ("incoherent_mode",)
        assert intensity.dtype == power.dtype == np.float32
        np.testing.assert_array_equal(intensity.values, told[f"rich/intensity/{point}"])
        # A sum over chunks goes in another order.
        tolerance = 0 if chunks != {"probe_x": 5, "coherent_mode": 2} else 1e-6
        np.testing.assert_allclose(power.values, told[f"rich/power/{point}"], rtol=tolerance)


def test_without_weights_the_probe_is_the_same_everywhere(plain, told):
    for position in (0, 7, -1):
        probe = optics.probe_at(plain, position)
        assert probe.dtype == np.complex128
        np.testing.assert_array_equal(probe.values, told["plain/probe/0"])
        intensity = optics.probe_intensity(plain, position)
        np.testing.assert_array_equal(intensity.values, told["plain/intensity/0"])
        np.testing.assert_array_equal(optics.mode_power(plain, position), told["plain/power/0"])


# --- what comes back ------------------------------------------------------------------------------


def test_units_convert_as_pint_does(rich):
    converted = optics.wavelength(rich).pint.to("angstrom")
    assert converted.data.units == Q(1, "angstrom").units
    assert float(converted.data.magnitude) == pytest.approx(1.40871, rel=1e-5)
    extent = optics.object_extent(rich).pint.to("um")
    assert float(extent.width.data.magnitude) == pytest.approx(47 * 3.1e-2)
    assert optics.detector_pixel_size(rich).width.attrs["units"] == "meter / pixel"
    np.testing.assert_allclose(optics.object_z(rich).pint.to("um").data.magnitude, [0, 1.5, 4])


def test_a_dataset_without_quantities_gives_the_same(rich):
    bare = dequantify(rich)
    for function in (optics.wavelength, optics.object_z):
        got, expected = function(bare), function(rich)
        xr.testing.assert_identical(got.reset_coords(drop=True), expected.reset_coords(drop=True))
    assert detector_sizes(bare) == detector_sizes(rich)
    assert optics.object_extent(bare).width.data == optics.object_extent(rich).width.data
    assert optics.magnification(bare).values == optics.magnification(rich).values


def test_units_of_the_coordinates_do_not_matter(rich):
    other = rich.assign_coords(
        photon_energy=Q(8.80125, "keV"),
        detector_object_distance=Q(1873.4, "mm"),
        focus_object_distance=Q(-12.5, "mm"),
        object_layer_spacing=("object_layer_interface", Q([1.5, 2.5], "um")),
    )
    assert in_metres(optics.wavelength(other)) == in_metres(optics.wavelength(rich))
    assert optics.magnification(other).values == optics.magnification(rich).values
    np.testing.assert_array_equal(
        in_metres(optics.object_z(other)), in_metres(optics.object_z(rich))
    )
    assert detector_sizes(far(frame.to(other, "pixel"))) == detector_sizes(far(rich))
    assert detector_sizes(far(frame.to(other, "um"))) == detector_sizes(far(rich))


def test_long_names_label_what_is_derived(rich):
    arrays = {
        "wavelength": optics.wavelength(rich),
        "amplitude": optics.amplitude(rich),
        "phase": optics.phase(rich),
        "probe": optics.probe_at(rich, 0),
        "probe_intensity": optics.probe_intensity(rich),
        "mode_power": optics.mode_power(rich),
        "magnification": optics.magnification(rich),
        "object_z": optics.object_z(rich),
    }
    for name, array in arrays.items():
        assert array.name == name
        assert array.attrs["long_name"], name
    for pair in (optics.detector_pixel_size(rich), optics.object_extent(rich)):
        assert all(variable.attrs["long_name"] for variable in pair.values())
        assert not pair.attrs


@pytest.mark.parametrize("chunks", [None, {}])
def test_the_dataset_is_left_as_it_was(products, chunks):
    with (
        open_product(products["rich"], chunks=chunks) as ds,
        open_product(products["rich"]) as same,
    ):
        for function in (
            optics.wavelength, optics.amplitude, optics.phase, optics.magnification,
            optics.object_extent, optics.object_z, optics.detector_pixel_size,
            lambda ds: optics.probe_at(ds, 3), optics.probe_intensity, optics.mode_power,
        ):  # fmt: skip
            function(ds)
        xr.testing.assert_identical(ds.compute(), same.compute())


def test_coordinates_are_kept(rich):
    probe = optics.probe_at(rich, 3)
    assert probe.xindexes["probe_x"].equals(rich.xindexes["probe_x"])
    assert probe.position_x.data == rich.position_x.data[3]
    assert int(probe.position_index) == int(rich.position_index[3])
    assert "object_x" not in probe.coords
    assert optics.probe_intensity(rich).probe_y.data.units == Q(1, "m").units
    assert optics.phase(rich).xindexes["object_x"].equals(rich.xindexes["object_x"])
    layers = rich.assign_coords(object_layer=["in", "middle", "out"])
    assert list(optics.object_z(layers).object_layer.values) == ["in", "middle", "out"]
    assert set(rich.assign_coords(object_z=optics.object_z(rich)).object_z.dims) == {"object_layer"}


def test_names_of_the_dataset_are_not_in_the_way():
    ds = xr.Dataset(
        coords={"photon_energy": Q(8.0, "keV"), "wavelength": 3.0, "width": ("width", [1, 2])}
    )
    assert in_metres(optics.wavelength(ds)) == pytest.approx(1.5498e-10, rel=1e-4)


# --- amplitude and phase --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rich", "plain"])
def test_amplitude_and_phase_of_the_object(products, name):
    with open_product(products[name]) as ds:
        values = ds["object"].values
        amplitude, phase = optics.amplitude(ds), optics.phase(ds)
        np.testing.assert_array_equal(amplitude.values, np.abs(values))
        np.testing.assert_array_equal(phase.values, np.angle(values))
        assert amplitude.dtype == phase.dtype == values.real.dtype
        assert phase.attrs["units"] == "radian"
        assert "units" not in amplitude.attrs
        assert phase.attrs["long_name"] == "object phase"
        xr.testing.assert_identical(optics.phase(ds["object"]), phase)
        assert optics.phase(ds["probe"]).attrs["long_name"] == "probe phase"


def test_phase_is_of_complex_data_only(rich):
    with pytest.raises(InvalidDataError, match="complex"):
        optics.phase(rich["loss"])
    with pytest.raises(InvalidDataError, match="complex"):
        optics.amplitude(xr.DataArray([1.0]))
    with pytest.raises(MissingDataError, match="fill_object"):
        optics.amplitude(rich.drop_vars("object"))


# --- lazy -----------------------------------------------------------------------------------------


class ComputedTooEarlyError(Exception):
    pass


def refuse(*args, **kwargs):
    raise ComputedTooEarlyError


def test_nothing_is_computed_before_it_is_used(products):
    with open_product(products["rich"], chunks={}) as ds:
        with dask.config.set(scheduler=refuse):
            lazy = [
                optics.amplitude(ds),
                optics.phase(ds),
                optics.probe_at(ds, 3),
                optics.probe_intensity(ds),
                optics.probe_intensity(ds, 3),
                optics.mode_power(ds),
                optics.mode_power(ds, -1),
            ]
            optics.object_extent(ds)
            optics.object_z(ds)
            optics.detector_pixel_size(ds)
            optics.wavelength(ds)
            assert all(isinstance(array.data, dask.array.Array) for array in lazy)
            with pytest.raises(ComputedTooEarlyError):
                lazy[0].compute()
        with open_product(products["rich"]) as loaded:
            np.testing.assert_array_equal(lazy[1].compute(), optics.phase(loaded))
            np.testing.assert_array_equal(lazy[2].compute(), optics.probe_at(loaded, 3))
            np.testing.assert_array_equal(lazy[6].compute(), optics.mode_power(loaded, -1))


def test_a_file_is_not_read_for_what_needs_no_arrays(rich):
    optics.wavelength(rich)
    optics.object_extent(rich)
    optics.object_z(rich)
    optics.detector_pixel_size(rich)
    assert not rich.variables["object"]._in_memory
    assert not rich.variables["probe"]._in_memory


# --- probes ---------------------------------------------------------------------------------------


def test_rows_count_from_either_end(rich):
    assert rich.sizes["position"] == 35
    last = optics.probe_at(rich, 34)
    xr.testing.assert_identical(optics.probe_at(rich, -1), last)
    xr.testing.assert_identical(optics.probe_at(rich, np.int64(34)), last)
    xr.testing.assert_identical(optics.probe_at(rich, xr.DataArray(34)), last)
    # Of a dataset that was selected from already there is one.
    xr.testing.assert_identical(optics.probe_at(rich.isel(position=34), 0), last)
    for row in (35, -36, 10**9):
        with pytest.raises(MissingDataError, match=f"no such scan point: found {row}"):
            optics.probe_at(rich, row)
        with pytest.raises(PtyxrError):
            optics.mode_power(rich, row)
    with pytest.raises(MissingDataError, match="no such scan point"):
        optics.probe_at(rich.isel(position=slice(0, 0)), 0)
    # None means "without weights" to the others, and is no scan point.
    for row in (1.0, "3", None, xr.DataArray([1, 2]), xr.DataArray(1.0)):
        with pytest.raises(TypeError, match="whole number"):
            optics.probe_at(rich, row)
    with pytest.raises(TypeError, match="whole number"):
        optics.mode_power(rich, 1.5)


def test_a_transposed_probe_is_the_same(rich):
    turned = rich.transpose(..., "probe_x", "coherent_mode", "incoherent_mode")
    xr.testing.assert_identical(optics.probe_at(turned, 3), optics.probe_at(rich, 3))
    np.testing.assert_array_equal(optics.probe_intensity(turned), optics.probe_intensity(rich))


def test_weights_of_another_scan_are_refused(rich):
    weights = rich["opr_weights"].values
    for dims, values in (
        (("opr_entry", "coherent_mode"), weights[:4]),
        (("position", "opr_mode"), weights[:, :2]),
        (("coherent_mode",), weights[0]),
    ):
        odd = rich.assign(opr_weights=(dims, values))
        with pytest.raises(InvalidDataError, match=r"drop_vars\('opr_weights'\)"):
            optics.probe_at(odd, 0)
        # Without them there is nothing to refuse.
        optics.probe_intensity(odd)
        optics.probe_at(odd.drop_vars("opr_weights"), 0)


def test_a_probe_without_its_dimensions_is_refused(rich):
    with pytest.raises(InvalidDataError, match=r"isel\(coherent_mode=\[0\]\)"):
        optics.probe_at(rich.isel(coherent_mode=0), 0)
    with pytest.raises(InvalidDataError, match="no modes"):
        optics.probe_intensity(rich.isel(incoherent_mode=slice(0, 0)))
    with pytest.raises(MissingDataError, match="no probe"):
        optics.mode_power(rich.drop_vars("probe"))


def test_one_incoherent_mode(rich):
    single = rich.isel(incoherent_mode=[0])
    np.testing.assert_array_equal(optics.probe_at(single, 3), optics.probe_at(rich, 3)[:1])
    np.testing.assert_array_equal(optics.mode_power(single, 3), [1.0])


def test_power_of_nothing_is_zero():
    np.testing.assert_array_equal(optics.mode_power(one_mode([0, 0])), [0.0, 0.0])


def test_what_is_no_number_stays_visible():
    ds = one_mode([1, np.nan])
    assert np.isnan(optics.probe_intensity(ds)).all()
    np.testing.assert_array_equal(optics.mode_power(ds), [1.0, np.nan])


def test_a_series_of_scans_keeps_its_dimension(rich):
    scans = [rich, rich.assign(probe=rich.probe * 2, opr_weights=rich.opr_weights + 1)]
    names = ["probe", "opr_weights"]
    bare = [scan[names].reset_coords(drop=True).drop_vars(["probe_x", "probe_y"]) for scan in scans]
    series = xr.concat(bare, dim="tomogram")
    got = optics.probe_at(series, 3)
    assert got.dims == ("tomogram", "incoherent_mode", "probe_y", "probe_x")
    assert optics.mode_power(series, 3).dims == ("tomogram", "incoherent_mode")
    for step, scan in enumerate(scans):
        np.testing.assert_array_equal(got[step], optics.probe_at(scan, 3))
    # Weights refined twice for one probe.
    weights_only = series.assign(probe=series.probe.isel(tomogram=0))
    got = optics.probe_at(weights_only, 3)
    assert got.dims == ("tomogram", "incoherent_mode", "probe_y", "probe_x")
    np.testing.assert_array_equal(got[0], optics.probe_at(rich, 3))


# --- energies and distances -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Q(0.0, "eV"), "the photon energy is 0"),
        (Q(-3.0, "eV"), "no photon energy: found -3.0"),
        (Q(np.nan, "eV"), "no photon energy: found nan"),
        (Q(np.inf, "eV"), "no photon energy: found inf"),
        (("tomogram", Q([8.0, 0.0, 0.0], "keV")), "in 2 of 3 steps"),
    ],
)
def test_an_energy_that_is_none_is_refused(rich, value, message):
    ds = rich.assign_coords(photon_energy=value)
    for function in (optics.wavelength, lambda ds: optics.detector_pixel_size(far(ds))):
        with pytest.raises(MissingDataError, match=message) as caught:
            function(ds)
        assert "assign_coords(photon_energy=" in str(caught.value)
        assert caught.value.key == "photon_energy"


def test_the_remedy_for_a_missing_energy_works(rich):
    unknown = rich.drop_vars("photon_energy")
    with pytest.raises(MissingDataError, match="photon energy is not known") as caught:
        optics.wavelength(unknown)
    assert "ds.assign_coords(photon_energy=ptyxr.ureg.Quantity(8, 'keV'))" in str(caught.value)
    given = unknown.assign_coords(photon_energy=Q(8, "keV"))
    assert in_metres(optics.wavelength(given)) == pytest.approx(1.5498e-10, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("photon_energy", optics.wavelength),
        ("focus_object_distance", optics.magnification),
        ("detector_object_distance", optics.magnification),
        ("detector_object_distance", lambda ds: optics.detector_pixel_size(far(ds))),
        ("object_layer_spacing", optics.object_z),
    ],
)
def test_a_lost_or_wrong_unit_is_refused(rich, name, function):
    dims = rich[name].dims
    bare = np.ones(rich[name].shape)
    with pytest.raises(UnitError, match="lost its unit"):
        function(rich.assign_coords({name: (dims, bare)}))
    with pytest.raises(UnitError, match="second"):
        function(rich.assign_coords({name: (dims, Q(bare, "s"))}))


def test_a_unit_hidden_in_dask_is_found(rich):
    hidden = rich.assign_coords(
        photon_energy=("tomogram", Q(np.array([8801.25, 8801.25]), "eV"))
    ).chunk()
    assert hidden.photon_energy.chunks
    expected = float(in_metres(optics.wavelength(rich)))
    np.testing.assert_array_equal(in_metres(optics.wavelength(hidden)), [expected, expected])


def test_magnification_without_an_optic_is_one(rich):
    assert optics.magnification(rich.drop_vars("focus_object_distance")).values == 1.0
    no_focus = rich.assign_coords(focus_object_distance=Q(0.0, "m"))
    assert optics.magnification(no_focus).values == 1.0
    # The detector's distance is not asked for then.
    assert optics.magnification(no_focus.drop_vars("detector_object_distance")).values == 1.0
    with pytest.raises(MissingDataError, match="beam is not parallel"):
        optics.magnification(rich.drop_vars("detector_object_distance"))


# --- the detector's pixels ------------------------------------------------------------------------


def test_detector_pixels_that_were_told_come_first(rich):
    told = pixel_sizes.assign_pixel_size(rich, detector=("75 um", "70 um"))
    assert detector_sizes(told) == [7.5e-5, 7e-5]
    # 0 is what upstream writes for unknown.
    unknown = rich.assign_coords(
        detector_pixel_width=Q(0.0, "m/pixel"), detector_pixel_height=Q(0.0, "m/pixel")
    )
    assert detector_sizes(unknown) == detector_sizes(rich)
    with pytest.raises(UnitError, match="detector_pixel_width"):
        optics.detector_pixel_size(rich.assign_coords(detector_pixel_width=Q(75.0, "um")))


def test_near_and_far_field(rich):
    far_sizes = detector_sizes(far(rich))
    near_sizes = detector_sizes(rich)
    cone = float(optics.magnification(rich))
    assert near_sizes == [3.1e-8 * cone, 2.7e-8 * cone]
    assert far_sizes != near_sizes
    unsaid = rich.copy()
    del unsaid.attrs["far_field"]
    assert detector_sizes(unsaid) == far_sizes


def test_series_of_energies_gives_a_series_of_pixels(rich):
    energies = Q([8.0, 9.0, 10.0], "keV")
    series = far(rich).assign_coords(photon_energy=("tomogram", energies), tomogram=[5, 6, 7])
    got = optics.detector_pixel_size(series)
    assert got.width.dims == got.height.dims == ("tomogram",)
    assert list(got.tomogram) == [5, 6, 7]
    for step in range(3):
        single = optics.detector_pixel_size(series.isel(tomogram=step))
        assert got.width.data[step] == single.width.data
    # And the detector's pixels are those of a near field at every energy.
    assert optics.detector_pixel_size(series.assign_attrs(far_field=0)).width.dims == ()


def test_a_crop_of_the_probe_keeps_the_sampling(rich):
    crop = rich.isel(probe_x=slice(4, 9), probe_y=slice(None, None, 2))
    for ds in (crop, frame.to(crop, "pixel"), dequantify(crop)):
        got = detector_sizes(far(ds))
        if ds is crop:
            assert got == detector_sizes(far(rich))
        assert got == pytest.approx(detector_sizes(far(rich)), rel=1e-12)


def test_the_object_stands_in_for_a_probe_without_pixel_size(rich):
    names = ["probe_x", "probe_y", "probe_pixel_width", "probe_pixel_height"]
    assert detector_sizes(far(rich).drop_vars(names)) == detector_sizes(far(rich))
    objects = ["object_x", "object_y", "object_pixel_width", "object_pixel_height"]
    with pytest.raises(MissingDataError, match="assign_pixel_size"):
        optics.detector_pixel_size(far(rich).drop_vars(names + objects))
    # Patterns have pixels to count too.
    patterns = (
        far(rich)
        .drop_vars(["probe", *names])
        .assign(diffraction=(("position", "detector_y", "detector_x"), np.zeros((35, 12, 16))))
    )
    assert detector_sizes(patterns) == detector_sizes(far(rich))
    with pytest.raises(MissingDataError, match="count the pixels"):
        optics.detector_pixel_size(patterns.drop_vars("diffraction"))


def test_a_detector_without_distance_has_no_far_field(rich):
    for ds in (
        rich.drop_vars("detector_object_distance"),
        rich.assign_coords(detector_object_distance=Q(0.0, "m")),
        rich.assign_coords(detector_object_distance=Q(np.nan, "m")),
    ):
        with pytest.raises(MissingDataError, match="distance from object to detector"):
            optics.detector_pixel_size(far(ds))
    behind = rich.assign_coords(detector_object_distance=Q(-1.8734, "m"))
    assert detector_sizes(far(behind)) == detector_sizes(far(rich))


def test_a_detector_in_the_focus_has_no_pixels(rich):
    focus = rich.assign_coords(focus_object_distance=Q(1.8734, "m"))
    assert optics.magnification(focus).values == 0.0
    with pytest.raises(InvalidDataError, match="focus"):
        optics.detector_pixel_size(focus)


# --- the object -----------------------------------------------------------------------------------


def test_extent_of_what_is_selected(rich):
    part = rich.isel(object_x=slice(10, 20), object_y=slice(None, None, -1))
    extent = optics.object_extent(part)
    np.testing.assert_allclose(in_metres(extent.width), 10 * 3.1e-8)
    whole = optics.object_extent(rich)
    # A mirrored object reaches as far.
    assert extent.height.data == whole.height.data
    assert extent.minimum_y.data == whole.minimum_y.data
    np.testing.assert_allclose(in_metres(whole.maximum_x - whole.minimum_x), in_metres(whole.width))
    first = rich.object_x.data[0].magnitude
    np.testing.assert_allclose(in_metres(whole.minimum_x), first - 3.1e-8 / 2)
    with pytest.raises(GridError, match="evenly spaced"):
        optics.object_extent(rich.isel(object_x=[0, 1, 5]))


def test_extent_has_the_unit_of_the_axes(rich):
    extent = optics.object_extent(frame.to(rich, "pixel"))
    assert extent.width.data == Q(47.0, "pixel")
    assert extent.height.data == Q(29.0, "pixel")


def test_extent_of_an_object_that_lies_nowhere(rich):
    nowhere = rich.drop_vars(["object_x", "object_y"])
    extent = optics.object_extent(nowhere)
    assert set(extent.data_vars) == {"width", "height"}
    assert in_metres(extent.width) == in_metres(optics.object_extent(rich).width)
    with pytest.raises(MissingDataError, match="extent"):
        optics.object_extent(nowhere.drop_vars("object"))
    with pytest.raises(MissingDataError, match="extent"):
        optics.object_extent(nowhere.drop_vars(["object_pixel_width", "object_pixel_height"]))


def test_layers_begin_at_zero(rich, plain):
    z = optics.object_z(plain.drop_vars("object_layer_spacing", errors="ignore"))
    assert z.dims == ("object_layer",)
    np.testing.assert_array_equal(in_metres(z), [0.0])
    # Without an object, its spacings say how many layers it has.
    assert optics.object_z(rich.drop_vars("object")).sizes == {"object_layer": 3}


def test_layers_without_their_distances_are_refused(rich):
    with pytest.raises(MissingDataError, match="3 layers"):
        optics.object_z(rich.drop_vars("object_layer_spacing"))
    with pytest.raises(InvalidDataError, match="together"):
        optics.object_z(rich.isel(object_layer=slice(0, 2)))
    with pytest.raises(InvalidDataError, match="do not go with"):
        optics.object_z(rich.isel(object_layer_interface=0))
    with pytest.raises(MissingDataError, match="not known"):
        optics.object_z(xr.Dataset())
    both = rich.isel(object_layer=slice(0, 2), object_layer_interface=slice(0, 1))
    np.testing.assert_array_equal(in_metres(optics.object_z(both)), [0.0, 1.5e-6])


def test_a_series_of_spacings(rich):
    spacing = Q(np.array([[1.0, 2.0], [3.0, 4.0]]).T, "um")
    series = rich.assign_coords(
        object_layer_spacing=(("object_layer_interface", "tomogram"), spacing)
    )
    z = optics.object_z(series)
    assert z.dims == ("tomogram", "object_layer")
    np.testing.assert_allclose(in_metres(z), np.array([[0, 1, 3], [0, 3, 7]]) * 1e-6, rtol=1e-15)


def test_importing_it_imports_no_pint():
    program = (
        "import sys, xarray; before = set(sys.modules); import ptyxr.optics;"
        "new = set(sys.modules) - before;"
        "print([n for n in ('pint', 'pint_xarray', 'scipy', 'matplotlib') if n in new])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
