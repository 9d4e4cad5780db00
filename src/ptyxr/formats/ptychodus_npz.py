"""Ptychodus products in NPZ: the engine ``"ptychodus-npz"``, and what a plan is in NPZ.

The members have the names of the attributes and datasets of the HDF5 product; those of an
attribute of ``object`` or ``probe`` begin with its name (``plugins/npz_product_file.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from xarray import Variable
from xarray.backends import BackendEntrypoint

from ptyxr.errors import warn
from ptyxr.formats.assembly import DECODERS
from ptyxr.formats.ptychodus_decode import decode_product
from ptyxr.formats.ptychodus_keys import CENTER, FORMAT_KEYS, KEYS, RAW_DATA
from ptyxr.storage.arrays import ViewArray
from ptyxr.storage.files import clean_text
from ptyxr.storage.groups import Member, StoredGroup
from ptyxr.storage.npz import NpzFile, member_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray import Dataset

    from ptyxr.storage.arrays import StoredArray
    from ptyxr.storage.hdf5_writer import Plan, PlannedArray

__all__ = ["BESIDE", "PtychodusNpzBackend", "as_group", "as_members"]

#: What tells a product by its names.
_TELLING: Final = frozenset({"object", "probe", "probe_position_x_m"})
#: Attributes of the two arrays, by the member that keeps them.
BESIDE: Final = {
    f"{place}_{spelling}": (place, spelling)
    for place in ("object", "probe")
    for spelling in (
        *(s for key in KEYS if key.place == place for s in key.spellings),
        *(CENTER.values() if place == "object" else ()),
    )
}
#: Attributes of the root; some writers keep a number as an array of one.
_ROOT: Final = frozenset(s for key in KEYS if key.place == "root" for s in key.spellings)
_ARRAYS: Final = frozenset(s for key in KEYS if key.place == "dataset" for s in key.spellings)
#: What an older numpy wrote of an argument that was meant for it.
_SPURIOUS: Final = frozenset({"allow_pickle"})


class _NpzMember(Member, ViewArray):
    """An array in an NPZ file, with the attributes that stand beside it."""

    def __init__(self, base: StoredArray, attrs: dict[str, Any]) -> None:
        ViewArray.__init__(self, base, tuple(range(len(base.shape))))
        self.attrs = attrs
        self.encoding = {}


def as_group(file: NpzFile) -> StoredGroup:
    """Return the members of an NPZ product as attributes and arrays, as HDF5 has them.

    Parameters
    ----------
    file : NpzFile
        The product. Members that are pickled objects are named, and not read.
    """
    group = StoredGroup(file.name, "/", {}, others=[*file.objects, *file.others], bad=file.bad)
    beside: dict[str, dict[str, Any]] = {"object": {}, "probe": {}}
    for name, array in file.arrays.items():
        if name in BESIDE:
            place, spelling = BESIDE[name]
            beside[place][spelling] = _attribute(array)
        elif name in _ARRAYS or (array.shape and not (name in _ROOT and array.shape == (1,))):
            group.arrays[name] = _NpzMember(array, beside.get(name, {}))
        elif name not in _SPURIOUS:
            group.attrs[name] = _attribute(array)
    return group


def _attribute(array: StoredArray) -> Any:
    """Return a member as an attribute of HDF5 would be; None for bytes that are neither."""
    if array.dtype.kind == "V":
        return None
    values = array.read()
    value: Any = values.reshape(-1)[0] if values.size == 1 else values
    return clean_text(value) if array.dtype.kind in "SU" and values.size == 1 else value


def as_members(plan: Plan) -> dict[str, PlannedArray]:
    """Return what a product holds as the members of an NPZ file.

    Parameters
    ----------
    plan : Plan
        As the HDF5 product is planned. An NPZ product has no place for ``/raw_data``: the patterns
        and pixel numbers in it are left out, with a warning.
    """
    from ptyxr.storage.hdf5_writer import Plan as Members

    members = Members()
    for name, value in plan.attrs.items():
        if name not in FORMAT_KEYS:
            members.array(name, Variable((), np.asarray(value)))
    left_out = sorted(name for name in plan.arrays if "/" in name)
    for name, planned in plan.arrays.items():
        if name in left_out:
            continue
        members.arrays[name] = planned
        for spelling, value in planned.attrs.items():
            if f"{name}_{spelling}" in BESIDE:
                members.array(f"{name}_{spelling}", Variable((), np.asarray(value)))
    if left_out:
        names = ", ".join(name.removeprefix(f"{RAW_DATA}/") for name in left_out)
        warn(
            f"a product in NPZ has no place for {names}, left out. Write it as HDF5 ('.h5') to "
            "keep them, or with ds.ptyxr.to_npz() for PtychoPINN.",
        )
    return members.arrays


class PtychodusNpzBackend(BackendEntrypoint):
    """xarray's engine ``"ptychodus-npz"``: Ptychodus products in NPZ."""

    description: ClassVar[str] = "Open Ptychodus products (NPZ) with units, using ptyxr"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        *DECODERS,
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
        quantify: bool = True,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Open a product as a dataset of the model, its arrays left in the file until used.

        Parameters
        ----------
        filename_or_obj : str, path-like, bytes or binary file object
            Path, address (``https://…``, ``s3://…``) or content of the product.
        mask_and_scale, decode_times, decode_timedelta : object, optional
            Accepted and without effect: a product is no netCDF file.
        use_cftime, concat_characters, decode_coords : object, optional
            The same.
        drop_variables : str or iterable of str, optional
            Names of the model that are left out, before they are read.
        quantify : bool, default: True
            Whether coordinates are pint Quantities, or numbers with a ``units`` attribute.
        storage_options : mapping, optional
            What fsspec is to be given for an address: user and key, ``{"anon": True}``, headers.

        Returns
        -------
        xarray.Dataset
            As of the HDF5 product: lazy arrays, positions and axes float64 in metre.

        Raises
        ------
        MissingFileError, FormatError, RemoteError
            If there is no such file, or it is no product.
        InvalidDataError
            If something in it cannot be represented.

        Examples
        --------
        >>> import warnings, xarray as xr, ptyxr
        >>> with warnings.catch_warnings(action="ignore"):  # it has no place for pixel numbers
        ...     path = ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_product("scan.npz")
        >>> xr.open_dataset(path, engine="ptychodus-npz").position_x.pint.units
        <Unit('meter')>
        """
        del mask_and_scale, decode_times, decode_timedelta, use_cftime
        del concat_characters, decode_coords
        file = NpzFile(filename_or_obj, storage_options)
        group = as_group(file)
        product = decode_product(group, None, drop_variables=drop_variables, quantify=quantify)
        return product.dataset(source=file.address)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell whether this is a Ptychodus product, by the names of its members."""
        return member_names(filename_or_obj) >= _TELLING
