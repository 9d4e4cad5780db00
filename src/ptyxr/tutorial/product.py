"""A simulated scan as a dataset in metres: with probe modes, OPR, layers, tilted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Variable

from ptyxr.coordinates import replace_coordinates
from ptyxr.errors import PtyxrError
from ptyxr.formats.ptychodus_writer import with_metadata
from ptyxr.formats.ptychopinn import from_rawdata
from ptyxr.frame import to
from ptyxr.model import SCHEMA
from ptyxr.tutorial.arguments import photons_per_exposure, whole
from ptyxr.tutorial.scan import (
    MOST_POSITIONS,
    SIMULATED_OPTICS,
    WAVELENGTH,
    cut_windows,
    expose,
    unexposed,
)
from ptyxr.units import METER, parse
from ptyxr.variables import unit_variable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

__all__ = ["simulate_product"]

_OPTICS_SIZE = 64  # columns of the probe that SIMULATED_OPTICS belongs to
_VIBRATION = 0.012  # of the beam while a pattern is taken, rms, in units of the probe window
_DRIFT = (0.03, -0.015)  # of the beam on its window in the course of the scan, x and y, likewise
_LAYER_SPACING = 300e-6  # metres: a wafer with structures on both faces
_BATCH = 64
_MOST_LAYERS = 100  # each of which every pattern goes through
_PLACES = 11  # of a beam that vibrates: as many modes it has
_STEEPEST = 85  # degrees: 11 times as thick


def simulate_product(
    *,
    positions: int = 300,
    probe_size: int = 64,
    photons: float = 1e6,
    seed: int = 0,
    incoherent_modes: int = 1,
    coherent_modes: int = 1,
    layers: int = 1,
    angle: object = None,
) -> Dataset:
    """Simulate a scan as a dataset of the data model, in metres, with all that is known of it.

    Object and probe are the true ones, and the patterns are simulated with them: with every mode,
    at every position, through every layer. `simulate_scan` is the same in PtychoPINN's terms.

    Parameters
    ----------
    positions, probe_size : int
        Number of scan points, and rows and columns of probe and patterns, at least 8.
    photons : float
        Photons in the beam per exposure.
    seed : int
        Seed of the random numbers.
    incoherent_modes : int
        Modes of a beam that vibrates sideways while a pattern is taken (partial coherence), at most
        11: Thibault and Menzel, Nature 494, 68 (2013).
    coherent_modes : int
        Modes of a beam that drifts over its window in the course of the scan, and their weights at
        each scan point (orthogonal probe relaxation), at most as many as scan points: Odstrcil et
        al., Opt. Express 24, 8360 (2016).
    layers : int
        Layers of the object, 300 um apart: the chart, and behind it grains of gold.
    angle : Quantity or str, optional
        How far the sample is turned about the vertical, as ``tomography_angle``: narrower by the
        cosine, and thicker by its inverse; less than 85 degrees to either side.

    Returns
    -------
    xarray.Dataset
        ``object`` (object_layer, object_y, object_x) complex64, ``probe`` (coherent_mode,
        incoherent_mode, probe_y, probe_x) complex64, ``diffraction`` (position, detector_y,
        detector_x) float32, amplitude, and with several coherent modes ``opr_weights`` (position,
        coherent_mode) float64.

    Raises
    ------
    PtyxrError
        As `simulate_scan`, and if there are less or more modes or layers than can be simulated, or
        the sample is seen from its edge.
    UnitError
        If the angle is none.

    Examples
    --------
    >>> ds = simulate_product(positions=9, probe_size=32, incoherent_modes=2)
    >>> ds.probe.shape, str(ds.position_x.pint.units)
    ((1, 2, 32, 32), 'meter')
    """
    positions = whole("positions", positions, 1, MOST_POSITIONS)
    incoherent_modes = whole("incoherent_modes", incoherent_modes, 1, _PLACES)
    coherent_modes = whole("coherent_modes", coherent_modes, 1, positions)
    layers = whole("layers", layers, 1, _MOST_LAYERS)
    photons = photons_per_exposure(photons)
    degrees = None if angle is None else parse(angle, "degree", "angle")
    if degrees is not None and not abs(degrees) < _STEEPEST:
        raise PtyxrError(
            "a flat sample is not seen from its edge",
            key="angle",
            found=f"{degrees:g} degree",
            expected=f"between -{_STEEPEST} and {_STEEPEST} degree",
        )
    seed = whole("seed", seed, 0)
    of_scan, rng = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    scan = unexposed(positions, probe_size, photons, of_scan)
    probe_size = scan.probeGuess.shape[0]
    chart = scan.objectGuess if degrees is None else _turned(scan.objectGuess, degrees)
    slices = [chart] + [_grains(rng, *chart.shape) for _ in range(layers - 1)]
    incoherent = _modes(scan.probeGuess, *_vibration(probe_size), incoherent_modes)
    drift = np.linspace(-0.5, 0.5, positions)[:, np.newaxis] * probe_size * np.array(_DRIFT)
    coherent, weights = incoherent[:1], np.ones((positions, 1))
    if coherent_modes > 1:
        coherent, weights = _drifting(incoherent[0], drift, coherent_modes)

    if coherent_modes > 1 or incoherent_modes > 1 or layers > 1 or degrees is not None:
        for first in range(0, positions, _BATCH):
            batch = slice(first, first + _BATCH)
            waves = np.repeat(incoherent[np.newaxis], len(weights[batch]), axis=0)
            waves[:, 0] = np.tensordot(weights[batch].astype(np.float32), coherent, 1)
            at = scan.xcoords[batch], scan.ycoords[batch], probe_size
            for depth, one in enumerate(slices):
                waves = (_propagated(waves) if depth else waves) * cut_windows(one, *at)[:, None]
            far_field = np.fft.fftshift(np.fft.fft2(waves, norm="ortho"), axes=(-2, -1))
            intensity = (np.abs(far_field).astype(np.float64) ** 2).sum(axis=1)
            scan.diff3d[batch] = np.sqrt(rng.poisson(intensity))
    else:
        expose(scan, of_scan)

    optics = dict(SIMULATED_OPTICS, name="simulated", probe_photon_count=f"{photons} count")
    for distance in ("detector_object_distance", "focus_object_distance"):
        metres = parse(optics[distance], "meter", distance) * probe_size / _OPTICS_SIZE
        optics[distance] = f"{metres} m"
    if degrees is not None:
        optics["tomography_angle"] = f"{degrees} degree"
    ds = to(with_metadata(from_rawdata(scan, measurement="amplitude"), optics), "m")

    probe = np.zeros((coherent_modes, *incoherent.shape), dtype=np.complex64)
    probe[:, 0], probe[0, 1:] = coherent, incoherent[1:]
    variables = {
        "object": np.stack(slices),
        "probe": probe,
        **({"opr_weights": weights} if coherent_modes > 1 else {}),
    }
    ds = ds.assign({name: _variable(name, values) for name, values in variables.items()})
    beside = {"position_index": _variable("position_index", np.arange(positions))}
    if layers > 1:
        entry = SCHEMA["object_layer_spacing"]
        attrs = {"long_name": entry.long_name}
        spacing = np.full(layers - 1, _LAYER_SPACING)
        beside[entry.name] = unit_variable(entry.dims, spacing, METER, attrs, quantified=True)
    return replace_coordinates(ds, beside)


def _variable(name: str, values: Any) -> Variable:
    return Variable(SCHEMA[name].dims, values, {"long_name": SCHEMA[name].long_name})


def _shifted(beam: Any, x: Any, y: Any) -> Any:
    """Return the beam moved by each of (n,) distances in pixels, (n, H, W)."""
    fy, fx = (np.fft.fftfreq(size) for size in beam.shape)
    turn = np.multiply.outer(y, fy)[:, :, None] + np.multiply.outer(x, fx)[:, None, :]
    return np.fft.ifft2(np.fft.fft2(beam) * np.exp(-2j * np.pi * turn)).astype(np.complex64)


def _vibration(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places of a beam that vibrates, in pixels, and how much of the time it is there."""
    at = np.linspace(-2.5, 2.5, _PLACES)
    share = np.exp(-(at**2) / 2)
    return at * _VIBRATION * size, share / share.sum()


def _modes(beam: Any, at: Any, share: Any, count: int) -> Any:
    """Return the strongest modes of a beam that is in several places, (count, H, W).

    The intensity of a mixture of waves is that of its orthogonal modes, by the singular values.
    """
    if count == 1:
        return beam[np.newaxis]
    waves = np.sqrt(share)[:, None, None] * _shifted(beam, at, np.zeros_like(at))
    _, power, modes = np.linalg.svd(waves.reshape(len(at), -1), full_matrices=False)
    modes = (power[:, None] * modes)[:count]
    modes *= np.linalg.norm(beam) / np.linalg.norm(modes)  # what is cut off is few photons
    return modes.reshape(-1, *beam.shape).astype(np.complex64)


def _drifting(beam: Any, drift: Any, count: int) -> tuple[Any, NDArray[np.float64]]:
    """Return orthogonal modes of a beam that drifts, and their weights, (N, count) and real.

    Weights of a product are real: so modes are those of the real space that the beams span.
    """
    waves = _shifted(beam, *drift.T).reshape(len(drift), -1)
    real = np.concatenate([waves.real, waves.imag], axis=1)
    # The singular vectors, by eigenvectors of what is N x N: fewer points than pixels.
    squares, left = np.linalg.eigh(real.astype(np.float64) @ real.T)
    power = np.sqrt(np.maximum(squares[::-1][:count], np.finfo(np.float32).tiny))
    left = left[:, ::-1][:, :count]
    weights, modes = left * power, (left.T @ real) / power[:, None]
    # The first mode is as bright as the beam, so that its weights are about 1.
    scale = np.linalg.norm(beam) * np.where(weights.mean(axis=0) < 0, -1, 1)
    modes = scale[:, None] * modes
    half = modes.shape[1] // 2
    modes = (modes[:, :half] + 1j * modes[:, half:]).reshape(-1, *beam.shape)
    return modes.astype(np.complex64), (weights / scale).astype(np.float64)


def _turned(obj: NDArray[np.complex64], degrees: float) -> NDArray[np.complex64]:
    """Return a sample turned about the vertical: narrower, and thicker along the beam."""
    cosine = math.cos(math.radians(degrees))
    columns = np.arange(obj.shape[1]) - (obj.shape[1] - 1) / 2
    path = np.log(np.abs(obj)) + 1j * np.angle(obj)
    turned = [np.interp(columns / cosine, columns, row) for row in path]
    turned_path: NDArray[np.complex64] = np.exp(np.stack(turned) / cosine).astype(np.complex64)
    return turned_path


def _grains(rng: np.random.Generator, height: int, width: int) -> NDArray[np.complex64]:
    """Return a layer of grains of gold, of the phase and amplitude that 0.5 um of it have."""
    row, column = np.indices((height, width))
    covered = np.zeros((height, width))
    for _ in range(40):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(1.5, 4.5)
        covered = np.maximum(covered, np.clip(radius - np.hypot(column - x, row - y) + 0.5, 0, 1))
    layer: NDArray[np.complex64] = np.exp(covered * (-0.97j - 0.1)).astype(np.complex64)
    return layer


def _propagated(waves: Any) -> Any:
    """Return waves a layer further, by Fresnel (Goodman, *Introduction to Fourier Optics*, 4.2)."""
    pitch = parse(SIMULATED_OPTICS["object_pixel_width"], "meter", "object_pixel_width")
    q2 = np.add.outer(*(np.fft.fftfreq(size, pitch) ** 2 for size in waves.shape[-2:]))
    phase = np.exp(-1j * np.pi * WAVELENGTH * _LAYER_SPACING * q2).astype(np.complex64)
    return np.fft.ifft2(np.fft.fft2(waves) * phase)
