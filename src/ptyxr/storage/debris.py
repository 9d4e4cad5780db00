"""Temporary files: names that tell who writes them, and removing what killed processes left."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import time
import uuid
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["clean_up", "mark_of", "temporary_name"]

#: Whose writer cannot be asked, on another machine or of another life of this one, is taken for
#: left behind when nothing was written to it for so long.
ABANDONED_S: Final = 24 * 3600.0
_SUFFIX: Final = ".ptyxr-tmp"
_NAME: Final = re.compile(
    r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.ptyxr-tmp(-open)?\Z"
)


@cache
def _machine() -> str:
    """Return a word for the set of processes that this one can ask after."""
    # A container may have the name of its host, and other processes under the same numbers.
    space = life = ""
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
        # Many machines are called "localhost".
        life = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
    return hashlib.sha256(f"{platform.node()} {space} {life}".encode()).hexdigest()[:8]


def _stem(target: Path) -> str:
    # Of a long name only the beginning, lest the temporary one be too long where it is not.
    return f".{target.name[:40]}"


def temporary_name(target: Path) -> Path:
    """Return a sibling of a file to write to, whose name tells the machine and the process."""
    who = f"{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return target.with_name(f"{_stem(target)}.{who}{_SUFFIX}")


def mark_of(temporary: Path) -> Path:
    """Return what stands beside a temporary file while a process changes more than numbers."""
    return temporary.with_name(f"{temporary.name}-open")


def clean_up(target: Path, mine: AbstractSet[Path]) -> None:
    """Remove the temporary files of a target whose writers live no more; never raises OSError.

    Parameters
    ----------
    target : Path
        The file that was to be written.
    mine : set of Path
        What this process is writing, also what it begins meanwhile; everything else under its
        number is of another process, which had the number before.
    """
    stem = _stem(target)
    try:
        names = [name for name in os.listdir(target.parent) if name.startswith(stem)]
    except OSError:
        return  # a folder may be written to and not listed
    for name in names:
        found = _NAME.fullmatch(name, len(stem)) or None
        path = target.with_name(name)
        if found is None or path.with_name(name.removesuffix("-open")) in mine:
            continue
        with contextlib.suppress(OSError):
            if _is_left(path, found["machine"], int(found["process"])):
                path.unlink()


def _is_left(path: Path, machine: str, process: int) -> bool:
    if machine == _machine() and not _lives(process):
        return True
    return time.time() - path.stat().st_mtime > ABANDONED_S


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False
    if os.name != "posix":
        # Elsewhere a signal would end the process: time has to tell.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
