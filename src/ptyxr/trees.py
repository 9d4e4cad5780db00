"""Opened products as dask arrays, and as the nodes of a tree."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import DataTree

from ptyxr.carried import data_of
from ptyxr.coordinates import quantify as with_quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray import Dataset, Variable

__all__ = ["chunked", "tree_of"]


def chunked(ds: Dataset, chunks: Any) -> Dataset:
    """Return a dataset in dask arrays, by default one chunk for each product."""
    made = _chunked_by_dim(ds, chunks) if isinstance(chunks, dict) else ds.chunk(chunks)
    made.set_close(ds._close)  # noqa: SLF001  (a dataset made of another forgets it)
    return made


def _chunked_by_dim(ds: Dataset, chunks: dict[Any, Any]) -> Dataset:
    made = {}
    for name, variable in ds.variables.items():
        lazy = name not in ds.xindexes and not isinstance(data_of(variable), np.ndarray)
        if not lazy or "units" in variable.attrs:
            continue
        preferred = variable.encoding.get("preferred_chunks", {})
        wanted = {dim: chunks.get(dim, preferred.get(dim, -1)) for dim in variable.dims}
        made[name] = variable.chunk(wanted)
    return ds.assign({n: v for n, v in made.items() if n in ds.data_vars}).assign_coords(
        {n: v for n, v in made.items() if n in ds.coords}
    )


def tree_of(
    datasets: Sequence[Dataset],
    sources: Sequence[str],
    dim: str,
    labels: Variable | None,
    reason: str | None,
    *,
    chunks: Any,
    quantified: bool,
) -> DataTree:
    """Return products as a tree, one node each, named by their files.

    Parameters
    ----------
    datasets : sequence of Dataset
    sources : sequence of str
        Their files.
    dim : str
        What they are a series of.
    labels : Variable or None
        Labels along it that each is to have as a scalar coordinate.
    reason : str or None
        Why they are no stack, for the root's attribute ``not_stacked``.
    chunks : optional
        As `chunked` takes it; None leaves the arrays lazy without dask.
    quantified : bool
        Whether coordinates that are plain numbers become Quantities.
    """
    nodes = {}
    for number, (ds, name) in enumerate(zip(datasets, _names(sources), strict=True)):
        closer = ds._close  # noqa: SLF001
        one = ds if labels is None else ds.assign_coords({dim: labels[number]})
        one = with_quantities(one) if quantified else one
        one = one if chunks is None else chunked(one, chunks)
        one.set_close(closer)
        one.encoding = dict(ds.encoding)
        nodes[name] = one
    tree = DataTree.from_dict(nodes)
    tree.attrs["series"] = dim
    if reason is not None:
        tree.attrs["not_stacked"] = reason
    return tree


def _names(sources: Sequence[str]) -> list[str]:
    """Return names of nodes: those of the files, with their folders where these do not tell."""
    paths = [PurePath(source.replace("\\", "/")) for source in sources]
    names = [path.stem for path in paths]
    many = Counter(names)
    names = [
        f"{path.parent.name}_{name}" if many[name] > 1 and path.parent.name else name
        for path, name in zip(paths, names, strict=True)
    ]
    taken: set[str] = set()
    for i, name in enumerate(names):
        one, n = name, 1
        while one in taken or not one:
            n += 1
            one = f"{name}_{n}"
        taken.add(one)
        names[i] = one
    return names
