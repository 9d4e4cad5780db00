"""Simulated products are what they say, and the reconstruction of the tutorial finds them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import MissingDataError, PtyxrError, SeriesError
from ptyxr.testing import assert_identical
from ptyxr.tutorial import reconstruct, simulate_product, simulate_scan

ureg = ptyxr.ureg
SMALL = {"positions": 40, "probe_size": 32}


@pytest.fixture(scope="module")
def rich():
    return simulate_product(
        **SMALL, incoherent_modes=2, coherent_modes=3, layers=2, angle="30 degree"
    )


def test_a_plain_product_is_the_simulated_scan():
    scan, ds = simulate_scan(**SMALL), simulate_product(**SMALL)
    assert np.array_equal(ds.diffraction, scan.diff3d)
    assert np.array_equal(ds.object[0], scan.objectGuess)
    assert np.array_equal(ds.probe[0, 0], scan.probeGuess)
    assert "opr_weights" not in ds
    assert "object_layer_spacing" not in ds.coords


def test_pixels_and_optics_agree():
    ds = simulate_product(**SMALL)
    told = float(ds.detector_pixel_width)
    derived = ds.drop_vars(["detector_pixel_width", "detector_pixel_height"])
    assert float(derived.ptyxr.detector_pixel_size.width) == pytest.approx(told, rel=1e-5)


def test_a_rich_product_is_written_and_read_back(rich, tmp_path):
    assert not rich.ptyxr.validate().errors
    assert not rich.ptyxr.validate().warnings
    assert rich.tomography_angle.data == ureg.Quantity(30, "degree")
    assert rich.ptyxr.object_z.pint.to("um").values.tolist() == [0, 300]
    rich.ptyxr.to_product(tmp_path / "rich.h5")
    with ptyxr.open_dataset(tmp_path / "rich.h5") as back:
        for name in ("object", "probe", "opr_weights", "diffraction"):
            xr.testing.assert_equal(back[name].variable, rich[name].variable)
        for name in set(rich.coords) - {"detector_x", "detector_y"}:
            assert_identical(back[name].reset_coords(drop=True), rich[name].reset_coords(drop=True))


def test_photons_are_shared_among_modes(rich):
    for row in (0, -1):
        modes = rich.ptyxr.probe_at(row)
        assert float((abs(modes) ** 2).sum()) == pytest.approx(1e6, rel=0.02)
    assert rich.ptyxr.mode_power(0)[0] > 0.6


def test_the_beam_drifts():
    ds = simulate_product(**SMALL, coherent_modes=3)
    columns = np.arange(32)

    def middle(row):
        light = ds.ptyxr.probe_intensity(row).sum("probe_y").values
        return (columns * light).sum() / light.sum()

    assert middle(-1) - middle(0) == pytest.approx(0.03 * 32, rel=0.2)


def test_a_turned_sample_is_narrower_and_thicker():
    flat, turned = simulate_product(**SMALL), simulate_product(**SMALL, angle="60 deg")
    middle = dict(object_layer=0, object_y=30)  # noqa: C408
    a, b = (np.angle(one.object.isel(middle)) for one in (flat, turned))
    assert np.abs(b).max() > 1.5 * np.abs(a).max()


@pytest.mark.parametrize("name", ["incoherent_modes", "coherent_modes", "layers"])
def test_refuses_none_at_all(name):
    with pytest.raises(PtyxrError, match=name):
        simulate_product(**{name: 0})


@pytest.mark.parametrize(
    "wrong",
    [
        {"incoherent_modes": 12},
        {"incoherent_modes": "2"},
        {"coherent_modes": 10},
        {"coherent_modes": None},
        {"layers": 2.5},
        {"layers": 10**30},
        {"positions": 10**30},
        {"probe_size": 10**30},
        {"angle": "90 deg"},
        {"angle": "-120 deg"},
    ],
)
def test_refuses_what_is_not_there_to_simulate(wrong):
    with pytest.raises(PtyxrError, match=next(iter(wrong))):
        simulate_product(**{"positions": 9, "probe_size": 32, **wrong})


@pytest.mark.parametrize("modes", [1, 2])
def test_the_reconstruction_finds_the_object(modes):
    truth = simulate_product(positions=80, probe_size=32, incoherent_modes=modes)
    found = reconstruct(truth.assign(object=truth.object * 0), epochs=8)
    assert found.loss[-1] < 0.3 * found.loss[0]
    assert not found.ptyxr.validate().errors
    assert found.object.dtype == found.probe.dtype == np.complex64
    # The very frame, by whole pixels, where the scan has been.
    inside = dict(  # noqa: C408
        object_x=slice(truth.position_x.min().data, truth.position_x.max().data),
        object_y=slice(truth.position_y.min().data, truth.position_y.max().data),
    )
    a, b = xr.align(found.object.sel(inside), truth.object.sel(inside), join="exact")
    likeness = abs((a * b.conj()).sum()) / np.sqrt((abs(a) ** 2).sum() * (abs(b) ** 2).sum())
    assert likeness > 0.985


def test_a_smaller_detector_gives_larger_pixels():
    truth = simulate_product(**SMALL)
    middle = slice(4, 28)
    found = reconstruct(truth.isel(detector_x=middle, detector_y=middle), epochs=1)
    for name in ("object_pixel_width", "object_pixel_height", "probe_pixel_width"):
        assert float(found[name]) == pytest.approx(50e-9 * 32 / 24)
    for axis in ("object_x", "object_y", "probe_x", "probe_y"):
        assert np.diff(found[axis].values) == pytest.approx(50e-9 * 32 / 24)
    # What the scan has lit lies inside, in the frame of the scan.
    for letter in "xy":
        for end in ("min", "max"):
            at = getattr(truth[f"position_{letter}"], end)().data
            found.sel({f"object_{letter}": at}, method="nearest", tolerance=ureg("40 nm"))
    # The beam is as bright, but for what the cropped detector did not see.
    assert float(found.ptyxr.probe_intensity().sum()) == pytest.approx(1e6, rel=0.2)


def test_a_reconstruction_needs_patterns():
    with pytest.raises(MissingDataError, match="diffraction"):
        reconstruct(simulate_product(**SMALL).drop_vars("diffraction"))
    small = simulate_product(**SMALL).isel(probe_x=slice(0, 8))
    with pytest.raises(PtyxrError, match="larger than the probe"):
        reconstruct(small)


@pytest.mark.parametrize(
    "wrong", [{"epochs": -1}, {"epochs": "3"}, {"epochs": 1.5}, {"seed": -1}, {"seed": None}]
)
def test_a_reconstruction_refuses_what_is_no_number(wrong):
    with pytest.raises(PtyxrError, match=f"'{next(iter(wrong))}'.*a whole number from 0"):
        reconstruct(simulate_product(positions=4, probe_size=16), **wrong)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("probe", lambda probe: probe * 0, "dark"),
        ("probe", lambda probe: probe.astype(str), "not of the data model"),
        ("probe", lambda probe: probe.isel(incoherent_mode=[]), "not of the data model"),
        ("diffraction", lambda patterns: patterns * np.nan, "not finite"),
        ("diffraction", lambda patterns: -patterns, "not negative"),
        ("diffraction", lambda patterns: patterns * 1j, "not of the data model"),
        ("diffraction", lambda patterns: patterns.rename(detector_x="x"), "not of the data model"),
    ],
)
def test_a_reconstruction_refuses_numbers_that_it_cannot_use(name, change, says):
    ds = simulate_product(positions=4, probe_size=16)
    with pytest.raises(PtyxrError, match=f"'{name}'.*{says}"):
        reconstruct(ds.drop_vars(name).assign({name: change(ds[name])}), epochs=1)


def test_a_reconstruction_is_of_one_dataset():
    with pytest.raises(PtyxrError, match="found str"):
        reconstruct("scan.h5")
    with pytest.raises(SeriesError, match="a series"):
        reconstruct(simulate_product(positions=4, probe_size=16).expand_dims("scan"))
    ds = simulate_product(positions=4, probe_size=16)
    one = reconstruct(ds.isel(coherent_mode=0), epochs=1)
    xr.testing.assert_identical(one.object, reconstruct(ds, epochs=1).object)
