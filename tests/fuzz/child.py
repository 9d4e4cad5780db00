"""The process that takes inputs one after the other; it may crash, hang, or eat memory.

    python child.py FOLDER {--numbers START STOP STEP | --files FILE ...} [--family FAMILY]

On standard output it says which input it makes, begins and ends, a line of JSON each.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import shutil
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutations import Case, mutate
from outcomes import SECONDS, examine, memory
from seeds import FAMILIES, seeds, suffix

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

__all__ = ["WORKING"]

#: What the input at work is called, in the folder.
WORKING = "input"
#: HDF5 keeps something of each file that it cannot close: a process that has grown so far ends.
_LARGE = 2**30
#: Address space beyond what the process has at its start, so that no input takes down the machine;
#: more than HDF5 sets aside for a text or a chunk of any length that a file can state, 4 GB.
_SPACE = 6 * 2**30


def serve(names: Iterable[int | str], folder: Path, family: str | None, output: TextIO) -> None:
    """Examine inputs, and say of each one what came of it.

    Parameters
    ----------
    names : iterable of int or str
        Numbers of inputs, or files that are inputs.
    folder : Path
        Where an input is written to; those that fail, and the last one, are left there.
    family : str or None
        The only family of files to mutate.
    output : text file object
        What is said.
    """

    def say(**what: Any) -> None:
        output.write(json.dumps(what) + "\n")
        output.flush()

    # What is imported and made on first use is not the cost of an input.
    for one in FAMILIES:
        examine(seeds(one)[0].data, folder / WORKING, "any")
    _limit_space()
    # The timer counts what the process works, not how busy the machine is. Its signal says where
    # the process is, even where that is in HDF5 and holds the GIL, and then ends it.
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    for name in names:
        say(make=name)
        case = mutate(name, family) if isinstance(name, int) else _from_file(Path(name))
        say(begin=name, kind=case.kind, family=case.family)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        outcome = examine(case.data, folder / WORKING, case.family)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if outcome.failures and isinstance(name, int):
            # Kept as it is: with another release of h5py the number may give other bytes.
            shutil.copy(folder / WORKING, folder / f"{name}{suffix(case.family)}")
        say(end=name, **asdict(outcome))
        if memory("VmRSS") > _LARGE:
            return


def _from_file(path: Path) -> Case:
    return Case("file", "file", path.read_bytes())


def _limit_space() -> None:
    import resource  # which not every system has

    used = (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        * resource.getpagesize()
    )
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + _SPACE, hard))


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--numbers", type=int, nargs=3)
    parser.add_argument("--files", nargs="+")
    parser.add_argument("--family")
    arguments = parser.parse_args()
    names = arguments.files or range(*arguments.numbers)
    # Libraries that print would be taken for what the process says.
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(names, arguments.folder, arguments.family, said)


if __name__ == "__main__":
    main()
