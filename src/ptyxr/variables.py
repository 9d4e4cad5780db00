"""Coordinates that keep their units: the one place that leans on private parts of xarray.

What it relies on, each held by a test: `open_dataset` wraps the data of every variable without an
index by assigning to ``Variable.data``; chunking asks ``Variable._in_memory`` and calls
``Variable.chunk``; copies and indexing go through ``Variable._replace``, which keeps the class;
arithmetic goes through ``_binary_op`` and ``_unary_op``; ``xr.concat`` asks ``equals``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xarray import IndexVariable, Variable
from xarray.core.indexing import ExplicitlyIndexed

from ptyxr.errors import UnitError
from ptyxr.model import TOLERANCE
from ptyxr.units import canonical, convert, is_quantity, quantity, spelling

__all__ = ["PIXEL_NUMBERS", "AxisVariable", "UnitVariable", "data_of", "unit_variable"]

#: Key of a position's encoding for the pixel numbers that it came with.
PIXEL_NUMBERS = "pixel_numbers"


def data_of(variable: Variable) -> Any:
    """Return what a variable holds as it stands; ``Variable.data`` would read what is lazy."""
    return variable._data  # noqa: SLF001


class _Attributes(dict[Any, Any]):
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
        # xarray updates with the attributes of another variable, whose unit is its own.
        for key, value in dict(*args, **kwargs).items():
            if key != "units":
                self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        self._stored.pop(key, None)
        return super().pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        return (key := next(reversed(self)), self.pop(key))

    def clear(self) -> None:
        super().clear()
        self._stored.clear()

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
    def attrs(self) -> dict[Any, Any]:  # noqa: D102  (xarray's)
        stored = super().attrs
        if not is_quantity(self._data):
            return stored
        return _Attributes(stored, spelling(self._data))

    @attrs.setter
    def attrs(self, value: Any) -> None:
        self._attrs = {key: item for key, item in dict(value).items() if key != "units"}
        if not is_quantity(self._data) and "units" in value:
            self._attrs["units"] = value["units"]

    @property
    def data(self) -> Any:  # noqa: D102  (xarray's)
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

    def __getitem__(self, key: Any) -> Any:
        new = super().__getitem__(key)
        kept = (self._encoding or {}).get(PIXEL_NUMBERS)
        if kept is not None and np.shape(kept) == self.shape:
            numbers = Variable(self._dims, kept)[key].values
            new.encoding = {**new.encoding, PIXEL_NUMBERS: numbers}
        return new

    def _replace(self, *args: Any, **kwargs: Any) -> UnitVariable:
        new = super()._replace(*args, **kwargs)
        lost = is_quantity(self._data) and not is_quantity(data_of(new))
        if lost and new.dtype.kind in "fc":
            new.attrs = {**new.attrs, "units": spelling(self._data)}
        return new

    def _of(self, result: Any) -> Any:
        """Return what arithmetic gave with the unit it has now, and not the one it had."""
        if not isinstance(result, Variable):
            return result
        attrs = {key: value for key, value in result.attrs.items() if key != "units"}
        made = UnitVariable if is_quantity(data_of(result)) else Variable
        return made(result.dims, data_of(result), attrs, fastpath=True)

    def _binary_op(self, *args: Any, **kwargs: Any) -> Any:
        return self._of(super()._binary_op(*args, **kwargs))  # type: ignore[no-untyped-call]

    def _unary_op(self, *args: Any, **kwargs: Any) -> Any:
        return self._of(super()._unary_op(*args, **kwargs))  # type: ignore[no-untyped-call]

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


class AxisVariable(UnitVariable):
    """The coordinate of a pixel axis: equal to another one within a small part of a pixel."""

    __slots__ = ()

    def equals(self, other: Any, *args: Any, **kwargs: Any) -> bool:
        """Tell whether the labels are equal, in whatever unit, to 1e-6 of a pixel."""
        other = getattr(other, "variable", other)
        if super().equals(other, *args, **kwargs):  # type: ignore[no-untyped-call]
            return True
        if not isinstance(other, AxisVariable) or (self.dims, self.shape) != (
            other.dims,
            other.shape,
        ):
            return False
        mine: Any = self._data
        theirs = data_of(other)
        if not (is_quantity(mine) and is_quantity(theirs)) or self.size < 2:
            return False
        try:
            values = convert(theirs.magnitude, spelling(theirs), spelling(mine))
        except UnitError:
            return False
        step = np.abs(np.diff(mine.magnitude)).min()
        return bool((np.abs(mine.magnitude - values) <= TOLERANCE * step).all())


def unit_variable(
    dims: Any,
    values: Any,
    unit: str,
    attrs: Any = None,
    *,
    quantified: bool,
    encoding: Any = None,
    kind: type[UnitVariable] = UnitVariable,
) -> Variable:
    """Return a coordinate: a Quantity, or plain numbers with a ``units`` attribute."""
    if quantified:
        return kind(dims, quantity(values, unit), attrs, encoding)
    return Variable(dims, values, {**(attrs or {}), "units": unit}, encoding)
