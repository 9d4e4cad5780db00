"""The numbers of a coordinate while they are left in their file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.units import quantity, registry

if TYPE_CHECKING:
    from ptyxr.storage.arrays import StoredArray

__all__ = ["Unread"]


class Unread:
    """The numbers of a coordinate while they are left in their file, and their unit.

    Parameters
    ----------
    array : StoredArray
        What is read when the numbers are asked for.
    unit : str
        In canonical spelling.
    """

    def __init__(self, array: StoredArray, unit: str) -> None:
        self.array = array
        self.unit = unit
        self.dtype = np.dtype(float)
        self.shape = array.shape
        self.ndim = len(self.shape)
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        self._numbers: np.ndarray | None = None

    def _repr_inline_(self, _max_width: int) -> str:
        return f"[{registry().Unit(self.unit):~}] ..."

    def _repr_html_(self) -> str:
        return f"<pre>[{math.prod(self.shape)} values in {self.unit}, not read yet]</pre>"

    def read(self) -> Any:
        """Return the numbers as a Quantity of float64, the same ones to all that share them."""
        if self._numbers is None:
            self._numbers = self.array.read().astype(float, copy=False)
        return quantity(self._numbers, self.unit)
