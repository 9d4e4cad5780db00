"""What the simulations are asked for, refused where it cannot be simulated."""

from __future__ import annotations

import operator
from typing import Final

from ptyxr.errors import PtyxrError
from ptyxr.units import parse

__all__ = ["photons_per_exposure", "whole"]

#: numpy draws photons of a pixel as integers of 64 bits, and all of them may fall on one.
_MOST_PHOTONS: Final = 1e18


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return a whole number that was given for an argument.

    Parameters
    ----------
    name : str
        The argument.
    value : object
        What was given.
    least, most : int
        The smallest and the largest number that will do.

    Raises
    ------
    PtyxrError
        If it is no whole number, or beyond these.

    Examples
    --------
    >>> whole("epochs", 3, 1)
    3
    """
    try:
        # True is a number to Python.
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        upper = "up" if most is None else f"to {most}"
        raise PtyxrError(
            "the argument does not fit", key=name, found=repr(value),
            expected=f"a whole number from {least} {upper}",
        )  # fmt: skip
    return number


def photons_per_exposure(value: object) -> float:
    """Return how many photons are to be in the beam.

    Raises
    ------
    PtyxrError
        If it is no positive number, or one with another unit than counts.
    """
    number = parse(value, "count", "photons")
    if not 0 < number <= _MOST_PHOTONS:
        raise PtyxrError(
            "so many photons cannot be simulated", key="photons", found=repr(value),
            expected=f"more than 0, and at most {_MOST_PHOTONS:g}",
        )  # fmt: skip
    return number
