"""Pictures of a dataset: object, probe, positions, loss, diffraction.

Matplotlib comes with ``pip install 'ptyxr[plot]'`` and is imported when a picture is made. All
pictures keep the frame of the data model: +x is +column and to the right, +y is +row and downwards,
so that row 0 is at the top, and a micrometre is as long in x as in y. Arrays are thinned before
they are loaded: a picture of a lazy dataset costs a picture's memory.

Every function raises `ptyxr.errors.MissingDependencyError` without matplotlib, and
`ptyxr.errors.MissingDataError` where the dataset has nothing of what it draws.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ptyxr._drawing import (
    add_colorbar,
    add_phase_bar,
    check_image,
    complex_colors,
    contrast,
    draw_image,
    draw_positions_on,
    label_axes,
    load,
    load_positions,
    new_axes,
    pyplot,
)
from ptyxr.errors import MissingDataError, PtyxrError

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot", "plot_diffraction", "plot_loss", "plot_object", "plot_positions", "plot_probe"]

_MAX_MODES = 4  # probe modes in the overview

_AMPLITUDE, _INTENSITY, _PHASE, _ORDER = "gray", "inferno", "twilight", "viridis"


def plot(ds: xr.Dataset, *, fig: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw an overview: the object with the scan on it, the probe, a pattern, the loss.

    What the dataset does not have is left out.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset of the ptyxr data model.
    fig : matplotlib.figure.Figure or SubFigure, optional
        An empty figure to draw into; without, a new one of pyplot's.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure
    """
    upper: list[Callable[..., Axes]] = []
    lower: list[Callable[..., Axes]] = []
    aspect = 1.0
    if "object" in ds:
        upper += [partial(plot_object, ds), partial(plot_object, ds, quantity="phase")]
        check_image(ds, "object", ("object_y", "object_x"))
        aspect = ds["object"].sizes["object_y"] / ds["object"].sizes["object_x"]
    elif load_positions(ds, "position") is not None:
        upper.append(partial(plot_positions, ds))
    if "probe" in ds:
        modes = range(min(ds["probe"].sizes.get("incoherent_mode", 1), _MAX_MODES))
        lower += [partial(plot_probe, ds, mode=mode) for mode in modes]
    if "diffraction" in ds and ds["diffraction"].size:
        lower.append(partial(plot_diffraction, ds))
    if "loss" in ds and ds["loss"].size:
        lower.append(partial(plot_loss, ds))
    rows = [row for row in (upper, lower) if row]
    if not rows:
        raise MissingDataError("nothing to plot", expected="an object, positions or a probe")

    # Inches: each row as high as its pictures are when they fill their part of the width, less
    # what labels and colour bars take.
    width = max(10.0, 2.7 * len(lower))
    ideal = [(width / len(row) - 1.3) * (aspect if row is upper else 1) + 0.8 for row in rows]
    heights = np.clip(ideal, 2, [5.4 if row is upper else 3.8 for row in rows])
    if fig is None:
        size = (width, heights.sum() + 0.3)
        fig = cast("Figure", pyplot().figure(figsize=size, layout="constrained"))
    if name := str(ds.attrs.get("name", "")):
        fig.suptitle(name, parse_math=False)  # a "$" in it is no formula
    grid = fig.add_gridspec(len(rows), 1, height_ratios=heights)
    for i, row in enumerate(rows):
        cells = grid[i].subgridspec(1, len(row))
        for j, draw in enumerate(row):
            draw(ax=fig.add_subplot(cells[j]))
    return fig


def plot_object(
    ds: xr.Dataset,
    *,
    quantity: Literal["amplitude", "phase", "complex"] = "amplitude",
    layer: int = 0,
    positions: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a layer of the object, and the scan positions on it.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset with ``object`` (object_layer, object_y, object_x).
    quantity : {"amplitude", "phase", "complex"}
        Modulus (dimensionless), argument (radian), or both: phase as hue, amplitude as lightness.
    layer : int
        The layer to draw.
    positions : bool
        Whether to draw ``position_x``, ``position_y``. Those that are not in the picture, or
        cannot be since they are in another unit, are mentioned in its corner.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without, in a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
        The colours of amplitude span what the scan has seen, without outliers.

    Raises
    ------
    PtyxrError
        If `quantity` is none of the above.
    """
    if quantity not in ("amplitude", "phase", "complex"):
        raise PtyxrError(
            "the object has no such picture",
            key="quantity",
            found=repr(quantity),
            expected="'amplitude', 'phase' or 'complex'",
        )
    ax = new_axes(ax)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    image = load(ds, "object", "object", object_layer=layer)
    layers = ds["object"].sizes.get("object_layer", 1)
    points = load_positions(ds, "position") if positions else None
    amplitude = np.abs(image.values)
    low, high = contrast(image, amplitude, points)
    if quantity == "amplitude":
        artist = draw_image(ax, image, amplitude, cmap=_AMPLITUDE, vmin=low, vmax=high)
        add_colorbar(ax, artist, "amplitude", beyond=amplitude)
    elif quantity == "phase":
        # The whole circle, whatever there is of it: only so do the two ends of the colours meet.
        limits = {"vmin": -math.pi, "vmax": math.pi}
        artist = draw_image(ax, image, np.angle(image.values), cmap=_PHASE, **limits)
        add_phase_bar(ax, artist)
    else:
        draw_image(ax, image, complex_colors(image.values / high))
        hues = complex_colors(np.exp(1j * np.linspace(-math.pi, math.pi, 361)))
        add_phase_bar(ax, ScalarMappable(Normalize(-math.pi, math.pi), ListedColormap(hues)))
    if points is not None:
        draw_positions_on(ax, image, points)
    number = f", layer {layer % layers} of {layers}" if layers > 1 else ""
    what = "phase, amplitude as lightness" if quantity == "complex" else quantity
    ax.set_title(f"Object {what}{number}")
    return ax


def plot_probe(ds: xr.Dataset, *, mode: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the intensity of an incoherent mode of the probe, in the first coherent mode.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset with ``probe`` (coherent_mode, incoherent_mode, probe_y, probe_x).
    mode : int
        The incoherent mode. Its share of the power of all of them is in the title.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without, in a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    image = load(ds, "probe", "probe", coherent_mode=0)
    modes = np.abs(image.values.reshape(-1, *image.values.shape[-2:])) ** 2
    powers = modes.sum(axis=(-2, -1), dtype=np.float64)
    add_colorbar(ax, draw_image(ax, image, modes[mode], cmap=_INTENSITY, vmin=0), "intensity")
    share = f" mode {mode % powers.size} ({powers[mode] / powers.sum():.1%})"
    ax.set_title("Probe" + share if powers.size > 1 else "Probe")
    return ax


def plot_positions(ds: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the scan positions in the order of the scan, and the way from the nominal ones.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset with ``position_x``, ``position_y`` (position); ``nominal_position_x`` and
        ``nominal_position_y`` are drawn as well where they are in the same unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without, in a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    points, nominal = load_positions(ds, "position"), load_positions(ds, "nominal_position")
    if points is None:
        raise MissingDataError("the dataset has no position_x, position_y to plot")
    fx, fy = label_axes(ax, points, points.x, points.y)
    size = np.clip(6000 / points.x.size, 1, 60)  # of the dots, so that they do not touch
    ax.set_title("Scan positions")
    if nominal is not None and nominal.unit == points.unit:
        x, y = nominal.x / fx, nominal.y / fy
        ax.scatter(x, y, s=size / 4, c="0.6", lw=0, zorder=1)
        gap = np.full(x.size, np.nan)  # one line with gaps is drawn faster than many lines
        way_x, way_y = np.array([[x, points.x / fx, gap], [y, points.y / fy, gap]])
        ax.plot(way_x.T.ravel(), way_y.T.ravel(), color="0.6", lw=0.8, zorder=1)
        ax.set_title("Scan positions; nominal in grey")
    dots = ax.scatter(points.x / fx, points.y / fy, s=size, c=points.values, cmap=_ORDER, lw=0)
    add_colorbar(ax, dots, "scan point")
    ax.set_aspect("equal")
    ax.invert_yaxis()
    return ax


def plot_loss(ds: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the loss per epoch, on a logarithmic scale where it is positive.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset with ``loss`` (epoch).
    ax : matplotlib.axes.Axes, optional
        Where to draw; without, in a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    if "loss" not in ds:
        raise MissingDataError("the dataset has no loss to plot")
    loss = np.asarray(ds["loss"])
    epoch = np.asarray(ds["epoch"]) if "epoch" in ds.coords else np.arange(loss.size)
    ax.plot(epoch, loss, lw=1.8, marker="." if loss.size < 50 else "")
    if loss.size and np.nanmin(loss) > 0:
        ax.set_yscale("log")
    ax.grid(True, which="both", color="0.92", lw=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set(xlabel="epoch", ylabel="loss", title="Loss")
    return ax


def plot_diffraction(ds: xr.Dataset, index: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw a diffraction pattern, on a logarithmic scale; bad pixels are grey.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset with ``diffraction`` (position, detector_y, detector_x).
    index : int
        The row of the pattern along ``position``. Only this pattern is loaded.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without, in a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    from matplotlib import colormaps

    image = load(ds, "diffraction", "detector", position=index)
    values = np.ma.masked_invalid(image.values.astype(np.float64))
    if "bad_pixels" in ds:
        values[load(ds, "bad_pixels", "detector").values.astype(bool)] = np.ma.masked
    positive = values[values > 0].compressed()
    style: dict[str, Any] = {"cmap": colormaps[_INTENSITY].with_extremes(bad="0.6")}
    if positive.size and positive.max() > positive.min():
        # Not the very smallest: a few pixels with next to nothing would take all the colours.
        style |= {"norm": "log", "vmin": np.percentile(positive, 1), "vmax": positive.max()}
        values = np.ma.maximum(values, positive.min())  # where no photon came, a log has nothing
    kind = str(ds["diffraction"].attrs.get("quantity", "unknown"))
    add_colorbar(
        ax, draw_image(ax, image, values, **style), "signal" if kind == "unknown" else kind
    )
    ax.set_title(f"Diffraction pattern {index}")
    return ax
