"""How many of one unit another one is: pint's definitions, to the last digit."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ptyxr.errors import UnitError

__all__ = ["factor"]


@lru_cache(maxsize=512)
def factor(registry: Any, source: str, target: str) -> float:
    """Return the number that values in `source` are multiplied with to be in `target`.

    Parameters
    ----------
    registry : pint.UnitRegistry
        It is part of what is remembered: the application's can be replaced.
    source, target : str
        Units in canonical spelling.

    Raises
    ------
    UnitError
        If they do not convert into each other by a number.
    """
    if source == "dimensionless" and target == "degree":
        # A radian is dimensionless to pint, which would take a bare 30 for 1719 degrees.
        raise UnitError("an angle has a unit", found=source, expected="'degree' or 'radian'")
    ratio = _ratio(registry, source, target)
    # pint composes factors in floating point: 1 m is 999999999.9999999 nm. Where 15 digits say the
    # same to two ulp, they are what the definition says.
    short = float(f"{ratio:.15g}")
    return short if abs(short - ratio) <= 2 * math.ulp(ratio) else ratio


@lru_cache(maxsize=1)
def _own_registry() -> Any:
    import pint

    return pint.UnitRegistry()


def _ratio(registry: Any, source: str, target: str) -> float:
    # cf_xarray.units takes C, the coulomb of the electron volt, for the degree Celsius. Units that
    # pint defines mean what pint says, whoever has replaced the registry.
    found = _root_ratio(registry, source, target)
    if found is None:
        found = _root_ratio(_own_registry(), source, target)
    if found is not None:
        return found
    raise UnitError(
        "these units do not convert into each other by a factor", found=source, expected=target
    )


def _root_ratio(registry: Any, source: str, target: str) -> float | None:
    """Return the ratio of two units by their definitions; None where it is no number.

    ``registry.convert`` would heed the context that some thread has entered, and a temperature has
    an offset beside its factor.
    """
    from pint.errors import PintError

    try:
        units = registry.Unit(source), registry.Unit(target)
        if not all(registry.Quantity(1, unit)._is_multiplicative for unit in units):  # noqa: SLF001
            return None
        ratio, root = registry.get_root_units(units[0] / units[1])
    except PintError:
        return None
    return float(ratio) if root.dimensionless else None
