"""What pictures are made of: axes, images in their place, colour bars, scale bars, colours."""

from __future__ import annotations

import math
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from ptyxr._thinning import edges
from ptyxr.amounts import prefix, round_below
from ptyxr.errors import MissingDependencyError, PtyxrError, UnitError
from ptyxr.units import METER, PIXEL, canonical, convert_scalar, registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray
    from pint import Unit

    from ptyxr._thinning import Placed

__all__ = [
    "PLAIN",
    "Style",
    "add_colorbar",
    "add_phase_bar",
    "add_scale_bar",
    "check_keywords",
    "closed_on_error",
    "complex_colors",
    "draw_complex",
    "draw_image",
    "draw_positions_on",
    "drawn_into",
    "headless",
    "label_axes",
    "lay_out",
    "new_figure",
    "pyplot",
]

_MICRO: Final = "µ"
_DARK: Final[Mapping[str, Any]] = MappingProxyType({"facecolor": "0.15", "edgecolor": "none"})


class Style(NamedTuple):
    """The options that all pictures have.

    Attributes
    ----------
    unit : str or pint.Unit, optional
        Unit of both axes; by default the one with the prefix that fits.
    scale_bar, colorbar : bool
        Whether to draw them.
    given : mapping
        What matplotlib is to be given beside what ptyxr gives it, or in its place.
    """

    unit: str | Unit | None = None
    scale_bar: bool = False
    colorbar: bool = True
    given: Mapping[str, Any] = MappingProxyType({})

    def over(self, **defaults: Any) -> dict[str, Any]:
        """Return the keywords of matplotlib: what was given, and else the defaults."""
        taken: set[str] = set()
        if "norm" in self.given:  # it has its own limits
            taken |= {"vmin", "vmax"}
        if self.given.keys() & {"linewidth", "linewidths"}:  # other names of it
            taken.add("lw")
        defaults = {k: v for k, v in defaults.items() if k not in taken}
        return {**defaults, **self.given}

    def refuse(self, *names: str, since: str) -> None:
        """Refuse keywords that a picture has no use for, rather than drop them silently."""
        for name in names:
            if name in self.given:
                raise PtyxrError(
                    f"the picture does not take this: {since}",
                    key=name,
                    found=repr(self.given[name]),
                )


#: No option.
PLAIN: Final = Style()


def check_keywords(picture: str, method: str, given: Iterable[str], own: Iterable[str]) -> None:
    """Refuse keywords that matplotlib would stumble over when half of a picture is drawn.

    Parameters
    ----------
    picture : str
        What was called.
    method : {"imshow", "scatter", "plot"}
        The method of ``Axes`` that is to be given the keywords.
    given, own : iterable of str
        The keywords, and what the picture itself takes.

    Raises
    ------
    TypeError
        If there is one that `method` does not know; it names the one that is alike.
    """
    if not (given := list(given)):
        return
    pyplot()  # which says what to install
    from matplotlib.artist import ArtistInspector
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

    artists = {"imshow": AxesImage, "scatter": PathCollection, "plot": Line2D}
    artist = ArtistInspector(artists[method])
    known = {*signature(getattr(Axes, method)).parameters, *artist.get_setters()}
    known = known.union(*artist.aliasd.values()) - {"self", "X", "x", "y", "args", "kwargs", "data"}
    if unknown := [name for name in given if name not in known]:
        alike = get_close_matches(unknown[0], own, n=1) or get_close_matches(unknown[0], known, n=1)
        raise TypeError(
            f"plot.{picture}() takes no {unknown[0]!r}"
            + (f" (did you mean {alike[0]!r}?)" if alike else "")
            + f"; beside {', '.join(own)} it takes what matplotlib's Axes.{method} does"
        )


@contextmanager
def drawn_into(ax: Axes | None) -> Iterator[Axes]:
    """Lend the axes given, or those of a new figure, which is closed if nothing comes of it.

    A notebook shows what pyplot has open: below an error, an empty picture.
    """
    # Of pyplot's only here: a notebook shows what pyplot has made.
    if ax is None:
        fig, made = pyplot().subplots(layout="constrained")
        with closed_on_error(fig):
            yield made
        return
    if getattr(ax, "name", None) != "rectilinear":
        raise PtyxrError(
            "a picture is drawn into one matplotlib Axes with x and y",
            key="ax",
            found=f"{type(ax).__module__}.{type(ax).__qualname__}",
            remedy="Make one: fig, ax = matplotlib.pyplot.subplots()",
        )
    yield ax


@contextmanager
def closed_on_error(fig: Figure) -> Iterator[None]:
    """Close a figure of pyplot's that was made for a picture which could not be drawn."""
    try:
        yield
    except BaseException:
        pyplot().close(fig)
        raise


def new_figure(size: tuple[float, float]) -> Figure:
    """Return a figure of pyplot's, which a notebook shows once, also where it ends a cell.

    What ends a cell is shown, and then all that pyplot has open.
    """
    fig: Any = pyplot().figure(figsize=size, layout="constrained")
    fig._ipython_display_ = partial(_show_once, fig)
    return cast("Figure", fig)


def lay_out(fig: Figure | SubFigure) -> None:
    """Keep labels from lying over each other in a figure for which no layout was chosen.

    A figure that has something in it already, or that is a part of one, is left as it is.
    """
    from matplotlib.figure import Figure

    if isinstance(fig, Figure) and not (fig.get_layout_engine() or fig.axes or fig.subfigs):
        fig.set_layout_engine("constrained")


def _show_once(fig: Any) -> None:
    """Show a figure as IPython does, and take it from what pyplot is about to show.

    It is called by whoever comes first, and only once. Backends whose figures stay open in the page
    show them as they do.
    """
    del fig._ipython_display_
    if "inline" not in pyplot().get_backend():
        raise NotImplementedError  # by which IPython knows that there are other ways
    from IPython.display import display

    display(fig)
    pyplot().close(fig)


def pyplot() -> Any:
    """Return pyplot, or raise a `MissingDependencyError` that says what to install."""
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        problem = "plotting needs matplotlib, which is not installed"
        raise MissingDependencyError(problem, remedy="pip install 'ptyxr[plot]'") from error
    return plt


def _scale(found: str, span: float, unit: str | Unit | None) -> tuple[float, str]:
    """Return what to divide numbers of an axis by, and what the unit is called then."""
    if unit is None:
        return prefix(span, found, micro=_MICRO)
    asked = canonical(unit, "unit")
    try:
        factor = convert_scalar(1.0, asked, found)
    except UnitError as error:
        by_size = ", which takes the size of a pixel: ds.ptyxr.assign_pixel_size(...)"
        raise UnitError(
            "the picture cannot be in this unit",
            key="unit",
            found=asked,
            expected="a length" if found == METER else found,
            remedy="Convert the dataset first, by ds.ptyxr.to(...)"
            + ("" if found == METER else by_size),
        ) from error
    return factor, PIXEL if asked == PIXEL else f"{registry().Unit(asked):~P}"


def _scales(
    placed: Placed, *extent: NDArray[np.float64], unit: str | Unit | None
) -> tuple[tuple[float, str], ...]:
    """Return what to divide x and y by, and their units then, with one SI prefix for both."""
    span = max(float(np.nanmax(values) - np.nanmin(values)) for values in extent)
    span = span or max(float(np.nanmax(np.abs(values))) for values in extent)  # of a single point
    return tuple(_scale(found, span, unit) for found in placed.unit)


def label_axes(
    ax: Axes, placed: Placed, *extent: NDArray[np.float64], unit: str | Unit | None = None
) -> tuple[float, float]:
    """Label both axes, with one SI prefix for both, and return what to divide x and y by."""
    (fx, x), (fy, y) = _scales(placed, *extent, unit=unit)
    ax.set(xlabel=f"x ({x})", ylabel=f"y ({y})")
    _allow_one_tick(ax)
    return fx, fy


def _allow_one_tick(ax: Axes) -> None:
    """Let an axis that is too short for two labels have one: matplotlib draws two over each other.

    Of axes that someone has given ticks of their own, nothing is changed.
    """
    from matplotlib.ticker import AutoLocator

    for one in (ax.xaxis, ax.yaxis):
        if isinstance(locator := one.get_major_locator(), AutoLocator):
            locator.set_params(min_n_ticks=1)


def draw_image(
    ax: Axes, image: Placed, values: NDArray[Any], style: Style, **defaults: Any
) -> AxesImage:
    """Draw an array in its place, with pixels as they are and row 0 at the top."""
    style.refuse("extent", "origin", since="pixels are drawn where their coordinates say")
    x, y = edges(image)
    fx, fy = label_axes(ax, image, x, y, unit=style.unit)
    (left, right), (top, bottom) = x / fx, y / fy
    artist = ax.imshow(
        values, extent=(left, right, bottom, top), origin="upper", **style.over(**defaults)
    )
    ax.set(xlim=sorted((left, right)), ylim=sorted((top, bottom), reverse=True))
    if style.scale_bar:
        add_scale_bar(ax, fx, image.unit[0], style.unit)
    return artist


def draw_complex(ax: Axes, image: Placed, brightest: float, style: Style) -> None:
    """Draw complex values, phase as hue and amplitude as lightness up to the brightest."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    style.refuse("cmap", "norm", "vmin", since="hue is the phase, lightness the amplitude from 0")
    given = dict(style.given)
    if not (given.get("vmax", 1) > 0):
        raise PtyxrError(
            "the brightest amplitude is positive", key="vmax", found=repr(given["vmax"])
        )
    brightest = float(given.pop("vmax", brightest)) or 1.0
    with np.errstate(invalid="ignore", over="ignore"):  # inf among the values
        colors = complex_colors(image.values / brightest)
    draw_image(ax, image, colors, style._replace(given=given))
    if style.colorbar:
        hues = complex_colors(np.exp(1j * np.linspace(-math.pi, math.pi, 361)))
        add_phase_bar(ax, ScalarMappable(Normalize(-math.pi, math.pi), ListedColormap(hues)))


def draw_positions_on(ax: Axes, image: Placed, points: Placed, unit: str | Unit | None) -> str:
    """Draw scan positions on a picture, and return what is to be said of those not in it."""
    if points.unit != image.unit:
        return f"positions are in {points.unit[0]}"
    x, y = edges(image)
    (fx, _), (fy, _) = _scales(image, x, y, unit=unit)
    # Points², so that dots do not touch; less where the scan is a small part of the picture.
    spans = [np.nanmax(values) - np.nanmin(values) for values in (points.x, points.y)]
    part = math.prod(spans) / abs(np.ptp(x) * np.ptp(y))
    size = np.clip(8000 * np.clip(part, 0.02, 1) / points.x.size, 0.5, 30)
    style: dict[str, Any] = {"edgecolors": "black", "lw": min(0.5, size / 18)}
    there = np.isfinite(points.x)
    ax.scatter(points.x[there] / fx, points.y[there] / fy, s=size, c="#ff7a45", **style)
    inside = (points.x >= x.min()) & (points.x <= x.max())
    inside &= (points.y >= y.min()) & (points.y <= y.max())
    # The picture stays with the object, which may be a crop; but it says what is not in it.
    return "" if inside.all() else f"{(~inside).mean():.1%} of the positions outside"


def add_scale_bar(ax: Axes, factor: float, found: str, unit: str | Unit | None = None) -> None:
    """Draw a bar of a round length, about a quarter of the picture's width, in its corner.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With its limits set.
    factor : float
        What numbers of its x axis are multiplied by to be in the unit `found`.
    found : str
        Metre or pixel.
    unit : str or pint.Unit, optional
        Unit of the bar; by default the one with the prefix that fits.
    """
    from matplotlib.font_manager import FontProperties
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    left, right = ax.get_xlim()
    length = round_below(abs(right - left) * factor / 4)
    if found == PIXEL:
        length = max(length, 1.0)
    divisor, symbol = _scale(found, length, unit)
    plural = "s" if found == PIXEL and length > 1 else ""
    bar = AnchoredSizeBar(
        ax.transData,
        length / factor,
        f"{length / divisor:.6g} {symbol}{plural}",
        loc="lower right",
        pad=0.3,
        borderpad=0.5,
        sep=3,
        fontproperties=FontProperties(size="small"),
        size_vertical=abs(np.subtract(*ax.get_ylim())) * 0.012,
        color="white",
        fill_bar=True,
    )
    bar.patch.set(**_DARK, alpha=0.8)
    ax.add_artist(bar)


def add_colorbar(ax: Axes, artist: Any, label: str, beyond: NDArray[Any] | None = None) -> Axes:
    """Add a colour bar as high as the picture, pointed where values lie beyond its ends."""
    from matplotlib.colorbar import make_axes

    low, high = artist.get_clim()
    below, above = (
        (False, False) if beyond is None else ((beyond < low).any(), (beyond > high).any())
    )
    extend = ("both" if above else "min") if below else "max" if above else "neither"
    # Without panchor=False the picture goes to the right of its panel, away from where it was.
    bar, _ = make_axes(ax, aspect=None, panchor=False)  # type: ignore[arg-type]
    bar.set_axes_locator(partial(_beside, ax))
    ax.figure.colorbar(artist, cax=bar, extend=extend, label=label)
    _allow_one_tick(bar)
    ax.figure.sca(ax)  # where pyplot goes on
    return bar


def _beside(ax: Axes, _bar: object, _renderer: object) -> Bbox:
    """Return the place of a colour bar; a function of the module, so that figures are pickled."""
    from matplotlib.transforms import Bbox

    # Of the picture as it is drawn, which keeps its shape and seldom fills the panel.
    picture = ax.get_position()
    inch = ax.figure.get_dpi() / ax.figure.bbox.width
    return Bbox.from_bounds(picture.x1 + 0.08 * inch, picture.y0, 0.12 * inch, picture.height)


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
