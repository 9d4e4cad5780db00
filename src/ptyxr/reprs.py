"""What ``ds.ptyxr`` shows of a dataset at a glance, as text and as HTML.

Only what is in memory is looked at, so that showing a dataset costs no reading; what would have to
be read says so.
"""

from __future__ import annotations

import html
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from ptyxr import objects, optics
from ptyxr._derived import pixel_pitch
from ptyxr.amounts import number, prefix
from ptyxr.coordinates import is_coordinate, magnitude, unit_of
from ptyxr.errors import PtyxrError, listed, printable
from ptyxr.model import AXES, SCHEMA
from ptyxr.storage.urls import shown
from ptyxr.trimming import series_dims
from ptyxr.units import METER, PIXEL, convert_scalar
from ptyxr.variables import in_memory

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["as_html", "as_text", "facts"]

_MICRO: Final = "µ"
_LONGEST: Final = 80  # characters of a text that comes from a file
_NOT_LOADED: Final = "not loaded"

_KINDS: Final = {"ptychodus": "Ptychodus", "ptychopinn": "PtychoPINN"}
_ORIGINS: Final = {
    "corner": "corner: pixel numbers count from the outer corner of the object's pixel (0, 0)",
    "pixel": "pixel: pixel numbers count from the centre of the object's pixel (0, 0)",
    "center": "center: pixel numbers count from the centre of the object",
}

# Colours are those of what is around it: a page knows its own ground, light or dark, better than
# any variable of a theme does.
_STYLE: Final = """
.ptyxr-repr { line-height: 1.6; max-width: 700px; color: inherit; }
.ptyxr-repr .ptyxr-head { padding: 6px 0; margin-bottom: 4px;
  border-bottom: 1px solid rgba(128, 128, 128, 0.4); }
.ptyxr-repr dl { display: grid; grid-template-columns: max-content auto; gap: 0 1.5em;
  margin: 0; padding: 4px 0; }
.ptyxr-repr dl dt, .ptyxr-repr dl dd { float: none; width: auto; margin: 0; padding: 0; }
.ptyxr-repr dl dt { font-weight: normal; white-space: nowrap; opacity: 0.65; }
"""


def as_text(obj: xr.Dataset | xr.DataArray) -> str:
    """Return what `facts` says of a dataset or an array, a line each."""
    rows = facts(obj)
    width = max(map(len, rows), default=0) + 2
    lines = [f"    {name + ':':<{width}}{printable(value)}" for name, value in rows.items()]
    return "\n".join([f"<{_heading(obj)}>", *(lines or ["    nothing of the data model"])])


def as_html(obj: xr.Dataset | xr.DataArray) -> str:
    """Return the same as a table of HTML, in light and in dark pages; nothing in it is markup."""
    rows = facts(obj) or {"": "nothing of the data model"}
    cells = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(printable(value))}</dd>"
        for name, value in rows.items()
    )
    head = html.escape(_heading(obj))
    return (
        f"<style>{_STYLE}</style>"
        f"<div class='ptyxr-repr'><div class='ptyxr-head'>{head}</div><dl>{cells}</dl></div>"
    )


def _heading(obj: xr.Dataset | xr.DataArray) -> str:
    if isinstance(obj, xr.Dataset):
        return "ptyxr accessor of a Dataset"
    return f"ptyxr accessor of the DataArray {_short(repr(obj.name))}"


def _as_dataset(obj: xr.Dataset | xr.DataArray) -> xr.Dataset:
    if isinstance(obj, xr.Dataset):
        return obj
    ds = obj.coords.to_dataset()
    if is_coordinate(obj) or obj.name in ds.coords:
        return ds
    return ds.assign({"" if obj.name is None else obj.name: obj.variable})


def facts(obj: xr.Dataset | xr.DataArray) -> dict[str, str]:
    """Return what is to know of a dataset at a glance, by what it is; nothing is read.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Whatever it has of the data model.

    Returns
    -------
    dict
        Texts, with units in the prefix that fits. What the dataset does not have is not in it; what
        is wrong with a coordinate stands in its place.

    Examples
    --------
    >>> import ptyxr
    >>> facts(ptyxr.tutorial.simulate_product(positions=20))["Field of view"]
    '5 µm × 4.75 µm (x × y)'
    """
    ds = _as_dataset(obj)
    # Of an axis that is left with one label, the scalars tell the pixel size.
    known = ds.drop_vars(
        name
        for name, v in ds.variables.items()
        if not in_memory(v) or (name in AXES and not v.ndim)
    )
    rows: dict[str, Callable[[], str | None]] = {
        "Name": lambda: _short(str(ds.attrs.get("name", ""))),
        "Source": lambda: _source(obj),
        "Series": lambda: _series(ds),
        "Photon energy": lambda: _scalar(ds, known, "photon_energy"),
        "Wavelength": lambda: _wavelength(known),
        "Field of view": lambda: _field_of_view(known),
        "Object centre": lambda: _center(known),
        "Object": lambda: _pixels(ds, "object", "object_layer"),
        "Object pixel": lambda: _pixel(ds, known, "object"),
        "Scan": lambda: _scan(ds, known),
        "Probe": lambda: _pixels(ds, "probe", "incoherent_mode", "coherent_mode"),
        "Probe pixel": lambda: _pixel(ds, known, "probe"),
        "Patterns": lambda: _patterns(ds),
        "Detector pixel": lambda: _pixel(ds, known, "detector"),
        "Detector distance": lambda: _scalar(ds, known, "detector_object_distance"),
        "Loss": lambda: f"{ds.sizes['epoch']} epochs" if "epoch" in ds.sizes else None,
        "Pixel origin": lambda: _origin(ds),
    }
    found = {name: _told(row) for name, row in rows.items()}
    return {name: value for name, value in found.items() if value}


def _told(row: Callable[[], str | None]) -> str | None:
    """Return a fact, or what is wrong with it: what is shown of a dataset never raises."""
    try:
        return row()
    except PtyxrError as error:
        return _short(f"{error.key}: {error.problem}" if error.key else error.problem)
    except (TypeError, ValueError, AttributeError) as error:  # numbers that are none
        return _short(f"cannot be told: {error}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _range(values: Any, unit: str) -> str | None:
    """Return a number with its unit, or the smallest and the largest of several."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return None
    ends = [number(float(end), unit, micro=_MICRO) for end in (finite.min(), finite.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _lengths(values: tuple[float, float], unit: str) -> str:
    """Return width and height in one unit: ``8.7 µm x 7.65 µm``, and one for a square."""
    factor, symbol = prefix(max(map(abs, values)), unit, micro=_MICRO)
    return " × ".join(f"{value / factor:.4g} {symbol}" for value in values)


def _source(obj: xr.Dataset | xr.DataArray) -> str:
    kind = str(obj.attrs.get("source_format", ""))
    kind = _KINDS.get(kind, kind)
    source = obj.encoding.get("source")
    name = PurePath(shown(str(source))).name if source else ""
    return _short(f"{name} ({kind})" if name and kind else name or kind)


def _series(ds: xr.Dataset) -> str:
    return listed(f"{ds.sizes[dim]} products along {dim}" for dim in series_dims(ds))


def _scalar(ds: xr.Dataset, known: xr.Dataset, name: str) -> str | None:
    if name not in known.variables:
        return _NOT_LOADED if name in ds.variables else None
    unit = str(SCHEMA[name].unit)
    values = np.asarray(magnitude(known, name, unit))
    # 0 stands for unknown in products.
    return _range(values, unit) if (values != 0).any() else None


def _wavelength(known: xr.Dataset) -> str | None:
    if _scalar(known, known, "photon_energy") is None:
        return None
    array = optics.wavelength(known)
    return _range(array.data.magnitude, METER)


def _edges(known: xr.Dataset) -> tuple[dict[str, float], str] | None:
    """Return the edges of the object, all in metres or all in pixels, or None."""
    if not {"object_x", "object_y"} <= set(known.variables):
        return None
    extent = objects.object_extent(known)
    unit = PIXEL if str(extent["width"].attrs["units"]) == PIXEL else METER
    return {
        str(name): convert_scalar(float(array.data.magnitude), array.attrs["units"], unit)
        for name, array in extent.data_vars.items()
    }, unit


def _field_of_view(known: xr.Dataset) -> str | None:
    if (found := _edges(known)) is None:
        return None
    edges, unit = found
    return _sides(edges["width"], edges["height"], unit)


def _center(known: xr.Dataset) -> str | None:
    """Return where the frame has the middle of the object."""
    if (found := _edges(known)) is None:
        return None
    edges, unit = found
    middle = [(edges[f"minimum_{one}"] + edges[f"maximum_{one}"]) / 2 for one in "xy"]
    factor, symbol = prefix(max(map(abs, middle)), unit, micro=_MICRO)
    # What is 0 but for rounding is 0.
    x, y = (f"{round(value / factor, 6) + 0.0:.6g} {symbol}" for value in middle)
    return f"x = {x}, y = {y}; +x is +column, +y is +row"


def _sides(width: float, height: float, unit: str) -> str:
    return f"{_lengths((width, height), unit)} (x × y)"


def _pixels(ds: xr.Dataset, name: str, *stacked: str) -> str | None:
    if name not in ds.variables:
        return None
    sizes = ds.variables[name].sizes
    image = [sizes[dim] for dim in (f"{name}_x", f"{name}_y") if dim in sizes]
    parts = [f"{' × '.join(map(str, image))} pixels"] if image else []
    parts += [
        f"{sizes[dim]} {dim.removeprefix('object_').replace('_', ' ')}s"
        for dim in stacked
        if sizes.get(dim, 1) > 1
    ]
    return ", ".join(parts)


def _pixel(ds: xr.Dataset, known: xr.Dataset, name: str) -> str | None:
    """Return the size of a pixel: of the axis where it is in metres, else of the scalars."""
    found = [pixel_pitch(known, f"{name}_{letter}") for letter in "xy"]
    pitches = [np.unique(pitch.values) for pitch in found if pitch is not None]
    if len(pitches) < 2:
        if any(AXES[f"{name}_{letter}"].pixel_size in ds.variables for letter in "xy"):
            return _NOT_LOADED if AXES[f"{name}_x"].pixel_size not in known.variables else None
        there = name in ds.variables or f"{name}_x" in ds.variables
        hint = f"not known: ds.ptyxr.assign_pixel_size({name}=…) tells it"
        return hint if there and name != "detector" else None
    width, height = pitches
    if width.size > 1 or height.size > 1 or np.allclose(width, height, rtol=1e-9, atol=0):
        return _range(np.concatenate(pitches), METER)
    return _lengths((float(width[0]), float(height[0])), METER)


def _scan(ds: xr.Dataset, known: xr.Dataset) -> str | None:
    if "position" not in ds.sizes:
        return None
    up_to = "up to " if "position_present" in ds.variables else ""
    text = f"{up_to}{ds.sizes['position']} positions"
    names = ("position_x", "position_y")
    if not set(names) <= set(known.variables):
        return text
    unit = PIXEL if unit_of(known, names[0]) == PIXEL else METER
    spans = []
    for name in names:
        values = np.asarray(magnitude(known, name, unit), dtype=float)
        values = values[np.isfinite(values)]
        spans.append(float(np.ptp(values)) if values.size else 0.0)
    return f"{text} over {_sides(spans[0], spans[1], unit)}" if any(spans) else text


def _patterns(ds: xr.Dataset) -> str | None:
    if "diffraction" not in ds.variables:
        return None
    variable = ds.variables["diffraction"]
    kind = str(variable.attrs.get("quantity", ""))
    sizes = [variable.sizes[dim] for dim in ("detector_x", "detector_y") if dim in variable.dims]
    count = f"{variable.sizes['position']} of " if "position" in variable.dims else ""
    text = f"{count}{' × '.join(map(str, sizes))} pixels"
    return f"{text}, {_short(kind)}" if kind else text


def _origin(ds: xr.Dataset) -> str | None:
    origin = str(ds.attrs.get("pixel_origin", ""))
    return _ORIGINS.get(origin, _short(origin))
