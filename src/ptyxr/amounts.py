"""Numbers as people write them: with a unit, in the prefix that fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SYMBOLS", "number", "prefix", "round_below", "shape"]

_PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"),
                    (1e-9, "n"), (1e-12, "p"))  # fmt: skip
#: Units as people write them, and whether they take prefixes; kilometres are no help here.
SYMBOLS: Final = {
    "meter": ("m", True),
    "meter / pixel": ("m/pixel", True),
    "second": ("s", True),
    "electron_volt": ("eV", True),
    "pixel": ("pixel", False),
    "degree": ("deg", False),
    "meter ** 2 / kilogram": ("m^2/kg", False),
    "count": ("count", False),
}


def prefix(value: float, unit: str, *, micro: str = "u") -> tuple[float, str]:
    """Return what to divide a number by, and the unit that it is in then.

    Parameters
    ----------
    value : float
        The number, or the largest of several.
    unit : str
        Its unit in canonical spelling.
    micro : str
        The micro sign: "u" where only ASCII will do.

    Examples
    --------
    >>> prefix(2.5e-6, "meter"), prefix(-8000.0, "electron_volt"), prefix(3.0, "pixel")
    ((1e-06, 'um'), (1000.0, 'keV'), (1.0, 'pixel'))
    """
    symbol, prefixed = SYMBOLS.get(unit, (unit, False))
    if prefixed and value:
        largest = 1e9 if symbol == "eV" else 1.0
        for factor, letter in _PREFIXES:
            # Six digits are shown, so 999.9999999 nm, as floating point has it, is 1 um.
            if factor <= largest and float(f"{abs(value) / factor:.6g}") >= 1:
                return factor, letter.replace("u", micro) + symbol
    return 1.0, symbol


def number(value: float, unit: str | None, *, micro: str = "u", digits: int = 6) -> str:
    """Return a number with its unit, in the prefix that fits it.

    Parameters
    ----------
    value : float
        The number.
    unit : str or None
        Its unit in canonical spelling; None for what has none.
    micro : str
        The micro sign: "u" where only ASCII will do.
    digits : int
        How many of them are shown.

    Examples
    --------
    >>> number(5e-08, "meter / pixel"), number(8000.0, "electron_volt"), number(3.5, "pixel")
    ('50 nm/pixel', '8 keV', '3.5 pixel')
    """
    if unit is None:
        return f"{value:.{digits}g}"
    factor, symbol = prefix(value, unit, micro=micro)
    return f"{value / factor:.{digits}g} {symbol}"


def shape(sizes: Iterable[int]) -> str:
    """Return a shape as people write it: ``1087 x 64 x 64``."""
    return " x ".join(map(str, sizes)) or "scalar"


def round_below(value: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50, … and 0.5, 0.2, … that is not above a number.

    Parameters
    ----------
    value : float
        Positive.

    Examples
    --------
    >>> round_below(7.3e-6), round_below(200.0), round_below(0.19)
    (5e-06, 200.0, 0.1)
    """
    exponent = math.floor(math.log10(value))
    # Put together as text, as one writes it: 2 * 10.0**-7 is not 2e-07.
    candidates = [
        float(f"{digit}e{power}") for power in (exponent, exponent + 1) for digit in "125"
    ]
    return max(c for c in candidates if c <= value * (1 + 1e-9))
