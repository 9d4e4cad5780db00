"""What the methods of ``ds.ptyxr`` stand on: the dataset, and what they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptyxr.errors import FormatError
from ptyxr.model import KEPT

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Methods", "refuse_netcdf"]


def refuse_netcdf(obj: xr.Dataset | xr.DataArray) -> None:
    """Refuse what a netCDF engine made of a product.

    Raises
    ------
    FormatError
        Naming the engine that opens it.
    """
    if any(str(dim).startswith("phony_dim_") for dim in obj.dims):
        raise FormatError(
            "the file was opened by a netCDF engine, as xarray does with every HDF5 file",
            file=obj.encoding.get("source"),
            found="dimensions without names",
            expected="those of the data model",
            remedy="Open it with engine='ptychodus', or with ptyxr.open_dataset()",
        )


class Methods:
    """Methods on a dataset.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset of the data model.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._obj = ds

    @property
    def _ds(self) -> xr.Dataset:
        refuse_netcdf(self._obj)
        if KEPT not in self._obj.attrs:
            return self._obj
        from ptyxr.exchange import unpacked

        return unpacked(self._obj)

    def _product(self, what: str) -> xr.Dataset:
        """Return the one product that something is of; of a series, without what pads it."""
        from ptyxr.trimming import one_product

        return one_product(self._ds, what)
