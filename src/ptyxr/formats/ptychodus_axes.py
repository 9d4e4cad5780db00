"""Where things are in a product: its scan points, pixel sizes and pixel axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptyxr.errors import InvalidDataError, warn
from ptyxr.formats.ptychodus_keys import (
    BY_NAME,
    CENTER,
    RAW_DATA,
    RAW_POSITIONS,
    find_dataset,
    misfit,
)
from ptyxr.formats.ptychodus_raw import raw_array, raw_origin
from ptyxr.frame import PIXEL_ORIGIN
from ptyxr.grids import Grid
from ptyxr.storage.arrays import cached
from ptyxr.variables import PIXEL_NUMBERS

if TYPE_CHECKING:
    from ptyxr.formats.assembly import Assembly
    from ptyxr.storage.groups import StoredGroup

__all__ = ["decode_axes", "decode_positions", "number"]

_SIDES = (("x", "pixel_width_m"), ("y", "pixel_height_m"))


def number(value: Any, file: str, key: str, *, booleans: bool = False) -> float:
    """Return an attribute as a number.

    Parameters
    ----------
    value : object
        What stands there; some writers keep a number as an array of one.
    file, key : str
        Where it stands, for the error.
    booleans : bool
        Whether true and false are numbers here.

    Raises
    ------
    InvalidDataError
        If it is none, or a complex one.
    """
    refusal = InvalidDataError(
        "this is no number",
        file=file,
        key=key,
        found=repr(value),
        expected="a number",
        remedy="Write it as one, in the unit that the key's name ends with",
    )
    array = np.asarray(value)
    # Of a complex number, numpy would drop the imaginary part with no more than a warning.
    if array.dtype.kind in ("c" if booleans else "bc"):
        raise refusal
    try:
        return float(array.reshape(-1)[0] if array.size == 1 else array)
    except (TypeError, ValueError, OverflowError) as error:
        raise refusal from error


def decode_positions(product: Assembly, group: StoredGroup, raw: StoredGroup | None) -> None:
    """Put the scan points into a dataset, with the pixel numbers they came with.

    Parameters
    ----------
    product : Assembly
        The dataset in the making.
    group : StoredGroup
        The root of the product.
    raw : StoredGroup or None
        Its group ``/raw_data``.
    """
    for name in filter(product.wants, RAW_POSITIONS):
        found = find_dataset(group.arrays, BY_NAME[name], product.file)
        if found is not None:
            product.check_kind(name, found[0], found[1])
        positions = found[1] if found else group.arrays.get(BY_NAME[_refined(name)].spellings[0])
        points = product.size("position")
        if points is None and positions is not None and positions.shape:
            points = positions.shape[0]
        array = raw_array(product, raw, name, points)
        encoding: dict[str, Any] = {}
        if array is not None and raw is not None:
            # Read on use. What is no UnitVariable would not load them with the rest.
            numbers = cached(array) if product.quantify else array.read()
            encoding = {PIXEL_NUMBERS: numbers, PIXEL_ORIGIN: raw_origin(raw)}
        if found is not None:
            # The nominal ones are looked at now and then, and are as many again.
            late = name.startswith("nominal")
            values = found[1] if late else found[1].read().astype(float, copy=False)
            product.coordinate(name, found[0], values, encoding=encoding)
        elif array is not None and name.startswith("nominal"):
            nominal = _nominal(group, raw, name, array.read())
            if nominal is not None:
                key = f"/{RAW_DATA}/{RAW_POSITIONS[name]}"
                product.coordinate(name, key, nominal, encoding=encoding)


def _refined(name: str) -> str:
    return name.removeprefix("nominal_")


def _nominal(
    group: StoredGroup, raw: StoredGroup | None, name: str, numbers: np.ndarray
) -> np.ndarray | None:
    """Return nominal positions in metres, from pixel numbers and the refined positions."""
    refined = _refined(name)
    pixel = pixel_size(group, "object", dict(_SIDES)[name[-1]])
    positions = group.arrays.get(BY_NAME[refined].spellings[0])
    start = None if raw is None else raw.arrays.get(RAW_POSITIONS[refined])
    if pixel is None or not _is_usable(pixel) or positions is None or start is None:
        return None
    if not positions.shape == start.shape == numbers.shape or start.dtype.kind not in "fiu":
        return None
    at, refined_numbers = positions.read(), start.read()
    if np.array_equal(refined_numbers * pixel, at):
        return np.asarray(numbers * pixel)
    return np.asarray(at + (numbers - refined_numbers) * pixel)


def pixel_size(group: StoredGroup, array: str, key: str) -> float | None:
    """Return a pixel size in metres as it stands in the attributes of an array, or None."""
    value = group.arrays[array].attrs.get(key) if array in group.arrays else None
    return None if value is None else number(value, group.file, f"{array}.attrs[{key!r}]")


def _is_usable(size: float) -> bool:
    return bool(np.isfinite(size) and size > 0)


def decode_axes(product: Assembly, group: StoredGroup, defaults: set[str]) -> None:
    """Put the pixel sizes and axes of object and probe into a dataset.

    Parameters
    ----------
    product : Assembly
        The dataset in the making.
    group : StoredGroup
        The root of the product.
    defaults : set of str
        Keys that were written only as defaults.
    """
    for variable in ("object", "probe"):
        array = group.arrays.get(variable)
        if array is None or misfit(group, variable):
            continue
        useless = []
        sizes = dict(zip("yx", array.shape[-2:], strict=False))
        for axis, key in _SIDES:
            pixel = pixel_size(group, variable, key)
            if pixel is None and variable == "probe":
                # Ptychodus itself takes the object's where a probe has none.
                pixel = pixel_size(group, "object", key)
                pixel = pixel if pixel is not None and _is_usable(pixel) else None
            if pixel is None:
                continue
            product.scalar(f"{variable}_{key.removesuffix('_m')}", pixel)
            if not _is_usable(pixel):
                useless.append(f"'{variable}.attrs[{key!r}]' is {pixel}")
                continue
            name = f"{variable}_{axis}"
            center = 0.0 if variable == "probe" else _center(group, name, defaults)
            if center is not None and sizes.get(axis):
                product.axis(name, Grid(center, pixel, sizes[axis], "meter"))
        if useless:
            warn(
                f"{product.file}: {' and '.join(useless)}, which is no pixel size: the {variable} "
                f"has no such axis. Give it with "
                f"ds.ptyxr.assign_pixel_size({variable}='50 nm').",
            )


def _center(group: StoredGroup, name: str, defaults: set[str]) -> float | None:
    """Return the centre of an axis of the object in metres, or None where it is not known."""
    key = CENTER[name]
    value = group.arrays["object"].attrs.get(key)
    if value is None or f"object.{key}" in defaults:
        return None
    center = number(value, group.file, f"object.attrs[{key!r}]")
    return center if np.isfinite(center) else None


def mend_corner(product: Assembly, group: StoredGroup) -> None:
    """Warn of positions that are counted from the corner of an object whose centre is given as 0.

    So PtychoPINN writes products (``ptycho/io/ptychodus_product_io.py``): pixel numbers times the
    pixel size, and no centre. The positions stay as they are; what pixels they mean is kept beside
    them, so that ``register`` and the writers put them there.

    Parameters
    ----------
    product : Assembly
        The dataset in the making, with positions and axes.
    group : StoredGroup
        The root of the product.
    """
    shape = group.arrays["object"].shape if "object" in group.arrays else ()
    numbers: dict[str, np.ndarray] = {}
    off: Any = False
    for (axis, key), place in zip(_SIDES, (-1, -2), strict=True):
        at = product.plain_numbers(f"position_{axis}")
        pixel = pixel_size(group, "object", key)
        center = group.arrays["object"].attrs.get(CENTER[f"object_{axis}"], 0.0) if shape else None
        if at is None or len(shape) < 2 or not pixel or not _is_usable(pixel) or np.any(center):
            return
        columns = at / pixel
        if not columns.size or not ((columns >= 0) & (columns <= shape[place])).all():
            return
        off = off | (columns > shape[place] / 2)
        numbers[f"position_{axis}"] = columns
    if not np.any(off):
        return
    for name, columns in numbers.items():
        product.keep(name, {PIXEL_NUMBERS: columns, PIXEL_ORIGIN: "corner"})
    warn(
        f"{product.file}: positions are counted from the corner of the object, and its centre is "
        f"given as 0, as PtychoPINN writes products: {int(np.sum(off))} of {off.size} scan points "
        "lie outside the object. ds.ptyxr.register() gives the object the centre that belongs to "
        "them.",
    )
