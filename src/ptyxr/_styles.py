"""The options that pictures have, and which keywords matplotlib takes beside them."""

from __future__ import annotations

from difflib import get_close_matches
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptyxr._figures import pyplot
from ptyxr.errors import PtyxrError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ptyxr.units import UnitLike


__all__ = ["PLAIN", "Style", "check_keywords"]


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

    unit: UnitLike | None = None
    scale_bar: bool = False
    colorbar: bool = True
    given: Mapping[str, Any] = MappingProxyType({})

    def over(self, **defaults: Any) -> dict[str, Any]:
        """Return the keywords of matplotlib: what was given, and else the defaults."""
        taken: set[str] = set()
        if "norm" in self.given:  # it has its own limits
            taken |= {"vmin", "vmax"}
        if "colorizer" in self.given:  # it has colours and limits of its own
            taken |= {"cmap", "norm", "vmin", "vmax"}
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


def check_keywords(picture: str, method: str, given: Iterable[str], own: Sequence[str]) -> None:
    """Refuse keywords that matplotlib would stumble over when half of a picture is drawn.

    Parameters
    ----------
    picture : str
        What was called.
    method : {"imshow", "scatter", "plot"}
        The method of ``Axes`` that is to be given the keywords.
    given : iterable of str
        The keywords.
    own : sequence of str
        What the picture itself takes.

    Raises
    ------
    TypeError
        If there is one that `method` does not know; it names the one that is alike.
    """
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
