"""What a file that cannot be opened is: told by its first bytes, for the sake of the error."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import pickletools
import re
import stat
from pathlib import Path
from typing import Any, Final, NamedTuple

from ptyxr.errors import FormatError, MissingFileError, PtyxrError
from ptyxr.storage.files import first_bytes, is_path, source_name
from ptyxr.storage.urls import shown

__all__ = ["Kind", "forbidden", "missing", "recognise", "unreadable"]


class Kind(NamedTuple):
    """What a file is, and what to do about it as a sentence without its full stop."""

    what: str
    remedy: str | None = None


_COUNT: Final = 4096  # a user block of 2048 bytes is seen, and some lines of text
_COPY: Final = "Copy it anew from where it was written, or write it again"
_LOOKS_INSIDE: Final = "ptyxr.open_dataset() finds the engine by looking inside"
_ASK: Final = "The command `file` may tell what it is"
_UNPACK: Final = "Unpack it first, with {}"
_IMAGE: Final = "An image holds neither positions nor a probe; open the file that it was made from"

#: By where the bytes stand, what they are, and what that makes of the file.
_MAGIC: Final[tuple[tuple[int, bytes, Kind], ...]] = (
    (0, b"\x89HDF\r\n\x1a\n", Kind("HDF5", _LOOKS_INSIDE)),
    (0, b"PK\x03\x04", Kind("a zip archive, as NPZ is one", _LOOKS_INSIDE)),
    (0, b"PK\x05\x06", Kind("an empty zip archive", _COPY)),
    (0, b"\x1f\x8b", Kind("a file compressed with gzip", _UNPACK.format("gunzip"))),
    (0, b"BZh", Kind("a file compressed with bzip2", _UNPACK.format("bunzip2"))),
    (0, b"\xfd7zXZ\0", Kind("a file compressed with xz", _UNPACK.format("unxz"))),
    (0, b"\x28\xb5\x2f\xfd", Kind("a file compressed with zstd", _UNPACK.format("unzstd"))),
    (0, b"\x04\x22\x4d\x18", Kind("a file compressed with lz4", _UNPACK.format("unlz4"))),
    (0, b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", _UNPACK.format("7z x"))),
    (257, b"ustar", Kind("a tar archive", _UNPACK.format("tar -xf"))),
    (0, b"version https://git-lfs.github.com/spec/",
     Kind("a Git LFS pointer, which stands for the file", "Fetch the file: git lfs pull")),
    (0, b"/annex/objects/",
     Kind("a git-annex pointer, which stands for the file", "Fetch the file: git annex get")),
    (0, b"CDF\x01", Kind("a netCDF file", "xr.open_dataset() opens it without ptyxr")),
    (0, b"CDF\x02", Kind("a netCDF file", "xr.open_dataset() opens it without ptyxr")),
    (0, b"CDF\x05", Kind("a netCDF file", "xr.open_dataset() opens it without ptyxr")),
    (0, b"\x0e\x03\x13\x01", Kind("HDF4", "Convert it to HDF5 with h4toh5")),
    (0, b"MATLAB 5.0", Kind("a MATLAB file", "scipy.io.loadmat reads it")),
    (0, b"MATLAB 7.3", Kind("a MATLAB file of version 7.3", "h5py reads it")),
    (0, b"\x93NUMPY",
     Kind("a single NumPy array (.npy)",
          "numpy.load reads it; a dataset needs several, by name, in one file: numpy.savez")),
    (0, b"II*\0", Kind("a TIFF image", _IMAGE)),
    (0, b"MM\0*", Kind("a TIFF image", _IMAGE)),
    (0, b"II+\0", Kind("a TIFF image", _IMAGE)),
    (0, b"\x89PNG\r\n", Kind("a PNG image", _IMAGE)),
    (0, b"\xff\xd8\xff", Kind("a JPEG image", _IMAGE)),
    (0, b"###CBF", Kind("a CBF image", _IMAGE)),
    (0, b"%PDF", Kind("a PDF document", None)),
)  # fmt: skip
_SECTION: Final = re.compile(r"\[[\w .-]+\]\s*\Z")


def recognise(source: Any) -> Kind:
    """Say what a file is by its first bytes; never raises OSError.

    Parameters
    ----------
    source : str, path-like, bytes or binary file object
        A file object is left where it was.

    Examples
    --------
    >>> recognise(b"BZh91AY&SY").what
    'a file compressed with bzip2'
    """
    start = first_bytes(source, _COUNT)
    if not start:
        empty = _size(source) == 0
        return Kind("an empty file", _COPY) if empty else Kind("nothing that can be read")
    for place, magic, kind in _MAGIC:
        if start.startswith(magic, place):
            return kind
    if not start.strip(b"\0"):
        return Kind("nothing but zeros, as a copy that broke off leaves", _COPY)
    if any(start.startswith(_MAGIC[0][1], place) for place in (512, 1024, 2048)):
        return Kind("HDF5 behind a block of something else", "h5unjam takes the block away")
    if start[:1] == b"\x80" and _is_pickle(start):
        return Kind(
            "a pickle, which is not opened, for it can run any code",
            "Load it where you trust it, and give ptyxr.from_rawdata() what it holds",
        )
    return _text(start) or Kind(f"bytes that tell nothing: {start[:8]!r}", _ASK)


def _size(source: Any) -> int | None:
    if isinstance(source, (bytes, memoryview)):
        return len(source)
    if is_path(source):
        try:
            return os.stat(source_name(source)).st_size
        except (OSError, ValueError):
            return None
    try:
        position = source.tell()
        try:
            return int(source.seek(0, os.SEEK_END))
        finally:
            source.seek(position)
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def _is_pickle(start: bytes) -> bool:
    """Tell whether bytes begin as a pickle does, by its opcodes; nothing of it is run."""
    try:
        for count, _ in enumerate(pickletools.genops(io.BytesIO(start)), start=1):
            if count == 4:
                return True
    except (ValueError, KeyError, IndexError):
        return False
    return True


def _text(start: bytes) -> Kind | None:
    """Say what a text is, or None where the bytes are none."""
    text = start.decode("utf-8", errors="replace").lstrip("\ufeff")
    # The last character may be cut.
    if any(not (one.isprintable() or one.isspace()) for one in text[:-1]) or "\ufffd" in text[:-3]:
        return None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] not in "#;"]
    first = lines[0] if lines else ""
    if first.lower().startswith(("<!doctype html", "<html")):
        return Kind(
            "a web page (HTML)",
            "The server gave a page, perhaps to log in, in place of the file: open the address in "
            "a browser, and download the file again",
        )
    if _SECTION.match(first) and (len(lines) == 1 or "=" in lines[1] or lines[1][0] == "["):
        return Kind(
            "a file of settings (INI), as Ptychodus writes it",
            "Open the product that was saved beside it",
        )
    if first.startswith(("{", "[")):
        return Kind("JSON", "It describes data; open the file that it belongs to")
    if first.startswith("<?xml"):
        return Kind("XML", "It describes data; open the file that it belongs to")
    return Kind(
        f"a text file that begins with {first[:40]!r}" if first else "an empty text file",
        "Read a table with numpy.loadtxt, and give ptyxr.from_rawdata() its columns",
    )


def unreadable(wanted: str, source: Any, reason: Exception) -> FormatError:
    """Return the error for a file that a library could not open.

    Parameters
    ----------
    wanted : str
        What it was opened as: "HDF5" or "NPZ".
    source : str, path-like, bytes or binary file object
        The file.
    reason : Exception
        What the library raised; it is to be the cause.
    """
    told = str(reason)
    cut = re.search(r"truncated file: eof = (\d+), .*stored_eof = (\d+)", told)
    if cut:
        return FormatError(
            "the file is cut short",
            file=source_name(source),
            found=f"{cut[1]} bytes",
            expected=f"{cut[2]} bytes",
            remedy=_COPY,
        )
    kind = recognise(source)
    if kind.what == wanted == "HDF5":
        return FormatError(
            "the file is damaged", file=source_name(source), found=told, remedy=_COPY
        )
    if wanted == "NPZ" and kind.what.startswith("a zip archive"):
        # Its table of contents stands at the end.
        return FormatError(
            "the file is cut short",
            file=source_name(source),
            found="a zip archive without its end",
            expected="NPZ",
            remedy=_COPY,
        )
    return FormatError(
        f"the file cannot be read as {wanted}",
        file=source_name(source),
        found=kind.what,
        expected=wanted,
        remedy=kind.remedy,
    )


def missing(source: Any) -> MissingFileError:
    """Return the error for a path where nothing is, with what is there that is called alike.

    Parameters
    ----------
    source : str or path-like
        The path, as it was given.
    """
    given, name = os.fsdecode(source), source_name(source)
    if re.search(r"(\A|[/\\])(https?|s3|gs|gcs|ftp|sftp|abfs|memory):[/\\]", given):
        return MissingFileError(
            "an address on the network is no path, and as one has lost a slash",
            file=shown(given),
            remedy="Give it as text: ptyxr.open_dataset('https://host/file.h5')",
        )
    if any(not one.isprintable() for one in given):
        return MissingFileError(
            "the path has characters in it that no one types",
            file=repr(given),
            remedy="In Python a backslash begins a special character: write the path as r'...', or "
            "with forward slashes",
        )
    if any(one in given for one in "*?["):
        return MissingFileError(
            "there is no such file, for a path names one file and not all that are alike",
            file=name,
            remedy="ptyxr.open_series(pattern) opens them together",
        )
    folder = Path(name).parent
    lowest = folder
    while not lowest.exists() and lowest != lowest.parent:
        lowest = lowest.parent
    if lowest != folder:
        return MissingFileError(
            "there is no such file, nor its folder",
            file=name,
            found=f"{str(lowest)!r} and in it no {folder.relative_to(lowest).parts[0]!r}",
            remedy="Look at the path, and whether the disk is mounted here",
        )
    alike = _alike(folder, Path(name).name)
    return MissingFileError(
        "there is no such file",
        file=name,
        remedy=f"Its folder has {', '.join(map(repr, alike))}"
        if alike
        else f"The folder is there: look into {str(folder)!r}",
    )


def forbidden(name: str) -> PtyxrError:
    """Return the error for a file that may not be read, with whose it is.

    Parameters
    ----------
    name : str
        Its path.
    """
    found = None
    with contextlib.suppress(OSError):
        status = os.stat(name)
        found = f"{stat.filemode(status.st_mode)} of user {status.st_uid}"
    return PtyxrError(
        "the file may not be read",
        file=name,
        found=found,
        remedy="Ask its owner to permit it, or for a copy",
    )


def _alike(folder: Path, name: str) -> list[str]:
    """Return the names in a folder that may have been meant."""
    try:
        # Of a folder with a million frames in it the first are enough.
        names = [one.name for one, _ in zip(folder.iterdir(), range(10_000), strict=False)]
    except OSError:
        return []
    by_lower = {one.lower(): one for one in sorted(names)}
    return [
        by_lower[one] for one in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.7)
    ]
