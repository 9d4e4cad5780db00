"""Ptychodus products in HDF5: the engine ``"ptychodus"``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from xarray.backends import BackendEntrypoint
from xarray.backends.common import datatree_from_dict_with_io_cleanup

from ptyxr.formats.assembly import DECODERS
from ptyxr.formats.ptychodus_decode import TELLING, decode_product
from ptyxr.formats.ptychodus_groups import decode_raw_group, is_raw_data, root_and_raw
from ptyxr.formats.ptychodus_keys import RAW_DATA
from ptyxr.storage.hdf5 import HDF5File, member_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray import Dataset, DataTree

__all__ = ["PtychodusBackend"]


class PtychodusBackend(BackendEntrypoint):
    """xarray's engine ``"ptychodus"``: Ptychodus products in HDF5."""

    description: ClassVar[str] = "Open Ptychodus products (HDF5) with units, using ptyxr"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        *DECODERS,
        "group",
        "quantify",
        "allow_external",
        "storage_options",
    )
    supports_groups: ClassVar[bool] = True

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
        group: str | None = None,
        quantify: bool = True,
        allow_external: bool = False,
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
        group : {"/", "/raw_data"}, optional
            The product, or the group itself that PtychoPINN keeps in it, in pixels.
        quantify : bool, default: True
            Whether coordinates are pint Quantities, or numbers with a ``units`` attribute.
        allow_external : bool, default: False
            Whether links and datasets are followed that lead out of the file. Only for files that
            you trust: they may name any file that you can read. Those of a file on a network are
            refused in any case.
        storage_options : mapping, optional
            What fsspec is to be given for an address: user and key, ``{"anon": True}``, headers.

        Returns
        -------
        xarray.Dataset
            ``object``, ``probe``, ``loss`` and others of the model, lazy; positions and axes
            float64 in metre, energies in electron volt, angles in degree.

        Raises
        ------
        MissingFileError, FormatError, RemoteError
            If there is no such file or group, or it is no product.
        InvalidDataError
            If something in it cannot be represented.

        Examples
        --------
        >>> import xarray as xr, ptyxr
        >>> path = ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_product("scan.h5")
        >>> xr.open_dataset(path, engine="ptychodus").position_x.pint.units
        <Unit('meter')>
        """
        del mask_and_scale, decode_times, decode_timedelta, use_cftime
        del concat_characters, decode_coords
        file = HDF5File(
            filename_or_obj, allow_external=allow_external, storage_options=storage_options
        )
        try:
            root, raw = root_and_raw(file)
            how: dict[str, Any] = {"drop_variables": drop_variables, "quantify": quantify}
            wanted = is_raw_data(group, file.name, raw)
            data = (
                decode_raw_group(raw, links=True, **how)
                if wanted and raw is not None
                else decode_product(root, raw, **how)
            )
            return data.dataset(close=file.closer, source=file.address)
        except BaseException:
            file.close()
            raise

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        quantify: bool = True,
        allow_external: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        **_decoders: Any,
    ) -> dict[str, Dataset]:
        """Open the product and its ``/raw_data``, each array once.

        Parameters
        ----------
        filename_or_obj, drop_variables, quantify, allow_external, storage_options
            As `open_dataset` takes them.

        Returns
        -------
        dict of str to Dataset
            "/" in metres and, where there is one, "/raw_data" in pixels, without the probe and the
            object, which are links to those of the root.
        """
        file = HDF5File(
            filename_or_obj, allow_external=allow_external, storage_options=storage_options
        )
        how: dict[str, Any] = {"drop_variables": drop_variables, "quantify": quantify}
        try:
            root, raw = root_and_raw(file)
            groups = {
                "/": decode_product(root, raw, **how).dataset(
                    close=file.closer, source=file.address
                )
            }
            if raw is not None:
                data = decode_raw_group(raw, links=False, **how)
                groups[f"/{RAW_DATA}"] = data.dataset(close=file.closer, source=file.address)
        except BaseException:
            file.close()
            raise
        return groups

    def open_datatree(self, filename_or_obj: Any, **options: Any) -> DataTree:
        """Open the product and its ``/raw_data`` as a tree; see `open_groups_as_dict`."""
        return datatree_from_dict_with_io_cleanup(
            self.open_groups_as_dict(filename_or_obj, **options)
        )

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell whether this is a Ptychodus product, by looking inside."""
        return member_names(filename_or_obj) >= TELLING
