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
    return Path(os.path.expanduser(os.fspath(path))).absolute()


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
    # Through a link, the file it points to is replaced and the link stays.
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise MissingFileError("the folder does not exist", file=path, found=str(target.parent))
    if target.is_dir():
        raise PtyxrError("a folder is in the way", file=path)
    if mode == "x" and os.path.lexists(path):
        raise ExistingFileError("the file exists", file=path, remedy="mode='w' replaces it")
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield temporary
        _sync(temporary)
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        if mode == "x":
            # A link is made only where there is nothing: no file of another process is replaced.
            try:
                os.link(temporary, target)
            except FileExistsError as error:
                raise ExistingFileError("the file exists", file=path) from error
            temporary.unlink()
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
