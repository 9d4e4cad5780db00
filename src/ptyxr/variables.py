"""Coordinates that keep their units: the one place that leans on private parts of xarray.

What it relies on, each held by a test: `open_dataset` wraps the data of every variable without an
index by assigning to ``Variable.data``; chunking asks ``Variable._in_memory`` and calls
``Variable.chunk``; copies and indexing go through ``Variable._replace``, which keeps the class.
"""

from __future__ import annotations

from typing import Any

from xarray import IndexVariable, Variable
from xarray.core.indexing import ExplicitlyIndexed

from ptyxr.units import canonical, is_quantity, quantity

__all__ = ["UnitVariable", "data_of", "unit_variable"]


def data_of(variable: Variable) -> Any:
    """Return what a variable holds as it stands; ``Variable.data`` would read what is lazy."""
    return variable._data  # noqa: SLF001


class _Attributes(dict[Any, Any]):
    """The attributes of a variable and its unit; what is set is kept by the variable itself."""

    def __init__(self, stored: dict[Any, Any], units: str) -> None:
        super().__init__(stored, units=units)
        self._stored = stored

    def __setitem__(self, key: Any, value: Any) -> None:
        if key != "units":
            super().__setitem__(key, value)
            self._stored[key] = value

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        self._stored.pop(key, None)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def pop(self, key: Any, *default: Any) -> Any:
        self._stored.pop(key, None)
        return super().pop(key, *default)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def copy(self) -> dict[Any, Any]:
        return dict(self)

    __copy__ = copy


class UnitVariable(Variable):
    """A coordinate whose data are a Quantity, and stay one when a dataset is opened or chunked.

    Its ``attrs`` show ``units`` derived from the Quantity. The attribute is stored only when the
    Quantity goes away: stored beside it, it would go stale with the first conversion.
    """

    __slots__ = ()

    @property
    def attrs(self) -> dict[Any, Any]:
        """Attributes, with ``units`` as the Quantity has them."""
        stored = super().attrs
        if not is_quantity(self._data):
            return stored
        return _Attributes(stored, canonical(self._data))

    @attrs.setter
    def attrs(self, value: Any) -> None:
        self._attrs = {key: item for key, item in dict(value).items() if key != "units"}
        if not is_quantity(self._data) and "units" in value:
            self._attrs["units"] = value["units"]

    @property
    def data(self) -> Any:
        """The Quantity, or what took its place."""
        return super().data

    @data.setter
    def data(self, value: Any) -> None:
        # Opening wraps what has no index for copying on write and caching; the wrapper hides the
        # unit, and what is in memory needs none.
        if not (isinstance(value, ExplicitlyIndexed) and is_quantity(self._data)):
            Variable.data.fset(self, value)  # type: ignore[attr-defined]

    @property
    def _in_memory(self) -> bool:
        return is_quantity(self._data) or super()._in_memory

    def chunk(self, *_args: Any, **_kwargs: Any) -> UnitVariable:
        """Return a copy: like an index, a coordinate with a unit is not chunked."""
        return self.copy(deep=False)

    def _replace(self, *args: Any, **kwargs: Any) -> UnitVariable:
        new = super()._replace(*args, **kwargs)
        if is_quantity(self._data) and not is_quantity(data_of(new)):
            new.attrs = {**new.attrs, "units": canonical(self._data)}
        return new

    def to_base_variable(self) -> UnitVariable:
        """Return a copy: xarray asks for plain variables only to be rid of pandas indexes."""
        return self.copy(deep=False)

    to_variable = to_base_variable

    def to_index_variable(self) -> IndexVariable:
        """Return what a pandas index can hold: bare numbers, units among the attributes."""
        data: Any = self._data
        data = data.magnitude if is_quantity(data) else data
        return IndexVariable(self._dims, data, self.attrs, encoding=self._encoding, fastpath=True)

    to_coord = to_index_variable


def unit_variable(
    dims: Any, values: Any, unit: str, attrs: Any = None, *, quantified: bool, encoding: Any = None
) -> Variable:
    """Return a coordinate: a Quantity, or plain numbers with a ``units`` attribute."""
    if quantified:
        return UnitVariable(dims, quantity(values, unit), attrs, encoding)
    return Variable(dims, values, {**(attrs or {}), "units": unit}, encoding)
