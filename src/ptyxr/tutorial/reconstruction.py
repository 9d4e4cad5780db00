"""A textbook reconstruction (ePIE), so that pages and tests have one that is real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Dataset

from ptyxr.coordinates import axis as grid_index
from ptyxr.coordinates import magnitude, replace_coordinates
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError
from ptyxr.grids import Grid
from ptyxr.indexes import GridIndex
from ptyxr.model import SCHEMA
from ptyxr.pixel_sizes import assign_pixel_size, needed_pixel_length
from ptyxr.placement import fill_object
from ptyxr.trimming import one_product
from ptyxr.tutorial.arguments import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["reconstruct"]

_MARGIN = 2  # pixels about the outermost windows


def reconstruct(ds: Dataset, *, epochs: int = 10, seed: int = 0) -> Dataset:
    """Reconstruct object and probe from patterns, by ePIE with incoherent modes.

    Maiden and Rodenburg, Ultramicroscopy 109, 1256 (2009); Thibault and Menzel, Nature 494, 68
    (2013). It starts from the probe of the dataset and a sample that is not there, takes positions
    as they are, and is neither fast nor clever: for data that were measured, take Ptychodus or
    PtychoPINN.

    Parameters
    ----------
    ds : xarray.Dataset
        In lengths, with ``probe`` (the first coherent mode is taken), ``diffraction`` (amplitude or
        counts) and positions. Patterns cropped about the direct beam give larger pixels: what the
        detector does not reach is not resolved.
    epochs : int
        How often each pattern is used.
    seed : int
        Seed of the order in which patterns are used.

    Returns
    -------
    xarray.Dataset
        The dataset with another ``object`` (1, object_y, object_x) complex64, as large as the scan
        needs, another ``probe`` (1, incoherent_mode, probe_y, probe_x) complex64, and ``loss``
        (epoch): the mean square of measured less modelled amplitudes, per pixel of the detector.

    Raises
    ------
    PtyxrError
        If there are no patterns or no probe, the patterns are larger than the probe, numbers are
        missing (NaN) or patterns negative, the probe is dark, or an argument is no whole number.

    Examples
    --------
    >>> from ptyxr.tutorial import simulate_product
    >>> ds = simulate_product(positions=20, probe_size=32)
    >>> found = reconstruct(ds, epochs=3)
    >>> bool(found.loss[-1] < found.loss[0])
    True
    """
    epochs = whole("epochs", epochs, 0)
    rng = np.random.default_rng(whole("seed", seed, 0))
    if not isinstance(ds, Dataset):
        raise PtyxrError(
            "what is reconstructed from is a dataset",
            found=type(ds).__name__,
            remedy="ptyxr.open_dataset() opens files",
        )
    ds = one_product(ds, "a reconstruction")
    patterns, probe = _patterns(ds), _first_probe(ds)
    shape, full = patterns.shape[-2:], probe.shape[-2:]
    if any(one > whole for one, whole in zip(shape, full, strict=True)):
        raise PtyxrError("patterns are larger than the probe", found=f"{shape} and {full}")

    # N pixels of the detector make the pixel of the object lambda z / (N p): fewer, a larger one.
    sizes = [
        needed_pixel_length(ds, f"probe_{letter}") * whole / one
        for letter, one, whole in zip("yx", shape, full, strict=True)
    ][::-1]
    pixels = [name for name in ds.coords if str(name).startswith(("object_", "probe_pixel_"))]
    beside = ["object", "probe", "opr_weights", "loss", "epoch", "probe_y", "probe_x", *pixels]
    blank = ds.drop_vars(beside, errors="ignore")
    blank = assign_pixel_size(blank, object=tuple(sizes), probe=tuple(sizes))
    blank = fill_object(blank, padding=_MARGIN)
    first = [
        grid_index(blank, f"object_{n}").grid.columns(
            magnitude(blank, f"position_{n}", grid_index(blank, f"object_{n}").grid.unit)
        ) + 0.5 - size / 2
        for n, size in zip("yx", shape, strict=True)
    ]  # fmt: skip
    obj = np.array(blank["object"][0], dtype=np.complex64)
    obj, probe, loss = _epie(patterns, _coarser(probe, shape), obj, first, epochs, rng)

    dims = {name: SCHEMA[name].dims for name in ("object", "probe", "loss")}
    found = blank.assign(
        object=(dims["object"], obj[np.newaxis], blank["object"].attrs),
        probe=(dims["probe"], probe[np.newaxis], ds["probe"].attrs),
        loss=(dims["loss"], loss, {"long_name": SCHEMA["loss"].long_name}),
    ).assign_coords(epoch=np.arange(epochs))
    axes = {
        f"probe_{n}": GridIndex.full(Grid(0.0, pitch, size, "meter"), f"probe_{n}")
        for n, pitch, size in zip("xy", sizes, shape[::-1], strict=True)
    }
    return replace_coordinates(found, {}, axes)


def _values(ds: Dataset, name: str, kinds: str) -> np.ndarray:
    """Return an array of the model, with all its dimensions, in their order, and finite."""
    if name not in ds:
        raise MissingDataError(
            "there is nothing to reconstruct from",
            key=name,
            remedy="simulate_product() makes a dataset that has all",
        )
    dims, given = SCHEMA[name].dims, ds[name].variable
    modes = dims[:-2] if name == "probe" else ()  # those a selection may have taken off
    if {*given.dims, *modes} != {*dims} or 0 in given.shape or given.dtype.kind not in kinds:
        raise InvalidDataError(
            "the array is not of the data model",
            key=name,
            found=f"{given.dtype} {dict(given.sizes)}",
            expected=f"{'complex' if name == 'probe' else 'real'} ({', '.join(dims)}), none empty",
        )
    values = given.set_dims([dim for dim in dims if dim not in given.dims] + [*given.dims])
    found = np.asarray(values.transpose(*dims))
    if bad := int((~np.isfinite(found)).sum()):
        raise InvalidDataError(
            "values are not finite",
            key=name,
            found=f"{bad} of {found.size}",
            remedy=f"Fill them, as with ds.assign({name}=ds.{name}.fillna(0))",
        )
    return found


def _patterns(ds: Dataset) -> NDArray[np.float32]:
    """Return the amplitudes that were measured, (N, H, W)."""
    patterns = _values(ds, "diffraction", "fiub").astype(np.float32)
    if (patterns < 0).any():
        raise InvalidDataError(
            "patterns are not negative",
            key="diffraction",
            found=f"{patterns.min():g}",
            remedy="Cut them off: ds.assign(diffraction=ds.diffraction.clip(min=0))",
        )
    return np.sqrt(patterns) if ds["diffraction"].attrs.get("quantity") == "counts" else patterns


def _first_probe(ds: Dataset) -> NDArray[np.complex64]:
    """Return the first coherent mode of the probe, (modes, H, W)."""
    probe: NDArray[np.complex64] = _values(ds, "probe", "fc")[0].astype(np.complex64)
    if not probe.any():
        raise InvalidDataError(
            "the probe is dark",
            key="probe",
            found="0 everywhere",
            remedy="Start from one with light in it, such as that of simulate_product()",
        )
    return probe


def _coarser(probe: NDArray[np.complex64], shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Return the probe on the pixels that a smaller detector resolves, over the same width."""
    far = np.fft.fftshift(np.fft.fft2(probe, norm="ortho"), axes=(-2, -1))
    rows, columns = (
        slice(whole // 2 - one // 2, whole // 2 - one // 2 + one)
        for one, whole in zip(shape, probe.shape[-2:], strict=True)
    )
    far = np.fft.ifftshift(far[..., rows, columns], axes=(-2, -1))
    return np.fft.ifft2(far, norm="ortho").astype(np.complex64)


def _epie(
    patterns: NDArray[np.float32],
    probe: NDArray[np.complex64],
    obj: NDArray[np.complex64],
    first: list[Any],
    epochs: int,
    rng: np.random.Generator,
) -> tuple[Any, Any, NDArray[np.float64]]:
    """Return object, probe (modes, H, W) and loss.

    `first` are row and column of the window of each pattern, (N,) each, in fractions of a pixel:
    the window is at whole ones, and the probe is moved by what is left.
    """
    measured = np.fft.ifftshift(patterns, axes=(-2, -1))
    rows, columns = (np.rint(at).astype(int) for at in first)
    height, width = shape = probe.shape[-2:]
    fy, fx = (np.fft.fftfreq(size) for size in shape)
    turn = np.multiply.outer(first[0] - rows, fy)[:, :, None]
    turn = turn + np.multiply.outer(first[1] - columns, fx)[:, None, :]
    moves = np.exp(-2j * np.pi * turn).astype(np.complex64)
    spectrum = np.fft.fft2(probe)
    loss = np.zeros(epochs)
    for epoch in range(epochs):
        for j in rng.permutation(len(measured)):
            window = obj[rows[j] : rows[j] + height, columns[j] : columns[j] + width]
            beam = np.fft.ifft2(spectrum * moves[j])
            waves = beam * window
            far = np.fft.fft2(waves, norm="ortho")
            modelled = np.sqrt((np.abs(far) ** 2).sum(axis=0))
            loss[epoch] += ((modelled - measured[j]) ** 2).mean() / len(measured)
            far *= measured[j] / np.maximum(modelled, 1e-6)
            change = np.fft.ifft2(far, norm="ortho") - waves
            of_object = (beam.conj() * change).sum(axis=0) / (np.abs(beam) ** 2).sum(axis=0).max()
            of_probe = window.conj() * change / (np.abs(window) ** 2).max()
            window += of_object
            spectrum += np.fft.fft2(of_probe) * moves[j].conj()
    return obj, np.fft.ifft2(spectrum), loss
