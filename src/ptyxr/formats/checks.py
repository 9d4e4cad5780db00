"""What checking files has in common: findings about arrays, containers, what opening raises."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.errors import PtyxrError
from ptyxr.report import Findings, Report
from ptyxr.storage.arrays import StoredArray

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = [
    "INSIDE",
    "LEAVE_OUT",
    "Check",
    "FileCheck",
    "OpenSource",
    "SourceReader",
    "what_opening_raises",
]

#: What is done about scan points of which something is not finite.
LEAVE_OUT: Final = (
    "Leave these scan points out and write the file again: "
    "ds.isel(position=np.isfinite(ds.position_x) & np.isfinite(ds.position_y))"
)
#: What is done about probe windows that reach beyond the object.
INSIDE: Final = (
    "It is harmless where the scan was to reach the edge; otherwise select the scan points further "
    "inside"
)

#: Opens a source and gives its members, by the names of PtychoPINN.
SourceReader = Callable[[Any], AbstractContextManager[Mapping[str, StoredArray]]]
#: Opens the source that a file is compared with.
OpenSource = Callable[[], AbstractContextManager[Mapping[str, StoredArray]]]


@dataclass(frozen=True)
class FileCheck:
    """How files of one container are validated.

    Parameters
    ----------
    name : str
        What the container is called.
    recognises : callable
        Tells by the first bytes of a file whether it is one.
    check : callable or None
        Validates the file, given its path and what opens the source it is compared with, or None.
    read_source : callable or None
        Opens a file as the source that a product is compared with.
    """

    name: str
    recognises: Callable[[bytes], bool]
    check: Callable[[Any, OpenSource | None], Report] | None = None
    read_source: SourceReader | None = None


class Check(Findings):
    """Findings about arrays, which reads numbers only where they can be what they should be."""

    def values(self, key: str, array: StoredArray | None) -> np.ndarray | None:
        """Return the numbers of an array of one dimension, or None where there are none."""
        if array is None or len(array.shape) != 1 or array.dtype.kind not in "fiu":
            return None
        try:
            return array.read()
        except (PtyxrError, OSError, ValueError, TypeError, MemoryError) as error:
            self.exception(error, key)
            return None

    def number(self, key: str, value: Any) -> float | None:
        """Return an attribute as a number, or None where it is none, which is an error."""
        expected = "a scalar number"
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            array = np.asarray(None)
        if isinstance(value, str) or array.dtype.kind not in "fiub":
            remedy = "Write it as a number, in the unit that its name ends with"
            self.error(
                key, "this is no number", found=repr(value), expected=expected, remedy=remedy
            )
        elif array.shape:
            # float() of an array was deprecated in NumPy 1.25 and raises since 2.4.
            found = f"an array of shape {array.shape}"
            problem, remedy = "this is an array, not a number", "Write the one number of it"
            self.error(key, problem, found=found, expected=expected, remedy=remedy)
        else:
            return float(array)
        return None

    def form(
        self, key: str, array: StoredArray, kinds: str, what: str, ranks: tuple[int, ...]
    ) -> None:
        """Check kind and rank of an array."""
        shape = array.shape
        # h5py stores an empty list as float64 of shape (0,), whatever it is a list of.
        if array.dtype.kind not in kinds and shape != (0,):
            found = f"{array.dtype} of shape {shape}"
            problem, remedy = "the numbers are of the wrong kind", "Write it again as such"
            self.error(key, problem, found=found, expected=what, remedy=remedy)
        if len(shape) not in ranks:
            expected = f"{' or '.join(map(str, ranks))} dimensions"
            problem, remedy = "the rank is wrong", "Write it again with these dimensions"
            self.error(key, problem, found=f"shape {shape}", expected=expected, remedy=remedy)

    def finite(self, key: str, array: StoredArray | None) -> np.ndarray | None:
        """Return positions where all are finite; where not, that is an error."""
        values = self.values(key, array)
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            found = f"{bad} of {values.size}"
            self.error(key, "positions are not finite", found=found, remedy=LEAVE_OUT)
            return None
        return values


def what_opening_raises(open_dataset: Callable[[], Dataset], report: Report) -> Report:
    """Return what opening a file as a dataset raises, where the report does not have it yet.

    Parameters
    ----------
    open_dataset : callable
        Opens the file.
    report : Report
        What is known of it.

    Returns
    -------
    Report
    """
    findings = Findings()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each is among the report's own
            open_dataset().close()
    # Whatever a broken file makes its library raise is a finding about the file.
    except Exception as error:  # noqa: BLE001
        findings.exception(error)
    # It stops at the first thing wrong, which the report has, perhaps by another of two keys.
    known = {text for p in report.errors for text in (_plain(p.key), p.problem)}
    new = [p for p in findings.problems if not {_plain(p.key), p.problem} & known]
    return Report(None, tuple(new))


def _plain(key: str) -> str:
    return key.lstrip("/").replace(".attrs['", ".").removesuffix("']")
