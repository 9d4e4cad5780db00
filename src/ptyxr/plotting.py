"""Pictures of a dataset: object, probe, positions, loss, diffraction.

Matplotlib comes with ``pip install 'ptyxr[plot]'`` and is imported when a picture is made. All
pictures keep the frame of the data model: +x is +column and to the right, +y is +row and downwards,
so that row 0 is at the top, and a micrometre is as long in x as in y. Arrays are thinned before
they are loaded: a picture of a lazy dataset costs a picture's memory.

`ptyxr.pictures.DatasetPlots`, which is ``ds.ptyxr.plot``, says what each picture takes and raises.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ptyxr._drawing import (
    add_colorbar,
    add_phase_bar,
    add_scale_bar,
    draw_complex,
    draw_image,
    draw_positions_on,
    label_axes,
)
from ptyxr._figures import closed_on_error, drawn_into, lay_out, new_figure
from ptyxr._styles import PLAIN, Style
from ptyxr._thinning import check_row, contrast, load, load_positions
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from ptyxr._thinning import Placed

__all__ = ["plot", "plot_diffraction", "plot_loss", "plot_object", "plot_positions", "plot_probe"]

_MAX_MODES = 4  # probe modes in the overview

#: Keywords of ``Axes.scatter`` by which dots may be lines only, or have some around them.
_OUTLINES = {"marker", "edgecolor", "edgecolors", "ec", "facecolor", "facecolors", "fc"}

_AMPLITUDE, _INTENSITY, _PHASE, _ORDER = "gray", "inferno", "twilight", "viridis"


def plot(
    ds: xr.Dataset,
    *,
    layer: int = 0,
    positions: bool = True,
    scale_bar: bool = False,
    fig: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw an overview of what there is; see `ptyxr.pictures.DatasetPlots`."""
    upper: list[Callable[..., Axes]] = []
    lower: list[Callable[..., Axes]] = []
    aspect = 1.0
    style = Style(scale_bar=scale_bar)
    if "object" in ds:
        scanned = _load_object(ds, layer, positions=positions)
        kinds: tuple[Literal["amplitude", "phase"], ...] = ("amplitude", "phase")
        upper += [partial(_draw_object, scanned, kind, style=style) for kind in kinds]
        aspect = ds["object"].sizes["object_y"] / ds["object"].sizes["object_x"]
    elif load_positions(ds, "position") is not None:
        upper.append(partial(plot_positions, ds, style=style))
    if "probe" in ds:
        probe = _load_probe(ds, 0)
        modes = range(min(len(probe.image.values), _MAX_MODES))
        lower += [partial(_draw_probe, probe, "intensity", mode, style=style) for mode in modes]
    if "diffraction" in ds and ds["diffraction"].size:
        lower.append(partial(plot_diffraction, ds, style=style))
    if "loss" in ds and ds["loss"].size:
        lower.append(partial(plot_loss, ds))
    rows = [row for row in (upper, lower) if row]
    if not rows:
        raise MissingDataError("nothing to plot", expected="an object, positions or a probe")

    # Inches: each row as high as its pictures are when they fill their part of the width, less
    # what labels and colour bars take.
    width = max(10.0, 3.1 * len(lower))
    ideal = [(width / len(row) - 1.3) * (aspect if row is upper else 1) + 0.8 for row in rows]
    heights = np.clip(ideal, 2, [5.4 if row is upper else 3.8 for row in rows])
    if fig is not None and not hasattr(fig, "add_gridspec"):
        raise PtyxrError(
            "an overview is drawn into a matplotlib Figure",
            key="fig",
            found=f"{type(fig).__module__}.{type(fig).__qualname__}",
        )
    if fig is None:
        size = (width, heights.sum() + 0.3)
        fig = new_figure(size)
        with closed_on_error(fig):
            return _fill(fig, str(ds.attrs.get("name", "")), rows, heights)
    lay_out(fig)
    return _fill(fig, str(ds.attrs.get("name", "")), rows, heights)


def _fill(
    fig: Figure | SubFigure,
    name: str,
    rows: list[list[Callable[..., Axes]]],
    heights: NDArray[np.float64],
) -> Figure | SubFigure:
    """Draw rows of pictures into a figure."""
    if name:
        fig.suptitle(name, parse_math=False)  # a "$" in it is no formula
    grid = fig.add_gridspec(len(rows), 1, height_ratios=heights)
    for i, row in enumerate(rows):
        cells = grid[i].subgridspec(1, len(row))
        for j, draw in enumerate(row):
            ax = draw(ax=fig.add_subplot(cells[j]))
            if ax.get_ylabel() == "loss":
                ax.set_ylabel("")  # which its title says, and the colour bar beside it is near
    return fig


def _check_quantity(quantity: str, known: tuple[str, ...]) -> None:
    if quantity not in known:
        raise PtyxrError(
            "there is no such picture",
            key="quantity",
            found=repr(quantity),
            expected=f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}",
        )


def plot_object(
    ds: xr.Dataset,
    *,
    quantity: Literal["amplitude", "phase", "complex"] = "amplitude",
    layer: int = 0,
    positions: bool = True,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Axes:
    """Draw a layer of the object, and the scan on it; see `ptyxr.pictures.DatasetPlots`."""
    _check_quantity(quantity, ("amplitude", "phase", "complex"))
    with drawn_into(ax) as axes:
        return _draw_object(
            _load_object(ds, layer, positions=positions), quantity, style=style, ax=axes
        )


class _Object(NamedTuple):
    """A layer of the object, the scan on it, and what the layer is called if there are more."""

    image: Placed
    points: Placed | None
    number: str


def _load_object(ds: xr.Dataset, layer: int, *, positions: bool) -> _Object:
    image = load(ds, "object", "object", object_layer=layer)
    layers = ds["object"].sizes.get("object_layer", 1)
    number = f", layer {layer % layers} of {layers}" if layers > 1 else ""
    return _Object(image, load_positions(ds, "position") if positions else None, number)


def _draw_object(
    loaded: _Object,
    quantity: Literal["amplitude", "phase", "complex"],
    *,
    style: Style,
    ax: Axes,
) -> Axes:
    image, points, number = loaded
    if quantity == "phase":
        _draw_phase(ax, image, style)
    else:
        amplitude = np.abs(image.values)
        low, high = contrast(image, amplitude, points)
        if quantity == "complex":
            draw_complex(ax, image, high, style)
        else:
            artist = draw_image(ax, image, amplitude, style, cmap=_AMPLITUDE, vmin=low, vmax=high)
            if style.colorbar:
                add_colorbar(ax, artist, "amplitude", beyond=amplitude)
    note = "" if points is None else draw_positions_on(ax, image, points, style.unit)
    ax.set_title(f"Object {_named(quantity)}{number}" + (f"\n{note}" if note else ""))
    return ax


def _named(quantity: str) -> str:
    return "phase, amplitude as lightness" if quantity == "complex" else quantity


def _draw_phase(ax: Axes, image: Placed, style: Style) -> None:
    # The whole circle, whatever there is of it: only so do the two ends of the colours meet.
    limits = {"vmin": -math.pi, "vmax": math.pi}
    # Where a picture is smoothed, colours are: between π and −π of one phase there is no 0.
    defaults = {"cmap": _PHASE, "interpolation_stage": "rgba", **limits}
    artist = draw_image(ax, image, np.angle(image.values), style, **defaults)
    if not style.colorbar:
        return
    if artist.get_clim() == (-math.pi, math.pi):
        add_phase_bar(ax, artist)
    else:
        add_colorbar(ax, artist, "phase (rad)", beyond=np.angle(image.values))


def plot_probe(
    ds: xr.Dataset,
    *,
    quantity: Literal["intensity", "amplitude", "phase", "complex"] = "intensity",
    mode: int = 0,
    coherent_mode: int = 0,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Axes:
    """Draw an incoherent mode of the probe; see `ptyxr.pictures.DatasetPlots`."""
    _check_quantity(quantity, ("intensity", "amplitude", "phase", "complex"))
    with drawn_into(ax) as axes:
        return _draw_probe(_load_probe(ds, coherent_mode), quantity, mode, style=style, ax=axes)


class _Probe(NamedTuple):
    """The incoherent modes of the probe, (P, H, W), and what they are called."""

    image: Placed
    name: str


def _load_probe(ds: xr.Dataset, coherent_mode: int) -> _Probe:
    image = load(ds, "probe", "probe", coherent_mode=coherent_mode)
    image = image._replace(values=image.values.reshape(-1, *image.values.shape[-2:]))
    number = coherent_mode % ds["probe"].sizes.get("coherent_mode", 1)
    return _Probe(image, f"Probe coherent mode {number}," if number else "Probe")


def _draw_probe(
    loaded: _Probe,
    quantity: Literal["intensity", "amplitude", "phase", "complex"],
    mode: int,
    *,
    style: Style,
    ax: Axes,
) -> Axes:
    image, title = loaded
    modes = image.values
    count = len(modes)
    check_row("probe", "incoherent_mode", mode, count)
    image = image._replace(values=modes[mode])
    amplitude = np.abs(image.values).astype(np.float64)  # whose squares do not overflow
    if quantity == "phase":
        _draw_phase(ax, image, style)
    elif quantity == "complex":
        brightest = np.max(amplitude, where=np.isfinite(amplitude), initial=0)
        draw_complex(ax, image, float(brightest), style)
    else:
        values = amplitude if quantity == "amplitude" else amplitude**2
        artist = draw_image(ax, image, values, style, cmap=_INTENSITY, vmin=0)
        if style.colorbar:
            add_colorbar(ax, artist, quantity, beyond=values)
    if count > 1:
        powers = np.nansum(np.abs(modes).astype(np.float64) ** 2, axis=(-2, -1))
        title += f" mode {mode % count}"
        if 0 < powers.sum() < math.inf:
            title += f" ({powers[mode] / powers.sum():.1%})"
    ax.set_title(title.rstrip(",") + ("" if quantity == "intensity" else f"\n{_named(quantity)}"))
    return ax


def plot_positions(
    ds: xr.Dataset, *, nominal: bool = True, style: Style = PLAIN, ax: Axes | None = None
) -> Axes:
    """Draw the scan positions in their order; see `ptyxr.pictures.DatasetPlots`."""
    with drawn_into(ax) as axes:
        points, planned = load_positions(ds, "position"), load_positions(ds, "nominal_position")
        if points is None:
            raise MissingDataError("the dataset has no numbers in position_x, position_y to plot")
        fx, fy = label_axes(axes, points, points.x, points.y, unit=style.unit)
        size = np.clip(6000 / points.x.size, 1, 60)  # of the dots, so that they do not touch
        axes.set_title("Scan positions")
        if nominal and planned is not None and planned.unit == points.unit:
            x, y = planned.x / fx, planned.y / fy
            axes.scatter(x, y, s=size / 4, c="0.6", lw=0, zorder=1)
            gap = np.full(x.size, np.nan)  # one line with gaps is drawn faster than many lines
            way_x, way_y = np.array([[x, points.x / fx, gap], [y, points.y / fy, gap]])
            axes.plot(way_x.T.ravel(), way_y.T.ravel(), color="0.6", lw=0.8, zorder=1)
            axes.set_title("Scan positions; nominal in grey")
        ordered = not style.given.keys() & {"c", "color", "facecolor", "facecolors", "fc"}
        defaults: dict[str, Any] = {"c": points.values, "cmap": _ORDER} if ordered else {}
        if not (style.given.keys() & _OUTLINES):  # which would not be seen then
            defaults["lw"] = 0
        dots = axes.scatter(points.x / fx, points.y / fy, **style.over(s=size, **defaults))
        # Of one colour, there is nothing to read.
        if style.colorbar and dots.get_array() is not None:
            add_colorbar(axes, dots, "scan point" if ordered else "")
        axes.set_aspect("equal")
        axes.invert_yaxis()
        if style.scale_bar:
            bottom, top = axes.get_ylim()
            axes.set_ylim(bottom + 0.15 * (bottom - top), top)  # where it covers no point
            add_scale_bar(axes, fx, points.unit[0], style.unit)
        return axes


def plot_loss(
    ds: xr.Dataset, *, log: bool | None = None, style: Style = PLAIN, ax: Axes | None = None
) -> Axes:
    """Draw the loss per epoch; see `ptyxr.pictures.DatasetPlots`."""
    with drawn_into(ax) as axes:
        if "loss" not in ds:
            raise MissingDataError("the dataset has no loss to plot")
        if ds["loss"].ndim > 1 or ds["loss"].dtype.kind not in "biuf":
            raise InvalidDataError(
                "the loss is one real number an epoch",
                key="loss",
                found=f"{ds['loss'].dtype} of shape {ds['loss'].shape}",
            )
        # One epoch that was selected has lost its dimension.
        loss = np.atleast_1d(ds["loss"])
        epoch = np.atleast_1d(ds["loss"]["epoch"]) if "epoch" in ds["loss"].coords else ()
        epoch = epoch if len(epoch) == loss.size else np.arange(loss.size)
        known = loss[np.isfinite(loss)]
        axes.plot(epoch, loss, **style.over(lw=1.8, marker="." if loss.size < 50 else ""))
        if log or (log is None and known.size and known.min() > 0):
            axes.set_yscale("log")
        axes.grid(True, which="both", color="0.92", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set(xlabel="epoch", ylabel="loss", title="Loss")
        return axes


def plot_diffraction(
    ds: xr.Dataset,
    index: int = 0,
    *,
    log: bool = True,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Axes:
    """Draw a diffraction pattern; see `ptyxr.pictures.DatasetPlots`."""
    with drawn_into(ax) as axes:
        from matplotlib import colormaps

        image = load(ds, "diffraction", "detector", position=index)
        if image.values.dtype.kind == "c":
            raise InvalidDataError("patterns are real", key="diffraction", found=image.values.dtype)
        values = np.ma.masked_invalid(image.values.astype(np.float64))
        if "bad_pixels" in ds:
            own = {"position": index} if "position" in ds["bad_pixels"].dims else {}
            values[load(ds, "bad_pixels", "detector", **own).values.astype(bool)] = np.ma.masked
        # A logarithm of what is next to nothing at all is beyond matplotlib.
        positive = values[values > np.finfo(np.float64).tiny].compressed()
        defaults: dict[str, Any] = {"cmap": colormaps[_INTENSITY].with_extremes(bad="0.6")}
        if log and positive.size and positive.max() > positive.min():
            # Not the very smallest: a few pixels with next to nothing would take all the colours.
            limits = {"vmin": np.percentile(positive, 1), "vmax": positive.max()}
            defaults |= {"norm": "log", **limits}
            values = np.ma.maximum(
                values, positive.min()
            )  # where no photon came, a log has nothing
        artist = draw_image(axes, image, values, style, **defaults)
        if style.colorbar:
            kind = str(ds["diffraction"].attrs.get("quantity", "unknown"))
            add_colorbar(axes, artist, "signal" if kind == "unknown" else kind)
        count = ds["diffraction"].sizes.get("position")
        axes.set_title("Diffraction pattern" + ("" if count is None else f" {index % count}"))
        return axes
