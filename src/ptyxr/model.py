"""The data model: one table, from which files are read, written and validated, and documented."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = [
    "AXES",
    "CENTERS",
    "KEPT",
    "PARTS",
    "POSITIONS",
    "SCHEMA",
    "Axis",
    "Entry",
    "axes_of",
    "scalars",
]

#: Axes align, and labels are found, within this part of a pixel.
TOLERANCE: Final = 1e-6

#: Attribute of a dataset as other formats store it: text in JSON, what it knows beyond numbers and
#: units.
KEPT: Final = "ptyxr_kept"

Role = Literal["variable", "coordinate", "scalar", "attribute"]


@dataclass(frozen=True)
class Entry:
    """One name of the data model.

    Parameters
    ----------
    name : str
        Name in the dataset.
    role : {"variable", "coordinate", "scalar", "attribute"}
        Data variable, coordinate along a dimension, scalar coordinate, or attribute of the dataset.
    dims : tuple of str
        Dimensions, in order.
    unit : str or None
        Unit in files and on opening, in the spelling of pint; None for what carries none.
    kind : str
        Kind of dtype: "complex", "float", "int", "bool", "real" (any real number) or "str".
    long_name : str
        What it is; becomes the ``long_name`` attribute, so that plots label themselves.
    """

    name: str
    role: Role
    dims: tuple[str, ...]
    unit: str | None
    kind: str
    long_name: str


def _variable(name: str, dims: tuple[str, ...], kind: str, long_name: str) -> Entry:
    return Entry(name, "variable", dims, None, kind, long_name)


def _coordinate(name: str, dim: str, unit: str, long_name: str) -> Entry:
    return Entry(name, "coordinate", (dim,), unit, "float", long_name)


def _number(name: str, dim: str, long_name: str) -> Entry:
    return Entry(name, "coordinate", (dim,), None, "int", long_name)


def _scalar(name: str, unit: str, long_name: str) -> Entry:
    return Entry(name, "scalar", (), unit, "float", long_name)


def _attribute(name: str, kind: str, long_name: str) -> Entry:
    return Entry(name, "attribute", (), None, kind, long_name)


_TABLE: Final = (
    _variable("object", ("object_layer", "object_y", "object_x"), "complex", "object transmission"),
    _variable(
        "probe", ("coherent_mode", "incoherent_mode", "probe_y", "probe_x"), "complex", "probe"
    ),
    _variable(
        "opr_weights",
        ("position", "coherent_mode"),
        "float",
        "weight of orthogonal probe relaxation",
    ),
    _variable("loss", ("epoch",), "float", "loss"),
    _variable(
        "diffraction", ("position", "detector_y", "detector_x"), "real", "diffraction pattern"
    ),
    _variable("bad_pixels", ("detector_y", "detector_x"), "bool", "bad detector pixel"),
    _coordinate("position_x", "position", "meter", "scan position x"),
    _coordinate("position_y", "position", "meter", "scan position y"),
    _coordinate("nominal_position_x", "position", "meter", "nominal scan position x"),
    _coordinate("nominal_position_y", "position", "meter", "nominal scan position y"),
    _number("position_index", "position", "number of the diffraction pattern"),
    _number("scan_index", "position", "number of the scan"),
    _coordinate("position_photon_count", "position", "count", "photons at the scan position"),
    _coordinate("object_x", "object_x", "meter", "object x"),
    _coordinate("object_y", "object_y", "meter", "object y"),
    _coordinate("probe_x", "probe_x", "meter", "probe x"),
    _coordinate("probe_y", "probe_y", "meter", "probe y"),
    _coordinate("detector_x", "detector_x", "pixel", "detector x"),
    _coordinate("detector_y", "detector_y", "pixel", "detector y"),
    _coordinate(
        "object_layer_spacing",
        "object_layer_interface",
        "meter",
        "distance to the next object layer",
    ),
    _number("epoch", "epoch", "epoch"),
    _scalar("object_pixel_width", "meter / pixel", "width of an object pixel"),
    _scalar("object_pixel_height", "meter / pixel", "height of an object pixel"),
    _scalar("probe_pixel_width", "meter / pixel", "width of a probe pixel"),
    _scalar("probe_pixel_height", "meter / pixel", "height of a probe pixel"),
    _scalar("detector_pixel_width", "meter / pixel", "width of a detector pixel"),
    _scalar("detector_pixel_height", "meter / pixel", "height of a detector pixel"),
    _scalar("detector_object_distance", "meter", "distance from object to detector"),
    _scalar("focus_object_distance", "meter", "distance from focus to object"),
    _scalar("photon_energy", "electron_volt", "photon energy"),
    _scalar("exposure_time", "second", "exposure time"),
    _scalar("probe_photon_count", "count", "photons in the probe"),
    _scalar("mass_attenuation", "meter ** 2 / kilogram", "mass attenuation"),
    _scalar("tomography_angle", "degree", "tomography angle"),
    _scalar("tilt_angle", "degree", "tilt angle"),
    _attribute("name", "str", "name"),
    _attribute("comments", "str", "comments"),
    _attribute("polarization", "str", "polarization"),
    _attribute("far_field", "int", "1 if the detector is in the far field"),
    _attribute("source_format", "str", "format of the file it was read from"),
    _attribute("pixel_origin", "str", "what pixel numbers are counted from"),
    _attribute("source_metadata", "str", "metadata of the source, as JSON"),
)

#: The data model by name, in the order of the documentation.
SCHEMA: Final = MappingProxyType({entry.name: entry for entry in _TABLE})


@dataclass(frozen=True)
class Axis:
    """A dimension of pixels, with the scalar that holds its pixel size.

    Parameters
    ----------
    name : str
        Name of the dimension and of its coordinate.
    variable : str
        The array it belongs to.
    pixel_size : str
        Name of the scalar coordinate with the size of its pixels, in metre/pixel.
    """

    name: str
    variable: str
    pixel_size: str


#: The axes that are grids of pixels.
AXES: Final = MappingProxyType(
    {
        axis.name: axis
        for axis in (
            Axis("object_x", "object", "object_pixel_width"),
            Axis("object_y", "object", "object_pixel_height"),
            Axis("probe_x", "probe", "probe_pixel_width"),
            Axis("probe_y", "probe", "probe_pixel_height"),
            Axis("detector_x", "diffraction", "detector_pixel_width"),
            Axis("detector_y", "diffraction", "detector_pixel_height"),
        )
    }
)

#: The scan positions that ``.to`` converts, each with the scalar that holds its pixel size.
POSITIONS: Final = MappingProxyType(
    {
        "position_x": "object_pixel_width",
        "position_y": "object_pixel_height",
        "nominal_position_x": "object_pixel_width",
        "nominal_position_y": "object_pixel_height",
    }
)

#: What a stack of products has beside the model, with what it is: one of each product.
PARTS: Final = MappingProxyType(
    {
        "source": "file",
        "position_count": "number of scan positions",
        "position_present": "whether the product has the position",
        "epoch_present": "whether the product has the epoch",
        "object_center_x": "centre of the object x",
        "object_center_y": "centre of the object y",
        "object_columns": "number of columns of the object",
        "object_rows": "number of rows of the object",
        "absent": "what the product does not have, by name",
    }
)

#: Those of them that move with the frame, as positions do.
CENTERS: Final = ("object_center_x", "object_center_y")


def scalars() -> tuple[Entry, ...]:
    """Return the scalar coordinates."""
    return tuple(entry for entry in _TABLE if entry.role == "scalar")


def axes_of(variable: str) -> tuple[Axis, ...]:
    """Return the pixel axes of one of the arrays ``"object"``, ``"probe"``, ``"diffraction"``."""
    return tuple(axis for axis in AXES.values() if axis.variable == variable)
