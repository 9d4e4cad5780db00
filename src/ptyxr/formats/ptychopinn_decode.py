"""What the members of a PtychoPINN dataset mean, in the words of the data model.

Names and shapes are those of PtychoPINN's ``RawData.to_file`` and ``RawData.from_file``
(``ptycho/raw_data.py``) and of its data contracts; Ptychodus exports the same.
"""

from __future__ import annotations

import json
import math
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeGuard

from ptyxr.errors import FormatError, InvalidDataError, PtyxrError, warn
from ptyxr.formats.assembly import Assembly, any_numbers, promoted
from ptyxr.formats.ptychodus_keys import KEYS, RAW_POSITIONS
from ptyxr.formats.ptychopinn_origin import find_origin
from ptyxr.frame import ORIGINS, PIXEL_ORIGIN
from ptyxr.grids import TOLERANCE, Grid
from ptyxr.model import AXES, SCHEMA
from ptyxr.storage.arrays import StoredArray, ViewArray
from ptyxr.storage.files import clean_text
from ptyxr.units import PIXEL, pixel_size
from ptyxr.variables import PIXEL_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np

__all__ = [
    "KNOWN",
    "LEFT_ALONE",
    "MEASUREMENTS",
    "METADATA",
    "NAMES",
    "PLACED",
    "decode_rawdata",
    "pattern_order",
]

#: Patterns, in the order in which PtychoPINN looks for them.
PATTERNS: Final = ("diff3d", "diffraction")
METADATA: Final = "_metadata"
#: What stands where, by name of the model; of several members the first that is there counts.
NAMES: Final = MappingProxyType(
    {
        **{name: (key,) for name, key in RAW_POSITIONS.items()},
        "scan_index": ("scan_index",),
        "object": ("objectGuess",),
        "probe": ("probeGuess",),
        "diffraction": PATTERNS,
        "bad_pixels": ("bad_pixels",),
    }
)
KNOWN: Final = frozenset({METADATA, *chain.from_iterable(NAMES.values())})
#: Members of training pipelines, known and left alone.
LEFT_ALONE: Final = frozenset(
    {"Y", "norm_Y_I", "ground_truth_patches", "label", "_shuffle_applied", "_shuffle_seed"}
)

#: No scan has all its points within this of the origin, in pixels; in metres every scan has.
_NO_PIXELS: Final = 0.01
MEASUREMENTS: Final = ("amplitude", "counts", "unknown")


def _positions(data: Assembly, arrays: Mapping[str, StoredArray]) -> dict[str, np.ndarray]:
    """Return the pixel numbers by name of the model, checked."""
    found: dict[str, np.ndarray] = {}
    for name, key in RAW_POSITIONS.items():
        if key not in arrays:
            continue
        array = arrays[key]
        data.check_kind(name, key, array)
        if len(array.shape) != 1:
            raise InvalidDataError(
                "positions are one-dimensional",
                file=data.file,
                key=key,
                found=f"shape {array.shape}",
                expected="(position,)",
            )
        found[name] = array.read().astype(float, copy=False)
    for axis in "xy":
        start = found.get(f"nominal_position_{axis}")
        if f"position_{axis}" not in found:
            if start is None:
                raise FormatError(
                    "this is no PtychoPINN dataset",
                    file=data.file,
                    key=f"{axis}coords",
                    found=sorted(arrays)[:8],
                    expected="'xcoords', 'ycoords'",
                    remedy="They are numbers of pixels, (N,), by these names"
                    if data.file.startswith("<")
                    else "ptyxr.open_dataset() finds the engine by looking inside",
                )
            found[f"position_{axis}"] = start
    lengths = {RAW_POSITIONS[name]: values.size for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidDataError(
            "lengths of positions disagree",
            file=data.file,
            found=", ".join(f"{size} {key!r}" for key, size in lengths.items()),
            expected="one of each for every scan point",
            remedy="Write the file again with arrays of one length",
        )
    _doubt_lengths(data.file, found["position_x"], found["position_y"])
    return found


def _doubt_lengths(file: str, x: np.ndarray, y: np.ndarray) -> None:
    """Warn of a whole scan within a hundredth of a pixel: those are metres."""
    largest = max((float(abs(one).max(initial=0.0)) for one in (x, y)), default=0.0)
    moves = any(one.size and (one != one[0]).any() for one in (x, y))
    if moves and largest < _NO_PIXELS:
        warn(
            f"{file}: no 'xcoords' or 'ycoords' is above {largest:.2g}; they are read as pixels of "
            "the object, and seem to be metres. Divide them by the pixel size in metres, and write "
            "the file again.",
        )


def pattern_order(shape: tuple[int, ...], points: int) -> tuple[str, tuple[int | None, ...]] | None:
    """Return the axes of patterns as stored, and the view of them as (N, H, W)."""
    if len(shape) == 4 and shape[3] == 1 and shape[0] == points:
        return "NHW1", (0, 1, 2)
    if len(shape) == 2 and points == 1:
        return "HW", (None, 0, 1)
    if len(shape) != 3:
        return None
    # A cube is taken in the order of the contract.
    layouts: dict[str, tuple[int | None, ...]] = {
        "NHW": (0, 1, 2),
        "HWN": (2, 0, 1),
        "HNW": (1, 0, 2),
    }
    return next(
        ((order, axes) for order, axes in layouts.items() if shape[axes[0] or 0] == points), None
    )


def _patterns(
    data: Assembly, arrays: Mapping[str, StoredArray], points: int, measurement: str | None
) -> None:
    if measurement not in (None, *MEASUREMENTS):
        raise PtyxrError(
            "no such measurement",
            key="measurement",
            found=repr(measurement),
            expected=" or ".join(map(repr, MEASUREMENTS)),
        )
    key = next((key for key in PATTERNS if key in arrays), None)
    if key is None or not data.wants("diffraction"):
        return
    array = arrays[key]
    layout = pattern_order(array.shape, points)
    if layout is None:
        raise InvalidDataError(
            "no axis of the patterns has the length of the scan",
            file=data.file,
            key=key,
            found=f"shape {array.shape}, and {points} positions",
            expected="(N, H, W), (H, W, N), (H, N, W) or (N, H, W, 1)",
            remedy="Write the file again with one position for each pattern",
        )
    order, axes = layout
    view = array if axes == tuple(range(len(array.shape))) else ViewArray(array, axes)
    quantity = measurement or ("counts" if array.dtype.kind in "iub" else "amplitude")
    data.array(
        "diffraction",
        key,
        view,
        attrs={"quantity": quantity, "original_axis_order": order},
        encoding={"original_shape": array.shape},
    )


def _guess(array: StoredArray) -> StoredArray:
    """Return a probe or an object as (H, W) or with its modes first: (H, W, 1) loses an axis."""
    shape = array.shape
    if len(shape) == 3 and shape[2] == 1 and shape[1] != 1:
        return ViewArray(array, (0, 1))
    return array


def _from_metadata(data: Assembly, text: str) -> tuple[dict[str, float], str | None]:
    """Put what the metadata say into the dataset.

    Returns the centre and the pixel sizes in them, and what pixel numbers are counted from.
    """
    text = data.attrs["source_metadata"] = clean_text(text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}, None
    if not isinstance(found, dict):
        return {}, None
    flat = dict(found)
    for nested in ("additional_parameters", "product"):
        if isinstance(found.get(nested), dict):
            flat = {**found[nested], **flat}
    for key in KEYS:
        if key.place != "root":
            continue
        value = next((flat[s] for s in key.spellings if s in flat), None)
        if SCHEMA[key.name].role == "scalar" and _is_number(value):
            data.scalar(key.name, float(value), source=METADATA)
        elif key.name == "far_field" and isinstance(value, (bool, int)):
            data.attrs[key.name] = int(bool(value))
        elif SCHEMA[key.name].kind == "str" and isinstance(value, str):
            data.attrs[key.name] = clean_text(value)  # which JSON can escape into no text
    physics = found.get("physics_parameters")
    if isinstance(physics, dict) and "probe_photon_count" not in flat:
        photons = physics.get("nphotons")
        if _is_number(photons):
            data.scalar("probe_photon_count", float(photons), source=f"{METADATA}: nphotons")
    sizes = {f"{key}_m": flat.get(f"{key}_m") for key in PLACED}
    origin = flat.get("pixel_origin")
    origin = origin if origin in (*ORIGINS, "world") else None
    return {key: float(value) for key, value in sizes.items() if _is_number(value)}, origin


#: Keys of metadata, less their unit, that say where the object is and how large its pixels are.
PLACED: Final = (
    "object_center_x",
    "object_center_y",
    "object_pixel_width",
    "object_pixel_height",
    "probe_pixel_width",
    "probe_pixel_height",
)


def _is_number(value: object) -> TypeGuard[float]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of JSON can be longer than any float
        return False


@any_numbers
def decode_rawdata(
    arrays: Mapping[str, StoredArray],
    metadata: str | None,
    *,
    file: str,
    origin: str = "auto",
    measurement: str | None = None,
    object_pixel_size: object = None,
    probe_pixel_size: object = None,
    drop_variables: str | Iterable[str] | None = None,
    quantify: bool = True,
) -> Assembly:
    """Say in the words of the model what a PtychoPINN dataset holds.

    Parameters
    ----------
    arrays : mapping of str to StoredArray
        The members, by PtychoPINN's names.
    metadata : str or None
        The text of ``_metadata``.
    file : str
        Name of the file, for errors.
    origin, measurement, object_pixel_size, probe_pixel_size, drop_variables, quantify
        As the engine takes them.

    Raises
    ------
    FormatError, InvalidDataError, UnitError, PtyxrError
        If it is no such dataset, something cannot be represented, or an argument is wrong.
    """
    if origin not in ("auto", *ORIGINS):
        raise PtyxrError(
            "no such origin",
            key="origin",
            found=repr(origin),
            expected="'auto', 'corner', 'pixel' or 'center'",
        )
    data = Assembly(file, drop_variables, quantify=quantify)
    positions = _positions(data, arrays)
    points = positions["position_x"].size
    placed, told = ({}, None) if metadata is None else _from_metadata(data, metadata)
    obj = arrays.get("objectGuess")
    sizes = None
    if obj is not None:
        shape = _guess(obj).shape
        if len(shape) >= 2:
            sizes = {"object_y": shape[-2], "object_x": shape[-1]}
    scan_index = arrays.get("scan_index")
    if scan_index is not None:
        data.check_kind("scan_index", "scan_index", scan_index)
    if origin == "auto" and told is not None:
        origin = told
    elif origin == "auto":
        origin = find_origin(
            positions,
            sizes,
            scan_index=None if scan_index is None else scan_index.read(),
            bad_pixels="bad_pixels" in arrays,
            metadata=metadata is not None,
            file=file,
        )
    data.attrs["pixel_origin"] = origin
    _pixel_sizes(data, placed, object_pixel_size, probe_pixel_size)
    for axis in "xy":
        moved = 0.0
        if sizes is not None:
            size = sizes[f"object_{axis}"]
            center, moved = _center(placed, axis, origin, size)
            if size:
                data.axis(f"object_{axis}", Grid(center, 1.0, size, PIXEL))
        for name in (f"position_{axis}", f"nominal_position_{axis}"):
            if name in positions:
                numbers = positions[name]
                data.coordinate(
                    name,
                    RAW_POSITIONS[name],
                    numbers + moved if moved else numbers,
                    unit=PIXEL,
                    encoding={PIXEL_NUMBERS: numbers, PIXEL_ORIGIN: origin},
                )
    _arrays(data, arrays, points, measurement)
    data.attrs["source_format"] = "ptychopinn"
    return data


def _center(placed: Mapping[str, float], axis: str, origin: str, size: int) -> tuple[float, float]:
    """Return the centre of an object axis in pixels, and how far the frame is moved to it.

    Where the metadata say where the object is, the frame is moved there: positions in metres come
    back to where they were when the file was written.
    """
    center = placed.get(f"object_center_{axis}_m")
    pixel = placed.get(f"object_pixel_{'width' if axis == 'x' else 'height'}_m", 0.0)
    known = None if center is None or pixel <= 0 else center / pixel
    if origin == "world":
        return (ORIGINS["corner"](size) if known is None else known), 0.0
    counted = ORIGINS[origin](size)
    if known is None or abs(known - counted) <= TOLERANCE:
        return counted, 0.0
    return known, known - counted


def _pixel_sizes(data: Assembly, placed: dict[str, float], *given: object) -> None:
    for variable, size in zip(("object", "probe"), given, strict=True):
        names = [f"{variable}_pixel_width", f"{variable}_pixel_height"]
        if size is not None:
            told = pixel_size(size, f"{variable}_pixel_size")
            placed.update({f"{name}_m": value for name, value in zip(names, told, strict=True)})
        for name in names:
            if placed.get(f"{name}_m", 0.0) > 0:
                data.scalar(name, placed[f"{name}_m"])


def _arrays(
    data: Assembly, arrays: Mapping[str, StoredArray], points: int, measurement: str | None
) -> None:
    for name, rank in (("object", 3), ("probe", 4)):
        (key,) = NAMES[name]
        if key in arrays:
            guess = _guess(arrays[key])
            if len(guess.shape) < 2:
                raise InvalidDataError(
                    "the rank is wrong",
                    file=data.file,
                    key=key,
                    found=f"shape {guess.shape}",
                    expected="(H, W), or (P, H, W) for P modes",
                )
            encoding = {"original_shape": guess.shape}
            data.array(name, key, promoted(guess, rank), encoding=encoding)
    for name in AXES:
        size = data.size(name) if name.startswith("probe") else None
        if size:
            data.axis(name, Grid(0.0, 1.0, size, PIXEL))
    if "scan_index" in arrays:
        data.array("scan_index", "scan_index", arrays["scan_index"])
    _patterns(data, arrays, points, measurement)
    if "bad_pixels" in arrays:
        data.array("bad_pixels", "bad_pixels", arrays["bad_pixels"])
    data.detector_axes()
    if "probeGuess" in arrays:
        _compare_probe(data, arrays["probeGuess"].shape)


def _compare_probe(data: Assembly, shape: tuple[int, ...]) -> None:
    """Warn where modes of the probe seem to be along its last axis, which would turn it wrongly."""
    frame = data.size("detector_y"), data.size("detector_x")
    if len(shape) == 3 and shape[2] != 1 and shape[1:] != frame == shape[:2]:
        warn(
            f"{data.file}: 'probeGuess' of shape {shape} is read as (P, H, W), P modes of "
            f"{shape[1]} x {shape[2]} pixels, which contradicts the detector's {frame[0]} x "
            f"{frame[1]}. If its modes are along the last axis, write it again as "
            "probeGuess.transpose(2, 0, 1).",
        )
