"""A simulated scan: what a detector records while a sample is moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from ptyxr.errors import PtyxrError
from ptyxr.storage.atomic import atomic_path, target_path
from ptyxr.tutorial.arguments import photons_per_exposure, whole

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "MOST_POSITIONS",
    "SIMULATED_OPTICS",
    "WAVELENGTH",
    "SimulatedScan",
    "cut_windows",
    "expose",
    "save_npz",
    "simulate_scan",
    "unexposed",
]

SIMULATED_OPTICS: Mapping[str, str] = MappingProxyType(
    {
        "photon_energy": "8 keV",
        "exposure_time": "0.1 s",
        "detector_object_distance": "1.548585 m",
        "focus_object_distance": "1.1563 mm",
        "detector_pixel_width": "75 um",
        "detector_pixel_height": "75 um",
        "object_pixel_width": "50 nm",
        "object_pixel_height": "50 nm",
        "probe_pixel_width": "50 nm",
        "probe_pixel_height": "50 nm",
        "probe_photon_count": "1e6 count",
    }
)
r"""What the arrays of a simulated scan do not say, by schema name, as strings that pint parses.

They belong to the defaults of `simulate_scan` and agree with each other: with the wavelength
:math:`\lambda = hc/E`, the far field sampled by detector pixels of size :math:`p` at distance
:math:`z` is that of an object sampled at :math:`\Delta x = \lambda z / (N p)`, here 50 nm for
N = 64 (Goodman, *Introduction to Fourier Optics*, 4.3). Another ``probe_size`` means another
distance. ``focus_object_distance`` is how far downstream of the focus the beam is as wide as the
simulated one.
"""

# Gold at 8 keV, n = 1 - delta + i beta (Henke, Gullikson and Davis, At. Data Nucl. Data Tables 54,
# 181 (1993)): 0.8 um of it are -1.56 rad and 85 % of the amplitude.
WAVELENGTH = 1.54980e-10  # metres
_GOLD_DELTA, _GOLD_BETA = 4.8e-5, 4.9e-6
_GOLD_THICKNESS = 0.8e-6

# In units of the probe window, so that every probe_size gets the same picture: the radius of the
# beam on the sample and the distance between neighbouring scan points, a seventh of the beam's
# diameter, since ptychography lives on overlap.
_BEAM_RADIUS = 0.28
_STEP = 0.08
_NUMERICAL_APERTURE = 0.25  # of the zone plate, as the highest frequency, in cycles per pixel

_SMALLEST_PROBE: Final = 8  # pixels
_LARGEST_PROBE: Final = 4096
#: Of a scan that is held in memory.
MOST_POSITIONS: Final = 1_000_000
_LARGEST_JITTER = 3.0  # pixels
_MARGIN = 5  # pixels between the outermost nominal window and the object's edge; exceeds the jitter
_BATCH = 256  # patterns at once, so that memory does not grow with the number of positions


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedScan:
    """A simulated scan, with the attribute names of PtychoPINN's ``RawData``.

    N is the number of scan points; H, W is the shape of the probe and of the patterns; Ho, Wo that
    of the object. Positions count object pixels from the outer corner of pixel (0, 0): the window
    of a scan point at (x, y) is columns x - W/2 to x + W/2 and rows y - H/2 to y + H/2.

    Attributes
    ----------
    xcoords, ycoords : ndarray, shape (N,), float64
        Where the beam was, column and row, in object pixels. The patterns belong to these.
    xcoords_start, ycoords_start : ndarray, shape (N,), float64
        Where it was meant to be (nominal positions), in object pixels.
    diff3d : ndarray, shape (N, H, W), float32
        Diffraction amplitude, the square root of the number of photons per detector pixel. The
        direct beam is at pixel (H // 2, W // 2).
    probeGuess : ndarray, shape (H, W), complex64
        The illumination. Its squared modulus is photons per pixel of the object.
    objectGuess : ndarray, shape (Ho, Wo), complex64
        The transmission function of the sample, dimensionless. Never square; Ho is odd, Wo even.
    scan_index : ndarray, shape (N,), int64
        PtychoPINN's number of the scan: 0 everywhere.
    Y, norm_Y_I : None
        Ground-truth patches and their normalisation, which a measurement does not have.
    """

    xcoords: NDArray[np.float64]
    ycoords: NDArray[np.float64]
    xcoords_start: NDArray[np.float64]
    ycoords_start: NDArray[np.float64]
    diff3d: NDArray[np.float32]
    probeGuess: NDArray[np.complex64]  # noqa: N815 - the name is PtychoPINN's
    objectGuess: NDArray[np.complex64]  # noqa: N815 - the name is PtychoPINN's
    scan_index: NDArray[np.int64]
    Y: None = None
    norm_Y_I: None = None  # noqa: N815 - the name is PtychoPINN's

    def __repr__(self) -> str:
        """Say how large the scan is; the arrays would fill the screen."""
        count, height, width = self.diff3d.shape
        rows, columns = self.objectGuess.shape
        return (
            f"<SimulatedScan: {count} positions, patterns {height} x {width}, "
            f"object {rows} x {columns}>"
        )


def simulate_scan(
    *,
    positions: int = 300,
    probe_size: int = 64,
    photons: float = 1e6,
    seed: int = 0,
    noise: bool = True,
) -> SimulatedScan:
    """Simulate a ptychographic scan of a resolution chart.

    The amplitude of pattern j is ``|FFT(probe * patch_j)|`` (Fraunhofer diffraction), the patch cut
    out of the object at the refined position, between pixels by bilinear interpolation.

    Parameters
    ----------
    positions : int
        Number of scan points, N.
    probe_size : int
        Rows and columns of the probe and of each pattern, at least 8.
    photons : float
        Photons in the beam per exposure. What the sample absorbs is missing from the pattern.
    seed : int
        Seed of the random numbers: equal arguments give equal scans.
    noise : bool
        Count photons (Poisson noise); without, amplitudes are exact to float32.

    Returns
    -------
    SimulatedScan
        All windows lie inside the object, nominal and refined. `SIMULATED_OPTICS` has the energy,
        distances and pixel sizes that go with it.

    Raises
    ------
    PtyxrError
        If `positions` or `photons` is not positive, `probe_size` is below 8, `seed` is negative,
        or one of them is no number.

    Examples
    --------
    >>> scan = simulate_scan(positions=20, probe_size=32, photons=1e4, noise=False)
    >>> round(float((abs(scan.probeGuess) ** 2).sum()))
    10000
    >>> bool(abs(scan.xcoords - scan.xcoords_start).max() <= 3)
    True
    """
    rng = np.random.default_rng(whole("seed", seed, 0))
    scan = unexposed(positions, probe_size, photons, rng)
    expose(scan, rng, noise=noise)
    return scan


def unexposed(
    positions: int, probe_size: int, photons: float, rng: np.random.Generator
) -> SimulatedScan:
    """Return a scan of which no pattern is taken yet: the numbers of ``diff3d`` are any."""
    positions = whole("positions", positions, 1, MOST_POSITIONS)
    probe_size = whole("probe_size", probe_size, _SMALLEST_PROBE, _LARGEST_PROBE)
    photons = photons_per_exposure(photons)
    x, y = _fermat_spiral(positions, _STEP * probe_size)
    width = 2 * math.ceil(np.abs(x).max() + probe_size / 2 + _MARGIN)
    height = 2 * math.ceil(np.abs(y).max() + probe_size / 2 + _MARGIN) - 1
    x_start, y_start = x + width / 2, y + height / 2
    x_true = x_start + _position_error(rng, positions)
    y_true = y_start + _position_error(rng, positions)

    obj = _resolution_chart(rng, height, width).astype(np.complex64)
    beam = _zone_plate_beam(probe_size)
    beam *= math.sqrt(photons / np.sum(np.abs(beam) ** 2))
    return SimulatedScan(
        xcoords=x_true,
        ycoords=y_true,
        xcoords_start=x_start,
        ycoords_start=y_start,
        diff3d=np.empty((positions, probe_size, probe_size), dtype=np.float32),
        probeGuess=beam.astype(np.complex64),
        objectGuess=obj,
        scan_index=np.zeros(positions, dtype=np.int64),
    )


def expose(scan: SimulatedScan, rng: np.random.Generator, *, noise: bool = True) -> None:
    """Take the patterns of a scan, into its ``diff3d``."""
    count, size, _ = scan.diff3d.shape
    for first in range(0, count, _BATCH):
        batch = slice(first, first + _BATCH)
        windows = cut_windows(scan.objectGuess, scan.xcoords[batch], scan.ycoords[batch], size)
        waves = scan.probeGuess * windows
        far_field = np.fft.fftshift(np.fft.fft2(waves, norm="ortho"), axes=(-2, -1))
        intensity = np.abs(far_field).astype(np.float64) ** 2
        scan.diff3d[batch] = np.sqrt(rng.poisson(intensity) if noise else intensity)


def save_npz(scan: SimulatedScan, path: str | os.PathLike[str]) -> None:
    """Write a scan as PtychoPINN's ``RawData.to_file`` does, but without pickles.

    The keys are the attribute names; what is None is left out. There is no ``_metadata``, so the
    file, like most PtychoPINN files, knows nothing of metres.

    Parameters
    ----------
    scan : SimulatedScan
        The scan to write.
    path : path-like
        The file, written under exactly this name; an existing one is replaced.

    Raises
    ------
    PtyxrError
        If it is no scan, or cannot be written there.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "scan.npz")
    ...     save_npz(simulate_scan(positions=4, probe_size=16), path)
    ...     with np.load(path, allow_pickle=False) as npz:
    ...         npz["diff3d"].shape
    (4, 16, 16)
    """
    if not isinstance(scan, SimulatedScan):
        raise PtyxrError(
            "a simulated scan is written", found=type(scan).__name__, expected="a SimulatedScan",
            remedy="ds.ptyxr.to_npz(path) writes a dataset",
        )  # fmt: skip
    # An open file, because numpy.savez appends ".npz" to names that end otherwise.
    with atomic_path(target_path(path)) as finished, finished.open("wb") as file:
        np.savez(
            file,
            xcoords=scan.xcoords,
            ycoords=scan.ycoords,
            xcoords_start=scan.xcoords_start,
            ycoords_start=scan.ycoords_start,
            diff3d=scan.diff3d,
            probeGuess=scan.probeGuess,
            objectGuess=scan.objectGuess,
            scan_index=scan.scan_index,
        )


def _fermat_spiral(count: int, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a Fermat spiral cut to a rectangle of 5 : 4 about 0, one point per step**2 pixels.

    X. Huang et al., Opt. Express 22, 12634 (2014): the spiral r = c sqrt(n), theta = n golden
    angles covers the plane evenly and without the period of a raster.
    """
    # Of a spiral that is large enough to fill the rectangle, the innermost points in the norm whose
    # circles are that rectangle: as many as asked for, in the order of the spiral.
    index = np.arange(2 * count + 8)
    # Half a point on, the first two are as far apart as the others.
    radius = step * np.sqrt((index + 0.5) / np.pi)
    angle = index * np.pi * (3 - math.sqrt(5))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    inside = np.argsort(np.maximum(np.abs(x) / 5, np.abs(y) / 4), kind="stable")[:count]
    inside.sort()
    return x[inside], y[inside]


def _position_error(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return what the stage does beyond what it was told, in pixels: drift and vibration."""
    time = np.linspace(0, 1, count)
    drift = rng.uniform(-1.5, 1.5) * time + 0.5 * np.sin(2 * np.pi * (time + rng.uniform()))
    error = drift + rng.normal(scale=0.5, size=count)
    return np.clip(error, -_LARGEST_JITTER, _LARGEST_JITTER)


def _zone_plate_beam(size: int) -> NDArray[np.complex128]:
    """Return the beam behind a zone plate with central stop, out of focus, unscaled.

    A point focus with pupil P(q), seen a distance z from the focus, is the Fourier transform of
    P(q) exp(-i pi lambda z q**2) (Fresnel propagation; Goodman, 4.2.3). At the rim of the pupil,
    q = a, the ray has gone lambda z a sideways: the radius of the beam, which sets lambda z.
    """
    fx = np.fft.fftfreq(size)[np.newaxis, :]
    fy = np.fft.fftfreq(size)[:, np.newaxis]
    q = np.hypot(fx, fy)
    # Pupil edges as wide as 1.5 samples: a hard edge would ring through the whole window.
    soft = 1.5 / size

    def disc(radius: float) -> NDArray[np.float64]:
        edge: NDArray[np.float64] = 0.5 * (1 - np.tanh((q - radius) / soft))
        return edge

    pupil = disc(_NUMERICAL_APERTURE) - 0.97 * disc(0.35 * _NUMERICAL_APERTURE)
    # Nobody's illumination of a zone plate is even, nor its alignment perfect.
    pupil *= 1 + 0.25 * fx / _NUMERICAL_APERTURE - 0.15 * fy / _NUMERICAL_APERTURE
    lambda_z = _BEAM_RADIUS * size / _NUMERICAL_APERTURE
    astigmatism = 0.05 * (fx**2 - fy**2) + 0.04 * fx * fy
    phase = -np.pi * lambda_z * (q**2 + astigmatism)
    beam: NDArray[np.complex128] = np.fft.fftshift(np.fft.ifft2(pupil * np.exp(1j * phase)))
    return beam


def _resolution_chart(rng: np.random.Generator, height: int, width: int) -> NDArray[np.complex128]:
    """Return the transmission of a gold chart on a membrane, without a symmetry to hide a flip."""
    row, column = np.indices((height, width))
    x, y = column - (width - 1) / 2, row - (height - 1) / 2
    star = 0.37 * min(height, width)
    radius = np.hypot(x, y)

    # Every shape is a signed distance from its edge in pixels, positive inside; half a pixel either
    # side of the edge is the share of the pixel that is covered.
    spokes = 18
    siemens = np.sin(spokes * np.arctan2(y, x)) * radius / spokes
    # Nothing finer than 1.5 pixels, where spokes would alias, and two rings to count by.
    siemens = np.minimum(siemens, radius - 1.5 * spokes / np.pi)
    siemens = np.minimum(siemens, star - radius)
    for ring in (0.45, 0.72):
        siemens = np.minimum(siemens, np.abs(radius - ring * star) - 0.022 * star)
    frame = 0.03 * star - np.abs(radius - 1.09 * star)
    shapes = [siemens, frame]

    def bar(x0: float, y0: float, w: float, h: float) -> None:
        shapes.append(
            np.minimum(w / 2 - np.abs(x / star - x0), h / 2 - np.abs(y / star - y0)) * star
        )

    for i in range(4):  # lower right: line pairs, finer and finer
        bar(0.86 + 0.05 * i * (3.4 - 0.4 * i), 0.98, 0.085 - 0.015 * i, 0.26)
    bar(-1.14, 0.98, 0.09, 0.30)  # lower left: an L
    bar(-1.02, 1.085, 0.33, 0.09)
    for x0, y0 in ((-1.12, -0.98), (-0.90, -1.06), (-1.20, -0.76)):  # upper left: dots
        shapes.append(0.07 * star - np.hypot(x - x0 * star, y - y0 * star))

    gold = np.clip(np.max(shapes, axis=0) + 0.5, 0, 1)
    # The membrane is not quite flat, the gold not quite even: smooth noise, 1 in the mean square.
    q2 = np.fft.fftfreq(height)[:, np.newaxis] ** 2 + np.fft.fftfreq(width)[np.newaxis, :] ** 2
    rough = [
        np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) * np.exp(-q2 / cut**2)).real
        for cut in (0.03, 0.15)
    ]
    membrane, grain = (surface / surface.std() for surface in rough)
    thickness = _GOLD_THICKNESS * (gold * (1 + 0.04 * grain) + 0.025 * membrane)
    wavenumber = 2 * np.pi / WAVELENGTH
    transmission: NDArray[np.complex128] = np.exp(
        wavenumber * thickness * (-1j * _GOLD_DELTA - _GOLD_BETA)
    )
    return transmission


def cut_windows(
    obj: NDArray[np.complex64], x: NDArray[np.float64], y: NDArray[np.float64], size: int
) -> NDArray[np.complex64]:
    """Cut the windows about corner-based positions out of an object, (len(x), size, size)."""
    left, top = x - size / 2, y - size / 2
    column, row = np.floor(left).astype(int), np.floor(top).astype(int)
    right_share = (left - column).astype(np.float32)[:, np.newaxis, np.newaxis]
    lower_share = (top - row).astype(np.float32)[:, np.newaxis, np.newaxis]
    # One row and column more than the window has, for the neighbours to interpolate with.
    windows = np.lib.stride_tricks.sliding_window_view(obj, (size + 1, size + 1))[row, column]
    upper, lower = windows[:, :-1], windows[:, 1:]
    rows = upper + lower_share * (lower - upper)
    patches: NDArray[np.complex64] = rows[..., :-1] + right_share * (rows[..., 1:] - rows[..., :-1])
    return patches
