"""A reader that takes files at their word: plain numpy with pickles, and plain h5py."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hostile.sound import Place

OWN = ()


def actions(path: Path, _: Place) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Read everything that can be read."""
    if path.suffix == ".h5":
        yield "h5py", partial(_all_of_hdf5, path)
        return
    yield "numpy", partial(_load, path)
    try:
        with np.load(path, allow_pickle=False) as file:
            names = file.files
    except Exception:  # noqa: BLE001  (it is no archive)
        return
    for name in names[:40]:
        yield f"numpy {name[:40]!a}", partial(_load, path, name)


def _load(path: Path, name: str | None = None) -> None:
    with np.load(path, allow_pickle=True) as file:
        if name is not None:
            file[name]


def _all_of_hdf5(path: Path) -> None:
    errors = []

    def read(_: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            node[()]

    with h5py.File(path) as file:
        for group in (file, file.get("raw_data")):
            for key in group or ():
                try:
                    read(key, group[key])
                except Exception as error:  # noqa: BLE001  (all are read)
                    errors.append(error)
    if errors:
        raise errors[0]
