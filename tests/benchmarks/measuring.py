"""What the benchmarks share: medians, the machine, and their places in the docs."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def median(function: Callable[[], object], repeat: int) -> float:
    """Return the median time of a call in milliseconds, after one to warm up."""
    function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def machine(script: str) -> str:
    """Return the line that says where and by what a table was made."""
    packages = ("xarray", "numpy", "h5py", "pint", "pint-xarray")
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + f"; warm cache. Made by `python tests/benchmarks/{script}.py --write`."
    )


def main(script: str, description: str, run: Callable[[int], str], repeat: int) -> None:
    """Run a benchmark from the command line; its part of the docs lies between two comments."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    parser.add_argument("--repeat", type=int, default=repeat)
    args = parser.parse_args()
    tables = run(args.repeat)
    print(tables)
    if args.write:
        put_into_docs(script, tables)


def put_into_docs(script: str, tables: str) -> None:
    """Put tables into their place in the docs, which lies between two comments."""
    begin, end = f"<!-- {script}: begin -->", f"<!-- {script}: end -->"
    head, found, rest = DOCS.read_text().partition(begin)
    if not found:
        raise LookupError(f"{DOCS} has no place for {script}")
    tail = rest.partition(end)[2]
    DOCS.write_text(f"{head}{begin}\n{tables}\n{end}{tail}")
