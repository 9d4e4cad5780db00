"""What the pixel numbers of an NPZ are counted from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ptyxr.errors import warn
from ptyxr.frame import ORIGINS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_origin"]

#: How far the middle of a scan may be from an origin's centre to tell it by, in pixels.
MIDDLE: Final = 0.05


def _ambiguous_middle(positions: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> str | None:
    """Return the origin that the middle of a scan tells, or None where it tells none."""
    told = set()
    for axis in "xy":
        values = positions[f"position_{axis}"]
        middle = (float(values.min()) + float(values.max())) / 2
        size = sizes[f"object_{axis}"]
        near = [o for o in ("corner", "pixel") if abs(middle - ORIGINS[o](size)) <= MIDDLE]
        told.add(near[0] if near else None)
    return told.pop() if len(told) == 1 else None


def find_origin(
    positions: Mapping[str, np.ndarray],
    sizes: Mapping[str, int] | None,
    *,
    scan_index: np.ndarray | None,
    bad_pixels: bool,
    metadata: bool,
    file: str,
) -> str:
    """Tell what pixel numbers are counted from, by the rules of ``origin="auto"``.

    Parameters
    ----------
    positions : mapping of str to ndarray
        Pixel numbers by name of the model, each (N,) float64.
    sizes : mapping of str to int, or None
        Pixels along ``object_x`` and ``object_y``, where there is an object.
    scan_index : ndarray of int or None
        Numbers of the scan, (N,).
    bad_pixels, metadata : bool
        Whether the file has such members.
    file : str
        Name of the file, for the warning.

    Returns
    -------
    {"corner", "pixel", "center"}
        Ptychodus 1.6 and later count from the centre of pixel (0, 0), and 1.7 writes bad pixels
        too; releases before count from the corner, under the same keys.
    """
    if bad_pixels:
        return "pixel"
    both = [positions[f"position_{axis}"] for axis in "xy"]
    if any(values.size and bool((values < 0).any()) for values in both):
        return "center"
    exported = (
        not metadata
        and scan_index is not None
        and not scan_index.any()
        and all(
            f"nominal_{name}" in positions
            and np.array_equal(positions[name], positions[f"nominal_{name}"])
            for name in ("position_x", "position_y")
        )
    )
    if exported and sizes is not None and all(v.size and np.isfinite(v).all() for v in both):
        told = _ambiguous_middle(positions, sizes)
        if told is not None:
            return told
        warn(
            f"{file}: this looks like an export of Ptychodus, whose pixel numbers are half a pixel "
            "smaller from release 1.6 on, and the scan does not tell which it is; they are taken "
            "to count from the corner. Pass origin='corner' (to 1.5) or origin='pixel' (from 1.6).",
        )
    return "corner"
