"""Whether files in a folder are opened, by any process: the kernel's own word, through inotify."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ACCESS, _OPEN, _IS_FOLDER = 0x1, 0x20, 0x40000000
_EVENT = struct.Struct("iIII")


class Watch:
    """Looks at the files of a folder; Linux alone has this."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        mask = _ACCESS | _OPEN
        if libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(folder))

    def opened(self) -> list[str]:
        """Return the names of the files that were opened or read since the last call."""
        names = set()
        while True:
            try:
                data = os.read(self._descriptor, 2**16)
            except BlockingIOError:
                return sorted(names)
            at = 0
            while at < len(data):
                _, mask, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                if not mask & _IS_FOLDER:
                    names.add(data[at : at + length].rstrip(b"\0").decode())
                at += length
