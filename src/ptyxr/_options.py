"""The options of ``ptyxr convert``: those of the model's table, and PtychoPINN's old ones."""

from __future__ import annotations

import inspect
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ptyxr.errors import PtyxrError
from ptyxr.model import AXES, SCHEMA, scalars
from ptyxr.units import pixel_size

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "OLD_INPUT",
    "OLD_OPTIONS",
    "OLD_OUTPUT",
    "PIXEL_SIZES",
    "Measurement",
    "Origin",
    "PositionIndex",
    "merge_old_options",
    "one_of",
    "with_schema_options",
]


class Origin(StrEnum):
    """What the pixel numbers of an NPZ are counted from."""

    AUTO, CORNER, PIXEL, CENTER, WORLD = "auto", "corner", "pixel", "center", "world"


class Measurement(StrEnum):
    """What diffraction patterns hold."""

    AMPLITUDE, COUNTS, UNKNOWN = "amplitude", "counts", "unknown"


class PositionIndex(StrEnum):
    """How positions are numbered anew."""

    SEQUENTIAL = "sequential"


_EXAMPLES: Final = {
    "meter": "1.5 m",
    "meter / pixel": "50 nm",
    "electron_volt": "8 keV",
    "second": "0.1 s",
    "count": "1e9",
    "meter ** 2 / kilogram": "0.3 m^2/kg",
    "degree": "12.5 deg",
}
_TEXTS: Final = ("name", "comments", "polarization")
_PAIRS: Final = {f"{what}_pixel_size": what for what in ("object", "probe", "detector")}
PIXEL_SIZES: Final = {axis.pixel_size for axis in AXES.values()}

# The options of PtychoPINN's converter that have other names here: the name of the model, and the
# unit that the option's name gives to its bare number.
OLD_OPTIONS: Final = {
    "--detector-distance-m": ("detector_object_distance", "m"),
    "--probe-energy-eV": ("photon_energy", "eV"),
    "--exposure-time-s": ("exposure_time", "s"),
    "--mass-attenuation-m2-kg": ("mass_attenuation", "m^2/kg"),
    "--tomography-angle-deg": ("tomography_angle", "deg"),
    "--object-pixel-size-m": ("object_pixel_size", "m"),
    "--probe-pixel-size-m": ("probe_pixel_size", "m"),
    "--object-center-x-m": ("object_center_x", "m"),
    "--object-center-y-m": ("object_center_y", "m"),
}
_OLD: Final = "ptychopinn_"
OLD_INPUT: Final = f"{_OLD}input_npz"
OLD_OUTPUT: Final = f"{_OLD}output_product"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _data_option(name: str) -> Any:
    """Return the option for one name of the model, or for a pair of pixel sizes."""
    if name in _PAIRS:
        text = f'Size of a pixel of the {_PAIRS[name]}: "50 nm", or "50 nm,40 nm" (width,height).'
        text += " By default the object's." if name == "probe_pixel_size" else ""
    else:
        entry = SCHEMA[name]
        example = "" if name in _TEXTS else f', such as "{_EXAMPLES[entry.unit or "count"]}"'
        text = f"{entry.long_name.capitalize()}{example}."
    return typer.Option(
        _flag(name),
        metavar="TEXT" if name in _TEXTS else "QUANTITY",
        help=text,
        hidden=name in PIXEL_SIZES,  # --object-pixel-size and the like say both at once
    )


def with_schema_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every name of the model that is one value, and the old ones.

    typer makes options from the signature; here its ``**given`` is replaced by what the tables say.
    """
    names = (*_PAIRS, *_TEXTS, *(entry.name for entry in scalars()))
    made: dict[str, tuple[type, Any]] = {name: (str, _data_option(name)) for name in names}
    for option, (name, _) in OLD_OPTIONS.items():
        made[_OLD + name] = (float, typer.Option(option, hidden=True))
    for name in (OLD_INPUT, OLD_OUTPUT):
        made[name] = (Path, typer.Option(_flag(name.removeprefix(_OLD)), hidden=True))
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    generated = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, option],
        )
        for name, (kind, option) in made.items()
    ]
    command.__signature__ = signature.replace(parameters=own + generated)  # type: ignore[attr-defined]
    return command


def one_of(name: str, *values: Any) -> Any:
    """Return the one of several ways to say a thing that was used, or None."""
    used = [value for value in values if value is not None]
    if len(used) > 1:
        raise PtyxrError(
            "this is given twice", key=name, found=" and ".join(map(repr, map(str, used)))
        )
    return used[0] if used else None


def _pair(text: str | None) -> str | tuple[str, ...] | None:
    """Return ``"50 nm,40 nm"`` as the two texts it holds."""
    parts = () if text is None else tuple(part.strip() for part in text.split(","))
    return parts if len(parts) > 1 else text


def merge_old_options(
    given: dict[str, Any], object_center: str | None
) -> tuple[dict[str, str | tuple[str, ...] | None], str | tuple[str, ...] | None]:
    """Bring PtychoPINN's options under the names of the model.

    Parameters
    ----------
    given : dict
        What the command got, by parameter; left with names of the model that are one value.
    object_center : str or None
        What ``--object-center`` got.

    Returns
    -------
    sizes : dict
        Pixel sizes, as ``assign_pixel_size`` takes them.
    center : str, tuple of str or None
        The centre of the object.
    """
    for old, (name, unit) in OLD_OPTIONS.items():
        bare = given.pop(_OLD + name)
        quantity = None if bare is None else f"{bare!r} {unit}"
        given[name] = one_of(f"{_flag(name)}, {old}", given.get(name), quantity)
    sizes = {what: _pair(given.pop(name)) for name, what in _PAIRS.items()}
    for name, what in _PAIRS.items():
        if (size := sizes[what]) is not None:
            pixel_size(size, _flag(name))  # which names the option, if it is no size
    old_center = [given.pop(f"object_center_{axis}") for axis in "xy"]
    if old_center != [None, None]:
        # One alone goes with 0, as in PtychoPINN's converter.
        object_center = one_of(
            "--object-center", object_center, ",".join(x or "0 m" for x in old_center)
        )
    return sizes, _pair(object_center)
