"""Quantities in and out: parsing, conversion that keeps decimals exact, pixels that mean pixels.

pint is imported on use: xarray loads every engine whenever it guesses one, and whoever opens
another file should not pay for it.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.errors import UnitError, warn
from ptyxr.factors import factor
from ptyxr.spelling import ask_for_unit, example, hint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import pint
    import xarray as xr

    #: A number with its unit: "50 nm", a Quantity of the registry, or a DataArray of one.
    QuantityLike: TypeAlias = str | pint.Quantity[Any] | xr.DataArray
    #: A unit: "um", "pixel", or one of the registry's.
    UnitLike: TypeAlias = str | pint.Unit

__all__ = [
    "METER",
    "METER_PER_PIXEL",
    "PIXEL",
    "canonical",
    "convert",
    "convert_decimal",
    "convert_scalar",
    "is_current",
    "is_quantity",
    "parse",
    "pixel_size",
    "quantity",
    "register_pint_accessor",
    "registry",
    "spelling",
]

PIXEL: Final = "pixel"
METER: Final = "meter"
METER_PER_PIXEL: Final = "meter / pixel"

#: The long names of units by what they are made of: pint takes its time to put them together.
_SPELLINGS: Final[dict[Any, str]] = {}

_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)
_PX: Final = re.compile(r"(?<![\w])px(?![\w])")

_LARGEST_BARE_PIXEL: Final = 1e-3

_CSS_PIXEL: Final = (
    "pint's 'px' is the CSS pixel, 1/96 inch, a length, and never a pixel of an array"
)
_USE_PIXEL: Final = "Say 'pixel', or give ptyxr the text 'px'"


def registry() -> pint.UnitRegistry[Any]:
    """Return pint's application registry, as it is at this moment.

    It is looked up each time: ``cf_xarray.units`` and others replace it, and quantities of two
    registries cannot be combined.
    """
    import pint

    current: pint.UnitRegistry[Any] = pint.get_application_registry()
    return current


def register_pint_accessor() -> None:
    """Have xarray objects know ``.pint``, which shows and converts units."""
    import pint_xarray  # noqa: F401  (importing it registers the accessor)


def is_quantity(value: object) -> bool:
    """Tell whether a value is a pint Quantity of any registry, without importing pint."""
    return hasattr(value, "magnitude") and hasattr(value, "units") and hasattr(value, "_REGISTRY")


def is_current(quantity: Any) -> bool:
    """Tell whether a Quantity is of the application registry as it is at this moment."""
    return quantity._REGISTRY is registry().Quantity(1)._REGISTRY  # noqa: SLF001


def _no_css_pixel(unit: Any, name: str | None) -> None:
    # pint gives the names in a unit nowhere else.
    if any("css_pixel" in part for part in unit._units):  # noqa: SLF001
        raise UnitError(_CSS_PIXEL, key=name, found=f"the unit {unit:D}", remedy=_USE_PIXEL)


def _parse_unit(text: str, name: str | None = None) -> Any:
    try:
        unit = registry().Unit(_PX.sub(PIXEL, text))
    # pint raises whatever its tokenizer, its parser or Python's own raise.
    except Exception as error:
        raise UnitError(
            "this is no unit that pint knows",
            key=name,
            found=repr(text),
            remedy=hint(text),
        ) from error
    _no_css_pixel(unit, name)
    return unit


def _underlying() -> Any:
    """Return the registry behind the application's, which is one object for ever."""
    proxy: Any = registry()
    return proxy.get()


# The registry is part of what is remembered: the application's can be replaced.
@lru_cache(maxsize=512)
def _canonical(_registry: object, text: str) -> str:
    return f"{_parse_unit(text):D}"


def spelling(quantity: Any) -> str:
    """Return the unit of a Quantity as it is shown, whatever it is: long names, in ASCII."""
    return _spelled(quantity.units)


def _spelled(unit: Any) -> str:
    names = unit._units  # noqa: SLF001
    if (known := _SPELLINGS.get(names)) is None:
        known = _SPELLINGS[names] = f"{unit:D}"
    return known


def canonical(unit: object, name: str | None = None) -> str:
    """Return the one spelling of a unit: pint's long names, in ASCII.

    Parameters
    ----------
    unit : str, pint.Unit or pint.Quantity
        The unit; in text, "px" means a pixel of the array.
    name : str, optional
        Name of the coordinate or argument, for the error.

    Raises
    ------
    UnitError
        If it is no unit, or the CSS pixel.
    """
    if isinstance(unit, str):
        try:
            return _canonical(_underlying(), unit)
        except UnitError:
            return f"{_parse_unit(unit, name):D}"
    unit = getattr(unit, "units", unit)
    if not hasattr(unit, "_units"):
        raise UnitError("this is no unit", key=name, found=repr(unit), expected="a text like 'um'")
    _no_css_pixel(unit, name)
    return _spelled(unit)


def _factor(source: str, target: str) -> float:
    """Return the number that values in `source` are multiplied with to be in `target`."""
    return factor(_underlying(), source, target)


def convert_scalar(value: float, source: str, target: str) -> float:
    """Convert one number between units in decimal: 50 nm is exactly 5e-8 m.

    pint multiplies in binary, which gives 5.0000000000000004e-08.

    Parameters
    ----------
    value : float
        The number, in `source`.
    source, target : str
        Units in canonical spelling.

    Raises
    ------
    UnitError
        If the units do not convert into each other.

    Examples
    --------
    >>> convert_scalar(50.0, "nanometer", "meter")
    5e-08
    """
    if source == target:
        return value
    ratio = _factor(source, target)
    if not math.isfinite(value):
        return value * ratio
    return float(Decimal(repr(float(value))) * Decimal(repr(ratio)))


def convert_decimal(values: np.ndarray, source: str, target: str) -> np.ndarray:
    """Convert each number of an array in decimal, as `convert_scalar` does; for a few of them."""
    return np.asarray(np.vectorize(convert_scalar, otypes=[float])(values, source, target))


def convert(values: np.ndarray, source: str, target: str) -> np.ndarray:
    """Convert an array between units; where they are the same, it is returned as it is.

    Parameters
    ----------
    values : ndarray
        Real numbers of any shape, in `source`.
    source, target : str
        Units in canonical spelling.

    Raises
    ------
    UnitError
        If the units do not convert into each other.
    """
    if source == target:
        return values
    inverse = _factor(target, source)
    # Dividing by 1e9 rounds once, multiplying with 1e-9 twice.
    result = values / inverse if inverse.is_integer() else values * _factor(source, target)
    return np.asarray(result)


def quantity(values: Any, unit: str) -> Any:
    """Return a Quantity of the application registry, without copying the array."""
    return registry().Quantity(np.asarray(values), unit)


def parse(value: object, unit: str, name: str, *, bare: bool = True) -> float:
    """Return a number in `unit` from what a user gave.

    Parameters
    ----------
    value : pint.Quantity, str or float
        A Quantity, text that pint can parse ("8 keV"), or a number that is in `unit` already.
    unit : str
        Unit in canonical spelling.
    name : str
        Name of the argument, for the error.
    bare : bool, default: True
        Whether a number without a unit is taken to be in `unit`.

    Raises
    ------
    UnitError
        If the unit does not fit, is missing, or is the CSS pixel.

    Examples
    --------
    >>> parse("8 keV", "electron_volt", "photon_energy")
    8000.0
    """
    number: Any
    value = _unwrapped(value)
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        if match is None or "±" in value or match[2].startswith(","):
            raise UnitError(
                "this is no number with a unit",
                key=name,
                found=repr(value),
                expected=f"one like {example(unit)}",
                remedy="Decimals have a point, and two values are a pair: ('50.5 nm', '40 nm')"
                if "," in value
                else None,
            )
        number, given = match.groups()
        if not given and unit != "count":
            raise _no_unit(value, unit, name)
        source = canonical(given, name) if given else unit
    elif is_quantity(value):
        number, source = value.magnitude, canonical(value, name)  # type: ignore[attr-defined]
    elif bare:
        number, source = value, unit
    else:
        raise _no_unit(value, unit, name)
    number = _finite(number)
    if number is None:
        raise UnitError(
            "this is no number", key=name, found=repr(value), expected=f"one like {example(unit)}"
        )
    try:
        ratio = 1.0 if source == unit else _factor(source, unit)
    except UnitError as error:
        raise UnitError(
            "the unit does not fit",
            key=name,
            found=repr(str(value)),
            expected=f"{unit}, as in {example(unit)}",
        ) from error
    if isinstance(number, float):
        doubt = None if is_quantity(value) else ask_for_unit(name, number, unit)
        if doubt is not None:
            warn(doubt)
        return convert_scalar(number, source, unit)
    return float(number * Decimal(repr(ratio)))


def _no_unit(value: object, unit: str, name: str) -> UnitError:
    return UnitError(
        "the unit is missing",
        key=name,
        found=repr(value),
        expected=f"one like {example(unit)}",
    )


def _finite(number: Any) -> Decimal | float | None:
    """Return a finite real number, as a Decimal where it came as text; None for all else."""
    if isinstance(number, str):
        return Decimal(number) if math.isfinite(float(number)) else None
    try:
        real = np.asarray(number).dtype.kind in "fiu"
        found = float(np.asarray(number)[()]) if real else math.nan
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _unwrapped(value: Any) -> Any:
    """Return what a DataArray or a Variable holds, as a Quantity where it tells its unit."""
    if not (hasattr(value, "dims") and hasattr(value, "attrs")):
        return value
    if is_quantity(value.data) or "units" not in value.attrs:
        return value.data
    return quantity(value.data, canonical(str(value.attrs["units"])))


def _one_pixel_size(value: object, name: str) -> float:
    source = None
    value = _unwrapped(value)
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        unit = match.group(2) if match else ""
        # What is no unit, such as the rest of a decimal comma, is refused below.
        source = canonical(unit, name) if unit and unit[0] != "," else None
    elif is_quantity(value):
        source = canonical(value, name)
    per_pixel = source is not None and "pixel" in source
    if isinstance(value, str) or source is None or per_pixel:
        size = parse(value, METER_PER_PIXEL if per_pixel or source is None else METER, name)
    else:
        size = parse(value, METER, name)
    if not (math.isfinite(size) and size > 0):
        raise UnitError(
            "a pixel size is positive and finite",
            key=name,
            found=repr(value),
            expected="one like '50 nm'",
        )
    if source is None and size > _LARGEST_BARE_PIXEL:
        # Someone had nanometres in mind, or micrometres.
        raise UnitError(
            "a pixel size without a unit is in metre/pixel, and no pixel is so large",
            key=name,
            found=repr(value),
            remedy="Write the unit: '50 nm'",
        )
    return size


def pixel_size(value: object, name: str) -> tuple[float, float]:
    """Return width and height of a pixel in metre/pixel.

    Parameters
    ----------
    value : Quantity, str, float, or a pair of them
        One size for square pixels, or (width, height); as a length ("50 nm"), a length per pixel
        ("50 nm/pixel"), or a number in metre/pixel.
    name : str
        Name of the argument, for the error.

    Raises
    ------
    UnitError
        If it is no length, not positive, or not finite.

    Examples
    --------
    >>> pixel_size(("50 nm", "40 nm"), "object")
    (5e-08, 4e-08)
    """
    pair: Sequence[object]
    value = _unwrapped(value)
    if isinstance(value, (tuple, list)) or (is_quantity(value) and np.ndim(value.magnitude) == 1):  # type: ignore[attr-defined]
        pair = tuple(value)  # type: ignore[arg-type]
        if len(pair) != 2:
            raise UnitError(
                "a pixel size is one length or a pair",
                key=name,
                found=f"{len(pair)} values",
                expected="'50 nm', or width and height as ('50 nm', '40 nm')",
            )
    else:
        pair = (value, value)
    return _one_pixel_size(pair[0], name), _one_pixel_size(pair[1], name)
