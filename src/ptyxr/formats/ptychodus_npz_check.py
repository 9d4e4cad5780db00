"""Checking Ptychodus products in NPZ: the contract is that of the HDF5 product."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptyxr.errors import PtyxrError
from ptyxr.formats.checks import what_opening_raises
from ptyxr.formats.ptychodus_check import check_product
from ptyxr.formats.ptychodus_keys import FORMAT_ID, FORMAT_VERSION
from ptyxr.formats.ptychodus_npz import PtychodusNpzBackend, as_group
from ptyxr.formats.ptychodus_source import check_source
from ptyxr.report import Findings
from ptyxr.storage.npz import NpzFile

if TYPE_CHECKING:
    from ptyxr.formats.checks import OpenSource
    from ptyxr.report import Report

__all__ = ["check_npz_product"]


def check_npz_product(path: Any, open_source: OpenSource | None = None) -> Report:
    """Check a product in NPZ, and what opening it raises.

    Parameters
    ----------
    path : str, path-like or binary file object
        The product.
    open_source : callable, optional
        Opens the PtychoPINN dataset it was made from.

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or it is no zip archive.
    """
    group = as_group(NpzFile(path))
    # What says that a file is an HDF5 product, no NPZ has.
    told = {**group.attrs, "format_id": FORMAT_ID, "format_version": FORMAT_VERSION}
    report = check_product(replace(group, attrs=told), None)
    if open_source is not None:
        findings = Findings(group.file)
        try:
            with open_source() as members:
                report = report + check_source(group, None, members)
        except PtyxrError as error:
            findings.exception(error, "source")
            report = report + findings.report()
    return report + what_opening_raises(lambda: PtychodusNpzBackend().open_dataset(path), report)
