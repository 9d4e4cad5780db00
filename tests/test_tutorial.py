from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from ptyxr.errors import PtyxrError
from ptyxr.tutorial import SIMULATED_OPTICS, save_npz, simulate_product, simulate_scan

ARRAYS = {
    "xcoords": np.float64,
    "ycoords": np.float64,
    "xcoords_start": np.float64,
    "ycoords_start": np.float64,
    "diff3d": np.float32,
    "probeGuess": np.complex64,
    "objectGuess": np.complex64,
    "scan_index": np.int64,
}


@pytest.fixture(scope="module")
def scan():
    return simulate_scan()


def test_has_the_attributes_of_rawdata(scan):
    for name, dtype in ARRAYS.items():
        assert getattr(scan, name).dtype == dtype, name
    assert scan.Y is None
    assert scan.norm_Y_I is None
    assert scan.diff3d.shape == (300, 64, 64)
    assert scan.probeGuess.shape == (64, 64)
    assert {getattr(scan, name).shape for name in list(ARRAYS)[:4]} == {(300,)}
    assert not scan.scan_index.any()


def test_is_frozen(scan):
    with pytest.raises(AttributeError):
        scan.xcoords = None


@pytest.mark.parametrize(("positions", "size"), [(1, 8), (2, 64), (17, 31), (300, 64), (1000, 16)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_windows_lie_inside_the_object(positions, size, seed):
    scan = simulate_scan(positions=positions, probe_size=size, seed=seed)
    height, width = scan.objectGuess.shape
    assert height != width
    for name, extent in (("x", width), ("y", height)):
        for suffix in ("coords", "coords_start"):
            at = getattr(scan, name + suffix)
            assert at.min() - size / 2 >= 0
            assert at.max() + size / 2 <= extent


def test_positions_are_nominal_ones_with_an_error(scan):
    for name in "xy":
        error = getattr(scan, f"{name}coords") - getattr(scan, f"{name}coords_start")
        assert 1 < np.abs(error).max() <= 3
        assert error.std() > 0.3


def test_positions_cover_their_field_evenly(scan):
    points = scan.xcoords_start + 1j * scan.ycoords_start
    assert np.unique(points).size == points.size
    distance = np.abs(points[:, np.newaxis] - points)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=0)
    assert 0.6 * 0.08 * 64 < nearest.min() < nearest.max() < 1.4 * 0.08 * 64


def test_equal_arguments_give_equal_scans(scan):
    again, other = simulate_scan(), simulate_scan(seed=1)
    for name in ARRAYS:
        assert np.array_equal(getattr(scan, name), getattr(again, name)), name
    assert not np.array_equal(scan.diff3d, other.diff3d)


def test_noise_is_poisson_and_changes_nothing_else(scan):
    exact = simulate_scan(noise=False)
    for name in set(ARRAYS) - {"diff3d"}:
        assert np.array_equal(getattr(scan, name), getattr(exact, name)), name
    counts = scan.diff3d.astype(float) ** 2
    assert np.allclose(counts, np.rint(counts), atol=1e-2)
    mean = exact.diff3d.astype(float) ** 2
    bright = mean > 10
    z = (counts - mean)[bright] / np.sqrt(mean[bright])
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02


def test_photons_are_conserved():
    scan = simulate_scan(positions=5, photons=2e5, noise=False)
    assert np.sum(np.abs(scan.probeGuess) ** 2, dtype=float) == pytest.approx(2e5, rel=1e-5)
    detected = (scan.diff3d.astype(float) ** 2).sum(axis=(1, 2))
    assert np.all((detected > 0.6 * 2e5) & (detected < 2e5 * 1.02))


def test_patterns_are_the_far_field_of_the_windows_at_the_refined_positions():
    scan = simulate_scan(positions=12, probe_size=32, noise=False)
    rows, columns = np.indices(scan.objectGuess.shape)
    for j in (0, 5, 11):
        # Corner-based: the centre of pixel (r, c) is at (c + 0.5, r + 0.5). A triangle as wide as
        # two pixels is bilinear interpolation, written down another way.
        at_x = scan.xcoords[j] - 16 + np.arange(32) + 0.5
        at_y = scan.ycoords[j] - 16 + np.arange(32) + 0.5
        in_x = np.clip(1 - np.abs(columns[0] + 0.5 - at_x[:, np.newaxis]), 0, None)
        in_y = np.clip(1 - np.abs(rows[:, 0] + 0.5 - at_y[:, np.newaxis]), 0, None)
        wave = scan.probeGuess * (in_y @ scan.objectGuess @ in_x.T)
        expected = np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho")))
        assert np.allclose(scan.diff3d[j], expected, atol=1e-4 * expected.max())


def test_object_absorbs_and_shifts_the_phase_and_has_no_symmetry(scan):
    obj = scan.objectGuess
    assert 0.75 < np.abs(obj).min() < 0.9
    assert 1.2 < np.ptp(np.angle(obj)) < 2.2
    phase = np.angle(obj) - np.angle(obj).mean()
    for flipped in (phase[::-1], phase[:, ::-1], phase[::-1, ::-1]):
        assert (phase * flipped).sum() / (phase**2).sum() < 0.95


def test_probe_fits_its_window(scan):
    intensity = np.abs(scan.probeGuess) ** 2
    assert intensity[4:-4, 4:-4].sum() > 0.97 * intensity.sum()


def test_optics_agree_with_each_other():
    pint = pytest.importorskip("pint")
    Q = pint.get_application_registry().Quantity
    optics = {name: Q(value) for name, value in SIMULATED_OPTICS.items()}
    wavelength = (Q("planck_constant * speed_of_light") / optics["photon_energy"]).to("m")
    for side in ("width", "height"):
        sampled = 64 * optics[f"object_pixel_{side}"]
        pitch = wavelength * optics["detector_object_distance"] / sampled
        assert pitch.m_as("m") == pytest.approx(
            optics[f"detector_pixel_{side}"].m_as("m"), rel=1e-6
        )
        assert optics[f"probe_pixel_{side}"] == optics[f"object_pixel_{side}"]
    # The beam is 0.28 of the window in radius, of an aperture of a quarter of 1 / pixel.
    radius = wavelength * optics["focus_object_distance"] * 0.25 / optics["object_pixel_width"]
    assert radius.m_as("m") == pytest.approx(0.28 * 64 * 50e-9, rel=1e-3)


def test_optics_are_of_the_schema_and_read_only():
    model = pytest.importorskip("ptyxr.model")
    assert set(SIMULATED_OPTICS) <= {entry.name for entry in model.scalars()}
    with pytest.raises(TypeError):
        SIMULATED_OPTICS["photon_energy"] = "9 keV"


def test_npz_holds_the_arrays_under_exactly_the_given_name(tmp_path, scan):
    path = tmp_path / "scan.data"
    save_npz(scan, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scan.data"]
    with np.load(path, allow_pickle=False) as npz:
        assert set(npz.files) == set(ARRAYS)
        for name, dtype in ARRAYS.items():
            assert npz[name].dtype == dtype
            assert np.array_equal(npz[name], getattr(scan, name))


@pytest.mark.parametrize(
    "arguments",
    [
        {"positions": 0},
        {"probe_size": 7},
        {"photons": 0},
        {"photons": float("nan")},
        {"photons": float("inf")},
        {"photons": 1e30},
        {"photons": None},
        {"positions": "20"},
        {"positions": 2.5},
        {"positions": True},
        {"probe_size": None},
        {"seed": -1},
        {"seed": "now"},
    ],
)
def test_refuses_what_cannot_be_simulated(arguments):
    (name,) = arguments
    for simulate in (simulate_scan, simulate_product):
        with pytest.raises(PtyxrError, match=f"'{name}'.*expected"):
            simulate(**arguments)


def test_only_a_scan_is_written_and_to_a_path(tmp_path):
    with pytest.raises(PtyxrError, match="SimulatedScan"):
        save_npz(None, tmp_path / "scan.npz")
    with pytest.raises(PtyxrError, match="a folder is in the way"):
        save_npz(simulate_scan(positions=1, probe_size=8), tmp_path)
    assert not list(tmp_path.iterdir())


def test_is_fast(scan):
    start = time.process_time()
    simulate_scan()
    assert time.process_time() - start < 5  # 0.3 s; the rest is for slow machines


def test_says_how_large_it_is(scan):
    height, width = scan.objectGuess.shape
    assert repr(scan) == (
        f"<SimulatedScan: 300 positions, patterns 64 x 64, object {height} x {width}>"
    )


def test_loads_nothing_heavy(tmp_path):
    code = (
        "import sys\n"
        "from ptyxr.tutorial import simulate_scan\n"
        "simulate_scan(positions=2, probe_size=8)\n"
        "bad = {'pint', 'scipy', 'dask', 'matplotlib'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
