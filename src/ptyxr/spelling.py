"""What someone may have meant who wrote a unit that there is not, or a number without one."""

from __future__ import annotations

import difflib
from typing import Final

__all__ = ["MISTAKEN", "ask_for_unit", "example", "hint"]

_UNITS: Final = (
    "m", "mm", "um", "nm", "pm", "angstrom", "pixel", "eV", "keV", "MeV", "s", "ms", "us",
    "degree", "radian", "mrad", "count",
)  # fmt: skip
_WORDS: Final = (
    "meter", "millimeter", "micrometer", "micron", "nanometer", "picometer", "angstrom", "pixel",
    "electron_volt", "second", "millisecond", "degree", "radian", "count",
)  # fmt: skip
_SPELLED: Final = "Units are spelled as pint spells them: 'nm', 'um', 'keV', 'degree', 'pixel'"
#: What short names are to pint that are meant as lengths, and what to say.
MISTAKEN: Final = {
    "ampere": "'A' is the ampere: say 'angstrom'",
    "molar": "'M' is moles per litre: say 'm'",
    "dimensionless": "Say the unit, such as 'um'",
}
#: By unit of the model, what a user would write.
_EXAMPLES: Final = {
    "meter": "'1.5 um'",
    "meter / pixel": "'50 nm'",
    "electron_volt": "'8 keV'",
    "second": "'0.1 s'",
    "degree": "'30 degree'",
    "pixel": "'3 pixel'",
}
#: By argument, between what a number without a unit is credible, and what to write otherwise.
_LIKELY: Final = {
    "photon_energy": (50.0, float("inf"), "'8 keV'"),
    "detector_object_distance": (0.0, 50.0, "'2 m'"),
}


def example(unit: str) -> str:
    """Return a quantity of a unit, quoted, as a user would write it."""
    return _EXAMPLES.get(unit, f"'1 {unit}'")


def hint(text: str) -> str:
    """Return what to do about a text that is no unit, as a sentence without its full stop.

    Examples
    --------
    >>> hint("kev")
    "Did you mean 'keV'? Units are spelled as pint spells them: 'nm', 'um', 'keV', ..."
    """
    word = text.strip()
    if word[:1].isdigit():
        return "Give the unit alone, without a number: 'um'"
    if any(one.isdigit() for one in word) and " " in word:
        return "Two values are a pair: ('50 nm', '40 nm')"
    by_lower = {one.lower(): one for one in (*_UNITS, *_WORDS)}
    alike = [by_lower[word.lower()]] if word.lower() in by_lower else []
    # Of two letters any is like any other.
    if not alike and len(word) > 3:
        plural = word.lower().removesuffix("s")
        alike = difflib.get_close_matches(plural, by_lower, n=1, cutoff=0.75)
    return f"Did you mean {alike[0]!r}? {_SPELLED}" if alike else _SPELLED


def ask_for_unit(name: str, value: float, unit: str) -> str | None:
    """Return a warning of a number without a unit that is unlikely in the unit it is taken for.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : float
        The number.
    unit : str
        What it is taken for.
    """
    low, high, meant = _LIKELY.get(name, (0.0, float("inf"), ""))
    # 0 stands for unknown.
    if not value or low <= abs(value) <= high:
        return None
    return (
        f"{name}={value:g} has no unit and is taken as {value:g} {unit}. Write the unit to be "
        f"sure, such as {meant}."
    )
