"""Having dask compute chunks and put each into a file, wherever it computes them."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import uuid
from abc import ABC, abstractmethod
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends.locks import get_dask_scheduler

from ptyxr.errors import InvalidDataError, PtyxrError
from ptyxr.storage.debris import mark_of
from ptyxr.storage.streams import checked_cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from xarray import Variable

    from ptyxr.storage.progress import Progress

__all__ = ["Destination", "is_dask", "locked", "store", "write_lock"]


def is_dask(variable: Variable) -> bool:
    """Tell whether the data of a variable are dask's."""
    return variable.chunks is not None and hasattr(variable.data, "dask")


class Destination(ABC):
    """A file that takes blocks of arrays; in other processes too, where it can be pickled."""

    @abstractmethod
    def put(self, name: str, key: tuple[slice, ...], values: np.ndarray) -> None:
        """Write a block of an array, in the type it has in the file."""


class _Target:
    """What ``dask.array.store`` writes to: one array of a file."""

    def __init__(
        self, destination: Destination, name: str, dtype: np.dtype[Any], progress: Progress | None
    ) -> None:
        self._destination = destination
        self._name = name
        self._dtype = dtype
        self._progress = progress

    def __setitem__(self, key: tuple[slice, ...], values: Any) -> None:
        self._check(key, values)
        numbers = checked_cast(np.asarray(values), self._dtype, self._name)
        self._destination.put(self._name, key, numbers)
        if self._progress is not None:
            self._progress.add(numbers.nbytes)

    def _check(self, key: tuple[slice, ...], values: Any) -> None:
        """Refuse what would be spread, spilt over its neighbours, or bared of its mask."""
        expected = tuple(part.stop - part.start for part in key)
        if np.shape(values) != expected:
            raise InvalidDataError(
                "a chunk has not the shape that dask was told",
                key=self._name,
                found=str(np.shape(values)),
                expected=str(expected),
                remedy="Say by chunks= what the function that makes it returns",
            )
        if np.ma.is_masked(values):
            raise InvalidDataError(
                "masked numbers have no place in the file",
                key=self._name,
                remedy="Say first what stands in their place, with dask.array.ma.filled",
            )

    def __dask_tokenize__(self) -> str:
        # Of what is written, nothing is to be taken from an earlier time.
        return uuid.uuid4().hex

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_progress": None}  # another process tells nobody here


def store(
    destination: Destination,
    arrays: Mapping[str, tuple[Variable, np.dtype[Any]]],
    progress: Progress,
) -> None:
    """Have dask compute arrays in one go, and put each chunk into a file when it is there.

    Parameters
    ----------
    destination : Destination
        The file.
    arrays : mapping of str to (Variable, numpy.dtype)
        Variables of dask arrays, and their types in the file.
    progress : Progress
        Is told of every chunk that this process writes.
    """
    import dask.array as da

    sources = [variable.data for variable, _ in arrays.values()]
    targets: Any = [
        _Target(destination, name, dtype, progress) for name, (_, dtype) in arrays.items()
    ]
    with _own_client():
        # Each file has a lock of its own, which is held for no longer than its writing takes.
        da.store(sources, targets, lock=False)


@contextlib.contextmanager
def _own_client() -> Iterator[None]:
    """In a task of a cluster, leave the place in its queue to what the task waits for."""
    distributed = sys.modules.get("distributed")
    # A client in a task becomes what computes, in place of what the task may have chosen.
    if distributed is None or get_dask_scheduler() != "distributed":
        yield
        return
    try:
        distributed.get_worker()
    except ValueError:
        yield
        return
    with distributed.worker_client():
        yield


def write_lock() -> Any:
    """Return a lock on writing that goes where dask computes, or None where that is here.

    Returns
    -------
    context manager or None
        Of the cluster where one computes; for other processes, see `locked`; None for threads.
    """
    if get_dask_scheduler() == "distributed":
        import distributed

        return distributed.Lock(f"ptyxr-{uuid.uuid4().hex}")
    return None if _computes_here() else contextlib.nullcontext()


def _computes_here() -> bool:
    """Tell whether dask computes in this process; executors may be given to it in two ways."""
    import dask
    from dask.base import get_scheduler

    how = get_scheduler(cls=dask.array.Array)
    if how is dask.threaded.get:
        return not isinstance(dask.config.get("pool", None), ProcessPoolExecutor)
    return how is dask.local.get_sync


@contextlib.contextmanager
def locked(path: Path, lock: Any, *, in_place: bool) -> Iterator[BinaryIO]:
    """Open a file that several processes write, for one of them at a time.

    Of what is not written in place, a process that is killed meanwhile, or a full disk, leaves a
    file that describes itself wrongly: what dask tries again would write over the chunks of others.
    So nobody goes on with such a file.

    Parameters
    ----------
    path : Path
        The file, which is there.
    lock : context manager
        What `write_lock` gave.
    in_place : bool
        Whether only numbers are written that have their place already.

    Yields
    ------
    binary file object
        Without a buffer.

    Raises
    ------
    PtyxrError
        If somebody began to write and did not end.
    """
    mark = mark_of(path)
    with lock, open(path, "r+b", buffering=0) as file:
        # The processes of a cluster may be on machines between which a file system has no locks.
        if isinstance(lock, contextlib.nullcontext):
            _lock(file.fileno())
        if mark.exists():
            raise PtyxrError(
                "a process that wrote was killed, or the disk is full",
                remedy="Write it anew, with more memory for a process or smaller chunks",
            )
        if in_place:
            yield file
            return
        mark.touch(exist_ok=False)
        yield file
        mark.unlink()


def _lock(descriptor: int) -> None:
    """Wait until no other process has the file; closing it sets it free."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 2**62, os.SEEK_SET)  # beyond what is ever written
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLK:  # it gives up after ten seconds
                    raise
            else:
                return
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
