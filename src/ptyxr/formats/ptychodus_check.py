"""What is wrong with a Ptychodus product as it stands on disk, all at once.

What the releases need was measured by giving products without one key after the other to each of
them, 1.0 to 1.7.0. An error is what keeps a release from reading the file, or breaks the contract;
a warning is what is read, but perhaps not as it was meant.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray.core.indexing import BasicIndexer

from ptyxr.errors import PtyxrError
from ptyxr.formats.ptychodus import (
    BY_NAME,
    CENTER,
    FLUX,
    FORMAT_ID,
    FORMAT_VERSION,
    KEYS,
    LAYER_DISTANCE,
    RAW_DATA,
    RAW_POSITIONS,
)
from ptyxr.indexes import TOLERANCE
from ptyxr.model import SCHEMA
from ptyxr.report import Findings, Report
from ptyxr.storage.arrays import MemoryArray, StoredArray

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ptyxr.storage.hdf5 import HDF5Group

__all__ = ["check_product", "check_source"]

_REWRITE: Final = "ds.ptyxr.to_product() writes every spelling"

#: Names of the model without which releases raise.
_NEEDED: Final = {
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

#: What a missing spelling does where another one is there.
_MISSED: Final = {
    "photon_energy_eV": None,  # 1.7.0 reads the older one too
    "probe_energy_eV": "Ptychodus 1.0 to 1.6 cannot read the file without it",
    "mass_attenuation_m2_per_kg": "Ptychodus 1.7 takes the mass attenuation for 0 without it",
    "mass_attenuation_m2_kg": "Ptychodus 1.0 to 1.6 take the mass attenuation for 0 without it",
}

#: Kinds of dtype and ranks on disk, by name of the model.
_ARRAYS: Final = {
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

#: Those that have one value for each scan point.
_BY_POINT: Final = (
    "position_index",
    "position_x",
    "position_y",
    "position_photon_count",
    "nominal_position_x",
    "nominal_position_y",
    "scan_index",
)

#: The keys that say how many scan points there are.
_POINT_KEYS: Final = tuple(
    BY_NAME[name].spellings[0] for name in ("position_x", "position_y", "position_index")
)

#: The members of ``/raw_data``: kinds, ranks, and what is missing without them.
_RAW: Final = {
    "diffraction": ("fiub", "real numbers", 3, "warning"),
    "xcoords": ("fiu", "real numbers", 1, "error"),
    "ycoords": ("fiu", "real numbers", 1, "error"),
    "xcoords_start": ("fiu", "real numbers", 1, None),
    "ycoords_start": ("fiu", "real numbers", 1, None),
    "scan_index": ("iu", "integers", 1, "warning"),
}
_LINKS: Final = {"probeGuess": "probe", "objectGuess": "object"}


def check_product(
    group: HDF5Group, raw: HDF5Group | None, *, fixed_text: Collection[str] = ()
) -> Report:
    """Check the whole contract of a product on what is on disk; never raises on odd content.

    Only arrays of one dimension are read.

    Parameters
    ----------
    group : HDF5Group
        The root of the product.
    raw : HDF5Group or None
        Its group ``/raw_data``.
    fixed_text : collection of str, optional
        Root attributes stored as text of fixed length, which a snapshot shows like any other text.

    Returns
    -------
    Report
    """
    check = _Product(group, raw)
    check.attributes(frozenset(fixed_text))
    check.datasets()
    check.scan()
    check.modes_and_layers()
    check.losses()
    check.frame()
    check.raw_data()
    return check.report()


class _Check(Findings):
    """Findings about a group, which reads numbers only where they can be what they should be."""

    def values(self, key: str, array: StoredArray | None) -> np.ndarray | None:
        """Return the numbers of an array of one dimension, or None where there are none."""
        if array is None or len(array.shape) != 1 or array.dtype.kind not in "fiu":
            return None
        try:
            return array.read()
        except (PtyxrError, OSError, ValueError, TypeError, MemoryError) as error:
            self.exception(error, key)
            return None

    def number(self, key: str, value: Any) -> float | None:
        """Return an attribute as a number, or None where it is none, which is an error."""
        expected = "a scalar number"
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            array = np.asarray(None)
        if isinstance(value, str) or array.dtype.kind not in "fiub":
            self.error(key, "this is no number", found=repr(value), expected=expected)
        elif array.shape:
            # float() of an array was deprecated in NumPy 1.25 and raises since 2.4.
            found = f"an array of shape {array.shape}"
            self.error(key, "this is an array, not a number", found=found, expected=expected)
        else:
            return float(array)
        return None

    def form(
        self, key: str, array: StoredArray, kinds: str, what: str, ranks: tuple[int, ...]
    ) -> None:
        """Check kind and rank of an array."""
        shape = array.shape
        # h5py stores an empty list as float64 of shape (0,), whatever it is a list of.
        if array.dtype.kind not in kinds and shape != (0,):
            found = f"{array.dtype} of shape {shape}"
            self.error(key, "the numbers are of the wrong kind", found=found, expected=what)
        if len(shape) not in ranks:
            expected = f"{' or '.join(map(str, ranks))} dimensions"
            self.error(key, "the rank is wrong", found=f"shape {shape}", expected=expected)


class _Product(_Check):
    def __init__(self, group: HDF5Group, raw: HDF5Group | None) -> None:
        super().__init__(group.file)
        self.group = group
        self.raw = raw
        self.points: int | None = None
        self.numbers: dict[str, float] = {}

    def attributes(self, fixed_text: frozenset[str]) -> None:
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
                self._missing(prefix + key.spellings[0], key.name)
                continue
            if SCHEMA[key.name].kind == "str":
                self._text(there[0], where[there[0]], fixed_text)
                continue
            read = {spelling: self.number(prefix + spelling, where[spelling]) for spelling in there}
            value = read[there[0]]
            for older in there[1:]:
                self._same(there[0], older, value, read[older])
            for spelling in set(key.spellings) - set(there):
                if value and _MISSED[spelling]:
                    self.warning(spelling, str(_MISSED[spelling]), remedy=_REWRITE)
            if value is not None:
                self.numbers[key.name] = value
                self._sense(prefix + there[0], key.name, value)
        if "object" in self.group.arrays:
            where = self.group.arrays["object"].attrs
            for name, spelling in CENTER.items():
                key_ = f"object.{spelling}"
                if spelling not in where:
                    needed = "every release of Ptychodus needs it"
                    self.error(key_, "the attribute is missing", expected=needed)
                elif (value := self.number(key_, where[spelling])) is not None:
                    self.numbers[name] = value
                    if not np.isfinite(value):
                        self.error(key_, "the centre is not finite", found=value)
        for spelling, expected in (("format_id", FORMAT_ID), ("format_version", FORMAT_VERSION)):
            if attrs.get(spelling) != expected:
                found = repr(attrs[spelling]) if spelling in attrs else None
                problem = "another one is recommended" if spelling in attrs else "it is recommended"
                self.warning(spelling, problem, found=found, expected=repr(expected))

    def _missing(self, key: str, name: str) -> None:
        entry = SCHEMA[name]
        what = "dataset" if entry.role in ("variable", "coordinate") else "attribute"
        if name in _NEEDED:
            self.error(
                key,
                f"the {what} is missing",
                expected=f"{entry.long_name}; {_NEEDED[name]} cannot read the file without it",
            )
        elif name in _DEFAULTED:
            remedy = (
                f"Versions before 1.0 wrote {FLUX!r}; {_REWRITE}"
                if FLUX in self.group.attrs
                else None
            )
            self.warning(key, "the attribute is missing and is read as 0", remedy=remedy)

    def _text(self, key: str, value: Any, fixed_text: frozenset[str]) -> None:
        expected = "text of variable length"
        if not isinstance(value, str):
            self.error(key, "this is no text", found=repr(value), expected=expected)
        elif key in fixed_text:
            found = f"text of fixed length, which Ptychodus shows as \"b'{value}'\""
            self.warning(key, "the text is stored as bytes", found=found, expected=expected)

    def _same(self, newer: str, older: str, value: Any, other: Any) -> None:
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
                remedy=f"The newer one counts; {_REWRITE}",
            )

    def _sense(self, key: str, name: str, value: float) -> None:
        """Check that a scalar can be what it is said to be."""
        if "pixel" in name:
            if not (np.isfinite(value) and value > 0):
                self.error(key, "a pixel size is positive and finite", found=value)
        elif name == "probe_photon_count" and not np.isfinite(value):
            self.error(key, "Ptychodus 1.3 to 1.6 cannot read it", found=value, expected="finite")
        elif not np.isfinite(value):
            self.warning(key, "the value is not finite", found=value, expected="0.0 for unknown")
        elif name in ("photon_energy", "detector_object_distance") and value == 0:
            self.warning(
                key,
                "0.0 stands for unknown",
                remedy=f"Give it on writing: ds.ptyxr.to_product(..., {name}=...)",
            )
        elif value < 0 and name in ("photon_energy", "exposure_time", "probe_photon_count"):
            self.warning(key, "the value is negative", found=value)
        elif name == "far_field" and value not in (0, 1):
            self.warning(key, "it is taken for true", found=value, expected="true or false")

    def datasets(self) -> None:
        for key in KEYS:
            if key.place != "dataset" or key.name == "loss":
                continue
            spelling = key.spellings[0]
            if spelling in (*self.group.groups, *self.group.others):
                self.error(spelling, "this is no dataset", expected="a dataset")
            elif spelling in self.group.arrays:
                array = self.group.arrays[spelling]
                self.form(spelling, array, *_ARRAYS[key.name])
                if key.name in ("probe", "object") and 0 in array.shape:
                    self.error(spelling, "an axis has length 0", found=f"shape {array.shape}")
            elif key.name in _NEEDED:
                self._missing(spelling, key.name)

    def _array(self, name: str) -> tuple[str, StoredArray | None]:
        key = BY_NAME[name].spellings[0]
        return key, self.group.arrays.get(key)

    def _rank(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of an array where its rank is right."""
        array = self._array(name)[1]
        return array.shape if array is not None and len(array.shape) in _ARRAYS[name][2] else None

    def scan(self) -> None:
        lengths = {
            self._array(name)[0]: shape[0] for name in _BY_POINT if (shape := self._rank(name))
        }
        needed = [lengths[k] for k in _POINT_KEYS if k in lengths]
        if needed:
            # What most of them say: so it is the odd one that is named.
            self.points = Counter(needed).most_common(1)[0][0]
        for key, length in lengths.items():
            if length != self.points:
                self.error(
                    key, "lengths disagree", found=length, expected=f"{self.points} scan points"
                )
        if self.points == 0:
            self.warning(_POINT_KEYS[0], "there are no scan points")
        for name in ("position_x", "position_y", "nominal_position_x", "nominal_position_y"):
            key, array = self._array(name)
            self._finite(key, array)
        key, array = self._array("position_photon_count")
        counts = self.values(key, array)
        if counts is not None and (bad := int((~(np.isfinite(counts) & (counts >= 0))).sum())):
            found = f"{bad} of {counts.size}"
            self.error(key, "photon counts are negative or not finite", found=found)
        key, array = self._array("position_index")
        indexes = self.values(key, array)
        if indexes is None or indexes.size < 2:
            return
        different = int(np.unique(indexes).size)
        if different == 1:
            self.warning(
                key,
                "all scan points have one index: Ptychodus 1.4 and later take their mean position, "
                "and one pattern, for the whole scan",
                found=f"{indexes[0]} in all {indexes.size}",
                remedy="ds.ptyxr.to_product(..., position_index='sequential') numbers them",
            )
        elif different < indexes.size:
            self.warning(
                key,
                "indexes occur more than once: Ptychodus 1.4 and later average their positions",
                found=f"{different} different ones in {indexes.size}",
            )

    def _finite(self, key: str, array: StoredArray | None) -> np.ndarray | None:
        values = self.values(key, array)
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            self.error(key, "positions are not finite", found=f"{bad} of {values.size}")
            return None
        return values

    def modes_and_layers(self) -> None:
        key, spacing = self._array("object_layer_spacing")
        shape = self._rank("object")
        if spacing is not None and len(spacing.shape) == 1 and shape is not None:
            layers = shape[0] if len(shape) == 3 else 1
            if spacing.shape[0] != layers - 1:
                self.error(
                    key,
                    "the number of distances does not go with the layers",
                    found=spacing.shape[0],
                    expected=f"{layers - 1} for {layers} layer{'' if layers == 1 else 's'}",
                )
        distances = self.values(key, spacing)
        if distances is not None and not (np.isfinite(distances) & (distances > 0)).all():
            self.warning(key, "distances of layers are not positive and finite", found=distances)
        if spacing is None and LAYER_DISTANCE in self.group.arrays:
            remedy = f"ptyxr reads it as a spacing without its last value; {_REWRITE}"
            self.warning(LAYER_DISTANCE, "only versions before 1.0 read it", remedy=remedy)
        self._weights()

    def _weights(self) -> None:
        key, root = self._array("opr_weights")
        probe = self.group.arrays.get("probe")
        attached = None if probe is None else probe.attrs.get("opr_weights")
        stored = {} if root is None else {key: root}
        if attached is not None:
            beside = "probe.opr_weights"
            stored[beside] = MemoryArray(np.asarray(attached))
            self.form(beside, stored[beside], *_ARRAYS["opr_weights"])
            if root is None:
                problem = "Ptychodus 1.3 and later do not read weights here"
                self.warning(beside, problem, expected="a dataset in the root", remedy=_REWRITE)
            elif root.shape != stored[beside].shape:
                self._same(key, beside, root.shape, stored[beside].shape)
            elif {root.dtype.kind, stored[beside].dtype.kind} <= set("fiuc"):
                try:
                    self._same(key, beside, root.read(), stored[beside].read())
                except (PtyxrError, MemoryError) as error:
                    self.exception(error, key)
        shape = self._rank("probe")
        for where, weights in stored.items():
            if len(weights.shape) != 2:
                continue
            rows, columns = weights.shape
            modes = None if shape is None else shape[0] if len(shape) == 4 else 1
            if modes not in (None, columns):
                problem = "the columns do not go with the coherent modes of the probe"
                self.error(where, problem, found=columns, expected=modes)
            if self.points not in (None, rows):
                problem = "the rows do not go with the scan points"
                self.error(where, problem, found=rows, expected=self.points)

    def losses(self) -> None:
        spellings = BY_NAME["loss"].spellings
        arrays = self.group.arrays
        found = [spelling for spelling in spellings if spelling in arrays]
        if not found:
            self.error(
                spellings[0],
                "the dataset is missing",
                expected="an array, even an empty one; Ptychodus 1.0 to 1.2 raise without it",
            )
            return
        for spelling in found:
            self.form(spelling, arrays[spelling], *_ARRAYS["loss"])
        newest = self.values(found[0], arrays[found[0]])
        for older in found[1:]:
            self._same(found[0], older, newest, self.values(older, arrays[older]))
        # Each release has its own key, and 1.1 and 1.2 the first one to fall back on.
        for key, release, read in (
            ("costs", "1.0", {"costs"}),
            ("losses", "1.1.0", {"losses", "costs"}),
            ("loss_values", "1.1.1 to 1.2", {"loss_values", "costs"}),
        ):
            if not read & set(found):
                problem = f"Ptychodus {release} cannot read the file without it"
                self.warning(key, problem, remedy=_REWRITE)
        epochs = arrays.get("loss_epochs")
        if newest is not None and newest.size and ("loss_values" not in found or epochs is None):
            key = "loss_epochs" if "loss_values" in found else "loss_values"
            self.warning(key, "Ptychodus 1.3 and later read no losses without it", remedy=_REWRITE)
        if newest is not None and epochs is not None and epochs.shape != newest.shape:
            self.error("loss_epochs", "lengths disagree", found=epochs.shape, expected=newest.shape)

    def frame(self) -> None:
        numbers, shape, probe = self.numbers, self._rank("object"), self._rank("probe")
        for side in ("width", "height"):
            one, other = (numbers.get(f"{what}_pixel_{side}") for what in ("object", "probe"))
            if one is not None and other is not None and not np.isclose(other, one, 1e-6, 0):
                problem, expected = (
                    "the pixels of probe and object differ",
                    f"{one} as the object's",
                )
                self.warning(f"probe.pixel_{side}_m", problem, found=other, expected=expected)
        if shape is None:
            return
        total = self.points or 0
        outside, windows, cornered = (np.zeros(total, dtype=bool) for _ in range(3))
        centers = []
        for axis, side, place in (("x", "width", -1), ("y", "height", -2)):
            key, array = self._array(f"position_{axis}")
            pixel, center = numbers.get(f"object_pixel_{side}"), numbers.get(f"object_{axis}")
            if array is None or array.shape != (total,) or pixel is None or center is None:
                return
            at = self.values(key, array)
            if at is None or not (np.isfinite(pixel) and pixel > 0 and np.isfinite(center)):
                return
            half = shape[place] / 2 + TOLERANCE
            columns = (at - center) / pixel
            reach = np.abs(columns)
            outside = outside | ~(reach <= half)
            windows = windows | ~(reach + (probe[place] / 2 if probe else 0) <= half)
            cornered = cornered | ~(np.abs(columns - shape[place] / 2) <= half)
            centers.append(center)
        off, reaching = int(np.sum(outside)), int(np.sum(windows))
        if not reaching:
            return
        problem = "probe windows reach beyond the object"
        found, remedy = f"{reaching} of {total} probe windows", None
        if off:
            problem, found = "scan points lie outside the object", f"{off} of {total}, and {found}"
            remedy = "ds.ptyxr.register() moves the object under its positions"
            if not any(centers) and not cornered.any():
                problem += ": they are counted from its corner, and its centre is given as 0"
                remedy = "ds.ptyxr.register() gives the object the centre that belongs to them"
        self.warning(_POINT_KEYS[0], problem, found=found, remedy=remedy)

    def raw_data(self) -> None:
        raw = self.raw
        promised = self.group.attrs.get("contains_raw_data")
        if raw is None:
            if promised is not None and np.any(promised):
                self.error("contains_raw_data", "there is no group '/raw_data'", found=promised)
            return
        told = promised is not None and bool(np.all(promised))
        # Pixel numbers alone are what a product made from a file without patterns has.
        if "diffraction" in raw.arrays and not told:
            problem = "the file has patterns in '/raw_data' and does not say so"
            self.warning("contains_raw_data", problem, found=promised, expected=1)
        for name, (kinds, what, rank, severity) in _RAW.items():
            key, array = f"/{RAW_DATA}/{name}", raw.arrays.get(name)
            if array is None:
                if severity == "error":
                    self.error(key, "the dataset is missing")
                elif severity == "warning" and (told or name != "diffraction"):
                    self.warning(key, "the dataset is missing")
                continue
            self.form(key, array, kinds, what, (rank,))
            if len(array.shape) == rank and self.points not in (None, array.shape[0]):
                turned = rank == 3 and array.shape[-1] == self.points
                self.error(
                    key,
                    "the first axis does not go with the scan points",
                    found=f"shape {array.shape}",
                    expected=f"{self.points} along the first axis",
                    remedy="The scan points seem to be along the last axis" if turned else None,
                )
            if "coords" in name:
                self._finite(key, array)
        for name, side in (("position_x", "width"), ("position_y", "height")):
            self._raw_positions(name, self.numbers.get(f"object_pixel_{side}"), raw)
        for name, target in _LINKS.items():
            link, array = raw.arrays.get(name), self.group.arrays.get(target)
            key = f"/{RAW_DATA}/{name}"
            if link is None:
                self.warning(key, "the link is missing", expected=f"a hard link to '/{target}'")
            elif array is not None and (link.shape, link.dtype) != (array.shape, array.dtype):
                found, expected = (f"{a.dtype} of shape {a.shape}" for a in (link, array))
                problem = f"it is another array than '/{target}'"
                self.warning(key, problem, found=found, expected=expected)

    def _raw_positions(self, name: str, pixel: float | None, raw: HDF5Group) -> None:
        key, array = self._array(name)
        coords = raw.arrays.get(RAW_POSITIONS[name])
        if array is None or coords is None or array.shape != coords.shape:
            return
        at, numbers = self.values(key, array), self.values(key, coords)
        if at is None or numbers is None or not pixel or not at.size:
            return
        offset = _offset(at, numbers, pixel)
        # A frame that was moved as a whole is as good as one that was not.
        if offset is not None and np.ptp(offset) > TOLERANCE:
            self.warning(
                f"/{RAW_DATA}/{RAW_POSITIONS[name]}",
                f"they are not the positions {key!r} divided by the object's pixel size, and no "
                "constant offset explains it",
                found=f"differences from {offset.min():.6g} to {offset.max():.6g} pixel",
            )


def _offset(at: np.ndarray, numbers: np.ndarray, pixel: float) -> np.ndarray | None:
    """Return by how many pixels positions in metres differ from pixel numbers; 0 where equal."""
    if not (np.isfinite(at).all() and np.isfinite(numbers).all() and np.isfinite(pixel)):
        return None
    if np.array_equal(numbers * pixel, at):
        return np.zeros(at.shape)
    return np.asarray(at / pixel - numbers)


def check_source(
    group: HDF5Group, raw: HDF5Group | None, members: Mapping[str, StoredArray]
) -> Report:
    """Compare a product with the PtychoPINN file it was made from; never raises on odd content.

    Parameters
    ----------
    group : HDF5Group
        The root of the product.
    raw : HDF5Group or None
        Its group ``/raw_data``.
    members : mapping of str to StoredArray
        What the source has, by the names ``xcoords``, ``ycoords``, ``xcoords_start``,
        ``ycoords_start``, ``diff3d`` (N, H, W), ``probeGuess``, ``objectGuess``, ``scan_index``.

    Returns
    -------
    Report
    """
    check = _Source(group, raw, members)
    for name in RAW_POSITIONS:
        check.positions(name)
    check.scan_index()
    check.arrays()
    check.diffraction()
    return check.report()


class _Source(_Check):
    def __init__(
        self, group: HDF5Group, raw: HDF5Group | None, members: Mapping[str, StoredArray]
    ) -> None:
        super().__init__(group.file)
        self.group = group
        self.raw = {} if raw is None else raw.arrays
        self.members = members

    def positions(self, name: str) -> None:
        """Compare positions in metres with pixel numbers, and those of the group with them."""
        member = RAW_POSITIONS[name]
        numbers = self.values(member, self.members.get(member))
        key = BY_NAME[name].spellings[0]
        nominal = name.startswith("nominal")
        if numbers is None:
            if not nominal:
                self.error(member, "the source has no such positions")
            return
        kept = self.values(f"/{RAW_DATA}/{member}", self.raw.get(member))
        if kept is not None and not _close(kept, numbers):
            self._differ(f"/{RAW_DATA}/{member}", member, kept, numbers)
        at = self.values(key, self.group.arrays.get(key))
        if at is None:
            if not nominal:
                self.error(key, "the product has no such positions")
            elif kept is None:
                self.warning(
                    f"/{RAW_DATA}/{member}",
                    "the nominal positions of the source are not in the product",
                    remedy="ds.ptyxr.to_product() writes them",
                )
            return
        side = "width" if name.endswith("x") else "height"
        attrs = self.group.arrays["object"].attrs if "object" in self.group.arrays else {}
        value = attrs.get(f"pixel_{side}_m")
        pixel = None if value is None else self.number(f"object.pixel_{side}_m", value)
        if pixel is None or not (np.isfinite(pixel) and pixel > 0):
            self.error(key, "without the object's pixel size it cannot be compared with the source")
            return
        if at.shape != numbers.shape:
            self._differ(key, member, at, numbers)
            return
        offset = _offset(at, numbers, pixel)
        if offset is None:
            if not np.array_equal(numbers * pixel, at, equal_nan=True):
                self.error(
                    key, f"not all positions are finite, and they are not those of {member!r}"
                )
        elif offset.size and np.abs(offset).max() > TOLERANCE:
            if np.ptp(offset) <= TOLERANCE:
                problem = f"the frame was moved: all positions differ from {member!r} by one offset"
                self.warning(key, problem, found=f"{offset.mean():.6g} pixel")
            else:
                found = f"differences from {offset.min():.6g} to {offset.max():.6g} pixel"
                expected = f"{member!r} times {pixel!r} m"
                problem = "the positions are not those of the source"
                self.error(key, problem, found=found, expected=expected)

    def _differ(self, key: str, member: str, found: np.ndarray, expected: np.ndarray) -> None:
        if found.shape != expected.shape:
            problem = f"the number of scan points is not that of {member!r} in the source"
            self.error(key, problem, found=found.size, expected=expected.size)
        else:
            many = int((found != expected).sum())
            problem = f"the values are not those of {member!r} in the source"
            self.error(key, problem, found=f"{many} of {found.size} differ")

    def scan_index(self) -> None:
        """Compare the scan numbers, wherever the product keeps them."""
        expected = self.values("scan_index", self.members.get("scan_index"))
        kept = self.raw.get("scan_index") or self.group.arrays.get("scan_index")
        found = self.values("scan_index", kept)
        if expected is not None and found is not None and not np.array_equal(expected, found):
            self._differ("scan_index", "scan_index", found, expected)
        elif expected is not None and found is None and expected.any():
            self.warning("scan_index", "the scan numbers of the source are not in the product")

    def arrays(self) -> None:
        """Compare probe and object, which are narrowed to complex64 on writing."""
        for member, key in _LINKS.items():
            source, product = self.members.get(member), self.group.arrays.get(key)
            if source is None or product is None:
                if source is not None:
                    self.error(key, f"the product does not have {member!r} of the source")
                continue
            shapes = _planes(source.shape), _planes(product.shape)
            if shapes[0] != shapes[1]:
                problem = f"the shape is not that of {member!r} in the source"
                self.error(key, problem, found=product.shape, expected=source.shape)
                continue
            try:
                expected, found = (
                    source.read().reshape(shapes[0]),
                    product.read().reshape(shapes[0]),
                )
                # Overflow on narrowing is a difference, and not one of numpy's warnings.
                with np.errstate(all="ignore"):
                    narrow = expected.astype(np.complex64)
                same = np.array_equal(found, expected, equal_nan=True)
                if not same and not np.array_equal(found, narrow, equal_nan=True):
                    many = int((found != narrow).sum())
                    problem = f"the values are not those of {member!r} in the source"
                    self.error(key, problem, found=f"{many} of {found.size} differ")
            except (PtyxrError, OSError, ValueError, TypeError, MemoryError) as error:
                self.exception(error, key)

    def diffraction(self) -> None:
        """Compare the shapes of the patterns, and the first, the middle and the last of them."""
        source, product = self.members.get("diff3d"), self.raw.get("diffraction")
        key = f"/{RAW_DATA}/diffraction"
        if source is None:
            return
        if product is None:
            self.warning(key, "the patterns of the source are not in the product")
        elif source.shape != product.shape:
            problem = "the shape is not that of 'diff3d' in the source"
            self.error(key, problem, found=product.shape, expected=source.shape)
        elif source.shape and source.shape[0]:
            last = source.shape[0] - 1
            try:
                differ = [
                    frame
                    for frame in sorted({0, last // 2, last})
                    if not np.array_equal(_frame(source, frame), _frame(product, frame))
                ]
            except (PtyxrError, OSError, ValueError, TypeError, MemoryError) as error:
                self.exception(error, key)
                return
            if differ:
                problem = "the patterns are not those of 'diff3d' in the source"
                self.error(key, problem, found=f"patterns {differ} differ")


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.shape != expected.shape:
        return False
    return bool(np.allclose(found, expected, rtol=0, atol=TOLERANCE, equal_nan=True))


def _planes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the axes of length 1 that say only how it is stored."""
    if len(shape) == 3 and shape[-1] == 1:
        shape = shape[:-1]  # (H, W, 1)
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _frame(array: StoredArray, number: int) -> np.ndarray:
    """Read one pattern: a stack may be larger than memory."""
    values: np.ndarray = array[BasicIndexer((number, *(slice(None),) * (len(array.shape) - 1)))]
    # NaN marks what was not measured, and is equal to itself here.
    return np.asarray(np.nan_to_num(values, nan=-1.0))
