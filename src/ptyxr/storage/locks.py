"""xarray's lock on HDF5, which a forked process finds free."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from xarray.backends.file_manager import FILE_CACHE
from xarray.backends.locks import HDF5_LOCK

__all__ = ["HDF5_LOCK"]


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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)
