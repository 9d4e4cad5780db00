"""The context that is offered to users: pixels as lengths, by a pixel size that they give."""

from __future__ import annotations

from typing import Any, Final

from ptyxr.errors import UnitError
from ptyxr.units import METER_PER_PIXEL, pixel_size, registry

__all__ = ["offer_context"]

_NAME: Final = "ptychography"


def _per_pixel(ureg: Any, parameters: dict[str, Any]) -> Any:
    if parameters["pixel_size"] is None:
        raise UnitError(
            "the context needs the size of a pixel",
            key="pixel_size",
            remedy=f"ureg.context({_NAME!r}, pixel_size='50 nm')",
        )
    size = pixel_size(parameters["pixel_size"], "pixel_size")[0]
    return ureg.Quantity(size, METER_PER_PIXEL)


def _to_length(ureg: Any, value: Any, **parameters: Any) -> Any:
    return value * _per_pixel(ureg, parameters)


def _to_pixels(ureg: Any, value: Any, **parameters: Any) -> Any:
    return value / _per_pixel(ureg, parameters)


def offer_context() -> None:
    """Have the application registry know the context "ptychography".

    ptyxr itself never enters it: a context that is entered holds for the whole process, and threads
    that convert with other pixel sizes take each other's.

    Examples
    --------
    >>> import ptyxr
    >>> with ptyxr.ureg.context("ptychography", pixel_size="50 nm"):
    ...     ptyxr.ureg.Quantity(3.0, "pixel").to("um")
    <Quantity(0.15, 'micrometer')>
    """
    import pint

    current = registry()
    if _NAME in current._contexts:  # noqa: SLF001  (there is no other way to ask)
        return
    context = pint.Context(_NAME, defaults={"pixel_size": None})
    context.add_transformation("[printing_unit]", "[length]", _to_length)
    context.add_transformation("[length]", "[printing_unit]", _to_pixels)
    current.add_context(context)
