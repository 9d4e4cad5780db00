"""Files that are complete or not there at all."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ptyxr.errors import ExistingFileError, MissingFileError, PtyxrError
from ptyxr.storage.debris import clean_up, temporary_name
from ptyxr.storage.urls import is_url, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["atomic_path", "target_path"]

#: Extended attributes that say who may do what. Others describe the bytes, which are new.
_ACCESS_LISTS: Final = ("system.posix_acl_access", "security.selinux")

#: What this process is writing, in whichever thread.
_writing: set[Path] = set()


def target_path(path: object) -> Path:
    """Return where a file is to be written, as an absolute path with "~" expanded.

    Raises
    ------
    PtyxrError
        If it is no path, or an address on a network.
    """
    if is_url(path):
        raise PtyxrError(
            "nothing is written to a network",
            file=shown(path),
            remedy="Write a local file, and copy it there: fsspec.filesystem('s3').put(local, "
            "address)",
        )
    if not isinstance(path, (str, os.PathLike)):
        raise PtyxrError("a file is written to a path", found=type(path).__name__)
    return Path(os.path.expanduser(os.fsdecode(path))).absolute()


@contextlib.contextmanager
def atomic_path(
    path: Path, *, mode: str = "w", check: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Give a temporary sibling to write to, which takes the place of `path` when all went well.

    The sibling is flushed to the disk, opened again and checked, and then moved in one step. What
    processes that were killed have left of the same target is removed first.

    Parameters
    ----------
    path : Path
        The file to be written.
    mode : {"w", "x"}
        Whether an existing file is replaced or refused.
    check : callable, optional
        Is given the finished temporary file, and raises where it is not what was to be written.

    Yields
    ------
    Path
        The temporary file, empty; it is gone when the block raises.

    Raises
    ------
    ExistingFileError
        If the file exists and mode is "x".
    MissingFileError
        If its folder does not exist.
    PtyxrError
        If something else than a file is there, if it is write-protected, or if it cannot be
        written.
    """
    if mode not in ("w", "x"):
        raise PtyxrError("no such mode", key="mode", found=repr(mode), expected="'w' or 'x'")
    try:
        target = _target(path, mode)
    except (OSError, ValueError) as error:
        if isinstance(error, PtyxrError):
            raise
        # A name that is too long, or has a zero byte in it.
        raise PtyxrError("no file can be written here", file=path, found=str(error)) from error
    clean_up(target, _writing)
    temporary = temporary_name(target)
    try:
        _writing.add(temporary)
        _create(temporary, target)
        yield temporary
        _sync(temporary, os.O_RDWR)
        if check is not None:
            _check(temporary, path, check)
        _take_over(temporary, target)
        if mode == "x":
            try:
                _move_to_free_place(temporary, target)
            except FileExistsError as error:
                raise ExistingFileError("the file exists", file=path) from error
        else:
            _replace(temporary, target, path)
        with contextlib.suppress(OSError):  # some file systems do not sync folders
            _sync(target.parent, os.O_RDONLY)
    except OSError as error:
        if isinstance(error, PtyxrError):
            raise
        if isinstance(error, PermissionError):
            raise PtyxrError(
                "you may not write in this folder",
                file=path,
                found=f"{target.parent} ({stat.filemode(target.parent.stat().st_mode)})",
                remedy=_advice(target, "Choose another folder"),
            ) from error
        # Without the name of the temporary file, which means nothing to anyone.
        raise PtyxrError(
            "the file could not be written",
            file=path,
            found=error.strerror or str(error),
            remedy=_advice(target, "Make room, or choose another disk"),
        ) from error
    finally:
        _remove(temporary)


def _advice(target: Path, advice: str) -> str:
    return f"{advice}; the old file is as it was" if target.exists() else advice


def _target(path: Path, mode: str) -> Path:
    """Return the file that is to be written, after a look at what is there."""
    # Through a link, the file it points to is replaced and the link stays.
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise MissingFileError(
            "the folder does not exist",
            file=path,
            remedy=f"{str(target.parent)!r} is a file"
            if target.parent.exists()
            else f"Make it first: mkdir -p {shlex.quote(str(target.parent))}",
        )
    if mode == "x" and os.path.lexists(path):
        raise ExistingFileError("the file exists", file=path, remedy="mode='w' replaces it")
    try:
        there = target.lstat()
    except FileNotFoundError:
        return target
    if stat.S_ISDIR(there.st_mode):
        raise PtyxrError("a folder is in the way", file=path, remedy="Name a file in it")
    if not stat.S_ISREG(there.st_mode):
        # Moving a file here would take the place of a device, a pipe or a circle of links.
        raise PtyxrError("what is here is no file", file=path, found=stat.filemode(there.st_mode))
    if not os.access(target, os.W_OK):
        raise PtyxrError(
            "the file is write-protected",
            file=path,
            found=stat.filemode(there.st_mode),
            remedy="Write to another path, or lift the protection",
        )
    return target


def _create(temporary: Path, target: Path) -> None:
    """Make the temporary file; what replaces another one is for nobody else until it is there."""
    mode = 0o600 if target.exists() else 0o666
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))


def _take_over(temporary: Path, target: Path) -> None:
    """Give the new file the owner, the group, the mode and the access lists of the old one."""
    try:
        there = target.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(there.st_mode)
    if hasattr(os, "chown"):
        try:
            os.chown(temporary, -1, there.st_gid)
        except OSError:
            # What the old group was allowed, the writer's own is not.
            mode &= ~(stat.S_IRWXG | stat.S_ISGID)
        with contextlib.suppress(OSError):  # only root gives files away
            os.chown(temporary, there.st_uid, -1)
    if hasattr(os, "setxattr"):
        for name in _ACCESS_LISTS:
            with contextlib.suppress(OSError):
                # A new file may have inherited one from its folder, which the old one had not.
                os.removexattr(temporary, name)
            with contextlib.suppress(OSError):
                os.setxattr(temporary, name, os.getxattr(target, name))
    os.chmod(temporary, mode)


def _check(temporary: Path, path: Path, check: Callable[[Path], None]) -> None:
    try:
        check(temporary)
    except (PtyxrError, OSError) as error:
        found = error.found if isinstance(error, PtyxrError) else error
        raise PtyxrError(
            "the file was not written whole, and was thrown away",
            file=path,
            key=getattr(error, "key", None),
            found=found,
            expected=getattr(error, "expected", None),
            remedy="Write it anew, or to another disk",
        ) from error


def _sync(path: Path, access: int) -> None:
    descriptor = os.open(path, access)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(temporary: Path) -> None:
    """Remove what is left of a temporary file, even when the user presses Ctrl-C again."""
    try:
        temporary.unlink(missing_ok=True)
    except KeyboardInterrupt:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        _writing.discard(temporary)


def _replace(temporary: Path, target: Path, path: Path) -> None:
    """Put the new file in the place of the old one, which only Windows refuses while it is open."""
    try:
        os.replace(temporary, target)
    except PermissionError as error:
        if os.name != "nt" or not target.exists():
            raise
        raise PtyxrError(
            "the file is open, and Windows replaces no open file",
            file=path,
            found=error.strerror,
            remedy="Close the dataset that was opened from it, or write to another path; the old "
            "file is as it was",
        ) from error


def _move_to_free_place(temporary: Path, target: Path) -> None:
    """Move a file to where nothing is: no file of another process is replaced."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        # Not every file system has hard links. An empty file claims the place there.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.replace(temporary, target)
        except OSError:
            target.unlink(missing_ok=True)
            raise
    else:
        temporary.unlink()
