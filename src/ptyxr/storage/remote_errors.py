"""What file systems raise, in words, and without what may be secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import (
    ChangedFileError,
    MissingDependencyError,
    MissingFileError,
    PtyxrError,
    RemoteError,
)
from ptyxr.storage.urls import hide_secrets, is_url, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TRY_AGAIN", "in_whole", "sentence"]

_MISSING: Final = (404, 410)
_FORBIDDEN: Final = (401, 403, 407)
_CHANGED: Final = 412
TRY_AGAIN: Final = "Try again; where it goes on, look at the address, and at the network"


def in_whole(name: str) -> str:
    """Return the remedy where a server gives a file only whole."""
    return f"'simplecache::{name}' reads it whole, once, into a temporary file"


def sentence(error: BaseException, url: str, options: Mapping[str, Any]) -> PtyxrError:
    """Return the error for what a file system raised, without what may be secret.

    Parameters
    ----------
    error : BaseException
        What was raised.
    url : str
        The address.
    options : mapping
        What was given for it.
    """
    name = shown(url)
    if isinstance(error, PtyxrError):
        return error
    chain = list(_chain(error))
    status = next((one.status for one in chain if isinstance(_status(one), int)), None)
    names = {kind.__name__ for one in chain for kind in type(one).__mro__}
    told = hide_secrets(str(error) or type(error).__name__, [options, _secrets(url)])
    code = told if status is None else f"HTTP status {status}"
    if "ImportError" in names:
        return MissingDependencyError(
            "a package is missing that reads such addresses",
            file=name,
            found=told,
            remedy="Install it, or pip install 'ptyxr[remote]' for http and https",
        )
    if status in _FORBIDDEN or "PermissionError" in names:
        return RemoteError(
            "the file may not be read",
            file=name,
            found=code,
            remedy="Give what the server asks for in storage_options; the signature of an "
            "address may have run out",
        )
    if status == _CHANGED or "FileExpired" in names:
        return ChangedFileError(name)
    if status in _MISSING or (status is None and "FileNotFoundError" in names):
        return MissingFileError("there is no such file", file=name, remedy="Look at the address")
    if "NoCredentialsError" in names:
        return RemoteError(
            "the file may not be read without a key",
            file=name,
            remedy="storage_options={'anon': True} reads what is public; else give 'key' and "
            "'secret', or a profile",
        )
    if "range requests" in told:
        return RemoteError("the server gives the file only whole", file=name, remedy=in_whole(name))
    if "IsADirectoryError" in names:
        return RemoteError(
            "this is a folder", file=name, remedy="Give the address of one file in it"
        )
    if names & {"ClientConnectorError", "ConnectionError", "gaierror", "TimeoutError",
                "EndpointConnectionError", "ConnectTimeoutError"}:  # fmt: skip
        return RemoteError("the server cannot be reached", file=name, found=code, remedy=TRY_AGAIN)
    if "ValueError" in names and "rotocol" in told:
        return RemoteError(
            "such addresses are not known to fsspec",
            file=name,
            found=told,
            remedy="Install the package that knows them",
        )
    if "TypeError" in names:
        return RemoteError(
            "storage_options are not as the file system takes them",
            file=name,
            found=told,
        )
    return RemoteError("the file cannot be read", file=name, found=code, remedy=TRY_AGAIN)


def _chain(error: BaseException | None) -> Iterator[Any]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _status(error: Any) -> Any:
    return getattr(error, "status", None)


def _secrets(url: str) -> list[str]:
    """Return the parts of an address that are not shown."""
    from urllib.parse import parse_qsl, urlsplit

    found: list[str] = []
    for part in url.split("::"):
        if is_url(part):
            split = urlsplit(part)
            found += [split.username or "", split.password or "", split.query]
            found += [value for _, value in parse_qsl(split.query)]
    return found
