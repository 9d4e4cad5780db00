"""Whether a Ptychodus product holds what the PtychoPINN dataset holds that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from xarray import Variable

from ptyxr.errors import PtyxrError
from ptyxr.formats.checks import Check
from ptyxr.formats.ptychodus_check_base import LINKS
from ptyxr.formats.ptychodus_check_frame import pixel_offset
from ptyxr.formats.ptychodus_keys import BY_NAME, RAW_DATA, RAW_POSITIONS
from ptyxr.grids import TOLERANCE
from ptyxr.storage.arrays import lazy
from ptyxr.storage.streams import blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptyxr.report import Report
    from ptyxr.storage.arrays import StoredArray
    from ptyxr.storage.groups import StoredGroup

__all__ = ["check_source"]

_CONVERT: Final = "Write the product from this source again, or compare with the one it was made of"


def check_source(
    group: StoredGroup, raw: StoredGroup | None, members: Mapping[str, StoredArray]
) -> Report:
    """Compare a product with the PtychoPINN file it was made from; never raises on odd content.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    raw : StoredGroup or None
        Its group ``/raw_data``.
    members : mapping of str to StoredArray
        What the source has, by the names ``xcoords``, ``ycoords``, ``xcoords_start``,
        ``ycoords_start``, ``diff3d`` (N, H, W), ``probeGuess``, ``objectGuess``, ``scan_index``.

    Returns
    -------
    Report
    """
    check = _Source(group, raw, members)
    for name in RAW_POSITIONS:
        check.positions(name)
    check.scan_index()
    check.arrays()
    check.diffraction()
    return check.report()


class _Source(Check):
    def __init__(
        self, group: StoredGroup, raw: StoredGroup | None, members: Mapping[str, StoredArray]
    ) -> None:
        super().__init__(group.file)
        self.group = group
        self.raw = {} if raw is None else raw.arrays
        self.members = members

    def positions(self, name: str) -> None:
        """Compare positions in metres with pixel numbers, and those of the group with them."""
        member = RAW_POSITIONS[name]
        numbers = self.values(member, self.members.get(member))
        key = BY_NAME[name].spellings[0]
        nominal = name.startswith("nominal")
        if numbers is None:
            if not nominal:
                remedy = "Compare with the NPZ that the product was made of"
                self.error(member, "the source has no such positions", remedy=remedy)
            return
        kept = self.values(f"/{RAW_DATA}/{member}", self.raw.get(member))
        if kept is not None and not _close(kept, numbers):
            self._differ(f"/{RAW_DATA}/{member}", member, kept, numbers)
        at = self.values(key, self.group.arrays.get(key))
        if at is None:
            if not nominal:
                self.error(key, "the product has no such positions", remedy=_CONVERT)
            elif kept is None:
                self.warning(
                    f"/{RAW_DATA}/{member}",
                    "the nominal positions of the source are not in the product",
                    remedy="ds.ptyxr.to_product() writes them",
                )
            return
        side = "width" if name.endswith("x") else "height"
        attrs = self.group.arrays["object"].attrs if "object" in self.group.arrays else {}
        value = attrs.get(f"pixel_{side}_m")
        pixel = None if value is None else self.number(f"object.pixel_{side}_m", value)
        if pixel is None or not (np.isfinite(pixel) and pixel > 0):
            problem = "without the object's pixel size it cannot be compared with the source"
            remedy = "Tell it: ds.ptyxr.assign_pixel_size(object='50 nm')"
            self.error(key, problem, remedy=remedy)
            return
        if at.shape != numbers.shape:
            self._differ(key, member, at, numbers)
            return
        offset = pixel_offset(at, numbers, pixel)
        if offset is None:
            if not np.array_equal(numbers * pixel, at, equal_nan=True):
                problem = f"not all positions are finite, and they are not those of {member!r}"
                self.error(key, problem, remedy=_CONVERT)
        elif offset.size and np.abs(offset).max() > TOLERANCE:
            if np.ptp(offset) <= TOLERANCE:
                problem = f"the frame was moved: all positions differ from {member!r} by one offset"
                remedy = "If it was not meant to be, write the product from the source again"
                self.warning(key, problem, found=f"{offset.mean():.6g} pixel", remedy=remedy)
            else:
                found = f"differences from {offset.min():.6g} to {offset.max():.6g} pixel"
                expected = f"{member!r} times {pixel!r} m"
                problem = "the positions are not those of the source"
                self.error(key, problem, found=found, expected=expected, remedy=_CONVERT)

    def _differ(self, key: str, member: str, found: np.ndarray, expected: np.ndarray) -> None:
        if found.shape != expected.shape:
            problem = f"the number of scan points is not that of {member!r} in the source"
            self.error(key, problem, found=found.size, expected=expected.size, remedy=_CONVERT)
        else:
            many = int((found != expected).sum())
            problem = f"the values are not those of {member!r} in the source"
            self.error(key, problem, found=f"{many} of {found.size} differ", remedy=_CONVERT)

    def scan_index(self) -> None:
        """Compare the scan numbers, wherever the product keeps them."""
        expected = self.values("scan_index", self.members.get("scan_index"))
        kept = self.raw.get("scan_index") or self.group.arrays.get("scan_index")
        found = self.values("scan_index", kept)
        if expected is not None and found is not None and not np.array_equal(expected, found):
            self._differ("scan_index", "scan_index", found, expected)
        elif expected is not None and found is None and expected.any():
            problem = "the scan numbers of the source are not in the product"
            self.warning("scan_index", problem, remedy=_CONVERT)

    def arrays(self) -> None:
        """Compare probe and object, which are narrowed to complex64 on writing."""
        for member, key in LINKS.items():
            source, product = self.members.get(member), self.group.arrays.get(key)
            if source is None or product is None:
                if source is not None:
                    problem = f"the product does not have {member!r} of the source"
                    self.error(key, problem, remedy=_CONVERT)
                continue
            shapes = _planes(source.shape), _planes(product.shape)
            if shapes[0] != shapes[1]:
                problem = f"the shape is not that of {member!r} in the source"
                self.error(
                    key, problem, found=product.shape, expected=source.shape, remedy=_CONVERT
                )
                continue
            try:
                expected, found = (
                    source.read().reshape(shapes[0]),
                    product.read().reshape(shapes[0]),
                )
                # Overflow on narrowing is a difference, and not one of numpy's warnings.
                with np.errstate(all="ignore"):
                    narrow = expected.astype(np.complex64)
                same = np.array_equal(found, expected, equal_nan=True)
                if not same and not np.array_equal(found, narrow, equal_nan=True):
                    many = int((found != narrow).sum())
                    problem = f"the values are not those of {member!r} in the source"
                    told = f"{many} of {found.size} differ"
                    self.error(key, problem, found=told, remedy=_CONVERT)
            except (PtyxrError, OSError, ValueError, TypeError, MemoryError) as error:
                self.exception(error, key)

    def diffraction(self) -> None:
        """Compare the patterns, block by block: a stack may be larger than memory."""
        source, product = self.members.get("diff3d"), self.raw.get("diffraction")
        key = f"/{RAW_DATA}/diffraction"
        if source is None:
            if product is not None:
                remedy = "Compare with the NPZ that has the patterns"
                problem = "the source has no patterns to compare these with"
                self.warning(key, problem, remedy=remedy)
            return
        if product is None:
            remedy = "ds.ptyxr.to_product(..., include_diffraction=True) writes them"
            self.warning(key, "the patterns of the source are not in the product", remedy=remedy)
        elif source.shape != product.shape:
            problem = "the shape is not that of 'diff3d' in the source"
            self.error(key, problem, found=product.shape, expected=source.shape, remedy=_CONVERT)
        elif len(source.shape) == 3:
            try:
                differ = _different_rows(source, product)
            except (PtyxrError, OSError, ValueError, TypeError, MemoryError) as error:
                self.exception(error, key)
                return
            if differ:
                some = ", ".join(map(str, differ[:5])) + (", …" if len(differ) > 5 else "")
                problem = "the patterns are not those of 'diff3d' in the source"
                found = f"{len(differ)} of {source.shape[0]} differ: {some}"
                self.error(key, problem, found=found, remedy=_CONVERT)


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.shape != expected.shape:
        return False
    return bool(np.allclose(found, expected, rtol=0, atol=TOLERANCE, equal_nan=True))


def _planes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the axes of length 1 that say only how it is stored."""
    if len(shape) == 3 and shape[-1] == 1:
        shape = shape[:-1]  # (H, W, 1)
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _different_rows(source: StoredArray, product: StoredArray) -> list[int]:
    """Return the numbers of the patterns that differ; NaN marks what was not measured."""
    dims = ("position", "detector_y", "detector_x")
    stored = Variable(dims, lazy(product))
    rows: list[int] = []
    for key, expected in blocks(Variable(dims, lazy(source))):
        found = np.asarray(stored[key].data)
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        rows += (np.flatnonzero(~same.all(axis=(1, 2))) + key[0].start).tolist()
    return rows
