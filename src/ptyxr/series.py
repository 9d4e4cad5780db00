"""Many products opened as one: a tomogram, an energy scan, a series in time."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import numpy as np
from xarray import Variable

from ptyxr.errors import MissingDataError, PtyxrError, SeriesError, listed, warn
from ptyxr.indexes.selecting import label_numbers
from ptyxr.model import SCHEMA
from ptyxr.opening import find_files, open_files
from ptyxr.stacking import ROLE, stack
from ptyxr.trees import chunked, tree_of
from ptyxr.units import canonical, is_quantity

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    import pint
    from numpy.typing import ArrayLike
    from xarray import DataArray, Dataset, DataTree

    from ptyxr.aligning import Join

    Labels: TypeAlias = pint.Quantity[Any] | DataArray | ArrayLike | None
    Chunks: TypeAlias = int | Literal["auto"] | Mapping[str, Any] | None

__all__ = ["open_series"]

Combine = Literal["auto", "stack", "tree"]
_LEAVE_OUT: Final = "errors='warn' leaves such files out"


@overload
def open_series(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    dim: str = ...,
    *,
    labels: Labels = ...,
    combine: Literal["stack"],
    join: Join = ...,
    sort: bool = ...,
    errors: Literal["raise", "warn", "ignore"] = ...,
    parallel: bool | int | None = ...,
    progress: bool | None = ...,
    chunks: Chunks = ...,
    quantify: bool = ...,
    **kwargs: Any,
) -> Dataset: ...


@overload
def open_series(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    dim: str = ...,
    *,
    labels: Labels = ...,
    combine: Literal["tree"],
    join: Join = ...,
    sort: bool = ...,
    errors: Literal["raise", "warn", "ignore"] = ...,
    parallel: bool | int | None = ...,
    progress: bool | None = ...,
    chunks: Chunks = ...,
    quantify: bool = ...,
    **kwargs: Any,
) -> DataTree: ...


@overload
def open_series(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    dim: str = ...,
    *,
    labels: Labels = ...,
    combine: Combine = ...,
    join: Join = ...,
    sort: bool = ...,
    errors: Literal["raise", "warn", "ignore"] = ...,
    parallel: bool | int | None = ...,
    progress: bool | None = ...,
    chunks: Chunks = ...,
    quantify: bool = ...,
    **kwargs: Any,
) -> Dataset | DataTree: ...


def open_series(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    dim: str = "tomography_angle",
    *,
    labels: Labels = None,
    combine: Combine = "auto",
    join: Join = "outer",
    sort: bool = True,
    errors: Literal["raise", "warn", "ignore"] = "raise",
    parallel: bool | int | None = None,
    progress: bool | None = None,
    chunks: Chunks = None,
    quantify: bool = True,
    **kwargs: Any,
) -> Dataset | DataTree:
    """Open many products as one dataset, each read only where it is used.

    Products share a grid where their objects have one pixel size and lie whole pixels apart, to
    1e-6 of a pixel. They are then put side by side along `dim`: objects at their place in space,
    padded to the pixels of all; scan positions and epochs padded to the longest. Nothing is
    resampled. Products that do not share a grid are returned as a tree, one node each.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        A pattern, as ``"scans/*.h5"`` or ``"scans/**/product.h5"``, or the files, of any format
        that `open_dataset` opens.
    dim : str, default: "tomography_angle"
        The new dimension: a scalar coordinate of the products, with its unit (``photon_energy``,
        ``tilt_angle``, …), an attribute (``"name"``), or any new name, which then has no labels.
    labels : Quantity, DataArray, or array-like, optional
        Labels along `dim`, one for each of `paths` in their order, in place of what the files say.
        Bare numbers are in the unit of the model.
    combine : {"auto", "stack", "tree"}
        "stack" raises an error where the products do not share a grid, "tree" never stacks.
    join : {"outer", "inner", "exact"}
        Objects of different size are padded, cropped to what all have, or not stacked.
    sort : bool, default: True
        Whether products are in the order of their labels, equal ones in the order of `paths`;
        otherwise all keep the order of `paths`. A pattern is sorted by file name.
    errors : {"raise", "warn", "ignore"}
        What becomes of files that do not open or have no label: with "warn" they are left out and
        named in a warning.
    parallel : bool or int, optional
        Whether files are opened by several processes, or by how many. By default from 100 files on.
    progress : bool, optional
        Whether a progress bar is shown. By default on a terminal and in a notebook, where it takes
        longer than a second.
    chunks : int, "auto" or mapping, optional
        As ``xarray.open_dataset`` has it; ``{}`` makes dask arrays of one chunk for each product.
    quantify : bool, default: True
        Whether coordinates become Quantities.
    **kwargs
        What `open_dataset` takes for each file.

    Returns
    -------
    xarray.Dataset or xarray.DataTree
        The stack, ``object`` (dim, object_layer, object_y, object_x) and so on, with coordinates
        ``source`` and ``position_count`` (dim,); ``.ptyxr.trim()`` of a selected product is the
        product as it is opened alone. Or the tree, nodes named by their files, whose root has the
        attribute ``not_stacked`` that says why.

    Raises
    ------
    MissingFileError
        If there is no file.
    MissingDataError
        If a product has no label.
    SeriesError
        If products do not share a grid, and `combine` is "stack".
    PtyxrError
        If a file does not open, naming it.

    Examples
    --------
    >>> import ptyxr
    >>> path = ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_product("scan.h5")
    >>> angles = ptyxr.ureg.Quantity([0.0, 90.0], "degree")
    >>> ds = ptyxr.open_series([path, path], labels=angles)
    >>> ds.object.dims
    ('tomography_angle', 'object_layer', 'object_y', 'object_x')
    >>> one = ds.sel(tomography_angle=ptyxr.ureg.Quantity(1.5, "radian"), method="nearest")
    >>> one.tomography_angle.data
    <Quantity(90.0, 'degree')>
    >>> one.ptyxr.trim().object.equals(
    ...     ptyxr.open_dataset(path).object.assign_coords(tomography_angle=angles[1])
    ... )
    True
    """
    _check(dim, combine, join, errors, kwargs)
    files = find_files(paths, kwargs.get("storage_options"))
    given = None if labels is None else _given(labels, dim, len(files))
    # Plain numbers are stacked sooner; those of a tree are left as they are opened.
    options = {**kwargs, "quantify": quantify and combine == "tree", "cache": False}
    found = open_files(files, options, parallel=parallel, progress=progress)
    opened = [one for one in found if not isinstance(one, Exception)]
    try:
        return _combined(
            found, files, dim, given, combine,
            join=join, sort=sort, errors=errors, chunks=chunks, quantify=quantify,
        )  # fmt: skip
    except BaseException:
        _Closer.of(opened)()
        raise


def _combined(
    found: Sequence[Dataset | Exception],
    files: Sequence[str],
    dim: str,
    given: Variable | None,
    combine: Combine,
    *,
    join: Join,
    sort: bool,
    errors: str,
    chunks: Any,
    quantify: bool,
) -> Dataset | DataTree:
    """Return what was opened as one; see `open_series`."""
    problems: dict[str, Exception] = {}
    kept: list[int] = []
    for number, (file, one) in enumerate(zip(files, found, strict=True)):
        if isinstance(one, Exception):
            problems[file] = one
        elif given is None and combine != "tree" and (lack := _lacks(one, dim, file)) is not None:
            problems[file] = lack
        else:
            kept.append(number)
    if problems:
        _refuse_or_leave_out(problems, len(files), errors)
    datasets = [one for n in kept if not isinstance(one := found[n], Exception)]
    sources = [
        str(ds.encoding.get("source", files[n])) for n, ds in zip(kept, datasets, strict=True)
    ]
    labels = _labels(datasets, dim) if given is None else given[kept]
    if sort and labels is not None:
        order = np.argsort(labels.values, kind="stable")
        labels = labels[order]
        datasets, sources = [datasets[n] for n in order], [sources[n] for n in order]
    reason = None
    if combine != "tree":
        try:
            ds = stack(datasets, sources, dim, labels, join=join, quantify=quantify)
        except SeriesError as error:
            if combine == "stack":
                raise error.with_remedy("combine='tree' gives one node a product") from error
            reason = str(error)
        else:
            if given is None:
                _warn_if_nobody_told(labels, dim)
                _warn_if_misspelled(labels, dim)
            ds.set_close(_Closer.of(datasets))
            return ds if chunks is None else chunked(ds, chunks)
    own = None if given is None else labels
    # Plain numbers were opened for a stack, or are among the labels that were given.
    plain = quantify and (reason is not None or own is not None)
    return tree_of(datasets, sources, dim, own, reason, chunks=chunks, quantified=plain)


def _check(dim: Any, combine: Any, join: Any, errors: Any, kwargs: dict[str, Any]) -> None:
    for name, value, allowed in (
        ("combine", combine, ("auto", "stack", "tree")),
        ("join", join, ("outer", "inner", "exact")),
        ("errors", errors, ("raise", "warn", "ignore")),
    ):
        if value not in allowed:
            raise PtyxrError(
                "this is none of the choices",
                key=name,
                found=repr(value),
                expected=", ".join(map(repr, allowed)),
            )
    taken = {str(d) for entry in SCHEMA.values() for d in entry.dims}
    entry = SCHEMA.get(dim) if isinstance(dim, str) else None
    role = None if entry is None else entry.role
    if not isinstance(dim, str) or dim in taken or role in ("variable", "coordinate"):
        raise PtyxrError(
            "products are not put side by side along this",
            key="dim",
            found=repr(dim),
            expected="a scalar coordinate as 'tomography_angle', or a new name as 'product'",
        )
    if kwargs.get("diffraction") is not None:
        raise PtyxrError(
            "a file of patterns belongs to one product",
            key="diffraction",
            remedy="Open products with their patterns one by one, with ptyxr.open_dataset()",
        )


def _given(labels: Any, dim: str, many: int) -> Variable:
    """Return labels that a user gave as a coordinate, plain numbers with their unit."""
    entry = SCHEMA.get(dim)
    unit = entry.unit if entry is not None else None
    is_attribute = entry is not None and entry.role == "attribute"
    attrs = _described(dim, is_attribute=is_attribute)
    data = getattr(labels, "data", labels) if hasattr(labels, "dims") else labels
    if unit is None and is_quantity(data):
        unit = canonical(data, dim)
    if unit is None:
        values = np.asarray(data)
    else:
        values = np.asarray(label_numbers(labels, unit, dim, bare=True))
        attrs["units"] = unit
    if values.shape != (many,):
        raise PtyxrError(
            "there is not one label for each file",
            key="labels",
            found=f"shape {values.shape}",
            expected=f"{many} labels along {dim!r}",
        )
    return Variable((dim,), values, attrs)


def _value(ds: Dataset, dim: str) -> Any:
    """Return what labels a product, or None."""
    if dim in ds.variables:
        told = ds.variables[dim].values
        return None if told.dtype.kind == "f" and np.isnan(told) else told
    value: Any = ds.attrs.get(dim)
    return None if np.ndim(value) else value


def _lacks(ds: Dataset, dim: str, file: str) -> PtyxrError | None:
    if dim not in SCHEMA or _value(ds, dim) is not None:
        return None
    return MissingDataError(
        f"the product has no {SCHEMA[dim].long_name}",
        file=file,
        key=dim,
        remedy="Give one for each file with labels=, or take dim='product'",
    )


def _refuse_or_leave_out(problems: dict[str, Exception], many: int, errors: str) -> None:
    (_, first) = next(iter(problems.items()))
    if errors == "raise" or len(problems) == many:
        if not isinstance(first, PtyxrError):
            raise first
        if len(problems) == many:
            raise first.with_remedy(f"All {many} files have a problem") if many > 1 else first
        others = f" ({len(problems)} of {many} files are such)" if len(problems) > 1 else ""
        raise first.with_remedy(f"{_LEAVE_OUT}{others}") from first
    if errors == "warn":
        told = listed((str(error) for error in problems.values()), 3)
        warn(
            f"{len(problems)} of {many} files are left out: {told}\nMend them, or take "
            "errors='ignore'."
        )


def _labels(datasets: Sequence[Dataset], dim: str) -> Variable | None:
    """Return the coordinate along the new dimension as the products tell it, or None."""
    values = [_value(ds, dim) for ds in datasets]
    if any(value is None for value in values):
        return None
    attrs = _described(dim, is_attribute=any(dim in ds.attrs for ds in datasets))
    if dim in SCHEMA and SCHEMA[dim].unit is not None:
        attrs["units"] = str(SCHEMA[dim].unit)
    return Variable((dim,), np.array(values), attrs)


def _described(dim: str, *, is_attribute: bool) -> dict[str, Any]:
    """Return the attributes of the coordinate along the new dimension, without its unit."""
    attrs = {"long_name": SCHEMA[dim].long_name} if dim in SCHEMA else {}
    return {**attrs, ROLE: "attribute"} if is_attribute else attrs


def _warn_if_nobody_told(labels: Variable | None, dim: str) -> None:
    if labels is None or labels.size < 2 or dim not in SCHEMA or SCHEMA[dim].unit is None:
        return
    if (labels.values == 0).all():
        warn(
            f"All {labels.size} products have {dim} 0 {SCHEMA[dim].unit}, which stands for "
            "unknown. Give labels=, or take dim='product'."
        )


def _warn_if_misspelled(labels: Variable | None, dim: str) -> None:
    if labels is not None or dim in SCHEMA:
        return
    known = [name for name, entry in SCHEMA.items() if entry.role in ("scalar", "attribute")]
    if alike := get_close_matches(dim, known, n=1, cutoff=0.75):
        warn(
            f"{dim!r} is nothing that the products have, and a new dimension without labels. "
            f"Did you mean dim={alike[0]!r}?"
        )


class _Closer:
    """Closes the files of many datasets; pickled with the dataset made of them."""

    def __init__(self, closers: list[Callable[[], None]]) -> None:
        self.closers = closers

    @classmethod
    def of(cls, datasets: Sequence[Dataset]) -> _Closer:
        """Return what closes datasets, without holding them."""
        return cls([ds._close for ds in datasets if ds._close is not None])  # noqa: SLF001

    def __call__(self) -> None:
        for close in self.closers:
            close()
