"""Many files opened one after another or by several processes, with a progress bar."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import pickle
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import MissingDependencyError, MissingFileError, PtyxrError, warn
from ptyxr.formats.detect import open_dataset
from ptyxr.processes import EndedError, available, can_start, run
from ptyxr.storage.files import source_name
from ptyxr.storage.remote_errors import sentence
from ptyxr.storage.urls import is_url
from ptyxr.waiting import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from xarray import Dataset

__all__ = ["find_files", "open_files"]

_FEW: Final = 100  # files that one process opens before others have started
_EACH: Final = 50  # files for which it pays to start a process
_MOST: Final = 16  # processes, however many processors there are
_TASK: Final = 10  # files that a process opens before it tells

#: What comes of a file: the dataset or why there is none, and the warnings, by category.
Opened = tuple["Dataset | Exception", list[tuple[type[Warning], str]]]


def find_files(paths: Any, storage_options: Mapping[str, Any] | None = None) -> list[str]:
    """Return the files that a pattern or a list names.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        A pattern is expanded (``**`` is any folder) and its files are sorted by name; a list keeps
        its order.
    storage_options : mapping, optional
        What fsspec is to be given for a pattern of addresses.

    Raises
    ------
    MissingFileError
        If there is none.
    RemoteError
        If the files on a network cannot be listed.
    PtyxrError
        If something is no path.
    """
    if isinstance(paths, (str, os.PathLike)):
        return _expanded(os.fsdecode(paths), storage_options)
    try:
        files = [os.fsdecode(one) for one in paths]
    except TypeError as error:
        raise PtyxrError(
            "a series is opened from a pattern or a list of paths",
            key="paths",
            found=f"{paths!r:.80}",
            remedy="Give a pattern such as 'scans/*.h5', or the paths of the files",
        ) from error
    if not files:
        raise MissingFileError("there is no file in the list", key="paths", found=repr(paths))
    return files


def _expanded(pattern: str, storage_options: Mapping[str, Any] | None) -> list[str]:
    remote = is_url(pattern)
    # A question mark begins the query of an address, and "scan[1].h5" may be a file's name.
    is_pattern = "*" in pattern if remote else glob.has_magic(pattern)
    if not is_pattern or os.path.exists(pattern):  # noqa: PTH110
        if os.path.isdir(pattern):  # noqa: PTH112
            raise MissingFileError(
                "this is a folder",
                file=pattern,
                remedy=f"Say which files in it: {os.path.join(pattern, '*.h5')!r}",  # noqa: PTH118
            )
        return [pattern]
    if remote:
        found = _remote(pattern, storage_options)
    else:
        found = glob.glob(os.path.expanduser(pattern), recursive=True)  # noqa: PTH111, PTH207
    if not found:
        remedy = "'**' stands for folders within folders"
        if remote:
            remedy = "Many web servers do not list their files: give a list of addresses"
        elif not os.path.isabs(pattern):  # noqa: PTH117
            remedy = f"Relative to {os.getcwd()!r}; {remedy}"  # noqa: PTH109
        raise MissingFileError("no file fits the pattern", file=source_name(pattern), remedy=remedy)
    return sorted(found)


def _remote(pattern: str, storage_options: Mapping[str, Any] | None) -> list[str]:
    """Return the addresses that a pattern stands for, with the links of a chain that it has."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingDependencyError(
            "patterns of addresses need fsspec", remedy="pip install 'ptyxr[remote]'"
        ) from error
    links = pattern.split("::")
    starred = next(number for number, link in enumerate(links) if "*" in link)
    try:
        filesystem, path = url_to_fs(pattern, **(storage_options or {}))
        found = [filesystem.unstrip_protocol(one) for one in filesystem.glob(path)]
    except Exception as error:  # noqa: BLE001  (file systems raise anything)
        # The cause is not shown: addresses and headers in it can be secret.
        raise sentence(error, pattern, storage_options or {}) from None
    return ["::".join((*links[:starred], one, *links[starred + 1 :])) for one in found]


def _open_one(path: str, options: dict[str, Any]) -> Opened:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        opened: Dataset | Exception
        try:
            opened = open_dataset(path, **options)
        except (PtyxrError, OSError) as error:
            opened = error
    name = source_name(path)
    return opened, [(one.category, str(one.message).replace(name, "{file}")) for one in caught]


def _open_some(task: tuple[list[str], dict[str, Any]]) -> list[Opened]:
    """Open files in a process that helps."""
    paths, options = task
    return [_open_one(path, options) for path in paths]


def open_files(
    paths: Sequence[str],
    options: dict[str, Any],
    *,
    parallel: bool | int | None = None,
    progress: bool | None = None,
) -> list[Dataset | Exception]:
    """Open files, each as a dataset or the error it gives.

    Parameters
    ----------
    paths : sequence of str
    options : dict
        What `open_dataset` takes.
    parallel : bool or int, optional
        Whether by several processes, or by how many; by default where it pays.
    progress : bool, optional
        Whether a progress bar is shown; by default on a terminal and in a notebook, where it takes
        longer than a second.

    Warns
    -----
    UserWarning
        What the files are warned of, once for all that are warned of the same.
    """
    count = _processes(len(paths), parallel, options)
    found: dict[int, Opened] = {}
    with _bar(len(paths), progress) as advance:
        for number, one in _opened(paths, options, count):
            found[number] = one
            advance()
    _warn_once(paths, found)
    return [found[number][0] for number in range(len(paths))]


def _opened(
    paths: Sequence[str], options: dict[str, Any], processes: int
) -> Iterator[tuple[int, Opened]]:
    if processes < 2:
        for number, path in enumerate(paths):
            yield number, _open_one(path, options)
        return
    starts = range(0, len(paths), _TASK)
    tasks = [(list(paths[start : start + _TASK]), options) for start in starts]
    try:
        for task, results in run(_open_some, tasks, processes):
            for i, one in enumerate(results):
                yield starts[task] + i, one
    except EndedError as error:
        some = tasks[error.number][0]
        raise PtyxrError(
            "a process ended while it opened files",
            file=f"{some[0]} … {some[-1]}",
            found=f"code {error.code}",
            remedy="parallel=False opens all files in this process, one after another",
        ) from error


def _processes(files: int, parallel: bool | int | None, options: dict[str, Any]) -> int:
    """Return by how many processes files are opened; 1 is this one."""
    if parallel is None:
        if files < _FEW or not can_start() or not _can_be_sent(options):
            return 1
        return min(available(), files // _EACH, _MOST)
    if isinstance(parallel, bool):
        return min(available(), _MOST, files) if parallel else 1
    return min(parallel, files)


def _can_be_sent(options: dict[str, Any]) -> bool:
    try:
        pickle.dumps(options)
    except Exception:  # noqa: BLE001  (whatever does not let itself be pickled)
        return False
    return True


@contextlib.contextmanager
def _bar(total: int, show: bool | None) -> Iterator[Callable[[], None]]:
    """Give what a progress bar is moved on by, which shows itself after a while."""
    if show is False or total < 2:
        yield lambda: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if show is None and not (console.is_terminal or console.is_jupyter):
        yield lambda: None
        return
    bar = Bar("opening", at_once=bool(show))
    done = itertools.count(1)
    try:
        yield lambda: bar(next(done), total)
    finally:
        bar.stop()


def _warn_once(paths: Sequence[str], found: dict[int, Opened]) -> None:
    first: dict[tuple[type[Warning], str], str] = {}
    many: Counter[tuple[type[Warning], str]] = Counter()
    for number in sorted(found):
        for told in found[number][1]:
            first.setdefault(told, source_name(paths[number]))
            many[told] += 1
    for (category, text), path in first.items():
        message = text.replace("{file}", path)
        if (more := many[category, text] - 1) > 0:
            message += f" So it is with {more} more of the files."
        if issubclass(category, UserWarning):
            warn(message)
        else:
            warnings.warn(message, category, stacklevel=4)
