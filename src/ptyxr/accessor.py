"""The accessor ``.ptyxr``: thin and stateless, each method hands on to a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from ptyxr import frame
from ptyxr.coordinates import dequantify, quantify, through_dataset
from ptyxr.errors import MissingDataError
from ptyxr.methods.base import refuse_netcdf
from ptyxr.methods.files import FileMethods
from ptyxr.methods.frames import FrameMethods
from ptyxr.methods.optics import OpticsMethods
from ptyxr.methods.points import PointMethods

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from ptyxr.pictures import DatasetPlots
    from ptyxr.units import QuantityLike, UnitLike

__all__ = ["PtyxrDataArrayAccessor", "PtyxrDatasetAccessor"]


@xr.register_dataset_accessor("ptyxr")
class PtyxrDatasetAccessor(FrameMethods, PointMethods, OpticsMethods, FileMethods):
    """Ptychography on a dataset: units, frame, optics, writing, pictures.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset of the data model.
    """

    def __repr__(self) -> str:
        from ptyxr.reprs import as_text

        return as_text(self._obj)

    def _repr_html_(self) -> str:
        from ptyxr.reprs import as_html

        return as_html(self._obj)

    @property
    def plot(self) -> DatasetPlots:
        """Pictures: ``plot()`` is an overview, ``plot.object()`` and others are its parts.

        See `ptyxr.pictures.DatasetPlots`, which it is, for what they take.

        Examples
        --------
        >>> import ptyxr
        >>> ax = ptyxr.tutorial.simulate_product(positions=20).ptyxr.plot.object(quantity="phase")
        >>> ax.get_xlabel()
        'x (µm)'
        """
        from ptyxr.pictures import DatasetPlots

        return DatasetPlots(self._ds)


@xr.register_dataarray_accessor("ptyxr")
class PtyxrDataArrayAccessor:
    """Ptychography on an array: units, frame, amplitude and phase.

    Parameters
    ----------
    array : xarray.DataArray
        An array of the data model with its coordinates.
    """

    def __init__(self, array: xr.DataArray) -> None:
        self._obj = array

    def __repr__(self) -> str:
        from ptyxr.reprs import as_text

        return as_text(self._obj)

    def _repr_html_(self) -> str:
        from ptyxr.reprs import as_html

        return as_html(self._obj)

    @property
    def _array(self) -> xr.DataArray:
        refuse_netcdf(self._obj)
        return self._obj

    def quantify(self) -> xr.DataArray:
        """Return the array with coordinates as pint Quantities and pixel axes as grids.

        Returns
        -------
        xarray.DataArray
            The same data; coordinates in the units that their ``units`` attributes say.

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that pint does not know.

        Examples
        --------
        >>> import ptyxr
        >>> plain = ptyxr.tutorial.simulate_product(positions=20).object.ptyxr.dequantify()
        >>> plain.ptyxr.quantify().object_x.pint.units
        <Unit('meter')>
        """
        return through_dataset(self._array, quantify)

    def dequantify(self) -> xr.DataArray:
        """Return the array with coordinates as plain numbers and units in attributes.

        Returns
        -------
        xarray.DataArray
            The same numbers, in the same units.

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that ptyxr refuses.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.object.ptyxr.dequantify().object_x.attrs["units"]
        'meter'
        """
        return through_dataset(self._array, dequantify)

    def to(self, unit: UnitLike) -> xr.DataArray:
        """Return the array with its pixel axes in another unit, as ``ds.ptyxr.to`` does.

        Parameters
        ----------
        unit : str or pint.Unit
            A length ("m", "um", …) or "pixel"; "px" means a pixel of the array too.

        Returns
        -------
        xarray.DataArray
            Of a length itself, such as ``ds.position_x``, the numbers in that unit too.

        Raises
        ------
        MissingDataError
            If a pixel size is needed and not known.
        UnitError
            If the unit is no length and no pixel, or a coordinate has lost its unit.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).object.ptyxr.to("um").object_x.pint.units
        <Unit('micrometer')>
        """
        return frame.to_array(self._array, unit)

    def shift(
        self, *, x: QuantityLike | None = None, y: QuantityLike | None = None
    ) -> xr.DataArray:
        """Return the array with its frame moved, as ``ds.ptyxr.shift`` does.

        Parameters
        ----------
        x, y : str or Quantity, optional
            How far, as a length or in pixels of the object: "10 nm", "-3 pixel".

        Returns
        -------
        xarray.DataArray

        Raises
        ------
        UnitError
            If it has no unit, or one that does not fit.

        Examples
        --------
        >>> import ptyxr
        >>> obj = ptyxr.tutorial.simulate_product(positions=20).object
        >>> print(
        ...     f"{(obj.ptyxr.shift(y='1 um').object_y.data - obj.object_y.data)[0].to('um'):.3f}"
        ... )
        1.000 micrometer
        """
        return through_dataset(self._array, frame.shift, x=x, y=y)

    def interp(self, *, method: str = "linear", **coords: QuantityLike) -> xr.DataArray:
        """Return the array interpolated at places given by length, as ``ds.ptyxr.interp`` does.

        Parameters
        ----------
        method : str, default: "linear"
            As xarray's ``DataArray.interp`` has it.
        **coords : Quantity, str or DataArray of Quantities
            Coordinate labels by name, in any unit that fits: ``object_x="0.3 um"``.

        Returns
        -------
        xarray.DataArray
            NaN beyond the ends of an axis.

        Raises
        ------
        MissingDataError, UnitError
            If there is no such coordinate, or the unit does not fit.

        Examples
        --------
        >>> import ptyxr
        >>> obj = ptyxr.tutorial.simulate_product(positions=20).object
        >>> obj.ptyxr.interp(object_x="2 um", object_y="2.5 um").shape
        (1,)
        """
        from ptyxr.resampling import interp

        return through_dataset(self._array, interp, coords, method=method)

    def interp_like(
        self, other: xr.Dataset | xr.DataArray, *, method: str = "linear"
    ) -> xr.DataArray:
        """Return the array on the pixels of another, as ``ds.ptyxr.interp_like`` does.

        Parameters
        ----------
        other : xarray.Dataset or xarray.DataArray
            Whose axes are taken, in any unit of length.
        method : str, default: "linear"
            As xarray's ``DataArray.interp`` has it.

        Returns
        -------
        xarray.DataArray
            On the very grid of `other`; NaN beyond the ends of an axis.

        Raises
        ------
        MissingDataError, GridError, UnitError
            If they have no axis in common, one is no grid, or the units do not fit.

        Examples
        --------
        >>> import ptyxr
        >>> obj = ptyxr.tutorial.simulate_product(positions=20).object
        >>> coarse = obj.isel(object_x=slice(None, None, 2), object_y=slice(None, None, 2))
        >>> coarse.ptyxr.interp_like(obj).shape == obj.shape
        True
        """
        from ptyxr.resampling import interp_like

        return through_dataset(self._array, interp_like, other, method=method)

    def amplitude(self) -> xr.DataArray:
        """Return the amplitude of a complex array.

        Returns
        -------
        xarray.DataArray
            "amplitude", float32 or float64, of the same shape, with all coordinates; lazy where the
            data are a dask array.

        Raises
        ------
        InvalidDataError
            If the data are not complex.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).probe.ptyxr.amplitude().dtype
        dtype('float32')
        """
        from ptyxr import objects

        return objects.amplitude(self._array)

    def phase(self) -> xr.DataArray:
        """Return the phase of a complex array from -π to π, not unwrapped.

        Returns
        -------
        xarray.DataArray
            "phase", float32 or float64 in radian, of the same shape, with all coordinates; lazy
            where the data are a dask array.

        Raises
        ------
        InvalidDataError
            If the data are not complex.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).probe.ptyxr.phase().attrs["units"]
        'radian'
        """
        from ptyxr import objects

        return objects.phase(self._array)

    def plot(
        self,
        *,
        unit: UnitLike | None = None,
        scale_bar: bool | None = None,
        colorbar: bool | None = None,
        cmap: str | Colormap | None = None,
        vmin: float | None = None,
        vmax: float | None = None,
        ax: Axes | None = None,
        **further: Any,
    ) -> Axes:
        """Draw the array, as the picture of a dataset does that has its name.

        Parameters
        ----------
        unit : str or pint.Unit, optional
            Unit of the axes, as "nm"; by default the one with the prefix that fits.
        scale_bar : bool, optional
            Whether to draw a bar of a round length; by default there is none.
        colorbar : bool, optional
            Whether to draw a colour bar; by default there is one.
        cmap : str or matplotlib.colors.Colormap, optional
            Colours.
        vmin, vmax : float, optional
            Values at the ends of the colours.
        ax : matplotlib.axes.Axes, optional
            Where to draw; without, in a new figure of pyplot's.
        **further
            What else the picture of this name takes: ``quantity`` and ``layer`` of an object,
            ``quantity`` and ``mode`` of a probe, ``index`` and ``log`` of patterns, and what
            matplotlib takes. A loss takes ``log``, ``ax`` and what ``Axes.plot`` does.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into.

        Raises
        ------
        MissingDataError
            If there is no picture for an array of this name.
        TypeError
            If the picture does not take a keyword.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.object.ptyxr.to("nm").ptyxr.plot(unit="nm").get_ylabel()
        'y (nm)'
        """
        name = str(self._array.name)
        if name not in ("object", "probe", "loss", "diffraction"):
            raise MissingDataError(
                "there is no picture for an array of this name",
                key=name,
                expected="'object', 'probe', 'loss' or 'diffraction'",
                remedy="xarray's own .plot() draws any array",
            )
        from ptyxr.pictures import DatasetPlots

        shared = {
            "unit": unit,
            "scale_bar": scale_bar,
            "colorbar": colorbar,
            "cmap": cmap,
            "vmin": vmin,
            "vmax": vmax,
        }
        told = {key: value for key, value in shared.items() if value is not None}
        picture = getattr(DatasetPlots(self._array.to_dataset()), name)
        return picture(ax=ax, **told, **further)  # type: ignore[no-any-return]
