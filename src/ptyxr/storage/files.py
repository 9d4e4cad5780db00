"""Files by path or as open objects: what they are called, and how they begin."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["first_bytes", "is_path", "source_name"]


def is_path(source: Any) -> bool:
    """Tell whether a source is a path and not an open file."""
    return isinstance(source, (str, os.PathLike))


def source_name(source: Any) -> str:
    """Return what a file is called in messages: its absolute path, or the name of its object."""
    if is_path(source):
        path: str = os.fspath(source)
        return os.path.abspath(os.path.expanduser(path))
    return str(getattr(source, "name", f"<{type(source).__name__}>"))


def first_bytes(source: Any, count: int = 8) -> bytes:
    """Return the first bytes of a file, or none where it cannot be read; never raises OSError.

    A file object is left where it was; an address on the network is not read.
    """
    try:
        if isinstance(source, (bytes, memoryview)):
            return bytes(source[:count])
        if is_path(source):
            if "://" in os.fspath(source):
                return b""
            with open(source_name(source), "rb") as file:
                return file.read(count)
        position = source.tell()
        try:
            source.seek(0)
            return bytes(source.read(count))
        finally:
            source.seek(position)
    except (OSError, ValueError, AttributeError, TypeError):
        return b""
