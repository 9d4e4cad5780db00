"""Asking a web server for a file: one request for its length, its mark and its beginning."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["ask_http"]

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
    tag, changed = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    # By a weak tag nothing can be asked for.
    if tag and not tag.startswith("W/"):
        always["If-Match"] = tag
    elif changed:
        always["If-Unmodified-Since"] = changed
    return (int(length), tag or changed), always, data
