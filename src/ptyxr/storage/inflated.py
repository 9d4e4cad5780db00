"""Reading anywhere in what is deflated, without holding it or unpacking all before each time.

A deflated stream has no index. While it is unpacked, the state of the unpacking is kept every few
megabytes, and what was unpacked last; reading goes on from the nearest state before it. Both are
bounded, whatever the size of the file.
"""

from __future__ import annotations

import bisect
import itertools
import os
import threading
import weakref
import zipfile
import zlib
from collections import OrderedDict, deque
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Inflated"]

#: What is unpacked at a time where less is asked for, and how much of that is kept in a process.
_BLOCK: Final = 4 * 2**20
_KEPT_BLOCKS: Final = 8
#: How many states are kept of a member, each of some 50 KB, and how many of where reading stopped.
_MOST_STATES: Final = 128
_MOST_STOPS: Final = 8
#: What is unpacked at a time, and read at a time; more where one access costs more.
_INPUT: Final = 16 * 2**10
_READ: Final = 64 * 2**10
_OUTPUT: Final = 256 * 2**10


class _State(NamedTuple):
    """Where the unpacking of a member has got to."""

    offset: int  # in what is unpacked
    place: int  # in what is packed
    crc: int
    inflate: Any

    def copy(self) -> _State:
        return self._replace(inflate=self.inflate.copy())


class _Blocks:
    """What was unpacked last, of whichever member in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def get(self, key: tuple[int, int]) -> bytes | None:
        with self._lock:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
            return block

    def put(self, key: tuple[int, int], block: bytes) -> None:
        with self._lock:
            self._blocks[key] = block
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        for member in list(_members):
            member.after_fork()


_blocks = _Blocks()
_numbers = itertools.count()
_members: weakref.WeakSet[Inflated] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    # Another thread may have held the lock, and the child has no such thread.
    os.register_at_fork(after_in_child=_blocks.after_fork)


class Inflated:
    """A deflated member of a zip archive.

    Parameters
    ----------
    info : zipfile.ZipInfo
        The member.
    start : int
        Where its bytes begin in the file.
    """

    def __init__(self, info: zipfile.ZipInfo, start: int) -> None:
        self._info = info
        self._start = start
        self._prepare()

    def _prepare(self) -> None:
        self._number = next(_numbers)
        self._lock = threading.Lock()
        self._spacing = _BLOCK
        self._states = [_State(0, 0, 0, zlib.decompressobj(-zlib.MAX_WBITS))]
        self._stops: deque[_State] = deque(maxlen=_MOST_STOPS)
        _members.add(self)

    def after_fork(self) -> None:
        """Set the lock free: who held it is not in this process."""
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"_info": self._info, "_start": self._start}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def open(self, file: IO[bytes]) -> Reader:
        """Return what reads the unpacked bytes, from an open archive."""
        return Reader(self, file)

    def read_into(self, file: IO[bytes], offset: int, view: memoryview) -> int:
        """Fill a view with the unpacked bytes from an offset on; return how many there were.

        Raises
        ------
        zlib.error, EOFError, zipfile.BadZipFile
            If the member is damaged.
        """
        view = view[: max(0, self._info.file_size - offset)]
        done = 0
        while done < len(view):
            rest = view[done:]
            number, within = divmod(offset + done, _BLOCK)
            block = _blocks.get((self._number, number))
            if block is None and len(rest) >= _BLOCK:
                self._unpack(file, offset + done, rest)
                return len(view)
            if block is None:
                block = self._block(file, number)
            part = block[within : within + len(rest)]
            rest[: len(part)] = part
            done += len(part)
        return len(view)

    def _block(self, file: IO[bytes], number: int) -> bytes:
        first = number * _BLOCK
        buffer = bytearray(min(_BLOCK, self._info.file_size - first))
        self._unpack(file, first, memoryview(buffer))
        block = bytes(buffer)
        _blocks.put((self._number, number), block)
        return block

    def _unpack(self, file: IO[bytes], first: int, view: memoryview) -> None:
        at = 0
        for offset, data in self._stream(file, first, first + len(view)):
            part = data[max(0, first - offset) :]
            view[at : at + len(part)] = part
            at += len(part)

    def _stream(self, file: IO[bytes], first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Unpack from the nearest state before the first byte to the last, in pieces."""
        offset, place, crc, inflate = self._nearest(first)
        file.seek(self._start + place)
        ahead = memoryview(b"")
        most_read = max(_READ, 16 * getattr(file, "access", 0))
        while offset < last:
            # The state is kept at multiples of the spacing, so a piece ends there.
            most = min(_OUTPUT, last - offset, self._spacing - offset % self._spacing)
            packed = inflate.unconsumed_tail
            if not packed:
                if not ahead:
                    left = self._info.compress_size - place
                    ahead = memoryview(file.read(min(most_read, left)))
                packed, ahead = bytes(ahead[:_INPUT]), ahead[_INPUT:]
                place += len(packed)
            data = inflate.decompress(packed, most)
            if not data and (inflate.eof or not packed):
                raise EOFError("the compressed data end before the array does")
            crc = zlib.crc32(data, crc)
            yield offset, data
            offset += len(data)
            if offset % self._spacing == 0:
                self._keep(_State(offset, place, crc, inflate))
        if offset == self._info.file_size and crc != self._info.CRC:
            raise zipfile.BadZipFile("the checksum is wrong (CRC-32)")
        with self._lock:
            # What is read next begins here, however far apart the states are by now.
            self._stops.append(_State(offset, place, crc, inflate))

    def _nearest(self, first: int) -> _State:
        with self._lock:
            at = bisect.bisect_right(self._states, first, key=_offset) - 1
            stops = (one for one in self._stops if one.offset <= first)
            nearest: _State = max([self._states[at], *stops], key=_offset)
            return nearest.copy()

    def _keep(self, state: _State) -> None:
        with self._lock:
            at = bisect.bisect_left(self._states, state.offset, key=_offset)
            if at < len(self._states) and self._states[at].offset == state.offset:
                return
            self._states.insert(at, state.copy())
            if len(self._states) > _MOST_STATES:
                self._spacing *= 2
                self._states = [one for one in self._states if one.offset % self._spacing == 0]


def _offset(state: _State) -> int:
    return state.offset


class Reader:
    """The unpacked bytes of a member as a file that seeks.

    Parameters
    ----------
    member : Inflated
        The member.
    file : binary file object
        The archive.
    """

    def __init__(self, member: Inflated, file: IO[bytes]) -> None:
        self._member = member
        self._file = file
        self._at = 0

    def seek(self, offset: int) -> int:
        """Move to an offset from the beginning."""
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        """Return so many bytes, or what there is."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how much of it."""
        count = self._member.read_into(self._file, self._at, memoryview(buffer).cast("B"))
        self._at += count
        return count
