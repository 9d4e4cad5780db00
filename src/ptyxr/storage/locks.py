"""xarray's lock on HDF5, which a forked process finds free, and one for files read by Python."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from typing import Any

from xarray.backends.file_manager import FILE_CACHE
from xarray.backends.locks import HDF5_LOCK

__all__ = ["HDF5_LOCK", "RESTING_LOCK"]

_MOMENT = 0.0005  # seconds between looks at whether a collection has ended


class _RestingLock:
    """The lock on HDF5, with the collector of garbage at rest while it is held.

    h5py has a lock of its own, held while HDF5 waits for a file object to read, and taken by
    whichever thread frees an object of h5py. Where the reading is done by another thread, as fsspec
    does it, and that thread collects garbage meanwhile, both would wait for ever.
    """

    def __init__(self) -> None:
        self._count_lock = threading.Lock()
        self._holders = 0
        self._was_on = False
        #: The thread that is collecting.
        self._collecting: int | None = None
        self._watching = False

    def __enter__(self) -> None:
        with self._count_lock:
            if not self._watching:
                gc.callbacks.append(self._watch)
                self._watching = True
            if not self._holders:
                self._was_on = gc.isenabled()
                gc.disable()
            self._holders += 1
        try:
            while self._collecting not in (None, threading.get_ident()):
                time.sleep(_MOMENT)
            HDF5_LOCK.acquire()
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *_: object) -> None:
        HDF5_LOCK.release()
        self._leave()

    def __reduce__(self) -> str:
        return "RESTING_LOCK"

    def _leave(self) -> None:
        with self._count_lock:
            self._holders -= 1
            if not self._holders and self._was_on:
                gc.enable()

    def _watch(self, phase: str, _: dict[str, int]) -> None:
        self._collecting = threading.get_ident() if phase == "start" else None

    def free(self) -> None:
        """Forget who holds it: a forked process has no other threads."""
        if self._holders and self._was_on:
            gc.enable()
        self._count_lock = threading.Lock()
        self._holders = 0
        self._collecting = None


RESTING_LOCK = _RestingLock()


def _free_locks() -> None:
    """Free what another thread held when this process was forked: it has no such thread."""
    locks: tuple[Any, ...] = (
        getattr(HDF5_LOCK, "lock", None),
        getattr(FILE_CACHE, "_lock", None),
    )
    for lock in locks:
        # As the standard library does for its own locks. h5py holds the fork until no thread is
        # inside HDF5 itself.
        with contextlib.suppress(AttributeError):
            lock._at_fork_reinit()  # noqa: SLF001
    RESTING_LOCK.free()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)
