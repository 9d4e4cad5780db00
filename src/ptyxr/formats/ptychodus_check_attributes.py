"""What is wrong with the attributes of a Ptychodus product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.formats.ptychodus_check_base import REWRITE, ProductCheck
from ptyxr.formats.ptychodus_keys import CENTER, FORMAT_ID, FORMAT_VERSION, KEYS
from ptyxr.model import SCHEMA

if TYPE_CHECKING:
    from ptyxr.storage.groups import StoredGroup

__all__ = ["AttributeCheck"]

#: What a missing spelling does where another one is there.
_MISSED: Final = {
    "photon_energy_eV": None,  # 1.7.0 reads the older one too
    "probe_energy_eV": "Ptychodus 1.0 to 1.6 cannot read the file without it",
    "mass_attenuation_m2_per_kg": "Ptychodus 1.7 takes the mass attenuation for 0 without it",
    "mass_attenuation_m2_kg": "Ptychodus 1.0 to 1.6 take the mass attenuation for 0 without it",
}


class AttributeCheck(ProductCheck):
    """Findings about the attributes of a product, which keep the numbers that are sound.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    """

    def __init__(self, group: StoredGroup) -> None:
        super().__init__(group)
        self.numbers: dict[str, float] = {}

    def attributes(self, fixed_text: frozenset[str]) -> None:
        """Check the attributes; `fixed_text` are those stored as text of fixed length."""
        attrs = self.group.attrs
        for key in KEYS:
            if key.place == "dataset":
                continue
            where, prefix = attrs, ""
            if key.place in ("object", "probe"):
                if key.place not in self.group.arrays:
                    continue  # which is an error of its own
                where, prefix = self.group.arrays[key.place].attrs, f"{key.place}."
            there = [spelling for spelling in key.spellings if spelling in where]
            if not there:
                self.missing(prefix + key.spellings[0], key.name)
                continue
            if SCHEMA[key.name].kind == "str":
                self._text(there[0], where[there[0]], fixed_text)
                continue
            read = {spelling: self.number(prefix + spelling, where[spelling]) for spelling in there}
            value = read[there[0]]
            for older in there[1:]:
                self.same(there[0], older, value, read[older])
            for spelling in set(key.spellings) - set(there):
                if value and _MISSED[spelling]:
                    self.warning(spelling, str(_MISSED[spelling]), remedy=REWRITE)
            if value is not None:
                self.numbers[key.name] = value
                self._sense(prefix + there[0], key.name, value)
        if "object" in self.group.arrays:
            where = self.group.arrays["object"].attrs
            for name, spelling in CENTER.items():
                key_ = f"object.{spelling}"
                if spelling not in where:
                    needed = "every release of Ptychodus needs it"
                    remedy = "ds.ptyxr.to_product() writes the centre that the axes have"
                    self.error(key_, "the attribute is missing", expected=needed, remedy=remedy)
                elif (value := self.number(key_, where[spelling])) is not None:
                    self.numbers[name] = value
                    if not np.isfinite(value):
                        remedy = "Give it on writing: ds.ptyxr.to_product(..., object_center=...)"
                        self.error(key_, "the centre is not finite", found=value, remedy=remedy)
        for spelling, expected in (("format_id", FORMAT_ID), ("format_version", FORMAT_VERSION)):
            if attrs.get(spelling) != expected:
                found = repr(attrs[spelling]) if spelling in attrs else None
                problem = "another one is recommended" if spelling in attrs else "it is recommended"
                remedy = "ds.ptyxr.to_product() writes it"
                self.warning(spelling, problem, found=found, expected=repr(expected), remedy=remedy)

    def _text(self, key: str, value: Any, fixed_text: frozenset[str]) -> None:
        expected, remedy = "text of variable length", "ds.ptyxr.to_product() writes it so"
        if not isinstance(value, str):
            remedy = f"Give it on writing: ds.ptyxr.to_product(..., {key}='...')"
            self.error(key, "this is no text", found=repr(value), expected=expected, remedy=remedy)
        elif key in fixed_text:
            found = f"text of fixed length, which Ptychodus shows as \"b'{value}'\""
            problem = "the text is stored as bytes"
            self.warning(key, problem, found=found, expected=expected, remedy=remedy)

    def _sense(self, key: str, name: str, value: float) -> None:
        """Check that a scalar can be what it is said to be."""
        remedy = f"Give it on writing: ds.ptyxr.to_product(..., {name}=...)"
        if "pixel" in name:
            if not (np.isfinite(value) and value > 0):
                problem = "a pixel size is positive and finite"
                self.error(key, problem, found=value, remedy=remedy)
        elif name == "probe_photon_count" and not np.isfinite(value):
            problem = "Ptychodus 1.3 to 1.6 cannot read it"
            self.error(key, problem, found=value, expected="finite", remedy=remedy)
        elif not np.isfinite(value):
            problem, expected = "the value is not finite", "0.0 for unknown"
            self.warning(key, problem, found=value, expected=expected, remedy=remedy)
        elif name in ("photon_energy", "detector_object_distance") and value == 0:
            self.warning(key, "0.0 stands for unknown", remedy=remedy)
        elif value < 0 and name in ("photon_energy", "exposure_time", "probe_photon_count"):
            self.warning(key, "the value is negative", found=value, remedy=remedy)
        elif name == "far_field" and value not in (0, 1):
            problem, expected = "it is taken for true", "true or false"
            self.warning(key, problem, found=value, expected=expected, remedy=remedy)
