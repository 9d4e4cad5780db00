"""What pictures are made of: thinned values with their places, axes, colour bars, colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ptyxr.coordinates import magnitude, unit_of
from ptyxr.errors import MissingDataError, MissingDependencyError
from ptyxr.units import METER, PIXEL

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

__all__ = [
    "Placed",
    "add_colorbar",
    "add_phase_bar",
    "complex_colors",
    "contrast",
    "draw_image",
    "draw_positions_on",
    "headless",
    "label_axes",
    "load",
    "load_positions",
    "new_axes",
    "pyplot",
]

_MAX_PIXELS = 1024  # a side; more than a figure shows
_MAX_POSITIONS = 20_000  # dots; more than an eye tells apart

_PREFIXES = ((1.0, "m"), (1e-3, "mm"), (1e-6, "µm"), (1e-9, "nm"), (1e-12, "pm"))


class Placed(NamedTuple):
    """Thinned values and where they are: x, y in metres if lengths, in `unit` of x and of y.

    The values of an image are an array over y and x, those of positions their row numbers.
    """

    values: NDArray[Any]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: tuple[str, str]


def _numbers(ds: xr.Dataset, name: str) -> tuple[NDArray[np.float64], str]:
    """Return the numbers of a coordinate and their unit: metre for any length, or pixel."""
    unit = PIXEL if unit_of(ds, name) == PIXEL else METER
    return magnitude(ds, name, unit).astype(np.float64), unit


def load(ds: xr.Dataset, name: str, axes: str, **row: int) -> Placed:
    """Load one row of an array of images, each thinned to at most _MAX_PIXELS a side."""
    if name not in ds:
        raise MissingDataError(f"the dataset has no {name} to plot")
    y, x = dims = (f"{axes}_y", f"{axes}_x")
    check_image(ds, name, dims)
    for dim, number in row.items():
        if dim in ds[name].dims and not -ds.sizes[dim] <= number < ds.sizes[dim]:
            raise MissingDataError(
                f"there is no such {dim}", key=name, found=number, expected=f"below {ds.sizes[dim]}"
            )
    thin = ds[[name]].isel(row, missing_dims="ignore")
    for dim in dims:
        if dim not in thin.variables:
            thin = thin.assign_coords({dim: (dim, np.arange(thin.sizes[dim]), {"units": PIXEL})})
        thin = thin.isel({dim: slice(None, None, max(1, math.ceil(thin.sizes[dim] / _MAX_PIXELS)))})
    (at_x, x_unit), (at_y, y_unit) = _numbers(thin, x), _numbers(thin, y)
    return Placed(np.asarray(thin[name].transpose(..., y, x)), at_x, at_y, (x_unit, y_unit))


def check_image(ds: xr.Dataset, name: str, dims: tuple[str, str]) -> None:
    """Refuse an array that has lost an axis of its images, or all of its pixels."""
    if not set(dims) <= set(ds[name].dims) or 0 in ds[name].shape:
        raise MissingDataError(
            f"there is no image of the {name} to plot",
            key=name,
            found=", ".join(f"{dim}: {size}" for dim, size in ds[name].sizes.items()) or "a number",
            remedy="Select pixels by a slice or a list, and some of them",
        )


def load_positions(ds: xr.Dataset, name: str) -> Placed | None:
    """Return scan positions, at most _MAX_POSITIONS of them."""
    if f"{name}_x" not in ds.coords or f"{name}_y" not in ds.coords or not ds[f"{name}_x"].size:
        return None
    (x, x_unit), (y, y_unit) = _numbers(ds, f"{name}_x"), _numbers(ds, f"{name}_y")
    row = np.arange(0, x.size, math.ceil(x.size / _MAX_POSITIONS))
    # A single position may have lost its dimension to isel.
    return Placed(row, np.atleast_1d(x)[row], np.atleast_1d(y)[row], (x_unit, y_unit))


def contrast(image: Placed, values: NDArray[Any], points: Placed | None) -> tuple[float, float]:
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


def new_axes(ax: Axes | None) -> Axes:
    """Return the axes given, or those of a new figure."""
    # Of pyplot's only here: a notebook shows what pyplot has made.
    return pyplot().subplots(layout="constrained")[1] if ax is None else ax


def pyplot() -> Any:
    """Return pyplot, or raise a `MissingDependencyError` that says what to install."""
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        problem = "plotting needs matplotlib, which is not installed"
        raise MissingDependencyError(problem, remedy="pip install 'ptyxr[plot]'") from error
    return plt


def _edges(image: Placed) -> tuple[NDArray[np.float64], ...]:
    """Return the outer edges of the first and the last pixel, in x and in y."""
    steps = [(at[-1] - at[0]) / (at.size - 1) for at in (image.x, image.y) if at.size > 1] or [1.0]
    # A single row of pixels does not tell how high it is: as high as wide.
    ends = zip((image.x, image.y), (steps[0], steps[-1]), strict=True)
    return tuple(np.array([at[0] - step / 2, at[-1] + step / 2]) for at, step in ends)


def label_axes(ax: Axes, placed: Placed, *extent: NDArray[np.float64]) -> tuple[float, float]:
    """Label both axes, with one SI prefix for both, and return what to divide x and y by."""
    span = max(float(np.ptp(values)) for values in extent)
    # A little early, for a span that is 1 µm but for rounding.
    prefix = next((p for p in _PREFIXES if span >= p[0] * (1 - 1e-9)), _PREFIXES[-1 if span else 0])
    (fx, x), (fy, y) = (prefix if u == METER else (1.0, u) for u in placed.unit)
    ax.set(xlabel=f"x ({x})", ylabel=f"y ({y})")
    return fx, fy


def draw_image(ax: Axes, image: Placed, values: NDArray[Any], **style: Any) -> AxesImage:
    """Draw an array in its place, with pixels as they are and row 0 at the top."""
    x, y = _edges(image)
    fx, fy = label_axes(ax, image, x, y)
    (left, right), (top, bottom) = x / fx, y / fy
    artist = ax.imshow(values, extent=(left, right, bottom, top), origin="upper", **style)
    ax.set(xlim=sorted((left, right)), ylim=sorted((top, bottom), reverse=True))
    return artist


def draw_positions_on(ax: Axes, image: Placed, points: Placed) -> None:
    """Draw scan positions on a picture, or say in its corner which are not in it."""
    x, y = _edges(image)
    note = f"positions are in {points.unit[0]}" if points.unit != image.unit else ""
    if not note:
        fx, fy = label_axes(ax, image, x, y)
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


def add_colorbar(ax: Axes, artist: Any, label: str, beyond: NDArray[Any] | None = None) -> Axes:
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


def add_phase_bar(ax: Axes, artist: Any) -> None:
    """Add a colour bar of the whole circle."""
    bar = add_colorbar(ax, artist, "phase (rad)")
    bar.set_yticks(np.linspace(-math.pi, math.pi, 5), ["−π", "−π/2", "0", "π/2", "π"])


def complex_colors(values: NDArray[Any]) -> NDArray[np.float64]:
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


def headless() -> None:
    """Draw into files, for which no screen is needed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return  # what draws says it better
    mpl.use("Agg")
