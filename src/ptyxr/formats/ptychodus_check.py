"""What is wrong with a Ptychodus product as it stands on disk, all at once.

What the releases need was measured by giving products without one key after the other to each of
them, 1.0 to 1.7.0. An error is what keeps a release from reading the file, or breaks the contract;
a warning is what is read, but perhaps not as it was meant.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ptyxr.errors import FormatError, PtyxrError
from ptyxr.formats.checks import OpenSource, what_opening_raises
from ptyxr.formats.ptychodus import PtychodusBackend
from ptyxr.formats.ptychodus_check_attributes import AttributeCheck
from ptyxr.formats.ptychodus_check_base import ARRAYS, NEEDED, REWRITE
from ptyxr.formats.ptychodus_check_frame import FrameCheck
from ptyxr.formats.ptychodus_keys import BY_NAME, KEYS, LAYER_DISTANCE, RAW_DATA, misfit
from ptyxr.formats.ptychodus_source import check_source
from ptyxr.report import AGAIN, Findings, Report
from ptyxr.storage.arrays import MemoryArray
from ptyxr.storage.hdf5 import HDF5File

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ptyxr.storage.groups import StoredGroup

__all__ = ["check_product", "check_product_file"]

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

#: What is done where lengths disagree.
_ONE_EACH: Final = "Write the file again with one value for each scan point"

#: The keys that say how many scan points there are.
_POINT_KEYS: Final = tuple(
    BY_NAME[name].spellings[0] for name in ("position_x", "position_y", "position_index")
)


def check_product(
    group: StoredGroup, raw: StoredGroup | None, *, fixed_text: Collection[str] = ()
) -> Report:
    """Check the whole contract of a product on what is on disk; never raises on odd content.

    Only arrays of one dimension are read.

    Parameters
    ----------
    group : StoredGroup
        The root of the product.
    raw : StoredGroup or None
        Its group ``/raw_data``.
    fixed_text : collection of str, optional
        Root attributes stored as text of fixed length, which a snapshot shows like any other text.

    Returns
    -------
    Report
    """
    check = _Product(group)
    check.attributes(frozenset(fixed_text))
    check.datasets()
    check.scan()
    check.modes_and_layers()
    check.losses()
    placed = FrameCheck(group, check.points, check.numbers)
    placed.frame()
    placed.raw_data(raw)
    return check.report() + placed.report()


class _Product(AttributeCheck):
    def __init__(self, group: StoredGroup) -> None:
        super().__init__(group)
        self.points: int | None = None

    def datasets(self) -> None:
        self.bad(self.group, {s for key in KEYS if key.place == "dataset" for s in key.spellings})
        for key in KEYS:
            if key.place != "dataset" or key.name == "loss":
                continue
            spelling = key.spellings[0]
            if spelling in (*self.group.groups, *self.group.others):
                self.error(
                    spelling,
                    "this is no dataset",
                    found=misfit(self.group, spelling),
                    expected="a dataset",
                    remedy="Write an array under this name",
                )
            elif spelling in self.group.arrays:
                array = self.group.arrays[spelling]
                self.form(spelling, array, *ARRAYS[key.name])
                if key.name in ("probe", "object") and 0 in array.shape:
                    problem, remedy = "an axis has length 0", AGAIN
                    self.error(spelling, problem, found=f"shape {array.shape}", remedy=remedy)
            elif key.name in NEEDED:
                self.missing(spelling, key.name)

    def scan(self) -> None:
        lengths = {
            self.stored(name)[0]: shape[0] for name in _BY_POINT if (shape := self.shape(name))
        }
        needed = [lengths[k] for k in _POINT_KEYS if k in lengths]
        if needed:
            # What most of them say: so it is the odd one that is named.
            self.points = Counter(needed).most_common(1)[0][0]
        for key, length in lengths.items():
            if length != self.points:
                expected = f"{self.points} scan points"
                self.error(
                    key, "lengths disagree", found=length, expected=expected, remedy=_ONE_EACH
                )
        if self.points == 0:
            self.warning(_POINT_KEYS[0], "there are no scan points", remedy=AGAIN)
        for name in ("position_x", "position_y", "nominal_position_x", "nominal_position_y"):
            key, array = self.stored(name)
            self.finite(key, array)
        key, array = self.stored("position_photon_count")
        counts = self.values(key, array)
        if counts is not None and (bad := int((~(np.isfinite(counts) & (counts >= 0))).sum())):
            found = f"{bad} of {counts.size}"
            remedy = "Give all of them, or leave them out: ds.drop_vars('position_photon_count')"
            self.error(key, "photon counts are negative or not finite", found=found, remedy=remedy)
        key, array = self.stored("position_index")
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
                remedy="If each scan point has a pattern of its own, "
                "ds.ptyxr.to_product(..., position_index='sequential') numbers them",
            )

    def modes_and_layers(self) -> None:
        key, spacing = self.stored("object_layer_spacing")
        shape = self.shape("object")
        if spacing is not None and len(spacing.shape) == 1 and shape is not None:
            layers = shape[0] if len(shape) == 3 else 1
            if spacing.shape[0] != layers - 1:
                self.error(
                    key,
                    "the number of distances does not go with the layers",
                    found=spacing.shape[0],
                    expected=f"{layers - 1} for {layers} layer{'' if layers == 1 else 's'}",
                    remedy="Write one distance less than there are layers",
                )
        distances = self.values(key, spacing)
        if distances is not None and not (np.isfinite(distances) & (distances > 0)).all():
            problem = "distances of layers are not positive and finite"
            remedy = "Write each as the metres from its layer to the next"
            self.warning(key, problem, found=distances, remedy=remedy)
        if spacing is None and LAYER_DISTANCE in self.group.arrays:
            remedy = f"ptyxr reads it as a spacing without its last value; {REWRITE}"
            self.warning(LAYER_DISTANCE, "only versions before 1.0 read it", remedy=remedy)
        self._weights()

    def _weights(self) -> None:
        key, root = self.stored("opr_weights")
        probe = self.group.arrays.get("probe")
        attached = None if probe is None else probe.attrs.get("opr_weights")
        stored = {} if root is None else {key: root}
        if attached is not None:
            beside = "probe.opr_weights"
            stored[beside] = MemoryArray(np.asarray(attached))
            self.form(beside, stored[beside], *ARRAYS["opr_weights"])
            if root is None:
                problem = "Ptychodus 1.3 and later do not read weights here"
                self.warning(beside, problem, expected="a dataset in the root", remedy=REWRITE)
            elif root.shape != stored[beside].shape:
                self.same(key, beside, root.shape, stored[beside].shape)
            elif {root.dtype.kind, stored[beside].dtype.kind} <= set("fiuc"):
                try:
                    self.same(key, beside, root.read(), stored[beside].read())
                except (PtyxrError, MemoryError) as error:
                    self.exception(error, key)
        shape = self.shape("probe")
        for where, weights in stored.items():
            if len(weights.shape) != 2:
                continue
            rows, columns = weights.shape
            modes = None if shape is None else shape[0] if len(shape) == 4 else 1
            if modes not in (None, columns):
                problem = "the columns do not go with the coherent modes of the probe"
                remedy = "Write one column for each mode"
                self.error(where, problem, found=columns, expected=modes, remedy=remedy)
            if self.points not in (None, rows):
                problem = "the rows do not go with the scan points"
                self.error(where, problem, found=rows, expected=self.points, remedy=_ONE_EACH)

    def losses(self) -> None:
        spellings = BY_NAME["loss"].spellings
        arrays = self.group.arrays
        found = [spelling for spelling in spellings if spelling in arrays]
        if not found:
            if not set(spellings) & set(self.group.bad):
                expected = "an array, even an empty one; Ptychodus 1.0 to 1.2 raise without it"
                problem, remedy = "the dataset is missing", "ds.ptyxr.to_product() writes one"
                self.error(spellings[0], problem, expected=expected, remedy=remedy)
            return
        for spelling in found:
            self.form(spelling, arrays[spelling], *ARRAYS["loss"])
        newest = self.values(found[0], arrays[found[0]])
        for older in found[1:]:
            self.same(found[0], older, newest, self.values(older, arrays[older]))
        # Each release has its own key, and 1.1 and 1.2 the first one to fall back on.
        for key, release, read in (
            ("costs", "1.0", {"costs"}),
            ("losses", "1.1.0", {"losses", "costs"}),
            ("loss_values", "1.1.1 to 1.2", {"loss_values", "costs"}),
        ):
            if not read & set(found):
                problem = f"Ptychodus {release} cannot read the file without it"
                self.warning(key, problem, remedy=REWRITE)
        epochs = arrays.get("loss_epochs")
        if newest is not None and newest.size and ("loss_values" not in found or epochs is None):
            key = "loss_epochs" if "loss_values" in found else "loss_values"
            self.warning(key, "Ptychodus 1.3 and later read no losses without it", remedy=REWRITE)
        if newest is not None and epochs is not None and epochs.shape != newest.shape:
            problem, remedy = "lengths disagree", "Write one number of an epoch for each loss"
            self.error(
                "loss_epochs", problem, found=epochs.shape, expected=newest.shape, remedy=remedy
            )


@contextmanager
def _opened(path: Any) -> Iterator[HDF5File]:
    file = HDF5File(path)
    try:
        yield file
    finally:
        file.close()


def check_product_file(path: Any, open_source: OpenSource | None = None) -> Report:
    """Check a product, what opening it raises, and whether it holds what a source holds.

    Parameters
    ----------
    path : str, path-like or binary file object
        The product.
    open_source : callable, optional
        Opens the PtychoPINN dataset it was made from.

    Returns
    -------
    Report

    Raises
    ------
    MissingFileError, FormatError
        If there is no such file, or it is no product.
    """
    with _opened(path) as file:
        group = file.group()
        if group is None:
            raise FormatError("the file has no root group")
        if not {"object", "probe", "probe_position_x_m"} & group.names:
            raise FormatError(
                "this is no Ptychodus product",
                found=f"datasets {sorted(group.arrays)[:8]}",
                expected="'object', 'probe', 'probe_position_x_m'",
            )
        findings = Findings(file.name)
        raw = None
        if RAW_DATA in group.groups:
            try:
                raw = file.group(RAW_DATA)
            except PtyxrError as error:
                findings.exception(error, f"/{RAW_DATA}")
        report = findings.report() + check_product(group, raw, fixed_text=_fixed_text(file))
        if open_source is not None:
            try:
                with open_source() as members:
                    report = report + check_source(group, raw, members)
            except PtyxrError as error:
                findings.exception(error, "source")
                report = report + findings.report()
    return report + what_opening_raises(lambda: PtychodusBackend().open_dataset(path), report)


def _fixed_text(file: HDF5File) -> set[str]:
    """Return the root attributes that are stored as text of fixed length."""
    import h5py

    found = set()
    with file.handle.held():
        attrs = file.handle.acquire().attrs
        for key in attrs:
            try:
                text = h5py.check_string_dtype(attrs.get_id(key).dtype)
            except (OSError, TypeError, ValueError, KeyError):
                continue  # a type that h5py does not know
            if text is not None and text.length is not None:
                found.add(key)
    return found
