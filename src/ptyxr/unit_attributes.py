"""The attributes of a coordinate that is a Quantity, among them the unit that it has."""

from __future__ import annotations

from typing import Any

from ptyxr.errors import UnitError
from ptyxr.units import canonical

__all__ = ["UnitAttributes"]


class UnitAttributes(dict[Any, Any]):
    """The attributes of a variable and its unit; what is set is kept by the variable itself."""

    def __init__(self, stored: dict[Any, Any], units: str) -> None:
        super().__init__(stored, units=units)
        self._stored = stored

    def __setitem__(self, key: Any, value: Any) -> None:
        if key == "units":
            if value != self["units"] and canonical(str(value)) != self["units"]:
                raise UnitError(
                    "the unit is that of the Quantity, and no attribute changes it",
                    found=repr(value),
                    expected=self["units"],
                    remedy="Convert with ds.ptyxr.to(...), or assign another Quantity",
                )
            return
        super().__setitem__(key, value)
        self._stored[key] = value

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        self._stored.pop(key, None)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take over what another mapping has, but for its unit."""
        # xarray updates with the attributes of another variable, whose unit is its own.
        for key, value in dict(*args, **kwargs).items():
            if key != "units":
                self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return a value, set where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        """Take a value off, here and where it is kept."""
        self._stored.pop(key, None)
        return super().pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """Take the last item off."""
        return (key := next(reversed(self)), self.pop(key))

    def clear(self) -> None:
        """Take all off; the unit stays that of the Quantity."""
        super().clear()
        self._stored.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def copy(self) -> dict[Any, Any]:
        """Return a plain dict."""
        return dict(self)

    __copy__ = copy
