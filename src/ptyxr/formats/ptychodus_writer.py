"""Writing Ptychodus products that every release from 1.0 to 1.7 reads."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.coordinates import replace_coordinates
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError, listed, warn
from ptyxr.formats.assembly import LEFT_OUT
from ptyxr.formats.ptychodus_keys import DEFAULTS, FORMAT_ID, FORMAT_VERSION, KEYS
from ptyxr.formats.ptychodus_npz import as_members
from ptyxr.formats.ptychodus_plan import (
    TEXTS,
    plan_losses,
    plan_object,
    plan_positions,
    plan_probe,
    plan_raw_data,
    plan_root,
    plan_the_rest,
)
from ptyxr.formats.registration import check_positions, in_pixels
from ptyxr.frame import to
from ptyxr.model import AXES, SCHEMA
from ptyxr.pixel_sizes import assign_pixel_size, make_scalar, pixel_length, quantified
from ptyxr.placement import warn_outside
from ptyxr.storage.atomic import atomic_path, target_path
from ptyxr.storage.hdf5_writer import Plan, check_hdf5, write_hdf5
from ptyxr.storage.npz_writer import check_npz, write_npz
from ptyxr.units import METER, parse, pixel_size

if TYPE_CHECKING:
    from pathlib import Path

    from xarray import DataArray, Dataset, Variable

__all__ = ["ASSIGN", "encode_product", "to_product", "with_metadata", "with_pixel_sizes"]

#: Pixel sizes in metres that are written where no one told them.
ESTIMATED: Final = {"object": 5.0e-8, "probe": 1.25e-7}
ESTIMATED_NOTE: Final = "estimated pixel sizes"

#: What the name of a product ends with that is written in NPZ.
NPZ_SUFFIX: Final = ".npz"

#: The arguments of `to_product` that are no metadata, for who misspells one.
_ARGUMENTS: Final = (
    "mode", "encoding", "include_diffraction", "object_center", "position_index", "compute",
)  # fmt: skip
_ENCODING: Final = "as in {'object': {'compression': 'gzip'}}"
#: How to add what a product cannot do without.
ASSIGN: Final = {
    "probe": "Assign it: ds.assign(probe=(('probe_y', 'probe_x'), array))",
    **{
        name: f"Assign it: ds.assign_coords({name}=('position', ptyxr.ureg.Quantity(numbers, 'm')))"
        for name in ("position_x", "position_y")
    },
}

SCALARS: Final = tuple(key.name for key in KEYS if SCHEMA[key.name].role == "scalar")


def with_metadata(ds: Dataset, metadata: Mapping[str, object]) -> Dataset:
    """Return the dataset with scalars and texts that a user gave by name of the model.

    Raises
    ------
    TypeError
        If there is no such name; it lists them.
    UnitError
        If a value has a unit that does not fit.
    """
    allowed = (*TEXTS, "far_field", *SCALARS)
    unknown = sorted(set(metadata) - set(allowed))
    if unknown:
        alike = get_close_matches(unknown[0], [*allowed, *_ARGUMENTS], n=1)
        raise TypeError(
            f"to_product() has no metadata {', '.join(map(repr, unknown))}"
            + (f" (did you mean {alike[0]!r}?)" if alike else "")
            + f"; it takes {', '.join(allowed)}"
        )
    attrs = dict(ds.attrs)
    scalars: dict[str, Variable] = {}
    for name, value in metadata.items():
        if value is None:
            continue
        if name in TEXTS:
            attrs[name] = value
        elif name == "far_field":
            if not isinstance(value, (bool, int, np.bool_, np.integer)):
                raise InvalidDataError(
                    "this is neither true nor false",
                    key=name,
                    found=repr(value),
                    expected="True or False",
                )
            attrs[name] = int(bool(value))
        else:
            unit = str(SCHEMA[name].unit)
            # A pixel size is given as a length as well as a length per pixel.
            number = pixel_size(value, name)[0] if "pixel_" in name else parse(value, unit, name)
            scalars[name] = make_scalar(name, number, quantified=quantified(ds))
    for one in AXES.values():
        if one.pixel_size in scalars:
            data = scalars[one.pixel_size].data
            told = float(data.magnitude if quantified(ds) else data)
            argument = "detector" if one.variable == "diffraction" else one.variable
            pair = [pixel_length(ds, a.name) for a in AXES.values() if a.variable == one.variable]
            pair[0 if one.name.endswith("x") else 1] = told
            width, height = (told if size is None else size for size in pair)
            ds = assign_pixel_size(ds, **{argument: (width, height)})
            del scalars[one.pixel_size]
    return replace_coordinates(ds.assign_attrs(attrs), scalars)


def with_pixel_sizes(ds: Dataset) -> tuple[Dataset, list[str]]:
    """Return the dataset with a size for every pixel, and a word on each that was estimated."""
    known = {
        what: [pixel_length(ds, f"{what}_{name}") for name in "xy"] for what in ("object", "probe")
    }
    estimated: list[str] = []
    given: dict[str, tuple[float, float]] = {}
    if None in known["object"]:
        # Where one side is known, the pixel is taken to be square.
        guess = next((size for size in known["object"] if size), ESTIMATED["object"])
        width, height = (size or guess for size in known["object"])
        given["object"] = (width, height)
        estimated.append(f"object {guess:g} m")
    if None in known["probe"]:
        width, height = ESTIMATED["probe"], ESTIMATED["probe"]
        if "object" not in given:
            width, height = (float(size or 0.0) for size in known["object"])
        else:
            estimated.append(f"probe {ESTIMATED['probe']:g} m")
        told = known["probe"]
        given["probe"] = (told[0] or width, told[1] or height)
    return assign_pixel_size(ds, **given), estimated


def _as_in_the_model(array: DataArray) -> str:
    """Say what would make an object or a probe of the model of an array."""
    if array.dtype.kind != "c":
        return (
            f"Make it complex: ds.assign({array.name}=amplitude * np.exp(1j * phase)), phase in "
            "radian"
        )
    dims = SCHEMA[str(array.name)].dims
    foreign = [str(dim) for dim in array.dims if dim not in dims]
    if any(dim not in array.dims for dim in dims[-2:]):
        return f"Rename its dimensions, as in ds.rename({foreign[-1]}={dims[-1]!r})"
    return f"Select one of a series first: ds.isel({foreign[0]}=0)"


def _need(ds: Dataset) -> None:
    if "object" not in ds:
        raise MissingDataError(
            "a product has an object, and the dataset has none",
            key="object",
            remedy="ds.ptyxr.fill_object() makes a uniform one, sized to the scan",
        )
    for name in ("probe", "position_x", "position_y"):
        if name not in ds.variables:
            raise MissingDataError(
                "a product needs this, and the dataset has none", key=name, remedy=ASSIGN[name]
            )
    check_positions(ds)
    for name in ("object", "probe"):
        entry = SCHEMA[name]
        if set(ds[name].dims) - set(entry.dims) or ds[name].dtype.kind != "c":
            raise InvalidDataError(
                "the array is not of the data model",
                key=name,
                found=f"{ds[name].dtype} ({', '.join(map(str, ds[name].dims))})",
                expected=f"complex ({', '.join(entry.dims)})",
                remedy=_as_in_the_model(ds[name]),
            )


def encode_product(
    ds: Dataset,
    *,
    include_diffraction: bool = True,
    object_center: object = None,
    position_index: object = None,
    encoding: Mapping[str, Mapping[str, Any]] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Plan:
    """Say in the words of a product what a dataset holds; nothing large is computed.

    Parameters and errors are those of the accessor's ``to_product``.
    """
    _need(ds)
    if not isinstance(encoding, (Mapping, NoneType)):
        raise PtyxrError("an encoding is by variable", key="encoding", found=repr(encoding),
                         expected=_ENCODING)  # fmt: skip
    encoding = dict(encoding or {})
    ds = with_metadata(ds, metadata or {})
    came_in_pixels = in_pixels(ds)
    ds, estimated = with_pixel_sizes(ds)
    if estimated:
        comments = str(ds.attrs.get("comments", "")).rstrip()
        if not comments.endswith(ESTIMATED_NOTE):
            ds = ds.assign_attrs(comments=f"{comments}; {ESTIMATED_NOTE}".removeprefix("; "))
        warn(
            f"the pixel sizes were not told and are estimated: {', '.join(estimated)}. Lengths in "
            "the product are right only if these are. Give them "
            "with ds.ptyxr.assign_pixel_size(object='50 nm', probe='50 nm').",
        )
    meters = to(ds, METER)
    plan = Plan(attrs={"format_id": FORMAT_ID, "format_version": FORMAT_VERSION})
    defaults: list[str] = []
    plan_root(plan, meters, defaults)
    plan_positions(plan, meters, position_index, defaults)
    plan_probe(plan, meters, encoding)
    moved = plan_object(plan, meters, object_center, encoding, defaults)
    plan_losses(plan, meters, defaults)
    with_patterns = include_diffraction and "diffraction" in ds
    if came_in_pixels or with_patterns:
        plan_raw_data(plan, meters, defaults, encoding, patterns=with_patterns)
    plan_the_rest(plan, meters, encoding, raw_data=came_in_pixels or with_patterns)
    if ds.encoding.get(LEFT_OUT):
        warn(
            f"the file that was opened has {listed(ds.encoding[LEFT_OUT])}, which the data "
            "model has no place for, and which is not written. Copy it with h5py where it is "
            "needed.",
        )
    if encoding:
        raise PtyxrError(
            "there is nothing to encode under this name",
            key="encoding",
            found=", ".join(map(repr, sorted(encoding))),
            expected=_ENCODING,
            remedy=f"The dataset has {', '.join(map(repr, map(str, ds.data_vars)))}",
        )
    if defaults:
        plan.attrs[DEFAULTS] = " ".join(defaults)
    warn_outside(
        moved,
        "ds.ptyxr.register() moves a misplaced object under its positions; of a cropped one, "
        "select the positions too."
        if object_center is None
        else "Without object_center, the centre is written that belongs to the positions.",
    )
    return plan


def to_product(
    ds: Dataset,
    path: object,
    *,
    mode: str = "w",
    encoding: Mapping[str, Mapping[str, Any]] | None = None,
    include_diffraction: bool = True,
    object_center: object = None,
    position_index: object = None,
    compute: bool = True,
    **metadata: object,
) -> Any:
    """Write a product; see the accessor's method of this name."""
    if mode not in ("w", "x"):
        raise PtyxrError(
            "no such mode",
            key="mode",
            found=repr(mode),
            expected="'w', which replaces an existing file, or 'x', which refuses to",
            remedy="A product is written whole: open it, change the dataset, and write that",
        )
    target = target_path(path)
    plan = encode_product(
        ds,
        include_diffraction=include_diffraction,
        object_center=object_center,
        position_index=position_index,
        encoding=encoding,
        metadata=metadata,
    )
    if compute:
        return _write(target, plan, mode)
    from dask.delayed import delayed

    # Of arguments dask would compute what arrays they hold, whole; of a function it knows nothing.
    return delayed(partial(_write, target, plan, mode), pure=False, traverse=False)()


def _write(target: Path, plan: Plan, mode: str) -> Path:
    if target.suffix.lower() == NPZ_SUFFIX:
        members = as_members(plan)
        variables = {name: planned.variable for name, planned in members.items()}
        dtypes = {name: planned.dtype for name, planned in members.items()}
        with atomic_path(target, mode=mode, check=partial(check_npz, members=variables)) as file:
            write_npz(file, variables, dtypes=dtypes)
    else:
        with atomic_path(target, mode=mode, check=partial(check_hdf5, plan=plan)) as file:
            write_hdf5(file, plan)
    return target
