"""What the checks of a Ptychodus product have in common: tables, and ways to say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.errors import ExternalDataError
from ptyxr.formats.checks import Check
from ptyxr.formats.ptychodus_keys import BY_NAME, FLUX
from ptyxr.formats.ptychodus_writer import ASSIGN
from ptyxr.model import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Container

    from ptyxr.storage.arrays import StoredArray
    from ptyxr.storage.groups import StoredGroup

__all__ = ["ARRAYS", "LINKS", "NEEDED", "REWRITE", "ProductCheck"]

REWRITE: Final = "ds.ptyxr.to_product() writes every spelling"

#: Names of the model without which releases raise.
NEEDED: Final = {
    "name": "Ptychodus 1.0 to 1.2",
    "comments": "Ptychodus 1.0 to 1.2",
    "exposure_time": "Ptychodus 1.0 to 1.2",
    "detector_object_distance": "every release of Ptychodus",
    "photon_energy": "every release of Ptychodus",
    "position_index": "every release of Ptychodus",
    "position_x": "every release of Ptychodus",
    "position_y": "every release of Ptychodus",
    "probe": "every release of Ptychodus",
    "object": "every release of Ptychodus",
    "object_layer_spacing": "Ptychodus 1.0 to 1.2",
    "object_pixel_width": "every release of Ptychodus",
    "object_pixel_height": "every release of Ptychodus",
    "probe_pixel_width": "Ptychodus 1.0 to 1.2",
    "probe_pixel_height": "Ptychodus 1.0 to 1.2",
}

#: Names of the model that are read as 0.0 where they are missing, and one should know.
_DEFAULTED: Final = ("probe_photon_count", "mass_attenuation")

#: Kinds of dtype and ranks on disk, by name of the model.
ARRAYS: Final = {
    "position_index": ("iu", "integers", (1,)),
    "position_x": ("f", "floating-point numbers", (1,)),
    "position_y": ("f", "floating-point numbers", (1,)),
    "position_photon_count": ("fiu", "real numbers", (1,)),
    "probe": ("c", "complex numbers", (2, 3, 4)),
    "object": ("c", "complex numbers", (2, 3)),
    "object_layer_spacing": ("fiu", "real numbers", (1,)),
    "opr_weights": ("f", "floating-point numbers", (2,)),
    "loss": ("fiu", "real numbers", (1,)),
    "epoch": ("fiu", "integers", (1,)),
    "nominal_position_x": ("f", "floating-point numbers", (1,)),
    "nominal_position_y": ("f", "floating-point numbers", (1,)),
    "scan_index": ("iu", "integers", (1,)),
    "bad_pixels": ("b", "booleans", (2,)),
}

#: What is linked in ``/raw_data``, and to what.
LINKS: Final = {"probeGuess": "probe", "objectGuess": "object"}


class ProductCheck(Check):
    """Findings about a product.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    """

    def __init__(self, group: StoredGroup) -> None:
        super().__init__(group.file)
        self.group = group

    def bad(self, group: StoredGroup, known: Container[str]) -> None:
        """Say what cannot be read, or leads out of the file; what nobody asks for is a warning."""
        for key, error in group.bad.items():
            if key in known or isinstance(error, ExternalDataError):
                self.exception(error)
            else:
                remedy = error.remedy or "Nothing asks for it: it can be left out"
                self.warning(error.key or key, error.problem, found=error.found, remedy=remedy)

    def stored(self, name: str) -> tuple[str, StoredArray | None]:
        """Return key and array of a name of the model."""
        key = BY_NAME[name].spellings[0]
        return key, self.group.arrays.get(key)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of an array where its rank is right."""
        array = self.stored(name)[1]
        return array.shape if array is not None and len(array.shape) in ARRAYS[name][2] else None

    def missing(self, key: str, name: str) -> None:
        """Say that a key is missing, if that matters."""
        if key in self.group.bad:
            return  # which is said already
        entry = SCHEMA[name]
        what = "dataset" if entry.role in ("variable", "coordinate") else "attribute"
        if name in NEEDED:
            self.error(
                key,
                f"the {what} is missing",
                expected=f"{entry.long_name}; {NEEDED[name]} cannot read the file without it",
                remedy=ASSIGN.get(name, "ds.ptyxr.to_product() writes all keys"),
            )
        elif name in _DEFAULTED:
            remedy = (
                f"Versions before 1.0 wrote {FLUX!r}; {REWRITE}"
                if FLUX in self.group.attrs
                else f"Give it on writing: ds.ptyxr.to_product(..., {name}=...)"
            )
            self.warning(key, "the attribute is missing and is read as 0", remedy=remedy)

    def same(self, newer: str, older: str, value: Any, other: Any) -> None:
        """Say that two spellings of one thing disagree, if they do."""
        if (
            value is not None
            and other is not None
            and not np.array_equal(value, other, equal_nan=True)
        ):
            single = np.ndim(value) == np.ndim(other) == 0
            self.warning(
                older,
                f"it is another spelling of {newer!r}, and they disagree",
                found=other if single else None,
                expected=value if single else None,
                remedy=f"The newer one counts; {REWRITE}",
            )
