"""What validation says: every problem at once, to be read, counted, raised or given to machines."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from ptyxr.errors import InvalidDataError, PtyxrError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Findings", "Problem", "Report", "ValidationError"]

Severity = Literal["error", "warning"]

#: What is done about what is broken beyond repair.
AGAIN: Final = "Write the file again from what it was made of, or leave this out"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or that one should know.

    Parameters
    ----------
    severity : {"error", "warning"}
        An error keeps some program from reading the data as they are meant; a warning does not.
    key : str
        The key, attribute or coordinate it was found at.
    problem : str
        What is wrong, as a sentence without its full stop.
    found, expected : str, optional
        What was there, and what should have been.
    remedy : str, optional
        What to do about it, as a sentence without its full stop.
    """

    severity: Severity
    key: str
    problem: str
    found: str | None = None
    expected: str | None = None
    remedy: str | None = None

    def as_exception(self, file: str | None = None) -> InvalidDataError:
        """Return the problem as the error it would be raised as."""
        return InvalidDataError(
            self.problem,
            file=file,
            key=self.key or None,
            found=self.found,
            expected=self.expected,
            remedy=self.remedy,
        )

    def __str__(self) -> str:
        # One line each, so that a report can be searched with grep.
        return " ".join(f"{self.severity}: {self.as_exception()}".split())


class ValidationError(ExceptionGroup[InvalidDataError], PtyxrError):
    """All errors of a report: an ExceptionGroup of them that ``except PtyxrError`` catches too.

    Parameters
    ----------
    message : str
        What was found, in a sentence.
    exceptions : sequence of InvalidDataError
        One for each error.
    file : str, optional
        The file they were found in.
    """

    # The group makes and keeps message and exceptions in __new__, and takes no keywords; what
    # PtyxrError.__init__ would set is set here.
    def __new__(
        cls, message: str, exceptions: Sequence[InvalidDataError], *, file: str | None = None
    ) -> Self:
        """Make the group."""
        del file
        return super().__new__(cls, message, exceptions)

    def __init__(
        self, message: str, exceptions: Sequence[InvalidDataError], *, file: str | None = None
    ) -> None:
        del exceptions
        self.problem = message
        self.file = file
        self.key = self.found = self.expected = self.remedy = None

    def derive(self, excs: Sequence[Any]) -> ValidationError:  # type: ignore[override]
        """Return a group of some of the exceptions, as ``split`` and ``except*`` need it."""
        return ValidationError(self.message, excs, file=self.file)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.message, self.exceptions), self.__dict__)

    def __setstate__(self, state: dict[str, object] | None) -> None:
        self.__dict__.update(state or {})


@dataclass(frozen=True)
class Report:
    """What validation found; true where there are no errors.

    Parameters
    ----------
    file : str or None
        The file that was looked at, or None for a dataset.
    problems : tuple of Problem
        What was found, in the order of looking.

    Examples
    --------
    >>> report = Report(
    ...     "scan.h5", (Problem("warning", "photon_energy_eV", "the energy is unknown"),)
    ... )
    >>> print(report)
    scan.h5: valid, 1 warning
      warning: 'photon_energy_eV': the energy is unknown
    >>> bool(report)
    True
    """

    file: str | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the data from being read as they are meant."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that one should know of."""
        return tuple(p for p in self.problems if p.severity == "warning")

    def __bool__(self) -> bool:
        return not self.errors

    def __add__(self, other: Report) -> Report:
        """Return the problems of both, each once."""
        if not isinstance(other, Report):
            return NotImplemented
        problems = tuple(dict.fromkeys((*self.problems, *other.problems)))
        return Report(self.file if self.file is not None else other.file, problems)

    @property
    def summary(self) -> str:
        """What was found, in a line: the file, whether it is valid, and how many problems."""
        counts = [
            f"{len(found)} {word}{'' if len(found) == 1 else 's'}"
            for word, found in (("error", self.errors), ("warning", self.warnings))
            if found
        ]
        verdict = ", ".join(["valid" if self else "invalid", *counts])
        return f"{self.file or 'dataset'}: {verdict}"

    def __str__(self) -> str:
        ordered = (*self.errors, *self.warnings)
        return "\n".join([self.summary, *(f"  {problem}" for problem in ordered)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = ("severity", "key", "problem", "found", "expected", "remedy")
        head = "".join(f"<th>{name}</th>" for name in columns)
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape(getattr(problem, name) or '')}</td>" for name in columns)
            + "</tr>"
            for problem in (*self.errors, *self.warnings)
        )
        table = (
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        )
        return f"<p>{html.escape(self.summary)}</p>{table}"

    def as_dict(self) -> dict[str, Any]:
        """Return what was found as plain dicts, lists and strings, ready for JSON."""
        return {
            "file": self.file,
            "valid": bool(self),
            "errors": [asdict(problem) for problem in self.errors],
            "warnings": [asdict(problem) for problem in self.warnings],
        }

    def raise_if_errors(self) -> None:
        """Raise all errors at once.

        Raises
        ------
        ValidationError
            If there are any: an ExceptionGroup of them that is also a PtyxrError.
        """
        if self.errors:
            errors = [problem.as_exception(self.file) for problem in self.errors]
            raise ValidationError(self.summary, errors, file=self.file)


@dataclass
class Findings:
    """A report in the making.

    Parameters
    ----------
    file : str or None
        The file that is looked at.
    """

    file: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def error(
        self,
        key: str,
        problem: str,
        *,
        remedy: str,
        found: object = None,
        expected: object = None,
    ) -> None:
        """Add an error, with what to do about it."""
        self._add("error", key, problem, found, expected, remedy)

    def warning(
        self,
        key: str,
        problem: str,
        *,
        remedy: str,
        found: object = None,
        expected: object = None,
    ) -> None:
        """Add a warning, with what to do about it."""
        self._add("warning", key, problem, found, expected, remedy)

    def exception(self, error: Exception, key: str = "") -> None:
        """Add what was raised, as an error; `key` is used where the exception names none."""
        if isinstance(error, PtyxrError):
            remedy = error.remedy or AGAIN
            self._add("error", error.key or key, error.problem, error.found, error.expected, remedy)
        else:
            found = f"{type(error).__name__}: {error}"
            self._add("error", key, "it cannot be read", found, remedy=AGAIN)

    def _add(
        self,
        severity: Severity,
        key: str,
        problem: str,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problems.append(
            Problem(
                severity,
                key,
                problem,
                None if found is None else str(found),
                None if expected is None else str(expected),
                remedy,
            )
        )

    def report(self) -> Report:
        """Return what was found."""
        return Report(self.file, tuple(dict.fromkeys(self.problems)))
