"""Work in other processes that need nothing of the user's script.

The pools of the standard library run the user's script once more in each process, which a script
without ``if __name__ == "__main__"`` ends in an error; or they fork, which HDF5 and threads do not
outlive. Here an interpreter of its own is started, and told what to do through a pipe.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["EndedError", "available", "can_start", "run", "serve"]

_PATIENCE: Final = 10.0  # seconds for a process to end that says no more


class EndedError(RuntimeError):
    """A process that was to help is no more.

    Parameters
    ----------
    number : int
        Number of the task that it had.
    code : int
        What it ended with; negative is a signal.
    """

    def __init__(self, number: int, code: int) -> None:
        super().__init__(f"a process that was to help ended with code {code}")
        self.number = number
        self.code = code


def available() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # neither on macOS nor on Windows
        return os.cpu_count() or 1


def can_start() -> bool:
    """Tell whether the interpreter is known; where Python is embedded, it is not."""
    return bool(sys.executable) and "python" in os.path.basename(sys.executable).lower()  # noqa: PTH119


class _Worker:
    """An interpreter that answers one task at a time."""

    def __init__(self) -> None:
        paths = [os.fspath(path) for path in sys.path]
        code = f"import sys; sys.path[:] = {paths!r}; from {__name__} import serve; serve()"
        self._process = subprocess.Popen(  # noqa: S603  (this very interpreter)
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, function: Callable[[Any], Any], number: int, task: Any) -> Any:
        """Return what a function gives, or raise what it raises."""
        assert self._process.stdin is not None  # noqa: S101  (they are pipes)
        assert self._process.stdout is not None  # noqa: S101
        try:
            pickle.dump((function, task), self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            # From a process that was started here, and of what it was told.
            done, answer = pickle.load(self._process.stdout)  # noqa: S301
        # What ends amid its answer leaves a part of a pickle.
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise EndedError(number, self._code()) from error
        if not done:
            raise answer
        return answer

    def _code(self) -> int:
        try:
            return self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:  # it lives, and what it says is no answer
            self._process.kill()
            return self._process.wait()

    def end(self, *, now: bool) -> None:
        """Let the process end, or end it."""
        if now:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()


def run(
    function: Callable[[Any], Any], tasks: Sequence[Any], processes: int
) -> Iterator[tuple[int, Any]]:
    """Give what a function returns for each task, with its number, as they are done.

    Parameters
    ----------
    function : callable
        Of one argument; importable, as pickle needs it.
    tasks : sequence
    processes : int
        How many interpreters to start.

    Raises
    ------
    EndedError
        If a process died.
    """
    workers: list[_Worker] = []
    idle: list[_Worker] = []
    pool = ThreadPoolExecutor(max(1, min(processes, len(tasks))))
    finished = False

    def one(number: int) -> tuple[int, Any]:
        worker = idle.pop()  # as many threads as workers: there is always one
        try:
            return number, worker.ask(function, number, tasks[number])
        finally:
            idle.append(worker)

    try:
        # One by one, for the system may refuse the next: those before it are ended then.
        workers.extend(_Worker() for _ in range(min(processes, len(tasks))))
        idle += workers
        futures = [pool.submit(one, number) for number in range(len(tasks))]
        for future in as_completed(futures):
            yield future.result()
        finished = True
    finally:
        # Of an error or Ctrl-C: what is under way is of no use, and its thread waits for it.
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.end(now=not finished)


def serve() -> None:
    """Answer tasks from the standard input until it ends."""
    import signal

    # Ctrl-C goes to all processes of a terminal; the one that started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a task prints is not to stand among the answers
    while True:
        try:
            function, task = pickle.load(tasks)  # noqa: S301  (from the process that started this)
        except EOFError:
            return
        try:
            answer = True, function(task)
        except Exception as error:  # noqa: BLE001  (it is raised where it was asked for)
            answer = False, error
        try:
            message = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001  (what cannot be sent is said)
            message = pickle.dumps((False, RuntimeError(f"no answer: {error}")))
        answers.write(message)
        answers.flush()
