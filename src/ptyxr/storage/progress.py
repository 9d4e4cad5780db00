"""Telling whoever watches how much of a file is written."""

from __future__ import annotations

import contextlib
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Progress", "watched"]

_watcher: ContextVar[Callable[[int, int], None] | None] = ContextVar("watcher", default=None)


@contextlib.contextmanager
def watched(watcher: Callable[[int, int], None]) -> Iterator[None]:
    """Have what is written meanwhile told to a function.

    Parameters
    ----------
    watcher : callable
        Is given the bytes that are written, and of how many, from any thread.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class Progress:
    """How much of a file is written; made where it is watched, and told from any thread.

    Parameters
    ----------
    total : int
        How many bytes there will be.
    """

    def __init__(self, total: int) -> None:
        self._watcher = _watcher.get()
        self._lock = threading.Lock()
        self._done = 0
        self._total = total

    def add(self, nbytes: int) -> None:
        """Tell that so many bytes more are written."""
        if self._watcher is None:
            return
        with self._lock:
            self._done += nbytes
            self._watcher(self._done, self._total)
