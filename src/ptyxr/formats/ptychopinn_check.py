"""What is wrong with a PtychoPINN dataset as it stands on disk, all at once.

An error breaks PtychoPINN's contract or keeps ptyxr from opening the file; a warning is what is in
use, but not taken by each of PtychoPINN's readers (``RawData.from_file``, ``load_data``, the torch
loader), or what is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import FormatError, PtyxrError
from ptyxr.formats.checks import Check, OpenSource, what_opening_raises
from ptyxr.formats.ptychodus_keys import RAW_POSITIONS
from ptyxr.formats.ptychopinn import PtychoPINNBackend, unknown
from ptyxr.formats.ptychopinn_decode import KNOWN, METADATA, PATTERNS, pattern_order
from ptyxr.report import AGAIN, Report
from ptyxr.storage.arrays import StoredArray, ViewArray
from ptyxr.storage.npz import NpzFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check_npz", "open_source"]

_REWRITE: Final = "ds.ptyxr.to_npz() writes it"
_PLAIN_TEXT: Final = "ds.ptyxr.to_npz() writes plain text, in JSON"
_SAVE: Final = "Write the file again with this array, with numpy.savez"
_LEFT_OUT: Final = "Nothing asks for it: write the file again without it"
_FROM_FILE: Final = "RawData.from_file cannot read the file without it"

#: Members without which PtychoPINN raises.
_NEEDED: Final = ("xcoords", "ycoords", "probeGuess")
#: Pixel numbers, the needed ones first.
_COORDS: Final = tuple(RAW_POSITIONS.values())
#: A member of Ptychodus' products in NPZ, which are something else.
_PRODUCT: Final = "probe_position_x_m"


def check_npz(path: Any, open_source: OpenSource | None = None) -> Report:
    """Check a PtychoPINN dataset, and what opening it raises.

    Only positions are read, and nothing is unpickled.

    Parameters
    ----------
    path : str, path-like or binary file object
        The NPZ file.
    open_source : callable, optional
        A source to compare it with, which is an error: a dataset is a source itself.

    Returns
    -------
    Report

    Raises
    ------
    MissingFileError, FormatError, InvalidDataError
        If there is no such file, it is no such dataset, or its members cannot be listed.
    """
    check = _Dataset(_opened(path))
    check.bad()
    check.pickled()
    check.scan()
    check.patterns()
    check.guesses()
    check.others()
    if open_source is not None:
        remedy = "Give the product first, and this file as its source"
        check.error("source", "only a product is compared with its source", remedy=remedy)
    report = check.report()
    return report + what_opening_raises(lambda: PtychoPINNBackend().open_dataset(path), report)


@contextmanager
def open_source(path: Any) -> Iterator[Mapping[str, StoredArray]]:
    """Open a PtychoPINN dataset as the source that a product is compared with.

    Parameters
    ----------
    path : str, path-like or binary file object
        The NPZ file.

    Yields
    ------
    mapping of str to StoredArray
        Its members as `RawData.to_file` names them, the patterns as (N, H, W) in ``diff3d``.

    Raises
    ------
    MissingFileError, FormatError, InvalidDataError
        If there is no such file, it is no such dataset, or its members cannot be listed.
    """
    members = dict(_opened(path).arrays)
    for key in ("xcoords", "ycoords"):
        if key not in members and f"{key}_start" in members:
            members[key] = members[f"{key}_start"]  # as on opening
    found = next((key for key in PATTERNS if key in members), None)
    if found is not None:
        patterns = members.pop(found)
        points = members["xcoords"].shape if "xcoords" in members else ()
        layout = pattern_order(patterns.shape, points[0]) if len(points) == 1 else None
        members["diff3d"] = patterns if layout is None else ViewArray(patterns, layout[1])
    yield members


def _opened(path: Any) -> NpzFile:
    file = NpzFile(path)
    members = file.names
    if _PRODUCT in members or not members & {*_COORDS, "diff3d", "probeGuess"}:
        raise FormatError(
            "this is no PtychoPINN dataset",
            found=f"members {sorted(members)[:8]}",
            expected="'xcoords', 'ycoords', 'probeGuess'",
        )
    return file


class _Dataset(Check):
    def __init__(self, npz: NpzFile) -> None:
        super().__init__(npz.name)
        self.npz = npz
        self.points: int | None = None
        self.frame: tuple[int, ...] | None = None

    def _array(self, key: str) -> StoredArray | None:
        """Return a member, and say where one that is needed is missing."""
        array = self.npz.arrays.get(key)
        if array is None and key in _NEEDED and key not in self.npz.names:
            self.error(key, "the member is missing", expected=_FROM_FILE, remedy=_SAVE)
        elif array is not None and 0 in array.shape[1:]:
            self.error(key, "an axis has length 0", found=f"shape {array.shape}", remedy=AGAIN)
        return array

    def bad(self) -> None:
        for key, error in self.npz.bad.items():
            if key == METADATA:
                continue  # of which more is said below
            if key in KNOWN:
                self.exception(error)
            else:
                self.warning(key, error.problem, found=error.found, remedy=_LEFT_OUT)

    def pickled(self) -> None:
        for key in sorted(self.npz.objects):
            if key == METADATA:
                continue
            if key not in KNOWN:
                problem = "the member is a pickled object, which ptyxr does not know nor read"
                self.warning(key, problem, remedy=_LEFT_OUT)
                continue
            try:
                nothing = self.npz.text(key) is None
            except PtyxrError:
                nothing = False
            if nothing:
                # What RawData.to_file makes of a None.
                expected = _FROM_FILE if key in _NEEDED else None
                add = self.error if key in _NEEDED else self.warning
                problem = "the member is a pickled None, and counts as missing"
                add(key, problem, expected=expected, remedy=_SAVE)
            else:
                self.error(
                    key,
                    "the member is a pickled object, which is not read",
                    expected="an array of numbers",
                    remedy="Write it again with numpy.savez from an array of numbers",
                )

    def scan(self) -> None:
        arrays = {key: self._array(key) for key in _COORDS}
        lengths = {k: a.shape[0] for k, a in arrays.items() if a is not None and len(a.shape) == 1}
        counted = [lengths[key] for key in _COORDS[:2] if key in lengths] or [*lengths.values()]
        if counted:
            # What most of them say: so it is the odd one that is named.
            counted.extend(lengths.values())
            self.points = Counter(counted).most_common(1)[0][0]
        for key, array in arrays.items():
            if array is None:
                if key not in _NEEDED and key not in self.npz.names:
                    problem = "PtychoPINN's load_data cannot read the file without it"
                    self.warning(key, problem, remedy=_REWRITE)
                continue
            self.form(key, array, "fiu", "real numbers", (1,))
            if lengths.get(key, self.points) != self.points:
                expected = f"{self.points} scan points"
                problem = "lengths of positions disagree"
                remedy = "Write the file again with one number for each scan point"
                self.error(key, problem, found=lengths[key], expected=expected, remedy=remedy)
            self.finite(key, array)
        if self.points == 0:
            self.warning("xcoords", "there are no scan points", remedy=AGAIN)

    def patterns(self) -> None:
        there = [key for key in PATTERNS if key in self.npz.arrays]
        if not there:
            if not self.npz.names & set(PATTERNS):
                problem = "there are no diffraction patterns: PtychoPINN cannot load the file"
                remedy = "Add them as (N, H, W), with numpy.savez"
                self.warning(PATTERNS[0], problem, remedy=remedy)
            return
        if PATTERNS[0] not in there:
            problem = f"RawData.from_file looks for {PATTERNS[0]!r}, and not for this"
            self.warning(there[0], problem, remedy=_REWRITE)
        elif len(there) > 1:
            problem = f"PtychoPINN's readers do not agree whether this or {PATTERNS[0]!r} counts"
            self.warning(there[1], problem, remedy=f"Leave one of them out; {_REWRITE}")
        for key in there:
            self._stack(key, self.npz.arrays[key])

    def _stack(self, key: str, array: StoredArray) -> None:
        self.form(key, array, "fiub", "real numbers", (2, 3, 4))
        if self.points is None or not 2 <= len(array.shape) <= 4:
            return
        layout = pattern_order(array.shape, self.points)
        if layout is None:
            self.error(
                key,
                "no axis of the patterns has the length of the scan",
                found=f"shape {array.shape}, and {self.points} positions",
                expected=f"({self.points}, H, W)",
                remedy="Write the file again with one position for each pattern",
            )
            return
        order, axes = layout
        height, width = (1 if axis is None else array.shape[axis] for axis in axes[1:])
        self.frame = self.frame or (height, width)
        if order != "NHW":
            problem = "the axes are not in the order of the contract; not every PtychoPINN reads it"
            found, expected = f"{order}, shape {array.shape}", f"(N, H, W), N = {self.points}"
            self.warning(key, problem, found=found, expected=expected, remedy=_REWRITE)
        if 0 in (height, width):
            self.error(key, "an axis has length 0", found=f"shape {array.shape}", remedy=AGAIN)
        elif height != width:
            found, expected = f"{height} rows and {width} columns", "as many rows as columns"
            self.error(
                key,
                "the patterns are not square",
                found=found,
                expected=expected,
                remedy="Crop them about the direct beam, or fill them up with 0",
            )

    def guesses(self) -> None:
        probe = self._array("probeGuess")
        if probe is not None:
            self.form("probeGuess", probe, "c", "complex numbers", (2, 3))
            modes = len(probe.shape) == 3
            # (H, W, 1), and (P, H, W) with all incoherent modes.
            last = modes and probe.shape[2] == 1 != probe.shape[1]
            size = probe.shape[:2] if last else probe.shape[-2:]
            if modes:
                problem = "RawData takes one mode, without an axis for it"
                found, expected = f"shape {probe.shape}", f"shape {size}"
                self.warning("probeGuess", problem, found=found, expected=expected, remedy=_REWRITE)
            if len(probe.shape) in (2, 3) and self.frame not in (None, size):
                problem = "the probe does not have the size of the patterns"
                remedy = "Crop the larger of the two about its middle"
                self.warning("probeGuess", problem, found=size, expected=self.frame, remedy=remedy)
        obj = self._array("objectGuess")
        if obj is not None:
            self.form("objectGuess", obj, "c", "complex numbers", (2,))

    def others(self) -> None:
        index = self._array("scan_index")
        if index is not None:
            self.form("scan_index", index, "iu", "integers", (1,))
            if len(index.shape) == 1 and self.points not in (None, index.shape[0]):
                found, expected = index.shape[0], f"{self.points} scan points"
                remedy = "Write the file again with one number for each scan point"
                self.error(
                    "scan_index", "lengths disagree", found=found, expected=expected, remedy=remedy
                )
        bad = self._array("bad_pixels")
        if bad is not None:
            self.form("bad_pixels", bad, "b", "booleans", (2,))
            if len(bad.shape) == 2 and self.frame not in (None, bad.shape):
                problem = "the shape is not that of a pattern"
                remedy = "Cut it as the patterns were cut"
                self.error(
                    "bad_pixels", problem, found=bad.shape, expected=self.frame, remedy=remedy
                )
        self._metadata()
        for key in unknown(self.npz):
            if key not in self.npz.objects and key not in self.npz.bad:
                problem = "ptyxr does not know this member, and leaves it out"
                self.warning(key, problem, remedy="numpy.load reads it, where it is needed")

    def _metadata(self) -> None:
        try:
            text = self.npz.text(METADATA)
            found = {} if text is None else json.loads(text)
        except PtyxrError as error:
            problem = "the metadata are no plain text, and are left out"
            self.warning(METADATA, problem, found=error.found, expected="JSON", remedy=_PLAIN_TEXT)
            return
        except (ValueError, RecursionError) as error:
            problem = "the metadata are no JSON"
            self.warning(METADATA, problem, found=error, remedy=_PLAIN_TEXT)
            return
        if not isinstance(found, dict):
            problem = "the metadata are no JSON object"
            self.warning(METADATA, problem, found=type(found).__name__, remedy=_PLAIN_TEXT)
        if METADATA in self.npz.objects:
            problem = "it is pickled: numpy.load reads it with allow_pickle=True only"
            self.warning(METADATA, problem, remedy=_PLAIN_TEXT)
