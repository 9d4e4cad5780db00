"""The errors ptyxr raises, one tree: one ``except`` catches what a file or argument did wrong."""

from __future__ import annotations

import copy
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

__all__ = [
    "ChangedFileError",
    "ExistingFileError",
    "ExternalDataError",
    "FormatError",
    "GridError",
    "InvalidDataError",
    "LabelError",
    "MissingDataError",
    "MissingDependencyError",
    "MissingFileError",
    "PtyxrError",
    "RemoteError",
    "SeriesError",
    "UnitError",
    "listed",
    "printable",
    "warn",
]


_LONGEST = 500  # of what was found, in characters: files can be full of anything


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def printable(text: str) -> str:
    """Return text without what steers a terminal, or cannot be encoded: names come from files."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def listed(names: Iterable[object], most: int = 8) -> str:
    """Return the first names, and how many more there are."""
    every = [str(name) for name in names]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


class PtyxrError(ValueError):
    """Base of every error that ptyxr raises about files, data and arguments.

    Parameters
    ----------
    problem : str
        What is wrong, as a sentence without its full stop.
    file : str, optional
        The file it was found in.
    key : str, optional
        The key, attribute or coordinate it was found at.
    found, expected : object, optional
        What was there, and what should have been.
    remedy : str, optional
        What to do about it, as a sentence without its full stop.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        key: str | None = None,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.key = key
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        where = [part for part in (self.file, self.key and repr(self.key)) if part]
        message = f"{': '.join(where)}: {self.problem}" if where else self.problem
        if self.found is not None:
            message += f": found {_cut(self.found)}"
        if self.expected is not None:
            message += f"{';' if self.found is None else ','} expected {_cut(self.expected)}"
        return printable(f"{message}. {self.remedy}." if self.remedy else message)

    def with_remedy(self, remedy: str) -> Self:
        """Return the error with one more sentence about what to do."""
        error = copy.copy(self)
        both = f"{self.remedy}. {remedy}" if self.remedy else remedy
        error.__setstate__({**self.__dict__, "remedy": both})
        return error

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is unpickled from its args alone, which would lose the keywords.
        return (type(self), (self.problem,), self.__dict__)

    def __setstate__(self, state: dict[str, object] | None) -> None:
        self.__dict__.update(state or {})
        self.args = (self._message(),)


class FormatError(PtyxrError):
    """The file is not of the format it was opened as."""


class MissingFileError(PtyxrError, FileNotFoundError):
    """There is no such file."""

    # OSError would take the place of the message with its own errno formatting.
    __str__ = ValueError.__str__


class ExistingFileError(PtyxrError, FileExistsError):
    """The file exists and was not to be replaced."""

    __str__ = ValueError.__str__


class InvalidDataError(PtyxrError):
    """Something in the file or the dataset cannot be what it is said to be."""


class ChangedFileError(InvalidDataError):
    """The file is not the one any more that was opened.

    Parameters
    ----------
    file : str
        The file.
    """

    def __init__(self, file: str) -> None:
        super().__init__(
            "the file has changed since it was opened", file=file, remedy="Open it anew"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.file,))


class RemoteError(PtyxrError):
    """A file on a network cannot be read now, or not by whoever asks for it."""


class ExternalDataError(InvalidDataError):
    """Something leads out of the file that was named; it is not followed."""


class MissingDataError(PtyxrError):
    """Something that an operation needs is not in the dataset."""


class LabelError(PtyxrError, KeyError):
    """There is nothing at the place that was selected."""

    # KeyError would show the message in quotes.
    __str__ = ValueError.__str__


class UnitError(PtyxrError):
    """A unit is missing, of the wrong dimension, or ambiguous."""


class GridError(PtyxrError):
    """Two axes do not lie on one grid of pixels, or labels are no grid."""


class SeriesError(PtyxrError):
    """Products do not go into one stack, or there is a stack where one product is needed."""


class MissingDependencyError(PtyxrError, ImportError):
    """An optional package that an operation needs is not installed."""


def warn(message: str) -> None:
    """Give a UserWarning at the line of the user that led to it.

    Parameters
    ----------
    message : str
        What is the matter and, in its last sentence, what to do about it.
    """
    # numpy stands between where one of its error states is a decorator.
    inside = ("ptyxr", "xarray", "dask", "pint_xarray", "numpy")
    depth, frame = 1, sys._getframe(1)  # noqa: SLF001  (warnings itself counts by it)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in inside:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(printable(message), UserWarning, stacklevel=depth + 1)
