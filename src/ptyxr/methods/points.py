"""Methods of ``ds.ptyxr`` that select scan points by place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptyxr.methods.base import Methods

if TYPE_CHECKING:
    import xarray as xr

    from ptyxr.units import QuantityLike

__all__ = ["PointMethods"]


class PointMethods(Methods):
    """Scan points by place."""

    def nearest(self, x: QuantityLike, y: QuantityLike) -> xr.Dataset:
        """Return the dataset at the scan point nearest to a place.

        Parameters
        ----------
        x, y : str or Quantity
            The place: "0.3 um".

        Returns
        -------
        xarray.Dataset
            At one scan point, without the dimension ``position``.

        Raises
        ------
        MissingDataError, UnitError
            If there are no positions, or the unit does not fit them.
        SeriesError
            If the dataset has several products.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.ptyxr.nearest(x="2 um", y="2.5 um").position_x.shape
        ()
        """
        from ptyxr.points import nearest

        return nearest(self._product("nearest()"), x, y)

    def within(self, x: QuantityLike, y: QuantityLike, radius: QuantityLike) -> xr.Dataset:
        """Return the dataset at the scan points within a radius of a place, in their order.

        Parameters
        ----------
        x, y, radius : str or Quantity
            The place and the distance: "0.3 um".

        Returns
        -------
        xarray.Dataset
            Empty along ``position`` where no point is so near.

        Raises
        ------
        MissingDataError, UnitError
            If there are no positions, or a unit does not fit them.
        PtyxrError
            If the radius is negative.
        SeriesError
            If the dataset has several products.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> middle = {"x": ds.position_x.data.mean(), "y": ds.position_y.data.mean()}
        >>> near = ds.ptyxr.within(**middle, radius="500 nm")
        >>> 0 < near.sizes["position"] < ds.sizes["position"]
        True
        """
        from ptyxr.points import within

        return within(self._product("within()"), x, y, radius)

    def index_positions(self) -> xr.Dataset:
        """Return the dataset with an index on its positions, to select the nearest ones.

        The k-d tree is built when it is first used.

        Returns
        -------
        xarray.Dataset
            With `ptyxr.indexes.PointIndex` on ``position_x`` and ``position_y``.

        Raises
        ------
        MissingDataError, UnitError
            If there are no positions, or they have lost their unit.
        SeriesError
            If the dataset has several products.

        Examples
        --------
        >>> import ptyxr
        >>> Q = ptyxr.ureg.Quantity
        >>> ds = ptyxr.tutorial.simulate_product(positions=20).ptyxr.index_positions()
        >>> ds.sel(position_x=Q("2 um"), position_y=Q("2 um"), method="nearest").position_x.shape
        ()
        """
        from ptyxr.points import index_positions

        return index_positions(self._product("index_positions()"))
