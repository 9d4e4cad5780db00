"""Check the docstrings of everything public by numpydoc's rules, examples included.

    python docs/docstrings.py

Public is what ``ptyxr.__all__`` names, what the accessors show, what the engines' ``open_dataset``
take, and the classes of indexes, errors and reports.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import TYPE_CHECKING

from numpydoc.validate import validate

import ptyxr

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Of numpydoc's rules, those that are not kept, and why.
NOT_KEPT = {
    "ES01": "many need no more than a line",
    "GL01": "the summary starts on the first line, as PEP 257 has it",
    "RT03": "what a method returns of a dataset is often said by its summary",
    "SA01": "the API page has them side by side",
    "SA04": "the same",
}
ACCESSORS = (
    "accessor.PtyxrDatasetAccessor",
    "accessor.PtyxrDataArrayAccessor",
    "pictures.DatasetPlots",
)
ENGINES = {
    "ptychodus": "PtychodusBackend",
    "ptychodus_npz": "PtychodusNpzBackend",
    "ptychodus_diffraction": "PtychodusDiffractionBackend",
    "ptychopinn": "PtychoPINNBackend",
}
#: Classes need no example each, and inherit what errors take.
CLASSES = ("ptyxr.errors", "ptyxr.indexes", "ptyxr.report")


def public() -> Iterator[tuple[str, bool]]:
    """Yield the import path of everything public, and whether an example belongs to it."""
    for name in ptyxr.__all__:
        found = getattr(ptyxr, name)
        if inspect.ismodule(found):
            yield from ((f"ptyxr.{name}.{one}", True) for one in found.__all__ if one.islower())
        elif inspect.isfunction(found):
            yield f"ptyxr.{name}", True
    for accessor in ACCESSORS:
        module, _, kind = accessor.partition(".")
        found = getattr(importlib.import_module(f"ptyxr.{module}"), kind)
        for name in dir(found):
            if not name.startswith("_"):
                yield f"ptyxr.{accessor}.{name}", True
    for module, engine in ENGINES.items():
        yield f"ptyxr.formats.{module}.{engine}.open_dataset", True
    for where in CLASSES:
        module = importlib.import_module(where)
        yield from ((f"{where}.{one}", False) for one in module.__all__ if one[0].isupper())


def main() -> int:
    """Print what is missing, and return how much of it there is."""
    problems = 0
    names = list(public())
    for name, needs_example in names:
        for code, text in validate(name)["errors"]:
            if code not in NOT_KEPT and (code not in {"EX01", "PR01"} or needs_example):
                sys.stdout.write(f"{name}: {code} {text}\n")
                problems += 1
    sys.stdout.write(f"{len(names)} docstrings, {problems} problems\n")
    return problems


if __name__ == "__main__":
    sys.exit(bool(main()))
