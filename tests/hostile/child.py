"""Give hostile files to a reader, each in a forked process with limits, and see what it does.

Run as a script with ``tests`` on ``PYTHONPATH``; `ask` starts it. Standard input is the folder of
the files and their names, standard output one line of JSON for each.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostile.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ADDRESS_SPACE = 3 * 2**30  # bytes, beyond what the process has already
PATIENCE = 20  # seconds for one file, unless told otherwise

#: Modules of readers. Each has `actions(path, place)`, which gives names and functions without
#: arguments, and `OWN`, the errors that are the reader's word on a file.
READERS = ("careless", "by_ptyxr", "by_ptychodus")


def ask(
    reader: str,
    base: Path,
    names: Iterable[str],
    environment: Mapping[str, str] | None = None,
    patience: int = PATIENCE,
) -> dict[str, dict[str, Any]]:
    """Give files to a reader, and return for each what became of it, action by action."""
    tests = os.fspath(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, (tests, (environment or {}).get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-P", __file__, reader],
        input=json.dumps([os.fspath(base), list(names), patience]),
        env={**os.environ, **(environment or {}), "PYTHONPATH": paths, "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE, text=True, check=True, timeout=600,
    )  # fmt: skip
    return {answer["name"]: answer for answer in map(json.loads, done.stdout.splitlines())}


def _peak() -> int:
    """Return the most memory the process had since `_forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _forget_peak() -> int:
    with contextlib.suppress(OSError):  # without it, only what is more than ever before is seen
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _peak()


def _limit(patience: int) -> None:
    import resource  # which not every system has

    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    most = pages * resource.getpagesize() + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
    signal.alarm(patience)


def _files(base: Path) -> set[Path]:
    return {Path(folder, name) for folder, _, names in os.walk(base) for name in names}


class _Trial:
    """One file given to one reader, in a process of its own."""

    def __init__(self, base: Path, name: str, watch: Watch, patience: int) -> None:
        from hostile.sound import Place

        self.place = Place(base)
        self.name = name
        self.canary = self.place.canaries / name
        self.watch = watch
        self.patience = patience

    def run(self, module: Any) -> dict[str, Any]:
        """Fork, let the reader do all it can, and gather what is told and seen."""
        before = _files(self.place.base)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            # Whatever is printed is not for the one who asked.
            with Path(os.devnull).open("r+b") as nowhere:
                for standard in range(3):
                    os.dup2(nowhere.fileno(), standard)
            with os.fdopen(writing, "w") as stream:
                self._try(module, stream)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            told = [json.loads(line) for line in stream]
        _, status = os.waitpid(child, 0)
        answer: dict[str, Any] = {"name": self.name, "actions": told, "signal": None}
        if os.WIFSIGNALED(status):
            answer["signal"] = signal.Signals(os.WTERMSIG(status)).name
        # What a dying process did not tell of itself.
        answer["outside"] = self.watch.opened()
        answer["executed"] = self.canary.exists()
        answer["strays"] = sorted(
            str(path) for path in _files(self.place.base) - before if path.name != self.name
        )
        for path in _files(self.place.base) - before:
            path.unlink()
        return answer

    def _try(self, module: Any, stream: Any) -> None:
        _limit(self.patience)
        os.chdir(self.place.work)
        for label, action in module.actions(self.place.files / self.name, self.place):
            # The name of an action that ends the process stands alone.
            print(json.dumps({"action": label}), file=stream, flush=True)
            before, start = _forget_peak(), time.perf_counter()
            told: dict[str, Any] = {"action": label, "error": None}
            try:
                told["result"] = action()
            except BaseException as error:  # noqa: BLE001  (whatever it is, it is told)
                told |= {
                    "error": type(error).__name__,
                    "own": isinstance(error, module.OWN),
                    "text": str(error)[:5000],
                    "length": len(str(error)),
                    "traceback": traceback.format_exc()[-2000:],
                }
                del error
            told["seconds"] = time.perf_counter() - start
            told["memory"] = _peak() - before
            told["outside"] = self.watch.opened()
            told["executed"] = self.canary.exists()
            with contextlib.suppress(FileNotFoundError):
                self.canary.unlink()
            print(json.dumps(told), file=stream, flush=True)


def _warm_up(module: Any, base: Path) -> None:
    """Import whatever is imported on use, once for all that are forked."""
    from hostile.sound import Place

    place = Place(base)
    here = Path.cwd()
    os.chdir(place.work)
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        for path in (base / "sound.h5", base / "sound.npz"):
            for _, action in module.actions(path, place):
                with contextlib.suppress(Exception):
                    action()
    for path in _files(place.work):
        path.unlink()
    os.chdir(here)


def _answers(reader: str, base: Path, names: list[str], patience: int) -> Iterator[dict[str, Any]]:
    module = importlib.import_module(f"hostile.{reader}")
    _warm_up(module, base)
    watch = Watch(base / "outside")
    for name in names:
        answer = _Trial(base, name, watch, patience).run(module)
        # Of an action that came to its end, the second line alone.
        ended = [told["action"] for told in answer["actions"] if "error" in told]
        answer["actions"] = [
            told for told in answer["actions"] if "error" in told or told["action"] not in ended
        ]
        yield answer


def main() -> None:
    """Answer what is asked on standard input."""
    base, names, patience = json.load(sys.stdin)
    for answer in _answers(sys.argv[1], Path(base), names, patience):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
