"""Ptychodus's files of patterns in HDF5: the engine ``"ptychodus-diffraction"``, and pairing.

Assembled diffraction (``diffraction.h5``) and training data, as ``ptychodus/api/io.py`` has them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from xarray import Coordinates
from xarray.backends import BackendEntrypoint

from ptyxr.errors import FormatError, MissingDataError, PtyxrError, warn
from ptyxr.formats.assembly import DECODERS, Assembly, any_numbers, promoted
from ptyxr.formats.ptychodus_axes import number
from ptyxr.formats.ptychodus_keys import misfit
from ptyxr.frame import PIXEL_ORIGIN
from ptyxr.grids import Grid
from ptyxr.model import SCHEMA
from ptyxr.storage.hdf5 import HDF5File, member_names
from ptyxr.units import PIXEL
from ptyxr.variables import PIXEL_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray import Dataset

__all__ = ["MEMBERS", "PtychodusDiffractionBackend", "pair_patterns"]

PATTERNS: Final = "patterns"
#: What has a number in the model's unit, by the member or the attribute of the patterns.
_SCALARS: Final = {
    "detector_pixel_width_m": "detector_pixel_width",
    "detector_pixel_height_m": "detector_pixel_height",
    "object_pixel_width_m": "object_pixel_width",
    "object_pixel_height_m": "object_pixel_height",
    "detector_object_distance_m": "detector_object_distance",
    "photon_energy_eV": "photon_energy",
    "probe_energy_eV": "photon_energy",
}
#: Positions of training data, in pixels of the object from the centre of pixel (0, 0).
_POSITIONS: Final = {"probe_position_x_px": "position_x", "probe_position_y_px": "position_y"}
_DETECTOR: Final = frozenset(
    {"bad_pixels", "detector_x", "detector_y", "detector_pixel_width", "detector_pixel_height"}
)
#: What is taken as it is.
_ARRAYS: Final = {
    PATTERNS: "diffraction",
    "indexes": "position_index",
    "bad_pixels": "bad_pixels",
}
#: Every member or attribute of the patterns that is known, with its name in the model.
MEMBERS: Final = {
    **_ARRAYS,
    **_POSITIONS,
    "probe_photon_counts": "position_photon_count",
    "probe": "probe",
    "object": "object",
    **_SCALARS,
}


@any_numbers
def _decode(file: HDF5File, drop_variables: Any, *, quantify: bool) -> Assembly:
    group = file.group()
    if group is None:
        raise FormatError("the file has no root group", file=file.name)
    data = Assembly(group.file, drop_variables, quantify=quantify)
    if PATTERNS not in group.names or {"probe_position_x_m"} & group.names:
        raise FormatError(
            "this is no file of patterns of Ptychodus",
            file=group.file,
            found=sorted(group.names)[:8],
            expected="'patterns', 'indexes', 'bad_pixels'",
            remedy="ptyxr.open_dataset() finds the engine by looking inside",
        )
    group.check(frozenset(MEMBERS))
    arrays = group.arrays
    if PATTERNS not in arrays:
        raise FormatError(
            "this is no array", file=group.file, key=PATTERNS, found=misfit(group, PATTERNS)
        )
    for member, name in _POSITIONS.items():
        if member in arrays:
            data.check_kind(name, member, arrays[member])
            numbers = arrays[member].read().astype(float)
            kept = {PIXEL_NUMBERS: numbers, PIXEL_ORIGIN: "pixel"}
            data.coordinate(name, member, numbers, unit=PIXEL, encoding=kept)
            data.attrs["pixel_origin"] = "pixel"
    # Counts, as Ptychodus holds them; where they were filled, bad_pixels says so.
    attrs = {"quantity": "counts", "original_axis_order": "NHW"}
    for member, name in _ARRAYS.items():
        if member in arrays:
            described = attrs if member == PATTERNS else {}
            encoding = dict(arrays[member].encoding)
            data.array(name, member, arrays[member], attrs=described, encoding=encoding)
    if "probe_photon_counts" in arrays:
        data.check_kind(
            "position_photon_count", "probe_photon_counts", arrays["probe_photon_counts"]
        )
        counts = arrays["probe_photon_counts"].read().astype(float)
        data.coordinate("position_photon_count", "probe_photon_counts", counts)
    for name, rank in (("probe", 4), ("object", 3)):
        if name in arrays:
            array = arrays[name]
            data.check_kind(name, name, array)
            data.check_rank(name, array.shape, SCHEMA[name].dims, 2, rank)
            data.array(name, name, promoted(array, rank), encoding={"original_shape": array.shape})
            for axis, size in zip("yx", array.shape[-2:], strict=True):
                center = (size - 1) / 2 if name == "object" else 0.0
                data.axis(f"{name}_{axis}", Grid(center, 1.0, size, PIXEL))
    beside = {
        **arrays[PATTERNS].attrs,
        **{name: arrays[name].read()[()] for name in _SCALARS if name in arrays},
    }
    for member, name in _SCALARS.items():
        if member not in beside:
            continue
        value = number(beside[member], group.file, member)
        if "pixel" in name and not (np.isfinite(value) and value > 0):
            warn(
                f"{group.file}: {member!r} is {value}, which is no pixel size, and is left out. "
                "Give it with ds.ptyxr.assign_pixel_size().",
            )
            continue
        data.scalar(name, value)
    data.detector_axes()
    data.attrs["source_format"] = "ptychodus"
    return data


class PtychodusDiffractionBackend(BackendEntrypoint):
    """xarray's engine ``"ptychodus-diffraction"``: Ptychodus's patterns in HDF5."""

    description: ClassVar[str] = "Open Ptychodus diffraction and training files, using ptyxr"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        *DECODERS,
        "quantify",
        "allow_external",
        "storage_options",
    )

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = None,
        decode_times: Any = None,
        decode_timedelta: Any = None,
        use_cftime: Any = None,
        concat_characters: Any = None,
        decode_coords: Any = None,
        drop_variables: str | Iterable[str] | None = None,
        quantify: bool = True,
        allow_external: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Open assembled diffraction or training data, the patterns left in the file until used.

        Parameters
        ----------
        filename_or_obj : str, path-like, bytes or binary file object
            Path, address (``https://…``, ``s3://…``) or content of the file.
        mask_and_scale, decode_times, decode_timedelta : object, optional
            Accepted and without effect: the file is no netCDF file.
        use_cftime, concat_characters, decode_coords : object, optional
            The same.
        drop_variables : str or iterable of str, optional
            Names of the model that are left out, before they are read.
        quantify : bool, default: True
            Whether coordinates are pint Quantities, or numbers with a ``units`` attribute.
        allow_external : bool, default: False
            Whether links and datasets are followed that lead out of the file. Only for files that
            you trust: they may name any file that you can read. Those of a file on a network are
            refused in any case.
        storage_options : mapping, optional
            What fsspec is to be given for an address: user and key, ``{"anon": True}``, headers.

        Returns
        -------
        xarray.Dataset
            ``diffraction`` (position, detector_y, detector_x) as stored, lazy, with
            ``position_index`` (position,) int64.

        Raises
        ------
        MissingFileError, FormatError, RemoteError
            If there is no such file, or it has no patterns.
        InvalidDataError
            If something in it cannot be represented.

        Examples
        --------
        >>> import h5py, numpy as np, xarray as xr
        >>> with h5py.File("patterns.h5", "w") as file:
        ...     file["patterns"] = np.zeros((5, 8, 8), "uint16")
        ...     file["indexes"] = np.arange(5)
        >>> xr.open_dataset("patterns.h5", engine="ptychodus-diffraction").diffraction.shape
        (5, 8, 8)
        """
        del mask_and_scale, decode_times, decode_timedelta, use_cftime
        del concat_characters, decode_coords
        file = HDF5File(
            filename_or_obj, allow_external=allow_external, storage_options=storage_options
        )
        try:
            data = _decode(file, drop_variables, quantify=quantify)
            return data.dataset(close=file.closer, source=file.address)
        except BaseException:
            file.close()
            raise

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell whether this is a file of patterns of Ptychodus, by looking inside."""
        names = member_names(filename_or_obj)
        telling = {"indexes", "bad_pixels"} <= names or set(_POSITIONS) <= names
        return PATTERNS in names and telling and "probe_position_x_m" not in names


def _occurrences(numbers: np.ndarray) -> np.ndarray:
    """Return for each number how often it has come before."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, ordered.size])
    before = np.empty(numbers.size, dtype=np.int64)
    before[order] = np.arange(ordered.size) - np.repeat(starts, lengths)
    return before


def _rows(wanted: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the row of the pattern of each scan point, -1 where there is none.

    A number that comes several times in both is paired in order; patterns of a number that has more
    points than patterns serve them all.
    """
    if not there.size:
        return np.full(wanted.size, -1)
    order = np.argsort(there, kind="stable")
    first = np.searchsorted(there[order], wanted, side="left")
    count = np.searchsorted(there[order], wanted, side="right") - first
    at = first + np.minimum(_occurrences(wanted), np.maximum(count - 1, 0))
    return np.where(count > 0, order[np.clip(at, 0, max(there.size - 1, 0))], -1)


def pair_patterns(ds: Dataset, patterns: Dataset) -> Dataset:
    """Return a product with the patterns of another file, paired by ``position_index``.

    Parameters
    ----------
    ds : Dataset
        The product.
    patterns : Dataset
        Patterns with their numbers, lazily.

    Raises
    ------
    MissingDataError
        If one has no numbers.
    PtyxrError
        If all numbers are equal, or none is in both, which pairs nothing; or if the product has
        patterns of its own.

    Warns
    -----
    UserWarning
        If scan points have no pattern, and are left out.
    """
    for one, what in ((ds, "the product"), (patterns, "the file of patterns")):
        if "position_index" not in one.variables:
            raise MissingDataError(
                f"{what} has no numbers to pair patterns by",
                key="position_index",
                file=one.encoding.get("source"),
                remedy="diffraction= is for a Ptychodus product; elsewhere assign the patterns to "
                "ds['diffraction']",
            )
    if "diffraction" in ds:
        raise PtyxrError(
            "the product has patterns itself",
            key="diffraction",
            remedy="drop_variables='diffraction' leaves these out",
        )
    wanted, there = (np.asarray(one.position_index.values) for one in (ds, patterns))
    for numbers, what in ((wanted, "scan points"), (there, "patterns")):
        if numbers.size > 1 and (numbers == numbers[0]).all():
            raise PtyxrError(
                f"all {what} have one number, which pairs nothing",
                key="position_index",
                found=f"{numbers[0]} in all {numbers.size}",
                remedy="Number them: ds.assign_coords(position_index=('position', numbers))",
            )
    rows = _rows(wanted, there)
    if rows.size and (rows < 0).all():
        raise PtyxrError(
            "no scan point has a pattern of its number",
            key="position_index",
            found=f"{wanted.min()} to {wanted.max()} in the product"
            + (f", {there.min()} to {there.max()} beside the patterns" if there.size else ""),
            remedy="Give the file that belongs to the product",
        )
    if (rows < 0).any():
        warn(
            f"{int((rows < 0).sum())} of {rows.size} scan points have no pattern of their number, "
            "and are left out. Without diffraction= they are there.",
        )
    _compare(ds, patterns)
    # The detector is that of the patterns, whatever the product had of another one.
    product = ds.drop_vars([name for name in ds.variables if name in _DETECTOR])
    selected = patterns.isel(position=rows[rows >= 0])
    names = [name for name in ("diffraction", "bad_pixels") if name in selected]
    beside = [
        name
        for name, one in selected.coords.items()
        if name not in product.coords
        and (one.ndim == 0 or name in ("detector_x", "detector_y", "position_photon_count"))
    ]
    coordinates = Coordinates(
        {name: selected.variables[name] for name in beside},
        {name: selected.xindexes[name] for name in beside if name in selected.xindexes},
    )
    paired = product.isel(position=np.flatnonzero(rows >= 0)).assign_coords(coordinates)
    paired = paired.assign({name: selected[name].variable for name in names})

    paired.set_close(partial(_close_both, ds, patterns))
    return paired


def _compare(ds: Dataset, patterns: Dataset) -> None:
    """Warn where the two files tell the experiment differently: perhaps they belong to others."""
    for name in ("photon_energy", "detector_object_distance"):
        if name in ds.coords and name in patterns.coords:
            told, other = (float(one[name].values) for one in (ds, patterns))
            if told and not np.isclose(told, other, rtol=1e-6):
                warn(
                    f"{name!r} is {told} in the product and {other} in the file of patterns; that "
                    "of the product is taken. Check that the two files belong together.",
                )


def _close_both(ds: Dataset, patterns: Dataset) -> None:
    ds.close()
    patterns.close()
