"""Addresses of files on a network: what is one, and what of it may be shown."""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

__all__ = ["hide_secrets", "is_url", "shown"]

#: A protocol as fsspec has it, one letter being a drive of Windows; "simplecache::https://…" too.
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::(?=.*://))", re.DOTALL)
_ADDRESS: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>)\]}]+")
#: Who asks, and by which password, stands before the host.
_USER: Final = re.compile(r"(?<=://)[^/?#]*@")
#: Signatures and tokens stand behind the path.
_QUERY: Final = re.compile(r"[?#].*\Z", re.DOTALL)
_SHORTEST: Final = 4  # what is shorter is no secret, and stands in many words
_HIDDEN: Final = "…"


def is_url(source: Any) -> TypeGuard[str]:
    r"""Tell whether a source is an address, such as ``https://host/file`` or ``s3://bucket/key``.

    Examples
    --------
    >>> [is_url(one) for one in ("s3://bucket/a.h5", "simplecache::https://host/a", "C:\\\\a.h5")]
    [True, True, False]
    """
    return isinstance(source, str) and _URL.match(source) is not None


def shown(url: str) -> str:
    """Return an address without user, password and query, in which secrets stand.

    Examples
    --------
    >>> shown("https://me:secret@host/a.h5?signature=abc")
    'https://host/a.h5'
    """
    return "::".join(_QUERY.sub("", _USER.sub("", part)) for part in url.split("::"))


def hide_secrets(text: str, options: Any) -> str:
    """Return what a library said, without what may be secret in addresses and options.

    Parameters
    ----------
    text : str
        A message.
    options : object
        What was given to open the file: mappings and lists of anything.
    """
    text = _ADDRESS.sub(lambda found: shown(found[0]), text)
    for secret in sorted(_texts(options), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _texts(options: Any) -> set[str]:
    if isinstance(options, str):
        return {one for one in (options, *options.split()) if len(one) >= _SHORTEST}
    if isinstance(options, dict):
        options = list(options.values())
    if isinstance(options, (list, tuple, set)):
        return {text for one in options for text in _texts(one)}
    # Objects such as aiohttp.BasicAuth keep theirs in attributes or are tuples themselves.
    return {text for one in getattr(options, "__dict__", {}).values() for text in _texts(one)}
