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
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from ptyxr.coordinates import magnitude, unit_of
from ptyxr.errors import MissingDataError, MissingDependencyError
from ptyxr.units import METER, PIXEL

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

__all__ = ["plot", "plot_diffraction", "plot_loss", "plot_object", "plot_positions", "plot_probe"]

_MAX_PIXELS = 1024  # a side; more than a figure shows
_MAX_POSITIONS = 20_000  # dots; more than an eye tells apart
_MAX_MODES = 4  # probe modes in the overview

_PREFIXES = ((1.0, "m"), (1e-3, "mm"), (1e-6, "µm"), (1e-9, "nm"), (1e-12, "pm"))
_AMPLITUDE, _INTENSITY, _PHASE, _ORDER = "gray", "inferno", "twilight", "viridis"


class _Placed(NamedTuple):
    """Thinned values and where they are: x, y in metres if lengths, in `unit` of x and of y.

    The values of an image are an array over y and x, those of positions their row numbers.
    """

    values: NDArray[Any]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: tuple[str, str]


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
        aspect = ds["object"].sizes["object_y"] / ds["object"].sizes["object_x"]
    elif _positions(ds, "position") is not None:
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
        fig = cast("Figure", _pyplot().figure(figsize=size, layout="constrained"))
    if name := str(ds.attrs.get("name", "")):
        fig.suptitle(name)
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
    ValueError
        If `quantity` is none of the above.
    """
    if quantity not in ("amplitude", "phase", "complex"):
        raise ValueError(f"quantity must be 'amplitude', 'phase' or 'complex', not {quantity!r}")
    ax = _axes(ax)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    image = _load(ds, "object", "object", object_layer=layer)
    layers = ds["object"].sizes.get("object_layer", 1)
    points = _positions(ds, "position") if positions else None
    amplitude = np.abs(image.values)
    low, high = _contrast(image, amplitude, points)
    if quantity == "amplitude":
        artist = _draw(ax, image, amplitude, cmap=_AMPLITUDE, vmin=low, vmax=high)
        _colorbar(ax, artist, "amplitude", beyond=amplitude)
    elif quantity == "phase":
        # The whole circle, whatever there is of it: only so do the two ends of the colours meet.
        limits = {"vmin": -math.pi, "vmax": math.pi}
        artist = _draw(ax, image, np.angle(image.values), cmap=_PHASE, **limits)
        _phase_bar(ax, artist)
    else:
        _draw(ax, image, _complex_colors(image.values / high))
        hues = _complex_colors(np.exp(1j * np.linspace(-math.pi, math.pi, 361)))
        _phase_bar(ax, ScalarMappable(Normalize(-math.pi, math.pi), ListedColormap(hues)))
    if points is not None:
        _draw_positions_on(ax, image, points)
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
    ax = _axes(ax)
    image = _load(ds, "probe", "probe", coherent_mode=0)
    modes = np.abs(image.values.reshape(-1, *image.values.shape[-2:])) ** 2
    powers = modes.sum(axis=(-2, -1), dtype=np.float64)
    _colorbar(ax, _draw(ax, image, modes[mode], cmap=_INTENSITY, vmin=0), "intensity")
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
    ax = _axes(ax)
    points, nominal = _positions(ds, "position"), _positions(ds, "nominal_position")
    if points is None:
        raise MissingDataError("the dataset has no position_x, position_y to plot")
    fx, fy = _label(ax, points, points.x, points.y)
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
    _colorbar(ax, dots, "scan point")
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
    ax = _axes(ax)
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
    ax = _axes(ax)
    from matplotlib import colormaps

    image = _load(ds, "diffraction", "detector", position=index)
    values = np.ma.masked_invalid(image.values.astype(np.float64))
    if "bad_pixels" in ds:
        values[_load(ds, "bad_pixels", "detector").values.astype(bool)] = np.ma.masked
    positive = values[values > 0].compressed()
    style: dict[str, Any] = {"cmap": colormaps[_INTENSITY].with_extremes(bad="0.6")}
    if positive.size and positive.max() > positive.min():
        # Not the very smallest: a few pixels with next to nothing would take all the colours.
        style |= {"norm": "log", "vmin": np.percentile(positive, 1), "vmax": positive.max()}
        values = np.ma.maximum(values, positive.min())  # where no photon came, a log has nothing
    kind = str(ds["diffraction"].attrs.get("quantity", "unknown"))
    _colorbar(ax, _draw(ax, image, values, **style), "signal" if kind == "unknown" else kind)
    ax.set_title(f"Diffraction pattern {index}")
    return ax


def _numbers(ds: xr.Dataset, name: str) -> tuple[NDArray[np.float64], str]:
    """Return the numbers of a coordinate and their unit: metre for any length, or pixel."""
    unit = PIXEL if unit_of(ds, name) == PIXEL else METER
    return magnitude(ds, name, unit).astype(np.float64), unit


def _load(ds: xr.Dataset, name: str, axes: str, **row: int) -> _Placed:
    """Load one row of an array of images, each thinned to at most _MAX_PIXELS a side."""
    if name not in ds:
        raise MissingDataError(f"the dataset has no {name} to plot")
    y, x = dims = (f"{axes}_y", f"{axes}_x")
    thin = ds[[name]].isel(row, missing_dims="ignore")
    for dim in dims:
        if dim not in thin.variables:
            thin = thin.assign_coords({dim: (dim, np.arange(thin.sizes[dim]), {"units": PIXEL})})
        thin = thin.isel({dim: slice(None, None, max(1, math.ceil(thin.sizes[dim] / _MAX_PIXELS)))})
    (at_x, x_unit), (at_y, y_unit) = _numbers(thin, x), _numbers(thin, y)
    return _Placed(np.asarray(thin[name].transpose(..., y, x)), at_x, at_y, (x_unit, y_unit))


def _positions(ds: xr.Dataset, name: str) -> _Placed | None:
    """Return scan positions, at most _MAX_POSITIONS of them."""
    if f"{name}_x" not in ds.coords or f"{name}_y" not in ds.coords or not ds[f"{name}_x"].size:
        return None
    (x, x_unit), (y, y_unit) = _numbers(ds, f"{name}_x"), _numbers(ds, f"{name}_y")
    row = np.arange(0, x.size, math.ceil(x.size / _MAX_POSITIONS))
    # A single position may have lost its dimension to isel.
    return _Placed(row, np.atleast_1d(x)[row], np.atleast_1d(y)[row], (x_unit, y_unit))


def _contrast(image: _Placed, values: NDArray[Any], points: _Placed | None) -> tuple[float, float]:
    """Return the range of values, without outliers, in the part of the object that was scanned.

    Outside of it a reconstruction keeps whatever it started from.
    """
    if points is not None and points.unit == image.unit:
        rows = (image.y >= points.y.min()) & (image.y <= points.y.max())
        columns = (image.x >= points.x.min()) & (image.x <= points.x.max())
        values = values[np.ix_(rows, columns)] if rows.any() and columns.any() else values
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    # A flat object gets a scale all the same, and the noise in its last digit no colours.
    return (low, high) if high - low > 1e-6 * high else (low - 0.5, high + 0.5)


def _axes(ax: Axes | None) -> Axes:
    # Of pyplot's only here: a notebook shows what pyplot has made.
    return _pyplot().subplots(layout="constrained")[1] if ax is None else ax


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        problem = "plotting needs matplotlib, which is not installed"
        raise MissingDependencyError(problem, remedy="pip install 'ptyxr[plot]'") from error
    return plt


def _edges(image: _Placed) -> tuple[NDArray[np.float64], ...]:
    """Return the outer edges of the first and the last pixel, in x and in y."""
    steps = [(at[-1] - at[0]) / (at.size - 1) for at in (image.x, image.y) if at.size > 1] or [1.0]
    # A single row of pixels does not tell how high it is: as high as wide.
    ends = zip((image.x, image.y), (steps[0], steps[-1]), strict=True)
    return tuple(np.array([at[0] - step / 2, at[-1] + step / 2]) for at, step in ends)


def _label(ax: Axes, placed: _Placed, *extent: NDArray[np.float64]) -> tuple[float, float]:
    """Label both axes, with one SI prefix for both, and return what to divide x and y by."""
    span = max(float(np.ptp(values)) for values in extent)
    # A little early, for a span that is 1 µm but for rounding.
    prefix = next((p for p in _PREFIXES if span >= p[0] * (1 - 1e-9)), _PREFIXES[-1 if span else 0])
    (fx, x), (fy, y) = (prefix if u == METER else (1.0, u) for u in placed.unit)
    ax.set(xlabel=f"x ({x})", ylabel=f"y ({y})")
    return fx, fy


def _draw(ax: Axes, image: _Placed, values: NDArray[Any], **style: Any) -> AxesImage:
    """Draw an array in its place, with pixels as they are and row 0 at the top."""
    x, y = _edges(image)
    fx, fy = _label(ax, image, x, y)
    (left, right), (top, bottom) = x / fx, y / fy
    artist = ax.imshow(values, extent=(left, right, bottom, top), origin="upper", **style)
    ax.set(xlim=sorted((left, right)), ylim=sorted((top, bottom), reverse=True))
    return artist


def _draw_positions_on(ax: Axes, image: _Placed, points: _Placed) -> None:
    x, y = _edges(image)
    note = f"positions are in {points.unit[0]}" if points.unit != image.unit else ""
    if not note:
        fx, fy = _label(ax, image, x, y)
        size = np.clip(2500 / points.x.size, 0.5, 30)
        style: dict[str, Any] = {"edgecolors": "black", "lw": min(0.5, size / 18)}
        ax.scatter(points.x / fx, points.y / fy, s=size, c="#ff7a45", **style)
        inside = (points.x >= x.min()) & (points.x <= x.max())
        inside &= (points.y >= y.min()) & (points.y <= y.max())
        # The picture stays with the object, which may be a crop; but it says what is not in it.
        note = "" if inside.all() else f"{(~inside).mean():.1%} of the positions outside"
    if note:
        box = {"facecolor": "0.2", "edgecolor": "none", "alpha": 0.8}
        ax.text(0.03, 0.04, note, transform=ax.transAxes, color="white", bbox=box)


def _colorbar(ax: Axes, artist: Any, label: str, beyond: NDArray[Any] | None = None) -> Axes:
    """Add a colour bar as high as the picture, pointed where values lie beyond its ends."""
    from matplotlib.colorbar import make_axes
    from matplotlib.transforms import Bbox

    def beside(_: object, __: object) -> Bbox:
        # Of the picture as it is drawn, which keeps its shape and seldom fills the panel.
        picture = ax.get_position()
        inch = ax.figure.get_dpi() / ax.figure.bbox.width
        return Bbox.from_bounds(picture.x1 + 0.08 * inch, picture.y0, 0.12 * inch, picture.height)

    low, high = artist.get_clim()
    below, above = (
        (False, False) if beyond is None else ((beyond < low).any(), (beyond > high).any())
    )
    extend = ("both" if above else "min") if below else "max" if above else "neither"
    bar, _ = make_axes(ax, aspect=None)  # type: ignore[arg-type]
    bar.set_axes_locator(beside)
    ax.figure.colorbar(artist, cax=bar, extend=extend, label=label)
    ax.figure.sca(ax)  # where pyplot goes on
    return bar


def _phase_bar(ax: Axes, artist: Any) -> None:
    bar = _colorbar(ax, artist, "phase (rad)")
    bar.set_yticks(np.linspace(-math.pi, math.pi, 5), ["−π", "−π/2", "0", "π/2", "π"])


def _complex_colors(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return sRGB colours, hue for the phase and lightness for the amplitude, 1 the brightest.

    Hues are of equal lightness in Oklab (https://bottosson.github.io/posts/oklab), so that a ramp
    of the phase makes no bright and dark bands as it does in HSV.
    """
    values = np.nan_to_num(values)
    lightness = 0.76 * np.clip(np.abs(values), 0, 1)
    a, b = (0.13 * lightness * f(np.angle(values)) for f in (np.cos, np.sin))
    to_lms = np.array([[1, 0.39634, 0.21580], [1, -0.10556, -0.06385], [1, -0.08948, -1.29149]])
    to_rgb = np.array(
        [[4.07674, -3.30771, 0.23097], [-1.26844, 2.60976, -0.34132], [-0.00420, -0.70342, 1.70761]]
    )
    linear = np.clip((np.stack([lightness, a, b], axis=-1) @ to_lms.T) ** 3 @ to_rgb.T, 0, 1)
    bright = 1.055 * linear ** (1 / 2.4) - 0.055
    rgb: NDArray[np.float64] = np.where(linear <= 0.0031308, 12.92 * linear, bright)
    return rgb
