"""Tables of the documentation as Markdown, taken from the tables that the code works with.

Nothing here knows Sphinx: `doc_directives.py` puts the text into pages, and tests read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptyxr.formats.ptychodus_diffraction import MEMBERS
from ptyxr.formats.ptychodus_keys import CENTER, KEYS
from ptyxr.formats.ptychodus_npz import BESIDE
from ptyxr.formats.ptychopinn_decode import METADATA, NAMES, PLACED
from ptyxr.model import AXES, PARTS, POSITIONS, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ptyxr.model import Entry

#: What a reader calls the kinds of dtype.
KINDS = {
    "complex": "complex",
    "float": "real",
    "int": "whole number",
    "bool": "true or false",
    "real": "real or whole number",
    "str": "text",
}

#: Where a key of a product stands, in HDF5.
PLACES = {
    "root": "root attribute",
    "dataset": "dataset",
    "object": "`object` attribute",
    "probe": "`probe` attribute",
}

ROLES = {
    "variables": ("variable",),
    "coordinates": ("coordinate",),
    "scalars": ("scalar",),
    "attributes": ("attribute",),
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(head)]
    lines += [["---"] * len(lines[0])]
    lines += [list(row) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


def code(*names: str) -> str:
    """Return names as code, with commas between them."""
    return ", ".join(f"`{name}`" for name in names)


def anchor(name: str) -> str:
    """Return what an entry of the model is linked to by: ``data-model.md#model-photon-energy``."""
    return f"model-{name.replace('_', '-')}"


def linked(name: str) -> str:
    """Return the name of an entry of the model as a link to its row."""
    return f"[`{name}`](data-model.md#{anchor(name)})"


def _row(entry: Entry) -> list[str]:
    named = f"`{entry.name}`{{#{anchor(entry.name)}}}"
    meaning = entry.long_name
    sizes = {name: axis.pixel_size for name, axis in AXES.items()} | dict(POSITIONS)
    if entry.name in sizes:
        meaning += f"; pixel size {linked(sizes[entry.name])}"
    cells = [named, code(*entry.dims), f"`{entry.unit}`" if entry.unit else "", KINDS[entry.kind]]
    return [*cells, meaning]


def model(which: str) -> str:
    """Return the table of a part of the data model.

    Parameters
    ----------
    which : {"variables", "coordinates", "scalars", "attributes", "series"}
        Data variables, coordinates along a dimension, scalar coordinates, attributes of the
        dataset, or what a stack of products has beside these.
    """
    if which == "series":
        return table(("name", "what it is"), ((f"`{k}`", v) for k, v in PARTS.items()))
    head = ["name", "dimensions", "unit", "kind", "what it is"]
    rows = [_row(entry) for entry in SCHEMA.values() if entry.role in ROLES[which]]
    kept = [column for column in range(5) if any(row[column] for row in rows)]
    return table((head[c] for c in kept), ([row[c] for c in kept] for row in rows))


def _product() -> str:
    rows = []
    for key in KEYS:
        newest, *older = key.spellings
        rows.append([linked(key.name), PLACES[key.place], f"`{newest}`", code(*older)])
    rows += [
        [linked(axis), PLACES["object"], f"`{spelling}`: its centre", ""]
        for axis, spelling in CENTER.items()
    ]
    return table(
        ("in the dataset", "in the file", "key", "older spellings, read and written"), rows
    )


def _product_npz() -> str:
    inside = {(place, spelling): member for member, (place, spelling) in BESIDE.items()}
    rows = []
    for key in KEYS:
        members = [inside.get((key.place, spelling), spelling) for spelling in key.spellings]
        rows.append([linked(key.name), code(*members)])
    rows += [[linked(axis), f"`{inside['object', s]}`"] for axis, s in CENTER.items()]
    return table(("in the dataset", "member, newest spelling first"), rows)


def _plain(names: Mapping[str, tuple[str, ...]], where: str) -> str:
    return table(
        ("in the dataset", where), ([linked(name), code(*keys)] for name, keys in names.items())
    )


def _diffraction() -> str:
    names: dict[str, tuple[str, ...]] = {}
    for member, name in MEMBERS.items():
        names[name] = (*names.get(name, ()), member)
    return _plain(names, "dataset, or attribute of `patterns`")


def _rawdata() -> str:
    return _plain(NAMES, "member; of two the first that is there")


def _metadata() -> str:
    names = {key.name: key.spellings for key in KEYS if key.place == "root"}
    for key in PLACED:
        # The centre of the object is that of its axes.
        name = key.replace("object_center_", "object_")
        names[name] = (f"{key}_m",)
    return _plain(names, f"key in `{METADATA}`, newest spelling first")


#: What stands where, by engine; of PtychoPINN's files also what stands in their metadata.
FORMATS = {
    "ptychodus": _product,
    "ptychodus-npz": _product_npz,
    "ptychodus-diffraction": _diffraction,
    "ptychopinn": _rawdata,
    "ptychopinn-metadata": _metadata,
}


def keys(which: str) -> str:
    """Return the table of what stands where in a format, one of `FORMATS`."""
    return FORMATS[which]()
