"""The data model: one table that reading, writing, validating and the documentation take it from."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AXES", "SCHEMA", "Axis", "Entry", "axes_of", "coordinates", "scalars", "variables"]

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


_TABLE: Final = (
    Entry(
        "object",
        "variable",
        ("object_layer", "object_y", "object_x"),
        None,
        "complex",
        "object transmission",
    ),
    Entry(
        "probe",
        "variable",
        ("coherent_mode", "incoherent_mode", "probe_y", "probe_x"),
        None,
        "complex",
        "probe",
    ),
    Entry(
        "opr_weights",
        "variable",
        ("position", "coherent_mode"),
        None,
        "float",
        "weight of orthogonal probe relaxation",
    ),
    Entry("loss", "variable", ("epoch",), None, "float", "loss"),
    Entry(
        "diffraction",
        "variable",
        ("position", "detector_y", "detector_x"),
        None,
        "real",
        "diffraction pattern",
    ),
    Entry(
        "bad_pixels", "variable", ("detector_y", "detector_x"), None, "bool", "bad detector pixel"
    ),
    Entry("position_x", "coordinate", ("position",), "meter", "float", "scan position x"),
    Entry("position_y", "coordinate", ("position",), "meter", "float", "scan position y"),
    Entry(
        "nominal_position_x",
        "coordinate",
        ("position",),
        "meter",
        "float",
        "nominal scan position x",
    ),
    Entry(
        "nominal_position_y",
        "coordinate",
        ("position",),
        "meter",
        "float",
        "nominal scan position y",
    ),
    Entry(
        "position_index",
        "coordinate",
        ("position",),
        None,
        "int",
        "number of the diffraction pattern",
    ),
    Entry("scan_index", "coordinate", ("position",), None, "int", "number of the scan"),
    Entry(
        "position_photon_count",
        "coordinate",
        ("position",),
        "count",
        "float",
        "photons at the scan position",
    ),
    Entry("object_x", "coordinate", ("object_x",), "meter", "float", "object x"),
    Entry("object_y", "coordinate", ("object_y",), "meter", "float", "object y"),
    Entry("probe_x", "coordinate", ("probe_x",), "meter", "float", "probe x"),
    Entry("probe_y", "coordinate", ("probe_y",), "meter", "float", "probe y"),
    Entry("detector_x", "coordinate", ("detector_x",), "pixel", "float", "detector x"),
    Entry("detector_y", "coordinate", ("detector_y",), "pixel", "float", "detector y"),
    Entry(
        "object_layer_spacing",
        "coordinate",
        ("object_layer_interface",),
        "meter",
        "float",
        "distance to the next object layer",
    ),
    Entry("epoch", "coordinate", ("epoch",), None, "int", "epoch"),
    Entry("object_pixel_width", "scalar", (), "meter / pixel", "float", "width of an object pixel"),
    Entry(
        "object_pixel_height", "scalar", (), "meter / pixel", "float", "height of an object pixel"
    ),
    Entry("probe_pixel_width", "scalar", (), "meter / pixel", "float", "width of a probe pixel"),
    Entry("probe_pixel_height", "scalar", (), "meter / pixel", "float", "height of a probe pixel"),
    Entry(
        "detector_pixel_width", "scalar", (), "meter / pixel", "float", "width of a detector pixel"
    ),
    Entry(
        "detector_pixel_height",
        "scalar",
        (),
        "meter / pixel",
        "float",
        "height of a detector pixel",
    ),
    Entry(
        "detector_object_distance",
        "scalar",
        (),
        "meter",
        "float",
        "distance from object to detector",
    ),
    Entry("focus_object_distance", "scalar", (), "meter", "float", "distance from focus to object"),
    Entry("photon_energy", "scalar", (), "electron_volt", "float", "photon energy"),
    Entry("exposure_time", "scalar", (), "second", "float", "exposure time"),
    Entry("probe_photon_count", "scalar", (), "count", "float", "photons in the probe"),
    Entry("mass_attenuation", "scalar", (), "meter ** 2 / kilogram", "float", "mass attenuation"),
    Entry("tomography_angle", "scalar", (), "degree", "float", "tomography angle"),
    Entry("tilt_angle", "scalar", (), "degree", "float", "tilt angle"),
    Entry("name", "attribute", (), None, "str", "name"),
    Entry("comments", "attribute", (), None, "str", "comments"),
    Entry("polarization", "attribute", (), None, "str", "polarization"),
    Entry("far_field", "attribute", (), None, "int", "1 if the detector is in the far field"),
    Entry("source_format", "attribute", (), None, "str", "format of the file it was read from"),
    Entry("pixel_origin", "attribute", (), None, "str", "what pixel numbers are counted from"),
    Entry("source_metadata", "attribute", (), None, "str", "metadata of the source, as JSON"),
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


def _of(role: Role) -> Iterator[Entry]:
    return (entry for entry in _TABLE if entry.role == role)


def variables() -> tuple[Entry, ...]:
    """Return the data variables of the model."""
    return tuple(_of("variable"))


def coordinates() -> tuple[Entry, ...]:
    """Return the coordinates that lie along a dimension."""
    return tuple(_of("coordinate"))


def scalars() -> tuple[Entry, ...]:
    """Return the scalar coordinates."""
    return tuple(_of("scalar"))


def axes_of(variable: str) -> tuple[Axis, ...]:
    """Return the pixel axes of one of the arrays ``"object"``, ``"probe"``, ``"diffraction"``."""
    return tuple(axis for axis in AXES.values() if axis.variable == variable)
