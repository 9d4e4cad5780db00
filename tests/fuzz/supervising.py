"""Processes that examine inputs, replaced where they die, and what they say put together."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from child import WORKING
from seeds import suffix
from tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Run"]

CHILD = Path(__file__).with_name("child.py")
#: What a process may take for an input where it sleeps instead of working, or to start.
_SLEEPING = 180.0


class Run:
    """A run over inputs of consecutive numbers, or over files.

    Parameters
    ----------
    folder : Path
        Where inputs that fail are kept, with what they did in ``failures.txt``.
    start : int
        The first number.
    inputs : int
        How many at most.
    seconds : float
        How long at most.
    workers : int
        How many processes.
    family : str, optional
        The only family of files to mutate.
    files : sequence of str
        Files that are examined as they are, instead of numbers.
    child : Path
        The script that examines inputs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        start: int = 0,
        inputs: int = sys.maxsize,
        seconds: float = float("inf"),
        workers: int = 1,
        family: str | None = None,
        files: Sequence[str] = (),
        child: Path = CHILD,
    ) -> None:
        self.folder = folder
        self.family = family
        self.child = child
        self.tally = Tally()
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        names = files or range(start, start + min(inputs, sys.maxsize - start))
        self.workers = [_Worker(self, i, names[i::workers]) for i in range(workers)]

    def go(self, report: float = 60.0) -> Tally:
        """Run until the time is over or all inputs are through, and return what came of them.

        Parameters
        ----------
        report : float
            After how many seconds a line is printed.
        """
        shown = time.monotonic()
        for worker in self.workers:
            worker.start()
        try:
            while any(worker.is_alive() for worker in self.workers):
                time.sleep(0.2)
                for worker in self.workers:
                    worker.wake()
                if time.monotonic() - shown > report:
                    shown = time.monotonic()
                    sys.stdout.write(self.tally.line() + "\n")
                    sys.stdout.flush()
        except KeyboardInterrupt:
            # What was found so far is told all the same.
            self.end = 0.0
            for worker in self.workers:
                worker.stop()
        for worker in self.workers:
            worker.join()
            if worker.trouble:
                raise RuntimeError(worker.trouble)
        return self.tally

    def note(self, failure: object) -> None:
        """Write down at once what an input did."""
        with (self.folder / "failures.txt").open("a") as file:
            file.write(f"{failure}\n")


class _Worker(threading.Thread):
    """Goes through inputs, in one process after the other.

    Parameters
    ----------
    run : Run
    place : int
        Which of the workers it is.
    names : range or sequence of str
        Numbers of inputs, or files.
    """

    def __init__(self, run: Run, place: int, names: range | Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.run_ = run
        self.names = names
        self.folder = run.folder / f"worker{place}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.heard = time.monotonic()
        self.process: subprocess.Popen[str] | None = None
        self.trouble = ""

    def wake(self) -> None:
        """End the process where it has said nothing for too long."""
        if time.monotonic() - self.heard > _SLEEPING:
            self.stop()

    def stop(self) -> None:
        """End the process."""
        process = self.process
        if process is not None:
            process.kill()

    def run(self) -> None:
        """Go through the inputs."""
        while self.names and time.monotonic() < self.run_.end and not self.trouble:
            self._serve()

    def _serve(self) -> None:
        """Start a process and listen to it until it ends."""
        command = [sys.executable, str(self.run_.child), str(self.folder)]
        if isinstance(self.names, range):
            command += [
                "--numbers",
                str(self.names.start),
                str(self.names.stop),
                str(self.names.step),
            ]
        else:
            command += ["--files", *self.names]
        if self.run_.family is not None:
            command += ["--family", self.run_.family]
        self.heard = time.monotonic()
        with (
            (self.folder / "stderr").open("w+") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            self.process = process
            over = self._listen(process)
            process.kill()
            process.wait()
            self.process = None
            errors.seek(0)
            if not over and time.monotonic() < self.run_.end:
                self._lost(process.returncode, errors.read())

    def _listen(self, process: subprocess.Popen[str]) -> bool:
        """Count what the process says; return whether it was told to end, or is through."""
        self.making: int | None = None
        self.begun: dict[str, Any] | None = None
        for line in process.stdout or ():
            said = json.loads(line)
            self.heard = time.monotonic()
            if "make" in said:
                self.making = said["make"]
            elif "begin" in said:
                self.begun = said
            else:
                with self.run_.lock:
                    for failure in self.run_.tally.count(self.begun or {}, said):
                        self.run_.note(failure)
                self.begun = None
                self.names = self.names[1:]
                if time.monotonic() > self.run_.end:
                    return True
        return not self.names

    def _lost(self, code: int, errors: str) -> None:
        """Count the input that ended the process, and go on behind it."""
        if self.making is None:
            self.trouble = f"a process did not start: {errors[-2000:]}"
            return
        self.names = self.names[1:]
        with self.run_.lock:
            if self.begun is None:
                # What HDF5 does where it writes an input is not about ptyxr.
                self.run_.tally.unmade += 1
                return
            what = {-signal.SIGPROF: "hang", -signal.SIGKILL: "sleep"}.get(code, f"crash {code}")
            failure = self.run_.tally.count_lost(self.begun, f"{what} {_way(errors)}")
            self.run_.note(failure)
        if failure.kind != "file":
            (self.folder / WORKING).replace(self.folder / f"{failure.name}{suffix(failure.family)}")


def _way(errors: str) -> str:
    """Return the innermost lines that faulthandler wrote of, where it was."""
    frames = re.findall(r'File "(?:.*/)?([^"]+)", line (\d+) in (\w+)', errors)
    return "(at " + " < ".join(f"{file}:{line}:{name}" for file, line, name in frames[:6]) + ")"
