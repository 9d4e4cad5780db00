"""Figures and axes to draw into: pyplot's, a notebook's, those that are given."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ptyxr.errors import MissingDependencyError, PtyxrError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["closed_on_error", "drawn_into", "headless", "lay_out", "new_figure", "pyplot"]


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
    from matplotlib_inline.backend_inline import show
    from matplotlib_inline.config import InlineBackend

    display(fig)
    if InlineBackend.instance().close_figures:
        pyplot().close(fig)
        return
    # It stays open for the next cell, and is not drawn at the end of this one.
    shown: Any = show
    shown._to_draw = [one for one in shown._to_draw if one is not fig]  # noqa: SLF001


def pyplot() -> Any:
    """Return pyplot, or raise a `MissingDependencyError` that says what to install."""
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        problem = "plotting needs matplotlib, which is not installed"
        raise MissingDependencyError(problem, remedy="pip install 'ptyxr[plot]'") from error
    return plt


def headless() -> None:
    """Draw into files, for which no screen is needed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return  # what draws says it better
    mpl.use("Agg")
