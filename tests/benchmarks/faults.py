"""Faults put into the writing of files, and what they leave behind.

A file is lost when what lies at the target afterwards is neither the old file, byte for byte, nor
the whole of the new one. For comparison the same product is written in place by h5py, as Ptychodus
and xarray's own writers do it.

Each write runs in a forked process of its own: it is killed, interrupted, or finds the disk full.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import xarray as xr
from measuring import machine, put_into_docs

import ptyxr
from ptyxr.errors import PtyxrError
from ptyxr.tutorial import save_npz, simulate_scan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

KINDS = ("kill", "interrupt", "file size limit", "full disk", "dask exception")
FORMATS = ("product.h5", "product.npz", "dataset.npz")
IN_PLACE = "in-place.h5"
POSITIONS = 100
BLOCKS = 20  # of the patterns, each of which takes a moment to compute
MOMENT_S = 0.002
ATTEMPTS = 8  # to hit a write that lasts shorter than it did


class BrokenBlockError(RuntimeError):
    """What a block of a dask graph raises; no error of ptyxr."""


@dataclass
class Result:
    """What faults of one kind have done to files of one format.

    Attributes
    ----------
    outcomes : dict of str to int
        What became of the target: "old", "new" or "lost".
    errors : dict of str to int
        What the writer raised, by type; "none" where it got through, "killed" where it was.
    debris : int
        Temporary files that writers have left which were not killed.
    killed_debris, after_next : int
        Temporary files that killed writers have left, and what of them is left after one more
        write.
    handles : int
        File descriptors that failed writes have left open.
    """

    kind: str
    format: str
    faults: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    debris: int = 0
    killed_debris: int = 0
    after_next: int = 0
    handles: int = 0

    @property
    def lost(self) -> int:
        return self.outcomes["lost"]


def patterns(block: Any, broken: int, block_info: Any = None) -> Any:
    """Return a block of patterns after a moment, or raise where it is the broken one."""
    time.sleep(MOMENT_S)
    if block_info[0]["chunk-location"][0] == broken:
        raise BrokenBlockError("this block cannot be computed")
    return block


class Case:
    """An old file, and a new one that is to take its place.

    Parameters
    ----------
    folder : Path
        Where the target is written, and nothing else is.
    beside : Path
        Where the old and the new file are kept to compare with.
    name : str
        One of `FORMATS`, or `IN_PLACE`.
    """

    def __init__(self, folder: Path, beside: Path, name: str) -> None:
        self.target = folder / name
        self.format = name
        source = beside / "scan.npz"
        save_npz(simulate_scan(positions=POSITIONS), source)
        self.ds = xr.open_dataset(source, engine="ptychopinn").load()
        self.ds = self.ds.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")
        if name == "product.npz":
            self.ds = self.ds.drop_vars("diffraction")
        self._write(self.ds.isel(position=slice(0, -1)), beside / f"old-{name}")
        self.old = (beside / f"old-{name}").read_bytes()
        self._write(self.ds, beside / f"new-{name}")
        self.new_path = beside / f"new-{name}"

    def _write(self, ds: xr.Dataset, path: Path) -> None:
        with warnings.catch_warnings():
            # What a format has no place for is told each time, and is not what is tested here.
            warnings.simplefilter("ignore", UserWarning)
            if self.format == "dataset.npz":
                ds.ptyxr.to_npz(path)
            else:
                ds.ptyxr.to_product(path, position_index="sequential", photon_energy="8 keV")

    def write(self, broken: int = -1) -> None:
        """Write the new file, patterns block by block."""
        if self.format == IN_PLACE:
            self._write_in_place(broken)
            return
        ds = self.ds
        if "diffraction" in ds:
            lazy = ds.diffraction.chunk(position=POSITIONS // BLOCKS)
            lazy = lazy.copy(data=lazy.data.map_blocks(patterns, broken, dtype=lazy.dtype))
            ds = ds.assign(diffraction=lazy)
        elif broken >= 0:
            lazy = ds.object.chunk(object_y=4)
            lazy = lazy.copy(data=lazy.data.map_blocks(patterns, -1, dtype=lazy.dtype))
            lazy = lazy.copy(data=lazy.data.map_blocks(_broken, dtype=lazy.dtype))
            ds = ds.assign(object=lazy)
        self._write(ds, self.target)

    def _write_in_place(self, broken: int) -> None:
        step = POSITIONS // BLOCKS
        with h5py.File(self.new_path, "r") as source, h5py.File(self.target, "w") as out:
            out.attrs.update(source.attrs)
            for name in source:
                if name != "raw_data":
                    source.copy(name, out)
            out.create_group("raw_data").attrs.update(source["raw_data"].attrs)
            for name, member in source["raw_data"].items():
                copied = out.create_dataset(f"raw_data/{name}", member.shape, member.dtype)
                copied.attrs.update(member.attrs)
                if member.ndim < 3 or len(member) != POSITIONS:
                    copied[...] = member[...]
                    continue
                for block in range(BLOCKS):
                    rows = slice(block * step, (block + 1) * step)
                    copied[rows] = patterns(member[rows], broken, {0: {"chunk-location": [block]}})

    def restore(self) -> None:
        """Put the old file back."""
        self.target.write_bytes(self.old)

    def outcome(self) -> str:
        """Say what lies at the target."""
        found = self.target.read_bytes()
        if found == self.old:
            return "old"
        try:
            opened = ptyxr.open_dataset(self.target, quantify=False).load()
            expected = ptyxr.open_dataset(self.new_path, quantify=False).load()
            xr.testing.assert_identical(opened, expected)
        except (PtyxrError, AssertionError):
            return "lost"
        return "new"

    def debris(self) -> set[str]:
        """Return the names of what lies beside the target."""
        return {path.name for path in self.target.parent.iterdir()} - {self.format}

    def duration(self) -> float:
        """Return how long a write lasts from when its temporary file is there."""
        lasted = []
        for _ in range(3):
            begun = []
            in_child(self.write, lambda _, begun=begun: begun.append(self.wait_for_temporary()))
            lasted.append(time.perf_counter() - begun[0])
            self.restore()
        return min(lasted)

    def wait_for_temporary(self, before: AbstractSet[str] = frozenset()) -> float:
        """Wait until a temporary file is there that was not before, and return the time."""
        limit = time.perf_counter() + 10
        if self.format == IN_PLACE:
            return time.perf_counter()
        while not self.debris() - before and time.perf_counter() < limit:
            time.sleep(1e-4)
        return time.perf_counter()


def _broken(block: Any) -> Any:
    raise BrokenBlockError("this block cannot be computed")


def _open_handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def in_child(
    action: Callable[[], None], then: Callable[[int], None] = lambda _: None
) -> tuple[str, int]:
    """Run an action in a forked process, and something on its number when it has begun.

    Returns
    -------
    (error, handles)
        The type of what it raised, "none" or "killed"; and how many descriptors were left open.
    """
    import resource  # which not every system has

    begun, begin = os.pipe()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        error = "none"
        before = after = 0
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            before = _open_handles()
            try:
                os.write(begin, b"!")
                action()
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except BaseException as raised:  # noqa: BLE001  (told to the parent)
            error = type(raised).__name__
            del raised
        finally:
            after = _open_handles()
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            os.write(tell, json.dumps([error, after - before]).encode())
            os._exit(0)
    os.close(begin)
    os.close(tell)
    os.read(begun, 1)
    then(child)
    os.waitpid(child, 0)
    said = os.read(told, 1000)
    os.close(begun)
    os.close(told)
    if not said:
        return "killed", 0
    error, handles = json.loads(said)
    return error, handles


def _signal_within(
    case: Case, before: AbstractSet[str], seconds: float, number: int, child: int
) -> None:
    case.wait_for_temporary(before)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _hit(case: Case, before: AbstractSet[str], seconds: float, number: int) -> tuple[str, int]:
    """Send a signal into a write while it lasts, however fast the machine is just now.

    How long a write lasts was measured under another load: one that was over when its signal came
    is done again, and hit sooner.
    """
    error, handles = "none", 0
    for attempt in range(ATTEMPTS):
        case.restore()
        then = partial(_signal_within, case, before, seconds / 2**attempt, number)
        error, handles = in_child(case.write, then)
        if error != "none":
            break
    return error, handles


def _limited(case: Case, size: int) -> None:
    import resource  # which not every system has

    # Python leaves SIGXFSZ ignored, so that a write beyond the limit fails with an error.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    case.write()


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Any:
    """Mount a disk of some bytes at a folder, where this process may.

    Yields
    ------
    bool
        Whether it could be mounted.
    """
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", os.fspath(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", os.fspath(folder)], check=True)


def run_faults(kind: str, name: str, faults: int) -> Result | None:
    """Put faults of one kind, spread over the write, into the writing of one format.

    Returns
    -------
    Result or None
        None where this machine has no disk to be filled.
    """
    result = Result(kind, name)
    with tempfile.TemporaryDirectory() as place:
        folder, beside = Path(place) / "target", Path(place) / "beside"
        folder.mkdir()
        beside.mkdir()
        case = Case(folder, beside, name)
        size = case.new_path.stat().st_size
        with contextlib.ExitStack() as stack:
            if kind == "full disk":
                room = len(case.old) + 2 * size
                if not stack.enter_context(small_disk(folder, room)):
                    return None
            case.restore()
            in_child(case.write)  # the first one takes longer
            duration = case.duration()
            for point in range(faults):
                case.restore()
                part = (point + 0.5) / faults
                before = case.debris()
                filler = beside / "none"
                if kind in ("kill", "interrupt"):
                    number = signal.SIGKILL if kind == "kill" else signal.SIGINT
                    error, handles = _hit(case, before, part * duration, number)
                elif kind == "file size limit":
                    error, handles = in_child(partial(_limited, case, int(part * size)))
                elif kind == "full disk":
                    filler = folder / "filler"
                    filler.write_bytes(bytes(int(2 * size - part * size)))
                    error, handles = in_child(case.write)
                else:
                    error, handles = in_child(partial(case.write, int(part * BLOCKS)))
                result.faults += 1
                result.errors[error] += 1
                result.handles += max(handles, 0)
                result.outcomes[case.outcome()] += 1
                left = len(case.debris() - before - {filler.name})
                if error == "killed":
                    result.killed_debris += left
                else:
                    result.debris += left
                filler.unlink(missing_ok=True)
            in_child(case.write)
            result.after_next = len(case.debris())
            if case.outcome() != "new":
                result.outcomes["lost"] += 1
    return result


def table(results: Sequence[Result]) -> str:
    """Return the results as a table, with what writes in place beside."""
    lines = [
        machine("faults"),
        "",
        "| fault | written by | faults | old kept | new whole | **lost** | debris | in the end |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        writer = "h5py, in place" if one.format == IN_PLACE else f"ptyxr, {one.format}"
        outcomes = one.outcomes
        lines.append(
            f"| {one.kind} | {writer} | {one.faults} | {outcomes['old']} | {outcomes['new']} "
            f"| **{one.lost}** | {one.debris + one.killed_debris} | {one.after_next} |"
        )
    for who, names in (("ptyxr", FORMATS), ("h5py, in place", (IN_PLACE,))):
        every = [one for one in results if one.format in names]
        faults, lost = sum(one.faults for one in every), sum(one.lost for one in every)
        lines.append(f"| all | {who} | {faults} | | | **{lost}** | | |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what faults do, and tell by the exit status whether ptyxr has lost a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=50, help="of each kind, for each format")
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--format", action="append", choices=(*FORMATS, IN_PLACE))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args(arguments)
    found = [
        result
        for kind in options.kind or KINDS
        for name in options.format or (*FORMATS, IN_PLACE)
        if (result := run_faults(kind, name, options.faults)) is not None
    ]
    said = json.dumps([vars(one) for one in found]) if options.json else table(found)
    sys.stdout.write(f"{said}\n")
    if options.write:
        put_into_docs("faults", said)
    return int(any(one.lost for one in found if one.format in FORMATS))


if __name__ == "__main__":
    sys.exit(main())
