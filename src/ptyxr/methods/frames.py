"""Methods of ``ds.ptyxr`` for units, pixels and the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptyxr import frame, pixel_sizes, placement
from ptyxr.coordinates import dequantify, quantify
from ptyxr.methods.base import Methods

if TYPE_CHECKING:
    import xarray as xr

    from ptyxr.units import QuantityLike, UnitLike

__all__ = ["FrameMethods"]


class FrameMethods(Methods):
    """Units, pixels and the frame."""

    def quantify(self) -> xr.Dataset:
        """Return the dataset with coordinates as pint Quantities and pixel axes as grids.

        Units come from ``units`` attributes, or from dask arrays of Quantities; data are not
        touched. What is quantified already stays as it is. Of a dataset that `to_zarr` or
        ``dequantify(for_storage=True)`` made plain, all comes back as it was.

        Returns
        -------
        xarray.Dataset
            Positions (N,), pixel axes (W,) and (H,) and scalars as Quantities in their own units,
            float64.

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that pint does not know,
            or the CSS pixel.

        Examples
        --------
        >>> import ptyxr
        >>> plain = ptyxr.tutorial.simulate_product(positions=20).ptyxr.dequantify()
        >>> plain.object_pixel_width.data
        array(5.e-08)
        >>> plain.ptyxr.quantify().object_pixel_width.data
        <Quantity(5e-08, 'meter / pixel')>
        """
        return quantify(self._ds)

    def dequantify(self, *, for_storage: bool = False) -> xr.Dataset:
        """Return the dataset as plain numbers, units in ``units`` attributes, for other libraries.

        Coordinates, and data variables that are Quantities.

        Parameters
        ----------
        for_storage : bool, default: False
            Whether what a file of another format would lose is put into attributes and coordinates
            too, for `quantify` to restore: the exact grids of axes, the pixel numbers that
            positions came with, ranks and dtypes of the file that was opened.

        Returns
        -------
        xarray.Dataset
            The same numbers, in the same units, of the same dtypes.

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that ptyxr refuses.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.ptyxr.dequantify().position_x.attrs["units"]
        'meter'
        >>> plain = ds.ptyxr.dequantify(for_storage=True)
        >>> ptyxr.testing.assert_identical(plain.ptyxr.quantify(), ds)
        """
        if not for_storage:
            return dequantify(self._ds)
        from ptyxr.exchange import packed

        return packed(self._ds)

    def assign_pixel_size(
        self,
        *,
        object: QuantityLike | float | tuple[QuantityLike | float, ...] | None = None,
        probe: QuantityLike | float | tuple[QuantityLike | float, ...] | None = None,
        detector: QuantityLike | float | tuple[QuantityLike | float, ...] | None = None,
    ) -> xr.Dataset:
        """Return the dataset with the sizes of its pixels.

        Parameters
        ----------
        object, probe, detector : str, Quantity, float, or a pair of them, optional
            Size of a pixel: a length ("50 nm"), a length per pixel, or a number in metre/pixel;
            (width, height) where pixels are not square.

        Returns
        -------
        xarray.Dataset
            With ``object_pixel_width``, ``object_pixel_height`` and so on, scalars in metre/pixel.
            Axes and positions keep the unit they have; `to` converts them.

        Raises
        ------
        UnitError
            If it is no length, not positive, or another one than the axes have already.

        Examples
        --------
        >>> import ptyxr
        >>> raw = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
        >>> raw.ptyxr.assign_pixel_size(object="50 nm").object_pixel_width.data
        <Quantity(5e-08, 'meter / pixel')>
        """
        return pixel_sizes.assign_pixel_size(
            self._ds, object=object, probe=probe, detector=detector
        )

    def to(self, unit: UnitLike) -> xr.Dataset:
        """Return the dataset with positions and pixel axes in another unit.

        Nothing is moved: metres are pixels times pixel size, x with widths and y with heights,
        object and positions with the object's pixels, the probe with its own. Detector axes stay in
        pixels where the detector's pixel size is not known. Distances stay what they are.

        Parameters
        ----------
        unit : str or pint.Unit
            A length ("m", "um", …) or "pixel"; "px" means a pixel of the array too.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        MissingDataError
            If a pixel size is needed and not known; it says how to give it.
        UnitError
            If the unit is no length and no pixel, or a coordinate has lost its unit.

        Examples
        --------
        >>> import ptyxr
        >>> raw = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
        >>> m = raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.to("m")
        >>> m.object_x.pint.units
        <Unit('meter')>
        """
        return frame.to(self._ds, unit)

    def shift(self, *, x: QuantityLike | None = None, y: QuantityLike | None = None) -> xr.Dataset:
        """Return the dataset with its frame moved: object, positions and nominal positions.

        Parameters
        ----------
        x, y : str or Quantity, optional
            How far, as a length or in pixels of the object: "10 nm", "-3 pixel".

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        UnitError
            If it has no unit, or one that does not fit.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> moved = ds.ptyxr.shift(x="1 um")
        >>> print(f"{(moved.position_x - ds.position_x)[0].data.to('um'):.3f}")
        1.000 micrometer
        """
        return frame.shift(self._ds, x=x, y=y)

    def register(self) -> xr.Dataset:
        """Return the dataset with its object moved under its positions.

        Where the positions keep the pixel numbers that they came with, the object's centre becomes
        the one that puts them on those pixels; else the centre of the scan's bounding box, as
        Ptychodus does for a new object. Positions are not moved.

        Returns
        -------
        xarray.Dataset
            With other ``object_x`` (W,) and ``object_y`` (H,), in the units they had.

        Raises
        ------
        MissingDataError
            If there is no object or there are no positions.
        SeriesError
            If the dataset has several products.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> astray = ds.assign_coords(position_x=ds.position_x + ptyxr.ureg.Quantity("9 um"))
        >>> edges = astray.ptyxr.register().ptyxr.object_extent
        >>> bool((astray.position_x < edges.maximum_x).all())
        True
        """
        return placement.register(self._product("register()"))

    def fill_object(self, *, value: complex = 1.0, padding: int = 0) -> xr.Dataset:
        """Return the dataset with a uniform object that is as large as the scan needs.

        Parameters
        ----------
        value : complex, default: 1.0
            Transmission of every pixel.
        padding : int, default: 0
            Pixels to add on each side of the outermost probe windows.

        Returns
        -------
        xarray.Dataset
            With ``object`` (1, H, W), complex in the precision of the probe, and its axes.

        Raises
        ------
        MissingDataError
            If there are no positions, or the object's pixel size is needed and not known.
        SeriesError
            If the dataset has several products.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> bare = ds.drop_vars(["object", "object_x", "object_y"])
        >>> bare.ptyxr.fill_object().object.dims
        ('object_layer', 'object_y', 'object_x')
        """
        return placement.fill_object(self._product("fill_object()"), value=value, padding=padding)

    def interp(self, *, method: str = "linear", **coords: QuantityLike) -> xr.Dataset:
        """Return the dataset interpolated at places given by length.

        xarray's own ``ds.interp`` takes bare numbers only.

        Parameters
        ----------
        method : str, default: "linear"
            As xarray's ``Dataset.interp`` has it.
        **coords : Quantity, str or DataArray of Quantities
            Coordinate labels by name, in any unit that fits: ``object_x="0.3 um"``. Two DataArrays
            along one new dimension are a cut through the object.

        Returns
        -------
        xarray.Dataset
            NaN beyond the ends of an axis.

        Raises
        ------
        MissingDataError, UnitError
            If there is no such coordinate, or the unit does not fit.

        Examples
        --------
        >>> import numpy as np, ptyxr
        >>> raw = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
        >>> where = ptyxr.ureg.Quantity(np.linspace(20, 30, 41), "pixel")
        >>> raw.ptyxr.interp(object_x=where, object_y="25 pixel").object.shape
        (1, 41)
        """
        from ptyxr.resampling import interp

        return interp(self._ds, coords, method=method)

    def interp_like(
        self, other: xr.Dataset | xr.DataArray, *, method: str = "linear"
    ) -> xr.Dataset:
        """Return the dataset interpolated onto the pixels of another.

        Parameters
        ----------
        other : xarray.Dataset or xarray.DataArray
            The axes of its object and its probe are taken, those that both have; in any unit of
            length.
        method : str, default: "linear"
            As xarray's ``Dataset.interp`` has it.

        Returns
        -------
        xarray.Dataset
            On the very grid of `other`, so that the two subtract pixel by pixel; NaN beyond the
            ends of an axis.

        Raises
        ------
        MissingDataError, GridError, UnitError
            If they have no axis in common, one is no grid, or the units do not fit.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> coarse = ds.isel(object_x=slice(None, None, 2), object_y=slice(None, None, 2))
        >>> difference = coarse.ptyxr.interp_like(ds).object - ds.object
        >>> difference.shape == ds.object.shape
        True
        """
        from ptyxr.resampling import interp_like

        return interp_like(self._ds, other, method=method)
