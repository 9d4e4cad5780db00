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
#: Ends that are someone else's doing, where they do not happen again.
_FROM_OUTSIDE = ("process: ended", "process: sleep")


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
        with (self.folder / "failures.txt").open("a", encoding="utf-8") as file:
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
        #: What the next input did to its process when it ran for the first time.
        self.lost = ""
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
            numbers = (self.names.start, self.names.stop, self.names.step)
            command += ["--numbers", *map(str, numbers)]
        else:
            command += ["--files", *self.names]
        if self.run_.family is not None:
            command += ["--family", self.run_.family]
        self.heard = time.monotonic()
        with (
            (self.folder / "stderr").open("w+", encoding="utf-8") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            self.process = process
            self._listen(process)
            code = process.wait()
            self.process = None
            errors.seek(0)
            # One that ends by itself has become too large, and another one goes on.
            if code and time.monotonic() < self.run_.end:
                self._lost(code, errors.read())

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """Count what the process says, until it ends or the time is over."""
        self.making: int | str | None = None
        self.begun: dict[str, Any] | None = None
        for line in process.stdout or ():
            said = json.loads(line)
            self.heard = time.monotonic()
            if "make" in said:
                self.making = said["make"]
            elif "begin" in said:
                self.begun = said
            else:
                self._ended(said)
                if time.monotonic() > self.run_.end:
                    process.kill()

    def _ended(self, said: dict[str, Any]) -> None:
        """Count an input that came back."""
        begun, self.begun = self.begun or {}, None
        with self.run_.lock:
            tally = self.run_.tally
            failures = tally.count(begun, said)
            if self.lost and not self.lost.startswith(_FROM_OUTSIDE):
                failures.append(tally.add(begun, f"{self.lost}, and not when it ran again"))
            elif self.lost:
                tally.disturbed += 1
            for failure in failures:
                self.run_.note(failure)
        self.lost = ""
        self.names = self.names[1:]

    def _lost(self, code: int, errors: str) -> None:
        """Have the input that ended the process run again, or count it and go on behind it."""
        if self.making is None:
            self.trouble = f"a process did not start: {errors[-2000:]}"
            return
        again, self.lost = bool(self.lost), ""
        if self.begun is None:
            # What HDF5 does where it writes an input is not about ptyxr.
            self.run_.tally.unmade += 1
        elif again:
            with self.run_.lock:
                tally = self.run_.tally
                self.run_.note(tally.add_lost(self.begun, _end(code, errors)))
        else:
            self.lost = _end(code, errors)
            if self.begun["kind"] != "file":
                name = f"{self.making}{suffix(self.begun['family'])}"
                (self.folder / WORKING).replace(self.folder / name)
            return
        self.names = self.names[1:]


def _end(code: int, errors: str) -> str:
    """Return how a process ended, and where it was."""
    what = {-signal.SIGPROF: "hang", -signal.SIGKILL: "sleep", -signal.SIGTERM: "ended"}
    return f"process: {what.get(code, f'crash {code}')} {_way(errors)}"


def _way(errors: str) -> str:
    """Return the innermost lines that faulthandler wrote of, where it was."""
    frames = re.findall(r'File "(?:.*/)?([^"]+)", line (\d+) in (\w+)', errors)
    return "(at " + " < ".join(f"{file}:{line}:{name}" for file, line, name in frames[:6]) + ")"
