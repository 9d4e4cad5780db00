"""What must hold of any bytes: they give a Dataset or a PtyxrError, at a bounded price."""

from __future__ import annotations

import gc
import io
import re
import sys
import time
import traceback
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from seeds import FAMILIES, ZIPPED

import ptyxr
from ptyxr.errors import PtyxrError
from ptyxr.validation import validate_file

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MEMORY", "SECONDS", "Outcome", "attempt", "examine", "memory"]

#: How long a processor may work on one input, and how much memory beyond the size of the file.
SECONDS = 10.0
MEMORY = 200 * 2**20
#: Datasets that declare more are not loaded: that they are large is the wish of who loads them.
LOADED = 64 * 2**20


@dataclass
class Outcome:
    """What came of one input.

    Attributes
    ----------
    results : dict of str to str
        By what was tried: "dataset", "refused", "report" or "failed".
    failures : list of str
        What no input may do, with the end of the traceback.
    seconds : float
        How long a processor worked on it.
    peak : int
        How many bytes more were in memory than before.
    """

    results: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0


def _use(ds: xr.Dataset) -> None:
    """Do with a dataset what everyone does: look at it, and take its numbers."""
    repr(ds)
    if ds.nbytes <= LOADED:
        ds.load()
        return
    for variable in ds.variables.values():
        if all(variable.shape):
            variable[(0,) * variable.ndim].values  # noqa: B018  (reads one number)


def _open(opener: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    try:
        opened = opener(*args, **kwargs)
    except PtyxrError as error:
        str(error).encode()  # which surrogates, shown as they were found, would not let pass
        return "refused"
    try:
        nodes = opened.subtree if isinstance(opened, xr.DataTree) else (opened,)
        for node in nodes:
            try:
                _use(node.to_dataset() if isinstance(opened, xr.DataTree) else node)
            except PtyxrError as error:
                # Damage in the numbers shows when they are read.
                str(error).encode()
                return "refused on use"
    finally:
        opened.close()
    return "dataset"


def _validate(path: Path) -> str:
    str(validate_file(path)).encode()
    return "report"


def _ways(path: Path, data: bytes, family: str) -> dict[str, Callable[[], str]]:
    """Return ways in which a file gets in, by name: its own engine, and another one.

    The others lead to much the same code; which one it is, the bytes decide. Of what is of no
    family, all are returned.
    """
    ways: dict[str, Callable[[], str]] = {
        name: lambda name=name: _open(xr.open_dataset, path, engine=name) for name in FAMILIES
    }
    ways["detected"] = lambda: _open(ptyxr.open_dataset, path)
    ways["bytes"] = lambda: _open(ptyxr.open_dataset, io.BytesIO(data))
    ways["tree"] = lambda: _open(xr.open_datatree, path, engine="ptychodus")
    ways["validate"] = lambda: _validate(path)
    if family not in ways:
        return ways
    # Validation goes its own way through the file, and only HDF5 has a tree.
    others = [*sorted(ways.keys() - {family, "tree"}), "validate", "validate", "validate"]
    if family not in ZIPPED:
        others.append("tree")
    other = others[zlib.crc32(data) % len(others)]
    return {name: ways[name] for name in (family, other)}


def examine(data: bytes, path: Path, family: str) -> Outcome:
    """Give one input to what opens files.

    Parameters
    ----------
    data : bytes
        The input.
    path : Path
        Where it is written to.
    family : str
        The engine that opens the sound file; of any other name, it is given to all of them.
    """
    outcome = Outcome()
    path.write_bytes(data)
    _reset_peak()
    before, start = memory("VmRSS"), time.process_time()
    for name, way in _ways(path, data, family).items():
        outcome.results[name] = attempt(name, way, outcome.failures)
    outcome.seconds = time.process_time() - start
    outcome.peak = max(0, memory("VmHWM") - before)
    if outcome.seconds > SECONDS:
        outcome.failures.append(f"time: {outcome.seconds:.1f} s")
    if outcome.peak > len(data) + MEMORY:
        outcome.failures.append(f"memory: {outcome.peak / 2**20:.0f} MB for {len(data)} bytes")
    return outcome


def attempt(name: str, way: Callable[[], str], failures: list[str]) -> str:
    """Try one way, and return what came of it.

    Parameters
    ----------
    name : str
        What it is called.
    way : callable
        Returns what came of it, where that is allowed.
    failures : list of str
        Is extended by what is not.
    """
    handles = _handles()
    lost: list[str] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda what: lost.append(repr(what.exc_value))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = way()
    # Whatever else is raised is what is looked for.
    except Exception as error:  # noqa: BLE001
        failures.append(f"{name}: raises {_described(error)}")
        result, caught = "failed", []
        del error
    finally:
        sys.unraisablehook = hook
    # ptyxr warns at the line of its user, which is in this module; others warn at their own.
    failures += [
        f"{name}: warns {one.category.__name__} {one.message!s:.200} "
        f"({_where(one.filename)}:{one.lineno})"
        for one in caught
        if one.category is not UserWarning or _where(one.filename) != Path(__file__).name
    ]
    failures += [f"{name}: raises where nobody can catch it: {one}" for one in lost]
    left = _handles() - handles
    if left:
        gc.collect()
        kept = "" if _handles() - handles else " until garbage is collected"
        failures.append(f"{name}: leaves open{kept}: {sorted(left)}")
    return result


def _where(filename: str) -> str:
    return Path(filename).name


def _described(error: Exception) -> str:
    """Return an exception with the lines it came through, so that like ones can be grouped."""
    frames = traceback.extract_tb(error.__traceback__)
    way = [f"{_where(frame.filename)}:{frame.lineno}:{frame.name}" for frame in frames[-4:]]
    return f"{type(error).__name__}: {str(error)[:200]} (at {' > '.join(way)})"


def _handles() -> set[str]:
    """Return what this process has open, but for the folder that says so."""
    found = set()
    for handle in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{handle.name}: {handle.readlink()}")
        except OSError:
            continue
    return found


def memory(field: str) -> int:
    """Return a number of bytes that the kernel keeps of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
