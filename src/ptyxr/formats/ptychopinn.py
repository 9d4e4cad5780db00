"""PtychoPINN datasets in NPZ and in memory: the engine ``"ptychopinn"``, and ``from_rawdata``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from xarray import Dataset
from xarray.backends import BackendEntrypoint

from ptyxr.errors import FormatError, InvalidDataError, UnitError, listed, warn
from ptyxr.formats.assembly import DECODERS
from ptyxr.formats.ptychopinn_decode import (
    KNOWN,
    LEFT_ALONE,
    MEASUREMENTS,
    METADATA,
    decode_rawdata,
    pattern_order,
)
from ptyxr.storage.arrays import MemoryArray, StoredArray
from ptyxr.storage.npz import NpzFile, member_names
from ptyxr.units import PIXEL, canonical, is_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptyxr.units import QuantityLike

__all__ = ["MEASUREMENTS", "PtychoPINNBackend", "decode_rawdata", "from_rawdata", "pattern_order"]


def from_rawdata(
    rawdata: object,
    *,
    origin: Literal["auto", "corner", "pixel", "center"] = "auto",
    measurement: Literal["amplitude", "counts", "unknown"] | None = None,
    object_pixel_size: QuantityLike | tuple[QuantityLike, QuantityLike] | None = None,
    probe_pixel_size: QuantityLike | tuple[QuantityLike, QuantityLike] | None = None,
    quantify: bool = True,
) -> Dataset:
    """Return a dataset from PtychoPINN's ``RawData``, or anything with its attributes.

    Parameters
    ----------
    rawdata : object or mapping
        Has ``xcoords``, ``ycoords`` (N,) in pixels of the object array, and, where it has them,
        ``xcoords_start``, ``ycoords_start`` (N,), ``diff3d`` (N, H, W), ``probeGuess`` (H, W),
        ``objectGuess`` (H, W), ``scan_index`` (N,), ``metadata`` (a dict or JSON text). None counts
        as not there. Arrays are not copied.
    origin : {"auto", "corner", "pixel", "center"}
        What pixel numbers are counted from.
    measurement : {"amplitude", "counts", "unknown"}, optional
        What the patterns are; by default counts where they are whole numbers, else amplitude.
    object_pixel_size, probe_pixel_size : str, Quantity or pair of them, optional
        Size of a pixel, or (width, height): "50 nm".
    quantify : bool, default: True
        Whether coordinates are pint Quantities, or numbers with a ``units`` attribute.

    Returns
    -------
    xarray.Dataset
        In the data model: positions and axes in pixels, ``diffraction`` (position, detector_y,
        detector_x) with the dtype it came with, object and probe complex.

    Raises
    ------
    FormatError, InvalidDataError, UnitError, PtyxrError
        If it is no such object, or an argument is wrong.

    Examples
    --------
    >>> import ptyxr
    >>> scan = ptyxr.tutorial.simulate_scan(positions=9)
    >>> ptyxr.from_rawdata(scan).position_x.pint.units
    <Unit('pixel')>
    """
    name = f"<{type(rawdata).__name__}>"
    if isinstance(rawdata, (str, bytes, os.PathLike, Dataset)):
        opened = isinstance(rawdata, Dataset)
        raise FormatError(
            "from_rawdata takes what is in memory already",
            found="a dataset" if opened else repr(rawdata),
            expected="PtychoPINN's RawData, or a dict with 'xcoords' and 'ycoords'",
            remedy="A dataset needs no conversion"
            if opened
            else "ptyxr.open_dataset() opens files",
        )
    take = rawdata.get if isinstance(rawdata, Mapping) else partial(_attribute, rawdata)
    arrays: dict[str, StoredArray] = {}
    for key in sorted(KNOWN - {METADATA}):
        value = take(key)
        if value is not None:
            if is_quantity(value):
                value = _pixel_numbers(value, name, key)
            values = np.asarray(value)
            if values.dtype.hasobject:
                raise InvalidDataError("this is no array of numbers", file=name, key=key)
            arrays[key] = MemoryArray(values)
    metadata = take("metadata")
    if metadata is not None and not isinstance(metadata, str):
        metadata = json.dumps(metadata, default=str)
    return decode_rawdata(
        arrays,
        metadata,
        file=name,
        origin=origin,
        measurement=measurement,
        object_pixel_size=object_pixel_size,
        probe_pixel_size=probe_pixel_size,
        quantify=quantify,
    ).dataset()


def _pixel_numbers(value: Any, file: str, key: str) -> Any:
    """Return the numbers of a Quantity, which numpy would take in whatever unit they are."""
    unit = canonical(value, key)
    if unit not in (PIXEL, "dimensionless", "count"):
        raise UnitError(
            "RawData has bare numbers, and its positions are in pixels of the object",
            file=file,
            key=key,
            found=f"a Quantity in {unit}",
            expected=PIXEL,
            remedy="Divide lengths by the pixel size: (x / pixel_size).to('pixel')",
        )
    return value.magnitude


def _attribute(rawdata: Any, name: str) -> Any:
    return getattr(rawdata, name, None)


def unknown(file: NpzFile) -> list[str]:
    """Return the members of an NPZ file that PtychoPINN has no name for."""
    return sorted(file.names - KNOWN - LEFT_ALONE) + file.others


class PtychoPINNBackend(BackendEntrypoint):
    """xarray's engine ``"ptychopinn"``: PtychoPINN datasets in NPZ."""

    description: ClassVar[str] = "Open PtychoPINN datasets (NPZ) with units, using ptyxr"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        *DECODERS,
        "origin",
        "measurement",
        "object_pixel_size",
        "probe_pixel_size",
        "quantify",
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
        origin: str = "auto",
        measurement: str | None = None,
        object_pixel_size: object = None,
        probe_pixel_size: object = None,
        quantify: bool = True,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Open a PtychoPINN dataset in pixels, its arrays left in the file until used.

        Parameters
        ----------
        filename_or_obj : str, path-like, bytes or binary file object
            Path, address (``https://…``, ``s3://…``) or content of the NPZ file. Nothing in it is
            unpickled; of ``_metadata``, a plain string is taken.
        mask_and_scale, decode_times, decode_timedelta : object, optional
            Accepted and without effect: an NPZ is no netCDF file.
        use_cftime, concat_characters, decode_coords : object, optional
            The same.
        drop_variables : str or iterable of str, optional
            Names of the model that are left out, before they are read.
        origin : {"auto", "corner", "pixel", "center"}
            What pixel numbers are counted from: the outer corner of pixel (0, 0), its centre, or
            the centre of the object.
        measurement : {"amplitude", "counts", "unknown"}, optional
            What the patterns are; by default counts for whole numbers, else amplitude.
        object_pixel_size, probe_pixel_size : str, Quantity or pair of them, optional
            Size of a pixel, or (width, height).
        quantify : bool, default: True
            Whether coordinates are pint Quantities, or numbers with a ``units`` attribute.
        storage_options : mapping, optional
            What fsspec is to be given for an address: user and key, ``{"anon": True}``, headers.

        Returns
        -------
        xarray.Dataset
            ``object``, ``probe`` complex and ``diffraction`` (position, detector_y, detector_x) as
            stored, lazy; positions and axes float64 in pixels.

        Raises
        ------
        MissingFileError, FormatError, RemoteError
            If there is no such file, or it is no such dataset.
        InvalidDataError
            If something in it cannot be represented.

        Examples
        --------
        >>> import xarray as xr, ptyxr
        >>> ptyxr.tutorial.save_npz(ptyxr.tutorial.simulate_scan(positions=9), "scan.npz")
        >>> xr.open_dataset("scan.npz", engine="ptychopinn").position_x.pint.units
        <Unit('pixel')>
        """
        del mask_and_scale, decode_times, decode_timedelta, use_cftime
        del concat_characters, decode_coords
        file = NpzFile(filename_or_obj, storage_options)
        file.check(KNOWN - {METADATA})
        refuse_objects(file)
        data = decode_rawdata(
            file.arrays,
            _text(file),
            file=file.name,
            origin=origin,
            measurement=measurement,
            object_pixel_size=object_pixel_size,
            probe_pixel_size=probe_pixel_size,
            drop_variables=drop_variables,
            quantify=quantify,
        )
        _name_unknown(file)
        return data.dataset(source=file.address)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell whether this is a PtychoPINN dataset, by the names of its members."""
        members = member_names(filename_or_obj)
        return "probe_position_x_m" not in members and (
            {"xcoords", "ycoords"} <= members or {"xcoords_start", "ycoords_start"} <= members
        )


def _text(file: NpzFile) -> str | None:
    """Return the metadata, or warn of what they are instead."""
    try:
        return file.text(METADATA)
    except InvalidDataError as error:
        warn(
            f"{error}; the metadata are left out. Write them as plain text, without pickle, to "
            "have them read.",
        )
        return None


def refuse_objects(file: NpzFile) -> None:
    """Refuse pickled members that are needed; a pickled None counts as not there."""
    for name in sorted(file.objects.keys() & (KNOWN - {METADATA})):
        try:
            needed = file.text(name) is not None
        except InvalidDataError:
            needed = True
        if needed:
            raise InvalidDataError(
                "the member is a pickled object, which is not read",
                file=file.name,
                key=name,
                expected="an array of numbers",
                remedy="Write it again with numpy.savez from an array of numbers",
            )


def _name_unknown(file: NpzFile) -> None:
    """Name in one warning what is not known."""
    left = [f"{name} (damaged)" if name in file.bad else name for name in unknown(file)]
    if left:
        which = "those that are sound" if file.bad else "them"
        warn(
            f"{file.name}: these members are not known to ptyxr and are left out: "
            f"{listed(left)}. numpy.load reads {which}.",
        )
