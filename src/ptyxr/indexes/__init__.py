"""Indexes that know units: of axes that are grids of pixels, of other labels, and of points.

Positions and scalars have none: their unit is carried by `ptyxr.variables.UnitVariable` alone, so
that two scans subtract, merge and concatenate freely.
"""

from ptyxr.indexes.grid import GridIndex
from ptyxr.indexes.labels import UnitIndex
from ptyxr.indexes.points import PointIndex

__all__ = ["GridIndex", "PointIndex", "UnitIndex"]
