"""CXI files of raw ptychography data, as an engine of xarray: how to add a format.

What is read of the file (https://www.cxidb.org/cxi.html)::

    entry_1/data_1/data                          (N, H, W)  counts
    entry_1/data_1/translation                   (N, 3)     x, y, z of the scan, metre
    entry_1/instrument_1/detector_1/distance                metre
    entry_1/instrument_1/detector_1/x_pixel_size            metre
    entry_1/instrument_1/detector_1/y_pixel_size            metre
    entry_1/instrument_1/detector_1/mask         (H, W)     bits, 0 where the pixel is good
    entry_1/instrument_1/source_1/energy                    joule, of one photon
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xarray.backends import BackendEntrypoint

from ptyxr.errors import FormatError, InvalidDataError, PtyxrError
from ptyxr.formats.assembly import Assembly
from ptyxr.storage.arrays import MemoryArray
from ptyxr.storage.groups import StoredGroup
from ptyxr.storage.hdf5 import HDF5File, member_names
from ptyxr.units import convert_scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray import Dataset

# -- where things are in the file

DATA = "/entry_1/data_1"
DETECTOR = "/entry_1/instrument_1/detector_1"
SOURCE = "/entry_1/instrument_1/source_1"

#: Scalars: the group, the key, the unit in the file, the name in the model, the unit there.
SCALARS = (
    (DETECTOR, "distance", "meter", "detector_object_distance", "meter"),
    (DETECTOR, "x_pixel_size", "meter / pixel", "detector_pixel_width", "meter / pixel"),
    (DETECTOR, "y_pixel_size", "meter / pixel", "detector_pixel_height", "meter / pixel"),
    (SOURCE, "energy", "joule", "photon_energy", "electron_volt"),
)
# -- what it means


def decode(
    groups: dict[str, StoredGroup],
    file: str,
    drop_variables: str | Iterable[str] | None = None,
    *,
    quantify: bool = True,
) -> Assembly:
    """Say in the words of the data model what the groups of a CXI file hold."""
    made = Assembly(file, drop_variables, quantify=quantify)
    data = groups[DATA]
    for key in ("data", "translation"):
        if key not in data.arrays:
            raise FormatError(
                "this is no CXI file of a scan",
                file=file,
                key=f"{DATA}/{key}",
                found=sorted(data.names),
                expected="'data' and 'translation'",
                remedy="ptyxr.open_dataset() tells what it is",
            )
    # Small, and in use as soon as the dataset is: read at once.
    moved = data.arrays["translation"]
    made.check_kind("position_x", "translation", moved)
    made.check_rank("translation", moved.shape, ("position", "xyz"), 2, 2)
    if moved.shape[1] < 2:
        raise InvalidDataError(
            "a scan has two directions at least",
            file=file,
            key=f"{DATA}/translation",
            found=f"shape {moved.shape}",
            expected="(N, 3)",
        )
    points = moved.read().astype(float)
    made.coordinate("position_x", "translation", points[:, 0])
    made.coordinate("position_y", "translation", points[:, 1])
    # Large: left in the file until it is used.
    patterns = data.arrays["data"]
    counts = {"quantity": "counts"}
    made.array("diffraction", "data", patterns, attrs=counts, encoding=dict(patterns.encoding))
    mask = groups[DETECTOR].arrays.get("mask")
    if mask is not None and made.wants("bad_pixels"):
        made.array("bad_pixels", "mask", MemoryArray(mask.read() != 0))
    for group, key, stored, name, unit in SCALARS:
        if key in groups[group].arrays:
            value = float(groups[group].arrays[key].read().item())
            made.scalar(name, convert_scalar(value, stored, unit))
    made.detector_axes()
    made.attrs["source_format"] = "cxi"
    return made


# -- the engine


def read_groups(file: HDF5File) -> dict[str, StoredGroup]:
    """Return what is looked at of a file; a group that is not there is an empty one."""
    paths = (DATA, DETECTOR, SOURCE)
    return {path: file.group(path) or StoredGroup(file.name, path, {}) for path in paths}


class CXIBackend(BackendEntrypoint):
    """xarray's engine for CXI files of raw data."""

    description = "Open CXI files of ptychography with units"

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        quantify: bool = True,
    ) -> Dataset:
        """Open a CXI file as a dataset of the model, its patterns left in the file until used."""
        file = HDF5File(filename_or_obj)
        try:
            made = decode(read_groups(file), file.name, drop_variables, quantify=quantify)
            return made.dataset(close=file.closer, source=file.address)
        except BaseException:
            file.close()
            raise

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell by looking inside, and claim no other CXI file than one of a scan; never raise."""
        if "entry_1" not in member_names(filename_or_obj):
            return False
        try:
            file = HDF5File(filename_or_obj)
            try:
                data = file.group(DATA)
            finally:
                file.close()
        except PtyxrError:
            return False
        return data is not None and {"data", "translation"} <= data.names
