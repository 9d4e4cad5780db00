"""What a notebook shows of a dataset once it is asked to, by ``%load_ext ptyxr``.

xarray shows an accessor's facts nowhere, and cuts the units of coordinates off where dimensions
have long names. IPython lets a package say how another's objects are shown: only where the user
loads the extension, because what a `Dataset` looks like is xarray's matter.
"""

from __future__ import annotations

import html
import warnings
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import xarray as xr

from ptyxr.errors import printable
from ptyxr.reprs import facts

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["as_html", "load_ipython_extension", "unload_ipython_extension"]

_HTML: Final = "text/html"
_TYPES: Final = (xr.Dataset, xr.DataArray)

# What tells lengths and energies; the rest is in what xarray shows, or in ``ds.ptyxr``.
_SHOWN: Final = (
    "Photon energy",
    "Wavelength",
    "Field of view",
    "Object pixel",
    "Probe pixel",
    "Detector pixel",
    "Detector distance",
    "Scan",
)

# As wide as there is room, and dimensions no wider than leaves some for units and values; those
# that are cut are whole under the mouse, as xarray has it.
_STYLE: Final = """
.ptyxr-shown { padding-right: 25px; } /* by as much xarray's names reach out of its box */
.ptyxr-facts { display: flex; flex-wrap: wrap; gap: 0 2em; padding: 4px 0; line-height: 1.6;
  max-width: 1000px; color: inherit; }
.ptyxr-facts > span { white-space: nowrap; }
.ptyxr-facts .ptyxr-fact { opacity: 0.65; margin-right: 0.6em; }
.ptyxr-shown .xr-wrap { max-width: 1000px; }
.ptyxr-shown .xr-sections { grid-template-columns:
  max-content fit-content(16em) max-content minmax(10em, 1fr) 0 20px 0 20px; }
"""


class _Formatter(Protocol):
    def for_type(self, typ: type, func: Callable[[Any], str | None] | None = None) -> Any: ...
    def pop(self, typ: type, default: Any) -> Any: ...


class _Formatters(Protocol):
    formatters: dict[str, _Formatter]


class _Shell(Protocol):
    """What is used of `IPython.core.interactiveshell.InteractiveShell`."""

    display_formatter: _Formatters


#: What showed a class before, by formatter and class: another extension's function, or None.
_before: dict[tuple[_Formatter, type], Callable[[Any], str | None] | None] = {}


def as_html(obj: xr.Dataset | xr.DataArray) -> str:
    """Return xarray's HTML of a dataset or an array, below what ptyxr knows of it.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Any: a single number, and what has nothing of the data model, is shown by xarray alone.
        Nothing is read.

    Returns
    -------
    str
        HTML. What comes from a file is escaped.

    Examples
    --------
    >>> import ptyxr
    >>> shown = as_html(ptyxr.tutorial.simulate_product(positions=20))
    >>> "Field of view</span>5 µm × 4.75 µm (x × y)" in shown
    True
    """
    whole: str = obj._repr_html_()
    if xr.get_options()["display_style"] == "text":
        return whole
    known = facts(obj) if obj.dims else {}
    shown = "".join(
        f"<span><span class='ptyxr-fact'>{html.escape(name)}</span>"
        f"{html.escape(printable(known[name]))}</span>"
        for name in _SHOWN
        if name in known
    )
    if not shown:
        return whole
    return (
        f"<style>{_STYLE}</style>"
        f"<div class='ptyxr-shown'><div class='ptyxr-facts'>{shown}</div>{whole}</div>"
    )


def _shown(obj: xr.Dataset | xr.DataArray) -> str | None:
    """Return HTML, or None for classes made of xarray's that have none."""
    if getattr(obj, "_repr_html_", None) is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # about numbers that are odd, and shown as they are
        return as_html(obj)


def load_ipython_extension(ipython: _Shell) -> None:
    """Show datasets with their energy, wavelength, field of view and pixel sizes in a notebook.

    IPython calls it for ``%load_ext ptyxr``, and for the setting
    ``c.InteractiveShellApp.extensions = ["ptyxr"]`` when it begins [1]_.

    Parameters
    ----------
    ipython : IPython.core.interactiveshell.InteractiveShell
        The shell, whose ``text/html`` formatter learns of datasets and arrays.

    References
    ----------
    .. [1] https://ipython.readthedocs.io/en/stable/config/extensions/
    """
    formatter = ipython.display_formatter.formatters[_HTML]
    for kind in _TYPES:
        before = formatter.for_type(kind, _shown)
        if before is not _shown:  # it is loaded once more
            _before[formatter, kind] = before


def unload_ipython_extension(ipython: _Shell) -> None:
    """Leave it to whom it was before how datasets are shown, for ``%unload_ext ptyxr``.

    Parameters
    ----------
    ipython : IPython.core.interactiveshell.InteractiveShell
        The shell that the extension was loaded into.
    """
    formatter = ipython.display_formatter.formatters[_HTML]
    for kind in _TYPES:
        before = _before.pop((formatter, kind), None)
        if formatter.for_type(kind) is not _shown:
            continue  # another has come since, and stays
        formatter.pop(kind, None)
        if before is not None:
            formatter.for_type(kind, before)
