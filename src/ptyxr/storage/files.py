"""Files by path or as open objects: what they are called, and how they begin."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import FormatError, MissingDependencyError
from ptyxr.storage.urls import is_url, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "check_source",
    "clean_text",
    "first_bytes",
    "is_path",
    "is_same",
    "kept_position",
    "need_zarr",
    "regular_status",
    "signature",
    "source_name",
]

#: What stands for bytes that are no text; neither terminals nor files take it.
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def clean_text(text: str | bytes) -> str:
    """Return text that can be shown and written, with U+FFFD for what is none."""
    if isinstance(text, bytes):
        return text.decode("utf-8", errors="replace")
    return _SURROGATES.sub("\ufffd", text)


def is_path(source: Any) -> bool:
    """Tell whether a source is a path, and neither an address nor an open file."""
    return isinstance(source, (str, os.PathLike)) and not is_url(source)


def source_name(source: Any) -> str:
    """Return what a file is called in messages: its absolute path, or the name of its object.

    Of an address, and of a file object of fsspec, it is the address without what may be secret.
    """
    if is_path(source):
        return os.path.abspath(os.path.expanduser(os.fsdecode(source)))
    if is_url(source):
        return shown(source)
    # Whatever a file object of someone else may say of itself.
    with contextlib.suppress(Exception):
        if hasattr(source, "fs") and hasattr(source, "path"):
            return shown(source.fs.unstrip_protocol(source.path))
    name = str(getattr(source, "name", f"<{type(source).__name__}>"))
    return shown(name) if is_url(name) else name


def check_source(source: Any) -> None:
    """Refuse what can be no file.

    Raises
    ------
    FormatError
        If it is neither a path, nor bytes, nor has ``read`` and ``seek``.
    """
    if is_path(source) or is_url(source) or isinstance(source, (bytes, memoryview)):
        return
    if not (hasattr(source, "read") and hasattr(source, "seek")):
        if hasattr(source, "open") and hasattr(source, "fs"):
            raise FormatError(
                "this is a file of fsspec that is not open",
                file=source_name(source),
                remedy="Give file.open(), or the address and storage_options",
            )
        raise FormatError(
            "this is no file",
            found=f"{source!r:.80}",
            expected="a path, bytes or a binary file object",
        )


def regular_status(path: str) -> os.stat_result:
    """Return what the system says of a file, and refuse what is none: a pipe would never end.

    Raises
    ------
    FormatError
        If it is a folder, a pipe or a device.
    OSError, ValueError
        If there is nothing, or it may not be looked at.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        folder = stat.S_ISDIR(status.st_mode)
        raise FormatError(
            "this is a folder" if folder else "this is no regular file",
            file=path,
            found=None if folder else stat.filemode(status.st_mode),
            expected="a file",
        )
    return status


def signature(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file from another one that takes its place, or from itself rewritten."""
    return (status.st_size, status.st_mtime_ns, status.st_ino, os.getpid())


def is_same(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Tell whether two signatures are of one file.

    Some network and user-space file systems number files anew for each machine or process.
    """
    size_and_time = one[:2] == other[:2]
    return size_and_time and (one[2] == other[2] or one[3] != other[3])


@contextlib.contextmanager
def kept_position(source: Any) -> Iterator[None]:
    """Leave a file object where it was."""
    position = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        position = source.tell()
    try:
        yield
    finally:
        if position is not None:
            with contextlib.suppress(OSError, ValueError):
                source.seek(position)


def first_bytes(source: Any, count: int = 8) -> bytes:
    """Return the first bytes of a file, or none where it cannot be read; never raises OSError.

    A file object is left where it was; an address on the network is not read.
    """
    try:
        if isinstance(source, (bytes, memoryview)):
            return bytes(source[:count])
        if is_url(source):
            return b""
        if is_path(source):
            name = source_name(source)
            regular_status(name)
            with open(name, "rb") as file:
                return file.read(count)
        position = source.tell()
        try:
            source.seek(0)
            return bytes(source.read(count))
        finally:
            source.seek(position)
    except (OSError, ValueError, AttributeError, TypeError):
        return b""


def need_zarr() -> None:
    """Refuse to go on without zarr, and say what to install."""
    if find_spec("zarr") is None:
        raise MissingDependencyError(
            "Zarr stores need zarr, which is not installed", remedy="pip install zarr"
        )
