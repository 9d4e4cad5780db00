"""Coordinates that keep their units: the one place that leans on private parts of xarray.

What it relies on, each held by a test: `open_dataset` wraps the data of every variable without an
index by assigning to ``Variable.data``; chunking asks ``Variable._in_memory`` and calls
``Variable.chunk``; copies and indexing go through ``Variable._replace``, which keeps the class;
arithmetic goes through ``_binary_op``, ``_inplace_binary_op`` and ``_unary_op``, and a Quantity on
the left asks ``pint.compat.upcast_type_map`` whom to leave it to; ``xr.concat`` asks ``equals``,
and what merges asks ``broadcast_equals`` after ``set_dims``. Numbers that are left in their file
until they are used stand in the slot ``_data``, and are read by whoever asks for it; what asks for
``shape``, ``dtype``, ``nbytes`` or ``attrs`` only, shows a dataset, or makes a shallow copy by
``_copy``, reads nothing; and ``load`` loads what stands in the encoding too.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import IndexVariable, Variable
from xarray.backends import api
from xarray.core import duck_array_ops, formatting, formatting_html
from xarray.core.indexing import (
    ExplicitlyIndexed,
    NumpyIndexingAdapter,
    group_indexers_by_index,
)
from xarray.indexes import PandasIndex

from ptyxr.carried import data_of
from ptyxr.combining import coordinate_name, explained, no_css_pixel_beside, same_numbers
from ptyxr.errors import UnitError
from ptyxr.model import TOLERANCE
from ptyxr.storage.arrays import StoredArray
from ptyxr.unit_attributes import UnitAttributes
from ptyxr.units import (
    convert,
    is_quantity,
    quantity,
    register_pint_accessor,
    spelling,
)
from ptyxr.unread import Unread

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "PIXEL_NUMBERS",
    "AxisVariable",
    "UnitVariable",
    "in_memory",
    "kept_numbers",
    "read_only",
    "unit_variable",
]

#: What xarray runs when it makes an index for one selection, and from where.
_INDEX_FOR_NOW = PandasIndex.from_variables.__func__.__code__  # type: ignore[attr-defined]
_SELECTING = group_indexers_by_index.__code__

#: What xarray runs when it wraps the data of what was opened, which `UnitVariable` undoes.
_WRAPPING = getattr(getattr(api, "_protect_dataset_variables_inplace", None), "__code__", None)
_NOTHING = NumpyIndexingAdapter(np.empty(0))

#: What xarray runs to show a variable. It asks data how they show themselves.
_SHOWING = (
    formatting.inline_variable_array_repr.__code__,
    formatting_html.short_data_repr_html.__code__,
)
_DATA: Any = Variable._data  # type: ignore[misc]  # noqa: SLF001  (the slot)

#: Key of a position's encoding for the pixel numbers that it came with: an array, or one that is
#: read on use.
PIXEL_NUMBERS = "pixel_numbers"


def _has_unit(data: Any) -> bool:
    return isinstance(data, Unread) or is_quantity(data)


def in_memory(variable: Variable) -> bool:
    """Tell whether the numbers of a variable are at hand: nothing is read or computed for them."""
    data = _DATA.__get__(variable)
    if is_quantity(data):
        return isinstance(data.magnitude, np.ndarray)
    # What is unread passes for being in memory, or xarray would wrap it.
    return not isinstance(data, Unread) and variable._in_memory  # noqa: SLF001


@cache
def _know(kind: type) -> None:
    """Have ``.pint`` known, and a Quantity on the left hand take a class as one of xarray's."""
    from pint import compat

    register_pint_accessor()
    compat.upcast_type_map[f"{kind.__module__}.{kind.__name__}"] = kind  # type: ignore[index]


class UnitVariable(Variable):
    """A coordinate whose data are a Quantity, and stay one when a dataset is opened or chunked.

    Its ``attrs`` show ``units`` derived from the Quantity. The attribute is stored only when the
    Quantity goes away: stored beside it, it would go stale with the first conversion.
    """

    __slots__ = ()

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Make one, unpickled ones too, and have pint know of it."""
        _know(cls)  # type: ignore[arg-type]
        return super().__new__(cls)

    @property
    def _data(self) -> Any:
        # Wrapping asks a Quantity for attributes that it has not, and pint writes its numbers into
        # each error: up to a thousand of them, that takes longer than all else of opening.
        data = _DATA.__get__(self)
        caller = sys._getframe(1).f_code  # noqa: SLF001
        if caller is _WRAPPING and _has_unit(data):
            return _NOTHING
        if isinstance(data, Unread) and caller not in _SHOWING:
            data = data.read()
            _DATA.__set__(self, data)
        return data

    @_data.setter
    def _data(self, value: Any) -> None:
        _DATA.__set__(self, value)

    @property
    def dtype(self) -> Any:  # noqa: D102  (xarray's)
        return _DATA.__get__(self).dtype

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102  (xarray's)
        shape: tuple[int, ...] = _DATA.__get__(self).shape
        return shape

    @property
    def nbytes(self) -> Any:  # noqa: D102  (xarray's)
        data = _DATA.__get__(self)
        return data.nbytes if isinstance(data, Unread) else super().nbytes

    @property
    def attrs(self) -> dict[Any, Any]:  # noqa: D102  (xarray's)
        stored = super().attrs
        data = _DATA.__get__(self)
        if isinstance(data, Unread):
            return UnitAttributes(stored, data.unit)
        return UnitAttributes(stored, spelling(data)) if is_quantity(data) else stored

    @attrs.setter
    def attrs(self, value: Any) -> None:
        self._attrs = {key: item for key, item in dict(value).items() if key != "units"}
        if not _has_unit(_DATA.__get__(self)) and "units" in value:
            self._attrs["units"] = value["units"]

    @property
    def data(self) -> Any:  # noqa: D102  (xarray's)
        self._refuse_bare_selection()
        return super().data

    @data.setter
    def data(self, value: Any) -> None:
        # Opening wraps what has no index for copying on write and caching; the wrapper hides the
        # unit, and what is in memory needs none.
        if not (isinstance(value, ExplicitlyIndexed) and _has_unit(_DATA.__get__(self))):
            Variable.data.fset(self, value)  # type: ignore[attr-defined]

    @property
    def values(self) -> Any:
        """The numbers, without a warning: what asks for them has no room for a unit."""
        data: Any = self._data
        return np.asarray(data.magnitude) if is_quantity(data) else super().values

    @values.setter
    def values(self, values: Any) -> None:
        if is_quantity(self._data) and not is_quantity(values):
            values = quantity(values, spelling(self._data))
        self.data = values

    @property
    def _in_memory(self) -> bool:
        return _has_unit(_DATA.__get__(self)) or super()._in_memory

    def chunk(self, *_args: Any, **_kwargs: Any) -> UnitVariable:
        """Return a copy: like an index, a coordinate with a unit is not chunked."""
        return self.copy(deep=False)

    def __getitem__(self, key: Any) -> Any:
        new = super().__getitem__(key)
        kept = (self._encoding or {}).get(PIXEL_NUMBERS)
        if kept is not None and np.shape(kept) == self.shape:
            numbers = data_of(Variable(self._dims, kept)[key])
            new.encoding = {**new.encoding, PIXEL_NUMBERS: numbers}
        return new

    def load(self, **kwargs: Any) -> Self:
        """Load what is left in the file: the pixel numbers that came with it."""
        kept_numbers(self)
        return super().load(**kwargs)

    def _replace(self, *args: Any, **kwargs: Any) -> UnitVariable:
        new = super()._replace(*args, **kwargs)
        lost = _has_unit(_DATA.__get__(self)) and not _has_unit(_DATA.__get__(new))
        if lost and new.dtype.kind in "fc":
            new.attrs = {**new.attrs, "units": spelling(self._data)}
        return new

    def _copy(self, deep: bool = True, data: Any = None, memo: Any = None) -> UnitVariable:
        unread = _DATA.__get__(self)
        if isinstance(unread, Unread) and not deep and data is None:
            return self._replace(data=unread)
        return super()._copy(deep=deep, data=data, memo=memo)

    def _of(self, result: Any) -> Any:
        """Return what arithmetic gave with the unit it has now, and not the one it had."""
        if not isinstance(result, Variable):
            return result
        attrs = {key: value for key, value in result.attrs.items() if key != "units"}
        made = UnitVariable if is_quantity(data_of(result)) else Variable
        return made(result.dims, data_of(result), attrs, fastpath=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check_writeable()
        super().__setitem__(key, value)  # type: ignore[no-untyped-call]

    def _refuse_bare_selection(self) -> None:
        """Refuse to be made an index for one selection: it compares numbers in whatever unit."""
        caller = sys._getframe(2)  # noqa: SLF001  (the property is between)
        # Of `sel` along a coordinate without an index, xarray makes one there and then.
        if caller.f_code is not _INDEX_FOR_NOW or not is_quantity(self._data):
            return
        if caller.f_back is not None and caller.f_back.f_code is _SELECTING:
            name = coordinate_name(self)
            raise UnitError(
                "the coordinate has no index, and xarray would select by its bare numbers, in "
                "whatever unit the label is",
                key=name,
                remedy="ds.ptyxr.nearest(x=..., y=...) and ds.ptyxr.within(...) find scan points"
                if "position" in str(name)
                else f"Set one first: ds.set_xindex({name!r}, ptyxr.indexes.UnitIndex)",
            )

    def _check_writeable(self) -> None:
        data: Any = self._data
        if is_quantity(data) and not data.magnitude.flags.writeable:
            raise UnitError(
                "the labels of an index are not changed in place",
                key=coordinate_name(self),
                remedy="Assign others: ds.assign_coords(name=...), or move all with "
                "ds.ptyxr.shift(...)",
            )

    def _binary_op(self, other: Any, f: Any, reflexive: bool = False) -> Any:
        no_css_pixel_beside(self, other)
        try:
            return self._of(super()._binary_op(other, f, reflexive))  # type: ignore[no-untyped-call]
        except (TypeError, ValueError) as error:
            raise explained(error, self, other) from error

    def _inplace_binary_op(self, other: Any, f: Any) -> Any:
        self._check_writeable()
        no_css_pixel_beside(self, other)
        try:
            return super()._inplace_binary_op(other, f)  # type: ignore[no-untyped-call]
        except (TypeError, ValueError) as error:
            raise explained(error, self, other) from error

    def _unary_op(self, *args: Any, **kwargs: Any) -> Any:
        return self._of(super()._unary_op(*args, **kwargs))  # type: ignore[no-untyped-call]

    def set_dims(self, *args: Any, **kwargs: Any) -> Any:
        """Return the coordinate with further dimensions, and all that it has."""
        new = super().set_dims(*args, **kwargs)  # type: ignore[no-untyped-call]
        kind = type(self) if new.dims == self.dims else UnitVariable
        return kind(new.dims, data_of(new), self.attrs, self._encoding, fastpath=True)

    def equals(self, other: Any, equiv: Any = duck_array_ops.array_equiv) -> bool | None:
        """Tell whether two coordinates are equal: by their numbers in one unit."""
        other = getattr(other, "variable", other)
        theirs = data_of(other) if isinstance(other, Variable) else None
        mine: Any = self._data
        if theirs is None or not (is_quantity(mine) and is_quantity(theirs)):
            return super().equals(other, equiv)  # type: ignore[no-untyped-call,no-any-return]
        if (self.dims, self.shape) != (other.dims, other.shape):
            return False
        if equiv is duck_array_ops.lazy_array_equiv and mine is not theirs:
            return None  # xarray asks what needs no look at the numbers, and asks again
        a, b = mine.magnitude, theirs.magnitude
        if equiv is duck_array_ops.array_notnull_equiv:
            there = ~(np.isnan(a) | np.isnan(b))
            a, b = a[there], b[there]
        return self._same(a, spelling(mine), b, spelling(theirs))

    def _same(self, mine: np.ndarray, unit: str, theirs: np.ndarray, their_unit: str) -> bool:
        return same_numbers(mine, unit, theirs, their_unit)

    def broadcast_equals(self, other: Any, *args: Any, **kwargs: Any) -> bool | None:
        """Tell whether two coordinates are equal; what merges datasets asks, so units must fit.

        Raises
        ------
        UnitError
            If their units do not convert into each other: positions in metres and in pixels.
        """
        theirs = data_of(getattr(other, "variable", other))
        if is_quantity(self._data) and is_quantity(theirs):
            try:
                convert(np.empty(0), spelling(self._data), spelling(theirs))
            except UnitError as error:
                raise UnitError(
                    "coordinates in different units are not combined",
                    key=coordinate_name(self),
                    found=f"{spelling(self._data)} and {spelling(theirs)}",
                    remedy="Bring both datasets to one unit with ds.ptyxr.to(...)",
                ) from error
        return super().broadcast_equals(other, *args, **kwargs)  # type: ignore[no-untyped-call,no-any-return]

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

    def _same(self, mine: np.ndarray, unit: str, theirs: np.ndarray, their_unit: str) -> bool:
        step = np.abs(np.diff(mine)).min() if mine.size > 1 else 0.0
        return same_numbers(mine, unit, theirs, their_unit, slack=TOLERANCE * step)


def kept_numbers(position: Variable) -> np.ndarray | None:
    """Return the pixel numbers that a position came with, or None; from now on in memory.

    Parameters
    ----------
    position : Variable
        (N,) scan positions.

    Returns
    -------
    (N,) ndarray or None
        None also where they are no longer of these positions.
    """
    kept = position.encoding.get(PIXEL_NUMBERS)
    if kept is None or kept.shape != position.shape:
        return None
    numbers = position.encoding[PIXEL_NUMBERS] = np.asarray(kept)
    return numbers


def read_only(labels: np.ndarray) -> np.ndarray:
    """Return the labels of an index as they are shown: written into, they would part from it."""
    labels = labels.view()
    labels.flags.writeable = False
    return labels


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
    """Return a coordinate: a Quantity, or plain numbers with a ``units`` attribute.

    A stored array that becomes a Quantity is left in its file until it is used.
    """
    if isinstance(values, StoredArray):
        if quantified:
            return kind(dims, Unread(values, unit), attrs, encoding, fastpath=True)
        values = values.read().astype(float, copy=False)
    if quantified:
        return kind(dims, quantity(values, unit), attrs, encoding)
    return Variable(dims, values, {**(attrs or {}), "units": unit}, encoding)
