"""Files that are complete or not there at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ptyxr.errors import ExistingFileError, MissingFileError, PtyxrError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path", "target_path"]


def target_path(path: object) -> Path:
    """Return where a file is to be written, as an absolute path with "~" expanded."""
    if not isinstance(path, (str, os.PathLike)):
        raise PtyxrError("a file is written to a path", found=type(path).__name__)
    return Path(os.path.expanduser(os.fsdecode(path))).absolute()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_path(path: Path, *, mode: str = "w") -> Iterator[Path]:
    """Give a temporary sibling to write to, which takes the place of `path` when all went well.

    Parameters
    ----------
    path : Path
        The file to be written.
    mode : {"w", "x"}
        Whether an existing file is replaced or refused.

    Yields
    ------
    Path
        The temporary file; it is gone when the block raises.

    Raises
    ------
    ExistingFileError
        If the file exists and mode is "x".
    MissingFileError
        If its folder does not exist.
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
    # Of a long name only the beginning, lest the temporary one be too long where it is not.
    temporary = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield temporary
        _sync(temporary)
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        if mode == "x":
            try:
                _move_to_free_place(temporary, target)
            except FileExistsError as error:
                raise ExistingFileError("the file exists", file=path) from error
        else:
            os.replace(temporary, target)
        with contextlib.suppress(OSError):  # some file systems do not sync folders
            _sync(target.parent)
    except OSError as error:
        if isinstance(error, PtyxrError):
            raise
        raise PtyxrError("the file could not be written", file=path, found=str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _target(path: Path, mode: str) -> Path:
    """Return the file that is to be written, after a look at what is there."""
    # Through a link, the file it points to is replaced and the link stays.
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise MissingFileError("the folder does not exist", file=path, found=str(target.parent))
    if target.is_dir():
        raise PtyxrError("a folder is in the way", file=path)
    if mode == "x" and os.path.lexists(path):
        raise ExistingFileError("the file exists", file=path, remedy="mode='w' replaces it")
    return target


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
