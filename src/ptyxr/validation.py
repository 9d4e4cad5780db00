"""Checking a file, whatever it is: every problem at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ptyxr.errors import FormatError, PtyxrError
from ptyxr.formats.assembly import any_numbers
from ptyxr.formats.checks import FileCheck, OpenSource
from ptyxr.formats.ptychodus_check import check_product_file
from ptyxr.formats.ptychodus_npz import PtychodusNpzBackend
from ptyxr.formats.ptychodus_npz_check import check_npz_product
from ptyxr.formats.ptychopinn_check import check_npz, open_source
from ptyxr.report import Findings, Report
from ptyxr.storage.files import first_bytes, is_path, source_name
from ptyxr.storage.hdf5 import is_hdf5
from ptyxr.storage.npz import is_zip
from ptyxr.storage.recognise import missing, recognise
from ptyxr.storage.remote import RemoteFile
from ptyxr.storage.sources import located
from ptyxr.storage.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptyxr.storage.sources import FileLike

__all__ = ["FILE_CHECKS", "validate_file"]


def _check_zip(path: Any, opener: OpenSource | None = None) -> Report:
    """Check an NPZ file: a product of Ptychodus or a dataset of PtychoPINN, told by its members."""
    product = PtychodusNpzBackend().guess_can_open(path)
    return (check_npz_product if product else check_npz)(path, opener)


#: The containers that are known, tried in turn. A further one is a further entry.
FILE_CHECKS: Final[list[FileCheck]] = [
    FileCheck("HDF5", is_hdf5, check_product_file),
    FileCheck("NPZ", is_zip, _check_zip, open_source),
]


@any_numbers
def validate_file(
    path: FileLike,
    source: FileLike | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> Report:
    """Check a file, picking by content how.

    Parameters
    ----------
    path : str, path-like or binary file object
        The file, or its address.
    source : str, path-like or binary file object, optional
        The PtychoPINN file it was made from, which it is compared with; or its address.
    storage_options : mapping, optional
        What fsspec is to be given for an address.

    Returns
    -------
    Report
        One error where there is no such file, or none that can be recognised.

    Examples
    --------
    >>> import ptyxr
    >>> path = ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_product("scan.h5")
    >>> bool(ptyxr.validate_file(path))
    True
    """
    findings = Findings(source_name(path))
    try:
        if is_url(path) or (storage_options and not is_url(source)):
            path = located(path, storage_options)
        if is_url(source):
            source = located(source, storage_options)
        check = _recognise(path).check
        if check is None:
            raise FormatError("such files cannot be validated")
    except PtyxrError as error:
        findings.exception(error)
        return findings.report()
    opener = None
    if source is not None:
        try:
            opener = _opener(source)
        except PtyxrError as error:
            findings.exception(error, source_name(source))
    try:
        return findings.report() + check(path, opener)
    # Whatever a broken file makes its library raise is a finding about the file.
    except Exception as error:  # noqa: BLE001
        findings.exception(error)
    return findings.report()


def _opener(source: Any) -> OpenSource:
    read = _recognise(source).read_source
    if read is None:
        raise FormatError("this is no source to compare with", expected="an NPZ file of PtychoPINN")
    # Opened only when it is compared with.
    return lambda: read(source)


def _recognise(path: Any) -> FileCheck:
    """Return how a file is checked, by how it begins; errors leave it to others to name it."""
    if isinstance(path, RemoteFile):
        path.connect()
    name = source_name(path)
    if is_path(path) and not Path(name).exists():
        raise missing(path)
    if is_path(path) and Path(name).is_dir():
        raise FormatError(
            "this is a folder",
            expected="a file",
            remedy="What a dataset holds, of a Zarr store too, is checked by ds.ptyxr.validate()",
        )
    if is_path(path) and not os.access(name, os.R_OK):
        raise PtyxrError("the file may not be read")
    start = first_bytes(path, 64)
    for kind in FILE_CHECKS:
        if kind.recognises(start):
            return kind
    told = recognise(path)
    expected = " or ".join(kind.name for kind in FILE_CHECKS)
    raise FormatError(
        "the format is not recognised", found=told.what, expected=expected, remedy=told.remedy
    )
