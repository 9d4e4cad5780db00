"""What came of a run: counts by kind, and failures grouped by their cause."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Failure", "Tally"]

#: Where a failure was, in what is said of it, and what it was.
_PLACE = re.compile(r"[\w.]+\.py:\d+")
_WHAT = re.compile(r"hang|crash \S+|raises \w+|warns \w+|leaves open[^:]*|memory|time")


@dataclass(frozen=True)
class Failure:
    """An input that did what no input may.

    Attributes
    ----------
    name : str
        The input: its number, or the file it came from.
    family, kind : str
        The engine its sound file belongs to, and what was done to that.
    what : str
        What it did.
    """

    name: str
    family: str
    kind: str
    what: str

    @property
    def cause(self) -> str:
        """What failures of one cause have in common: what happened, and where."""
        what, places = _WHAT.search(self.what), _PLACE.findall(self.what)
        # An exception names its way from the outside in, a process that died from the inside out.
        near = places[:2] if self.what.startswith("process") else places[-1:]
        return " ".join([what[0] if what else self.what[:80], *near])

    def __str__(self) -> str:
        return f"{self.name} ({self.family}, {self.kind}): {self.what}"


@dataclass
class Tally:
    """What came of all inputs so far.

    Attributes
    ----------
    inputs : Counter
        How many there were, by family and kind.
    results : Counter
        What came of them, by way and result.
    failures : list of Failure
        Those that did what no input may; one can have done several such things.
    unmade : int
        How many could not be made, since HDF5 crashed while it wrote them.
    disturbed : int
        How many ended their process once and not again, by a signal that is sent from outside.
    """

    inputs: Counter[tuple[str, str]] = field(default_factory=Counter)
    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    unmade: int = 0
    disturbed: int = 0
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")

    def count(self, begun: dict[str, Any], ended: dict[str, Any]) -> list[Failure]:
        """Count an input that came back, and return its failures."""
        name = str(begun["begin"])
        self.inputs[begun["family"], begun["kind"]] += 1
        self.results.update(ended["results"].items())
        self.slowest = max(self.slowest, (ended["seconds"], name))
        self.largest = max(self.largest, (ended["peak"], name))
        return [self.add(begun, what) for what in ended["failures"]]

    def add(self, begun: dict[str, Any], what: str) -> Failure:
        """Return a failure of an input, which is counted with the others."""
        failure = Failure(str(begun["begin"]), begun["family"], begun["kind"], what)
        self.failures.append(failure)
        return failure

    def add_lost(self, begun: dict[str, Any], what: str) -> Failure:
        """Return the failure of an input that never comes back, which is counted as one too."""
        self.inputs[begun["family"], begun["kind"]] += 1
        self.results["process", what.split()[1]] += 1
        return self.add(begun, what)

    def line(self) -> str:
        """Return in one line how far it is."""
        return f"{self.inputs.total()} inputs, {len(self.failures)} failures"

    def table(self) -> str:
        """Return what was run and what came of it."""
        more = {"could not be made": self.unmade, "ran twice": self.disturbed}
        lines = [", ".join([self.line(), *(f"{n} {what}" for what, n in more.items() if n)])]
        families: dict[str, list[str]] = {}
        for (family, kind), count in sorted(self.inputs.items()):
            families.setdefault(family, []).append(f"{kind} {count}")
        lines += [f"  {family}: {', '.join(kinds)}" for family, kinds in families.items()]
        ways: dict[str, list[str]] = {}
        for (way, result), count in sorted(self.results.items()):
            ways.setdefault(way, []).append(f"{count} {result}")
        lines += ["what came of them", *(f"  {way}: {', '.join(r)}" for way, r in ways.items())]
        lines.append(f"slowest {self.slowest[0]:.2f} s (input {self.slowest[1]})")
        lines.append(f"largest {self.largest[0] / 2**20:.0f} MB (input {self.largest[1]})")
        causes: dict[str, list[Failure]] = {}
        for failure in self.failures:
            causes.setdefault(failure.cause, []).append(failure)
        if causes:
            lines.append(f"failures, by {len(causes)} causes")
        for cause, some in sorted(causes.items(), key=lambda item: -len(item[1])):
            lines.append(f"  {len(some)} x {cause}: inputs {' '.join(f.name for f in some[:6])}")
            lines.append(f"      {some[0].what[:600]}")
        return "\n".join(lines)
