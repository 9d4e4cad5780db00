"""Asking a web server for a file: for its length, mark and beginning at once, and for its parts."""

from __future__ import annotations

import re
from typing import Any, Final

from ptyxr.errors import ChangedFileError, RemoteError
from ptyxr.storage.urls import shown

__all__ = ["ask_http", "fetch_http"]

#: What describes a file stands at its beginning, and in some places of a few kB each.
_FIRST: Final = 64 * 2**10


def ask_http(fs: Any, url: str) -> tuple[tuple[int, str], dict[str, str], bytes]:
    """Ask for the beginning of a file; the answer says how long it is, and which one.

    fsspec would ask by HEAD, which addresses that are signed for GET refuse, and by GET for the
    whole file then.

    Returns
    -------
    (state, headers, data)
        Length and mark, what to send with every further request, and the first bytes.
    """
    from fsspec.asyn import sync

    answer: tuple[tuple[int, str], dict[str, str], bytes] = sync(fs.loop, _ask, fs, url)
    return answer


async def _ask(fs: Any, url: str) -> tuple[tuple[int, str], dict[str, str], bytes]:
    session = await fs.set_session()
    how = dict(fs.kwargs)
    # What is packed on the way has no ranges.
    always = {**how.pop("headers", {}), "Accept-Encoding": "identity"}
    headers = {**always, "Range": f"bytes=0-{_FIRST - 1}"}
    async with await session.get(fs.encode_url(url), headers=headers, **how) as answer:
        _, _, length = answer.headers.get("Content-Range", "").rpartition("/")
        if answer.status == 416 and length == "0":
            return (0, ""), always, b""
        answer.raise_for_status()
        if answer.status != 206:  # all of it, in which a small file is complete
            length = answer.headers.get("Content-Length", "")
        if not length.isdecimal() or (answer.status != 206 and int(length) > _FIRST):
            raise ValueError("no range requests")
        data = await answer.read()
    tag, changed = _mark(answer)
    # By a weak tag nothing can be asked for.
    if tag and not tag.startswith("W/"):
        always["If-Match"] = tag
    elif changed:
        always["If-Unmodified-Since"] = changed
    return (int(length), tag or changed), always, data


def _mark(answer: Any) -> tuple[str, str]:
    return answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")


def fetch_http(file: Any, start: int, stop: int, mark: str) -> bytes:
    """Ask for a range of a file of fsspec, and see that the answer is that range of that file.

    Not every server heeds "If-Match", and fsspec takes any part for the one it asked for.

    Raises
    ------
    ChangedFileError
        If the server says that the file has another mark.
    RemoteError
        If it says that it is another part.
    """
    from fsspec.asyn import sync

    data: bytes = sync(file.loop, _fetch, file, start, stop, mark)
    return data


async def _fetch(file: Any, start: int, stop: int, mark: str) -> bytes:
    how = dict(file.kwargs)
    headers = {**how.pop("headers", {}), "Range": f"bytes={start}-{stop - 1}"}
    url = file.fs.encode_url(file.url)
    async with await file.session.get(url, headers=headers, **how) as answer:
        if answer.status == 416:
            return b""
        answer.raise_for_status()
        if answer.status != 206:
            raise ValueError("no range requests")
        tag, changed = _mark(answer)
        if mark and (tag or changed) and mark not in (tag, changed):
            raise ChangedFileError(shown(file.url))
        told = answer.headers.get("Content-Range", "")
        first = re.match(r"\s*bytes\s+(\d+)-", told)
        if first is not None and int(first[1]) != start:
            raise RemoteError(
                "the server gave another part than it was asked for",
                file=shown(file.url),
                found=told,
                expected=f"bytes {start}-{stop - 1}",
            )
        data: bytes = await answer.read()
        return data
