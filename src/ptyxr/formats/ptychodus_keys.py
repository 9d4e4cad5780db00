"""The key table of Ptychodus products: where each name of the model stands, in which spellings.

The names on disk are those of ``ptychodus.api.io.ProductFileKeys`` (1.7) and of the plugins
``h5_product_file.py`` of the releases before it, back to 0.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ptyxr.errors import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptyxr.storage.groups import Member, StoredGroup

__all__ = [
    "BY_NAME",
    "CENTER",
    "DEFAULTS",
    "FLUX",
    "FORMAT_ID",
    "FORMAT_KEYS",
    "FORMAT_VERSION",
    "KEYS",
    "LAYER_DISTANCE",
    "RAW_DATA",
    "RAW_POSITIONS",
    "STRUCTURAL",
    "Key",
    "find_attribute",
    "find_dataset",
    "generation",
    "misfit",
    "not_carried",
    "unknown",
]

Place = Literal["root", "dataset", "object", "probe"]


@dataclass(frozen=True)
class Key:
    """Where a name of the model stands in a product.

    Parameters
    ----------
    name : str
        Name in the model.
    place : {"root", "dataset", "object", "probe"}
        An attribute of the root, a dataset in the root, or an attribute of ``object`` or ``probe``.
    spellings : tuple of str
        The keys it has had, newest first. On reading the first one found counts.
    written : tuple of str
        Those that are written, so that every release finds its own; by default all.
    """

    name: str
    place: Place
    spellings: tuple[str, ...]
    written: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "written", self.written or self.spellings)


#: Every key of a product, in every spelling that a release has used.
KEYS: Final = (
    Key("name", "root", ("name",)),
    Key("comments", "root", ("comments",)),
    Key("detector_object_distance", "root", ("detector_object_distance_m",)),
    Key("photon_energy", "root", ("photon_energy_eV", "probe_energy_eV")),
    Key("probe_photon_count", "root", ("probe_photon_count",)),
    Key("exposure_time", "root", ("exposure_time_s",)),
    Key("mass_attenuation", "root", ("mass_attenuation_m2_per_kg", "mass_attenuation_m2_kg")),
    Key("tomography_angle", "root", ("tomography_angle_deg",)),
    Key("tilt_angle", "root", ("tilt_angle_deg",)),
    Key("focus_object_distance", "root", ("focus_object_distance_m",)),
    Key("polarization", "root", ("polarization",)),
    Key("far_field", "root", ("far_field",)),
    Key("position_index", "dataset", ("probe_position_indexes",)),
    Key("position_x", "dataset", ("probe_position_x_m",)),
    Key("position_y", "dataset", ("probe_position_y_m",)),
    Key("position_photon_count", "dataset", ("probe_photon_counts",)),
    Key("probe", "dataset", ("probe",)),
    Key("opr_weights", "dataset", ("opr_weights",)),
    Key("object", "dataset", ("object",)),
    Key("object_layer_spacing", "dataset", ("object_layer_spacing_m",)),
    Key("loss", "dataset", ("loss_values", "losses", "costs")),
    Key("epoch", "dataset", ("loss_epochs",)),
    Key("object_pixel_width", "object", ("pixel_width_m",)),
    Key("object_pixel_height", "object", ("pixel_height_m",)),
    Key("probe_pixel_width", "probe", ("pixel_width_m",)),
    Key("probe_pixel_height", "probe", ("pixel_height_m",)),
    # What Ptychodus has no place for; its readers take what they know and leave the rest.
    Key("nominal_position_x", "dataset", ("nominal_position_x_m",)),
    Key("nominal_position_y", "dataset", ("nominal_position_y_m",)),
    Key("scan_index", "dataset", ("scan_index",)),
    Key("bad_pixels", "dataset", ("bad_pixels",)),
    Key("detector_pixel_width", "root", ("detector_pixel_width_m",)),
    Key("detector_pixel_height", "root", ("detector_pixel_height_m",)),
)

BY_NAME: Final = {key.name: key for key in KEYS}

#: Attributes of ``object`` with its centre, in metres; they become its axes.
CENTER: Final = {"object_x": "center_x_m", "object_y": "center_y_m"}

#: Version 0.7 wrote a flux, and a distance for each layer, the last without meaning.
FLUX: Final = "probe_photons_per_s"
LAYER_DISTANCE: Final = "object_layer_distance_m"

#: Root attribute with the keys that were written only as defaults, separated by spaces.
DEFAULTS: Final = "ptyxr_defaults"
FORMAT_ID: Final = "ptychodus.product.hdf5"
FORMAT_VERSION: Final = "1.0"
#: Root attributes that say what an HDF5 file is.
FORMAT_KEYS: Final = frozenset({"format_id", "format_version"})

#: The group with pixel numbers and patterns that PtychoPINN writes.
RAW_DATA: Final = "raw_data"
RAW_POSITIONS: Final = {
    "position_x": "xcoords",
    "position_y": "ycoords",
    "nominal_position_x": "xcoords_start",
    "nominal_position_y": "ycoords_start",
}

#: What ptyxr reads of that group.
RAW_MEMBERS: Final = frozenset(
    {*RAW_POSITIONS.values(), "diffraction", "scan_index", "bad_pixels", "_metadata"}
)

#: Kinds of dtype that are numbers, as numpy calls them.
_NUMBERS: Final = "fiubc"

#: Root attributes that describe the file and not the experiment: the writer makes them anew.
STRUCTURAL: Final = frozenset(
    {"format_id", "format_version", "bundle_version", "contains_raw_data", DEFAULTS}
)


def is_default(key: str, value: Any) -> bool:
    """Tell whether an attribute has the value that is written where nothing is known."""
    if key == "far_field":
        return np.size(value) == 1 and bool(np.all(value))
    return not value if isinstance(value, str) else not np.any(value)


def generation(group: StoredGroup) -> str:
    """Tell which releases of Ptychodus write a product like this one.

    Parameters
    ----------
    group : StoredGroup
        The root group.

    Returns
    -------
    str
        A range of releases.
    """
    attrs, arrays = group.attrs, group.arrays
    if "format_id" in attrs:
        return f"written for every release of Ptychodus ({attrs['format_id']})"
    if "bundle_version" in attrs or RAW_DATA in group.groups:
        return "written by PtychoPINN"
    if "photon_energy_eV" in attrs:
        return "Ptychodus 1.7 or later"
    if "focus_object_distance_m" in attrs or "probe_photon_counts" in arrays:
        return "Ptychodus 1.6 or later"
    if "tilt_angle_deg" in attrs:
        return "Ptychodus 1.5"
    if FLUX in attrs or LAYER_DISTANCE in arrays:
        return "Ptychodus 0.7"
    if "loss_values" in arrays:
        return "Ptychodus 1.1.1 to 1.4"
    if "losses" in arrays:
        return "Ptychodus 1.1.0"
    if "costs" in arrays:
        return "Ptychodus 1.0"
    return "a part of a product, of no release that can be told"


def describe(array: Member) -> str:
    """Say in a few words what an array holds."""
    import h5py

    what = str(array.dtype)
    if array.dtype.names is not None:
        what = f"a compound of the fields {', '.join(map(repr, array.dtype.names))}"
    elif array.dtype.kind in "SU" or h5py.check_string_dtype(array.dtype) is not None:
        what = "text"
    return f"{what} of shape {array.shape}"


def misfit(group: StoredGroup, name: str) -> str | None:
    """Return what stands under a name instead of an array of numbers, or None.

    Parameters
    ----------
    group : StoredGroup
        Where the name is looked for.
    name : str
        A name that should be a dataset.
    """
    if name in group.groups:
        return "a group"
    if name in group.others:
        return "neither group nor dataset"
    array = group.arrays.get(name)
    return None if array is None or array.dtype.kind in _NUMBERS else describe(array)


def unknown(group: StoredGroup, raw: StoredGroup | None = None) -> list[str]:
    """Return what ptyxr leaves out of a product: what it does not know, and what is no numbers.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    raw : StoredGroup or None
        Its group ``/raw_data``.
    """
    known = {s for key in KEYS if key.place == "root" for s in key.spellings} | STRUCTURAL | {FLUX}
    datasets = {s for key in KEYS if key.place == "dataset" for s in key.spellings}
    found = [f"attribute {name!r}" for name in group.attrs if name not in known]
    found += [
        f"dataset {name!r}" for name in group.arrays if name not in datasets | {LAYER_DISTANCE}
    ]
    found += [f"group {name!r}" for name in group.groups if name != RAW_DATA]
    found += [f"{name!r}, neither group nor dataset" for name in group.others]
    for name in sorted(datasets & set(group.arrays)):
        if what := misfit(group, name):
            found.append(f"dataset {name!r}, which is {what}")
    for name in sorted(RAW_MEMBERS - {"_metadata"}):
        if raw is not None and (what := misfit(raw, name)):
            found.append(f"'/{RAW_DATA}/{name}', which is {what}")
    bad = (f"{error.key or name!r}: {error.problem}" for name, error in group.bad.items())
    return [*found, *bad]


def not_carried(group: StoredGroup) -> list[str]:
    """Return the datasets and groups of a product that the model has no place for.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    """
    datasets = {s for key in KEYS if key.place == "dataset" for s in key.spellings}
    named = [f"'/{n}'" for n in group.arrays if n not in datasets | {LAYER_DISTANCE}]
    return named + [f"'/{n}'" for n in (*group.groups, *group.others) if n != RAW_DATA]


def _disagree(file: str, newer: str, older: str) -> None:
    warn(
        f"{file}: {newer!r} and {older!r} are two spellings of one key and differ; {newer!r} is "
        f"taken. Rewrite the file with ds.ptyxr.to_product() to bring them together.",
    )


def _same(value: Any, other: Any) -> bool:
    """Tell whether two attributes are one; a number may be kept as an array of one."""
    one, two = np.ravel(value), np.ravel(other)
    numbers = one.dtype.kind in _NUMBERS and two.dtype.kind in _NUMBERS
    return np.array_equal(one, two, equal_nan=numbers)


def find_attribute(attrs: Mapping[str, Any], key: Key, file: str) -> Any:
    """Return an attribute in its newest spelling, or None; warn where two spellings differ."""
    found = [s for s in key.spellings if attrs.get(s) is not None]
    if not found:
        return None
    for older in found[1:]:
        if not _same(attrs[found[0]], attrs[older]):
            _disagree(file, found[0], older)
    return attrs[found[0]]


def find_dataset(arrays: Mapping[str, Member], key: Key, file: str) -> tuple[str, Member] | None:
    """Return a dataset of numbers with its newest spelling, or None; warn where two differ."""
    found = [s for s in key.spellings if s in arrays and arrays[s].dtype.kind in _NUMBERS]
    if not found:
        return None
    newest = arrays[found[0]]
    for older in found[1:]:
        if not np.array_equal(newest.read(), arrays[older].read(), equal_nan=True):
            _disagree(file, found[0], older)
    return found[0], newest
