"""The groups of a product as datasets of their own: the root, and ``/raw_data`` in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptyxr.errors import FormatError
from ptyxr.formats.assembly import any_numbers
from ptyxr.formats.ptychodus_keys import RAW_DATA, RAW_MEMBERS
from ptyxr.formats.ptychodus_raw import raw_origin
from ptyxr.formats.ptychopinn_decode import MEASUREMENTS, decode_rawdata
from ptyxr.frame import ORIGINS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptyxr.formats.assembly import Assembly
    from ptyxr.storage.groups import StoredGroup
    from ptyxr.storage.hdf5 import HDF5File

__all__ = ["decode_raw_group", "is_raw_data", "root_and_raw"]

#: Members of ``/raw_data`` that are hard links into the root.
_LINKS = frozenset({"probeGuess", "objectGuess"})


def root_and_raw(file: HDF5File) -> tuple[StoredGroup, StoredGroup | None]:
    """Return the root of a file, and its ``/raw_data`` where there is one.

    Raises
    ------
    FormatError
        If the file has no root group.
    """
    group = file.group()
    if group is None:
        raise FormatError("the file has no root group", file=file.name)
    return group, file.group(RAW_DATA) if RAW_DATA in group.groups else None


def is_raw_data(group: str | None, file: str, raw: StoredGroup | None) -> bool:
    """Tell whether ``group=`` names ``/raw_data``, and not the root.

    Raises
    ------
    FormatError
        If it names anything else, or the product has no such group.
    """
    name = (group or "").strip("/")
    if not name:
        return False
    if name != RAW_DATA or raw is None:
        there = "'/', the only one" if raw is None else f"'/' and '/{RAW_DATA}'"
        raise FormatError("there is no such group", file=file, key=f"/{name}", expected=there)
    return True


@any_numbers
def decode_raw_group(
    raw: StoredGroup,
    *,
    links: bool,
    drop_variables: str | Iterable[str] | None = None,
    quantify: bool = True,
) -> Assembly:
    """Say in the words of the model what ``/raw_data`` holds, in pixels.

    Parameters
    ----------
    raw : StoredGroup
        The group.
    links : bool
        Whether probe and object are taken too, which are links to those of the root.
    drop_variables : str or iterable of str, optional
        Names of the model to leave out.
    quantify : bool
        Whether coordinates become Quantities.

    Raises
    ------
    FormatError, InvalidDataError
        If it is no such group, or something in it cannot be represented.
    """
    raw.check(RAW_MEMBERS | _LINKS)
    taken = (RAW_MEMBERS | _LINKS) if links else RAW_MEMBERS
    arrays: dict[str, Any] = {key: raw.arrays[key] for key in sorted(taken) if key in raw.arrays}
    quantity = arrays["diffraction"].attrs.get("quantity") if "diffraction" in arrays else None
    origin = raw_origin(raw)
    return decode_rawdata(
        {key: array for key, array in arrays.items() if key != "_metadata"},
        None,
        file=f"{raw.file}:/{RAW_DATA}",
        origin=origin if origin in ORIGINS else "corner",
        measurement=quantity if quantity in MEASUREMENTS else None,
        drop_variables=drop_variables,
        quantify=quantify,
    )
