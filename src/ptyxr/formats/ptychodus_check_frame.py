"""Where a product says its scan points are: on the object, and in pixels in ``/raw_data``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ptyxr.formats.checks import INSIDE
from ptyxr.formats.ptychodus_check_base import LINKS, ProductCheck
from ptyxr.formats.ptychodus_keys import BY_NAME, RAW_DATA, RAW_MEMBERS, RAW_POSITIONS
from ptyxr.grids import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptyxr.storage.groups import StoredGroup

__all__ = ["FrameCheck", "pixel_offset"]

#: The members of ``/raw_data``: kinds, ranks, and what is missing without them.
_RAW: Final = {
    "diffraction": ("fiub", "real numbers", 3, "warning"),
    "xcoords": ("fiu", "real numbers", 1, "error"),
    "ycoords": ("fiu", "real numbers", 1, "error"),
    "xcoords_start": ("fiu", "real numbers", 1, None),
    "ycoords_start": ("fiu", "real numbers", 1, None),
    "scan_index": ("iu", "integers", 1, "warning"),
}

_REWRITE: Final = "ds.ptyxr.to_product() writes the group as it is to be"
_FROM_SOURCE: Final = "Write the product again, from the NPZ that it was made of"


class FrameCheck(ProductCheck):
    """Findings about the frame of a product.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    points : int or None
        How many scan points there are.
    numbers : mapping of str to float
        Its scalars that are sound, by name of the model.
    """

    def __init__(
        self, group: StoredGroup, points: int | None, numbers: Mapping[str, float]
    ) -> None:
        super().__init__(group)
        self.points = points
        self.numbers = numbers

    def frame(self) -> None:
        """Check that points and probes lie on the object."""
        numbers, shape, probe = self.numbers, self.shape("object"), self.shape("probe")
        for side in ("width", "height"):
            one, other = (numbers.get(f"{what}_pixel_{side}") for what in ("object", "probe"))
            if one is not None and other is not None and not np.isclose(other, one, 1e-6, 0):
                self.warning(
                    f"probe.pixel_{side}_m",
                    "the pixels of probe and object differ",
                    found=other,
                    expected=f"{one} as the object's",
                    remedy="If that is wrong, ds.ptyxr.to('pixel').ptyxr.assign_pixel_size("
                    "probe='50 nm') tells the probe's",
                )
        if shape is None:
            return
        total = self.points or 0
        outside, windows, cornered = (np.zeros(total, dtype=bool) for _ in range(3))
        centers = []
        for axis, side, place in (("x", "width", -1), ("y", "height", -2)):
            key, array = self.stored(f"position_{axis}")
            pixel, center = numbers.get(f"object_pixel_{side}"), numbers.get(f"object_{axis}")
            if array is None or array.shape != (total,) or pixel is None or center is None:
                return
            at = self.values(key, array)
            if at is None or not (np.isfinite(pixel) and pixel > 0 and np.isfinite(center)):
                return
            half = shape[place] / 2 + TOLERANCE
            columns = (at - center) / pixel
            reach = np.abs(columns)
            outside = outside | ~(reach <= half)
            windows = windows | ~(reach + (probe[place] / 2 if probe else 0) <= half)
            cornered = cornered | ~(np.abs(columns - shape[place] / 2) <= half)
            centers.append(center)
        off, reaching = int(np.sum(outside)), int(np.sum(windows))
        if not reaching:
            return
        problem = "probe windows reach beyond the object"
        found, remedy = f"{reaching} of {total} probe windows", INSIDE
        if off:
            problem, found = "scan points lie outside the object", f"{off} of {total}, and {found}"
            remedy = "ds.ptyxr.register() moves the object under its positions"
            if not any(centers) and not cornered.any():
                problem += ": they are counted from its corner, and its centre is given as 0"
                remedy = "ds.ptyxr.register() gives the object the centre that belongs to them"
        self.warning(BY_NAME["position_x"].spellings[0], problem, found=found, remedy=remedy)

    def raw_data(self, raw: StoredGroup | None) -> None:
        """Check the group, and its pixel numbers against the positions."""
        promised = self.group.attrs.get("contains_raw_data")
        if raw is None:
            if promised is not None and np.any(promised):
                problem, remedy = "there is no group '/raw_data'", f"Take it off; {_REWRITE}"
                self.error("contains_raw_data", problem, found=promised, remedy=remedy)
            return
        self.bad(raw, RAW_MEMBERS | LINKS.keys())
        told = promised is not None and bool(np.all(promised))
        # Pixel numbers alone are what a product made from a file without patterns has.
        if "diffraction" in raw.arrays and not told:
            problem = "the file has patterns in '/raw_data' and does not say so"
            self.warning("contains_raw_data", problem, found=promised, expected=1, remedy=_REWRITE)
        for name, (kinds, what, rank, severity) in _RAW.items():
            key, array = f"/{RAW_DATA}/{name}", raw.arrays.get(name)
            if name in raw.bad:
                continue
            if array is None:
                if severity == "error":
                    self.error(key, "the dataset is missing", remedy=_FROM_SOURCE)
                elif severity == "warning" and (told or name != "diffraction"):
                    self.warning(key, "the dataset is missing", remedy=_FROM_SOURCE)
                continue
            self.form(key, array, kinds, what, (rank,))
            if len(array.shape) == rank and self.points not in (None, array.shape[0]):
                turned = rank == 3 and array.shape[-1] == self.points
                self.error(
                    key,
                    "the first axis does not go with the scan points",
                    found=f"shape {array.shape}",
                    expected=f"{self.points} along the first axis",
                    remedy="The scan points seem to be along the last axis: turn the axes"
                    if turned
                    else _FROM_SOURCE,
                )
            if "coords" in name:
                self.finite(key, array)
        for name, side in (("position_x", "width"), ("position_y", "height")):
            self._raw_positions(name, self.numbers.get(f"object_pixel_{side}"), raw)
        for name, target in LINKS.items():
            link, array = raw.arrays.get(name), self.group.arrays.get(target)
            key = f"/{RAW_DATA}/{name}"
            if name in raw.bad:
                continue
            if link is None:
                problem, expected = "the link is missing", f"a hard link to '/{target}'"
                self.warning(key, problem, expected=expected, remedy=_REWRITE)
            elif array is not None and (link.shape, link.dtype) != (array.shape, array.dtype):
                found, expected = (f"{a.dtype} of shape {a.shape}" for a in (link, array))
                problem = f"it is another array than '/{target}'"
                self.warning(key, problem, found=found, expected=expected, remedy=_REWRITE)

    def _raw_positions(self, name: str, pixel: float | None, raw: StoredGroup) -> None:
        key, array = self.stored(name)
        coords = raw.arrays.get(RAW_POSITIONS[name])
        if array is None or coords is None or array.shape != coords.shape:
            return
        at, numbers = self.values(key, array), self.values(key, coords)
        if at is None or numbers is None or not pixel or not at.size:
            return
        offset = pixel_offset(at, numbers, pixel)
        # A frame that was moved as a whole is as good as one that was not.
        if offset is not None and np.ptp(offset) > TOLERANCE:
            self.warning(
                f"/{RAW_DATA}/{RAW_POSITIONS[name]}",
                f"they are not the positions {key!r} divided by the object's pixel size, and no "
                "constant offset explains it",
                found=f"differences from {offset.min():.6g} to {offset.max():.6g} pixel",
                remedy="The positions count; to keep those of the scan, write the product again "
                "from them",
            )


def pixel_offset(at: np.ndarray, numbers: np.ndarray, pixel: float) -> np.ndarray | None:
    """Return by how many pixels positions in metres differ from pixel numbers; 0 where equal."""
    if not (np.isfinite(at).all() and np.isfinite(numbers).all() and np.isfinite(pixel)):
        return None
    if np.array_equal(numbers * pixel, at):
        return np.zeros(at.shape)
    return np.asarray(at / pixel - numbers)
