"""What the benchmarks share: medians, the machine, and their places in the docs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks.md"
TASKS = Path(__file__).with_name("tasks.py")


def median(function: Callable[[], object], repeat: int) -> float:
    """Return the median time of a call in milliseconds, after one to warm up."""
    function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def interleaved(
    functions: Mapping[str, Callable[[], object]], repeat: int, *, cold: Sequence[Path] = ()
) -> dict[str, float]:
    """Return the median times of calls in milliseconds, one after the other in each round.

    Parameters
    ----------
    functions : mapping of str to function
    repeat : int
        Rounds, after one to warm up.
    cold : sequence of Path, optional
        Files that leave the page cache before each call.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeat + 1):
        for name, function in functions.items():
            for path in cold:
                forget(path)
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(found[1:]) for name, found in times.items()}


def forget(path: Path) -> None:
    """Have the system forget what it has cached of a file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reset_peak() -> float:
    """Forget the highest memory so far, and return what the process holds now, in MB.

    What ``getrusage`` has cannot be reset, and a process starts with its parent's.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _status("VmRSS")


def peak() -> float:
    """Return the most memory that the process has held since `reset_peak`, in MB."""
    return _status("VmHWM")


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return float(next(one.split()[1] for one in lines if one.startswith(f"{key}:"))) * 1024 / 1e6


def in_child(task: str, *arguments: object, **environment: str) -> dict[str, float]:
    """Run a function of `tasks` in a process of its own, and return what it measured."""
    done = subprocess.run(
        [sys.executable, "-P", str(TASKS), task, *map(str, arguments)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{task}: {done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def children(
    tasks: Mapping[str, Sequence[object]], repeat: int, **environment: str
) -> dict[str, dict[str, float]]:
    """Run several tasks in processes of their own, interleaved, and return their medians."""
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in tasks}
    for _ in range(repeat):
        for name, (task, *arguments) in tasks.items():
            answers[name].append(in_child(str(task), *arguments, **environment))
    return {
        name: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for name, found in answers.items()
    }


def table(*columns: str) -> list[str]:
    """Return the head of a table."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def cells(*values: object) -> str:
    """Return a row of a table; numbers with three digits."""
    shown = map(_cell, values)
    return f"| {' | '.join(shown)} |"


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def judged(value: float, bar: float, *, at_least: bool = False, unit: str = "") -> tuple[str, str]:
    """Return a bar as text, and whether it is met."""
    met = value >= bar if at_least else value <= bar
    return f"{'≥' if at_least else '≤'} {bar:g}{unit and ' '}{unit}", "yes" if met else "**no**"


def machine(script: str) -> str:
    """Return the line that says where and by what a table was made."""
    packages = ("xarray", "numpy", "h5py", "pint", "pint-xarray")
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + f"; warm cache. Made by `python tests/benchmarks/{script}.py --write`."
    )


def main(
    script: str,
    description: str,
    run: Callable[[int], str],
    repeat: int,
    *,
    quick: Callable[[int], str] | None = None,
) -> None:
    """Run a benchmark from the command line; its part of the docs lies between two comments.

    Parameters
    ----------
    script, description : str
        Its name and what it does.
    run : function of the number of repeats
        Returns the tables.
    repeat : int
        How often, if nothing else is said.
    quick : function, optional
        Instead of `run` where only a look is wanted: on small files.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    parser.add_argument("--repeat", type=int)
    parser.add_argument("--quick", action="store_true", help="few repeats, small files")
    args = parser.parse_args()
    chosen = (quick or run) if args.quick else run
    tables = chosen(args.repeat or (min(repeat, 3) if args.quick else repeat))
    print(tables)
    if args.write:
        put_into_docs(script, tables)


def put_into_docs(script: str, tables: str) -> None:
    """Put tables into their place in the docs, which lies between two comments."""
    begin, end = f"<!-- {script}: begin -->", f"<!-- {script}: end -->"
    head, found, rest = DOCS.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise LookupError(f"{DOCS} has no place for {script}")
    tail = rest.partition(end)[2]
    DOCS.write_text(f"{head}{begin}\n{tables}\n{end}{tail}", encoding="utf-8")
