"""The accessor ``.ptyxr``: thin and stateless, each method hands on to a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from ptyxr import frame, placement
from ptyxr.coordinates import dequantify, quantify, through_dataset
from ptyxr.errors import FormatError, MissingDataError
from ptyxr.model import KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

    from ptyxr.formats.ptychopinn_writer import RawData
    from ptyxr.pictures import DatasetPlots
    from ptyxr.report import Report

__all__ = ["PtyxrDataArrayAccessor", "PtyxrDatasetAccessor"]


def _refuse_netcdf(obj: xr.Dataset | xr.DataArray) -> None:
    if any(str(dim).startswith("phony_dim_") for dim in obj.dims):
        raise FormatError(
            "the file was opened by a netCDF engine, as xarray does with every HDF5 file",
            file=obj.encoding.get("source"),
            found="dimensions without names",
            expected="those of the data model",
            remedy="Open it with engine='ptychodus', or with ptyxr.open_dataset()",
        )


@xr.register_dataset_accessor("ptyxr")
class PtyxrDatasetAccessor:
    """Ptychography on a dataset: units, frame, optics, writing, pictures.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset of the data model.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._obj = ds

    def __repr__(self) -> str:
        from ptyxr.reprs import as_text

        return as_text(self._obj)

    def _repr_html_(self) -> str:
        from ptyxr.reprs import as_html

        return as_html(self._obj)

    @property
    def _ds(self) -> xr.Dataset:
        _refuse_netcdf(self._obj)
        if KEPT not in self._obj.attrs:
            return self._obj
        from ptyxr.exchange import unpacked

        return unpacked(self._obj)

    def _product(self, what: str) -> xr.Dataset:
        """Return the one product that something is of; of a series, without what pads it."""
        from ptyxr.trimming import needs_one_product, trim

        needs_one_product(self._ds, what)
        return trim(self._ds)

    # Units

    def quantify(self) -> xr.Dataset:
        """Return the dataset with coordinates as pint Quantities and pixel axes as grids.

        Units come from ``units`` attributes, or from dask arrays of Quantities; data are not
        touched. What is quantified already stays as it is. Of a dataset that `to_zarr` or
        ``dequantify(for_storage=True)`` made plain, all comes back as it was.

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that pint does not know,
            or the CSS pixel.
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

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that ptyxr refuses.

        Examples
        --------
        >>> import ptyxr
        >>> raw = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
        >>> raw.ptyxr.dequantify().position_x.attrs["units"]
        'pixel'
        >>> plain = raw.ptyxr.dequantify(for_storage=True)
        >>> ptyxr.testing.assert_identical(plain.ptyxr.quantify(), raw)
        """
        if not for_storage:
            return dequantify(self._ds)
        from ptyxr.exchange import packed

        return packed(self._ds)

    # The frame

    def assign_pixel_size(
        self, *, object: object = None, probe: object = None, detector: object = None
    ) -> xr.Dataset:
        """Return the dataset with the sizes of its pixels.

        Parameters
        ----------
        object, probe, detector : str, Quantity, float, or a pair of them, optional
            Size of a pixel: a length ("50 nm"), a length per pixel, or a number in metre/pixel;
            (width, height) where pixels are not square.

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
        return frame.assign_pixel_size(self._ds, object=object, probe=probe, detector=detector)

    def to(self, unit: object) -> xr.Dataset:
        """Return the dataset with positions and pixel axes in another unit.

        Nothing is moved: metres are pixels times pixel size, x with widths and y with heights,
        object and positions with the object's pixels, the probe with its own. Detector axes stay in
        pixels where the detector's pixel size is not known. Distances stay what they are.

        Parameters
        ----------
        unit : str or pint.Unit
            A length ("m", "um", …) or "pixel"; "px" means a pixel of the array too.

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

    def shift(self, *, x: object = None, y: object = None) -> xr.Dataset:
        """Return the dataset with its frame moved: object, positions and nominal positions.

        Parameters
        ----------
        x, y : str or Quantity, optional
            How far, as a length or in pixels of the object: "10 nm", "-3 pixel".

        Raises
        ------
        UnitError
            If it has no unit, or one that does not fit.
        """
        return frame.shift(self._ds, x=x, y=y)

    def register(self) -> xr.Dataset:
        """Return the dataset with its object moved under its positions.

        Where the positions keep the pixel numbers that they came with, the object's centre becomes
        the one that puts them on those pixels; else the centre of the scan's bounding box, as
        Ptychodus does for a new object. Positions are not moved.

        Raises
        ------
        MissingDataError
            If there is no object or there are no positions.
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

        Raises
        ------
        MissingDataError
            If there are no positions, or the object's pixel size is needed and not known.
        """
        return placement.fill_object(self._product("fill_object()"), value=value, padding=padding)

    # Scan points

    def nearest(self, x: object, y: object) -> xr.Dataset:
        """Return the dataset at the scan point nearest to a place.

        Parameters
        ----------
        x, y : str or Quantity
            The place: "0.3 um".

        Raises
        ------
        MissingDataError, UnitError
            If there are no positions, or the unit does not fit them.

        Examples
        --------
        >>> import ptyxr
        >>> raw = ptyxr.from_rawdata(ptyxr.tutorial.simulate_scan(positions=9))
        >>> raw.ptyxr.nearest(x="40 pixel", y="40 pixel").position_x.shape
        ()
        """
        from ptyxr.points import nearest

        return nearest(self._product("nearest()"), x, y)

    def within(self, x: object, y: object, radius: object) -> xr.Dataset:
        """Return the dataset at the scan points within a radius of a place, in their order.

        Parameters
        ----------
        x, y, radius : str or Quantity
            The place and the distance: "0.3 um".

        Raises
        ------
        MissingDataError, UnitError
            If there are no positions, or a unit does not fit them.
        """
        from ptyxr.points import within

        return within(self._product("within()"), x, y, radius)

    def index_positions(self) -> xr.Dataset:
        """Return the dataset with an index on its positions, to select the nearest one.

        The k-d tree is built when it is first used:
        ``ds.ptyxr.index_positions().sel(position_x=..., position_y=..., method="nearest")``.

        Raises
        ------
        MissingDataError, UnitError
            If there are no positions, or they have lost their unit.
        """
        from ptyxr.points import index_positions

        return index_positions(self._product("index_positions()"))

    def interp(self, *, method: str = "linear", **coords: object) -> xr.Dataset:
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
        """
        from ptyxr.resampling import interp_like

        return interp_like(self._ds, other, method=method)

    # Optics

    @property
    def wavelength(self) -> xr.DataArray:
        """Wavelength, a Quantity in metre; a series of energies keeps its dimension."""
        from ptyxr import optics

        return optics.wavelength(self._ds)

    @property
    def object_extent(self) -> xr.Dataset:
        """Outer edges, width and height of the object; see `ptyxr.objects.object_extent`."""
        from ptyxr import objects

        return objects.object_extent(self._ds)

    @property
    def object_z(self) -> xr.DataArray:
        """Depth of the object's layers, a Quantity in metre, 0 at the first."""
        from ptyxr import objects

        return objects.object_z(self._ds)

    @property
    def magnification(self) -> xr.DataArray:
        """Geometric magnification, dimensionless; 1 where there is no focus."""
        from ptyxr import optics

        return optics.magnification(self._ds)

    @property
    def detector_pixel_size(self) -> xr.Dataset:
        """Width and height of a detector pixel; see `ptyxr.optics.detector_pixel_size`."""
        from ptyxr import optics

        return optics.detector_pixel_size(self._ds)

    def amplitude(self) -> xr.DataArray:
        """Return the amplitude of the object, (object_layer, object_y, object_x), real."""
        from ptyxr import objects

        return objects.amplitude(self._ds)

    def phase(self) -> xr.DataArray:
        """Return the wrapped phase of the object, (object_layer, object_y, object_x), in radian."""
        from ptyxr import objects

        return objects.phase(self._ds)

    def probe_at(self, position: int) -> xr.DataArray:
        """Return the probe of a scan point, (incoherent_mode, probe_y, probe_x) complex.

        Parameters
        ----------
        position : int
            Row of the scan point. OPR weights go by row.

        Raises
        ------
        MissingDataError
            If there is no probe.
        PtyxrError
            If there is no such row, or weights and coherent modes disagree.
        """
        from ptyxr import probes

        return probes.probe_at(self._ds, position)

    def probe_intensity(self, position: int | None = None) -> xr.DataArray:
        """Return the intensity of the probe, summed over incoherent modes, (probe_y, probe_x).

        Parameters
        ----------
        position : int, optional
            Row of the scan point; by default the first coherent mode is taken.
        """
        from ptyxr import probes

        return probes.probe_intensity(self._ds, position)

    def mode_power(self, position: int | None = None) -> xr.DataArray:
        """Return the part of the power in each incoherent mode, (incoherent_mode,), sum 1.

        Parameters
        ----------
        position : int, optional
            Row of the scan point; by default the first coherent mode is taken.
        """
        from ptyxr import probes

        return probes.mode_power(self._ds, position)

    def trim(self) -> xr.Dataset:
        """Return one product of a series without padding, as it is when it is opened alone.

        Positions, epochs and pixels that the product does not have are left out, and what the
        series has beside the data model. The writers do so by themselves. Any other dataset is
        returned as it is.

        Raises
        ------
        SeriesError
            If several products are left: select one with ``isel`` or ``sel``.
        """
        from ptyxr.trimming import trim

        return trim(self._ds)

    # Files

    def to_product(
        self,
        path: object,
        *,
        mode: str = "w",
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        include_diffraction: bool = True,
        object_center: object = None,
        position_index: object = None,
        compute: bool = True,
        **metadata: object,
    ) -> Any:
        """Write a product (HDF5) that every released Ptychodus from 1.0 to 1.7 reads.

        A dataset in pixels is converted on the way, and keeps its pixel numbers in ``/raw_data``,
        as PtychoPINN has them. The file is complete or not there: it is written beside its place
        and renamed.

        Parameters
        ----------
        path : str or path-like
            The file.
        mode : {"w", "x"}
            Replace an existing file, or refuse to.
        encoding : mapping of str to mapping, optional
            By variable, as xarray's writers take it: ``dtype``, ``chunksizes``, ``compression``,
            ``compression_opts``, ``shuffle``. Nothing is compressed unless asked for; patterns are
            then in chunks of whole ones, of 1 MiB.
        include_diffraction : bool, default: True
            Whether patterns go into ``/raw_data``.
        object_center : pair, optional
            (x, y), where to write the object's centre, without moving positions; by default where
            its axes have it.
        position_index : "sequential" or array of int, optional
            Numbers of the patterns, (N,); by default the dataset's own, else its ``scan_index``.
        compute : bool, default: True
            Write now, or return a dask Delayed that does.
        **metadata
            Scalars and texts by name of the data model, over what the dataset says:
            ``name="Run1084"``, ``photon_energy="8 keV"``; a number is in the unit of the file.

        Returns
        -------
        pathlib.Path or dask.delayed.Delayed
            The file, or what writes it.

        Raises
        ------
        MissingDataError
            If there is no object (see `fill_object`), probe or position.
        InvalidDataError, UnitError
            If something cannot be written as it is.
        ExistingFileError
            If the file exists and mode is "x".
        TypeError
            If `metadata` has a name that the model does not.

        Warns
        -----
        UserWarning
            If pixel sizes are estimated, scan points lie outside the object, all numbers of
            patterns are the same, or something has no place in a product.
        """
        from ptyxr.formats.ptychodus_writer import to_product

        return to_product(
            self._product("to_product()"),
            path,
            mode=mode,
            encoding=encoding,
            include_diffraction=include_diffraction,
            object_center=object_center,
            position_index=position_index,
            compute=compute,
            **metadata,
        )

    def to_npz(
        self,
        path: object,
        *,
        origin: str = "auto",
        measurement: str | None = None,
        probe: str | int = "dominant",
        compressed: bool = False,
    ) -> Path:
        """Write a PtychoPINN dataset (NPZ), readable without unpickling.

        Parameters
        ----------
        path : str or path-like
            The file.
        origin : {"auto", "corner", "pixel", "center", "world"}
            What pixel numbers are counted from: the outer corner of the object's pixel (0, 0), its
            centre, the object's centre, or the frame's own 0 ("world"). "auto" takes the numbers
            that were kept, else counts from the corner.
        measurement : {"amplitude", "counts"}, optional
            What to write patterns as; by default as they are.
        probe : {"dominant", "all"} or int
            Which incoherent modes to write: the strongest as (H, W), all as (P, H, W), or one.
        compressed : bool, default: False
            Whether members are deflated.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        MissingDataError
            If there are no positions, or a pixel size is needed and not known.

        Warns
        -----
        UserWarning
            If something is left behind (layers, modes, OPR weights), there are no patterns, or
            ``"auto"`` takes the world's numbers.
        """
        from ptyxr.formats.ptychopinn_writer import to_npz

        return to_npz(
            self._product("to_npz()"),
            path,
            origin=origin,
            measurement=measurement,
            probe=probe,
            compressed=compressed,
        )

    def to_rawdata(
        self, *, origin: str = "auto", measurement: str | None = None, probe: str | int = "dominant"
    ) -> RawData:
        """Return what `to_npz` writes, in memory, under the attribute names of PtychoPINN.

        Parameters are those of `to_npz`.
        """
        from ptyxr.formats.ptychopinn_writer import to_rawdata

        return to_rawdata(
            self._product("to_rawdata()"), origin=origin, measurement=measurement, probe=probe
        )

    def to_zarr(self, store: object = None, **kwargs: Any) -> Any:
        """Write a Zarr store, from which ``xr.open_zarr(store).ptyxr.quantify()`` is the same.

        Units are ``units`` attributes, which every reader of Zarr sees; nothing is lost by it, not
        even the pixel numbers of a PtychoPINN dataset. Arrays larger than 16 MiB go through memory
        in blocks if dask is installed, which are the chunks of the store too.

        Parameters
        ----------
        store : str, path-like, mapping or zarr store, optional
            Where to, as ``xarray.Dataset.to_zarr`` takes it.
        **kwargs
            What ``xarray.Dataset.to_zarr`` takes: ``mode``, ``group``, ``encoding``, ``compute``,
            ``zarr_format``, ``append_dim``, ``region``, …

        Returns
        -------
        xarray.backends.ZarrStore or dask.delayed.Delayed
            As xarray does: what was written, or what writes it.

        Raises
        ------
        UnitError
            If a coordinate of the data model has lost its unit, or has one that ptyxr refuses.

        Examples
        --------
        >>> import xarray as xr, ptyxr
        >>> ds = ptyxr.open_dataset(getfixture("product"))
        >>> store = getfixture("tmp_path") / "scan.zarr"
        >>> _ = ds.ptyxr.to_zarr(store)
        >>> ptyxr.testing.assert_identical(xr.open_zarr(store).ptyxr.quantify(), ds)
        """
        from ptyxr.exchange import to_zarr

        return to_zarr(self._ds, store, **kwargs)

    def validate(self) -> Report:
        """Return a report on the dataset: everything that is wrong with it, at once."""
        from ptyxr.validation import validate_dataset

        return validate_dataset(self._product("validate()"))

    @property
    def plot(self) -> DatasetPlots:
        """Pictures: ``plot()`` is an overview, ``plot.object()`` and others are its parts.

        See `ptyxr.pictures.DatasetPlots`, which it is, for what they take.
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
        _refuse_netcdf(self._obj)
        return self._obj

    def quantify(self) -> xr.DataArray:
        """Return the array with coordinates as pint Quantities and pixel axes as grids."""
        return through_dataset(self._array, quantify)

    def dequantify(self) -> xr.DataArray:
        """Return the array with coordinates as plain numbers and units in attributes."""
        return through_dataset(self._array, dequantify)

    def to(self, unit: object) -> xr.DataArray:
        """Return the array with its pixel axes in another unit, as ``ds.ptyxr.to`` does."""
        return frame.to_array(self._array, unit)

    def shift(self, *, x: object = None, y: object = None) -> xr.DataArray:
        """Return the array with its frame moved, as ``ds.ptyxr.shift`` does."""
        return through_dataset(self._array, frame.shift, x=x, y=y)

    def interp(self, *, method: str = "linear", **coords: object) -> xr.DataArray:
        """Return the array interpolated at places given by length, as ``ds.ptyxr.interp`` does."""
        from ptyxr.resampling import interp

        return through_dataset(self._array, interp, coords, method=method)

    def interp_like(
        self, other: xr.Dataset | xr.DataArray, *, method: str = "linear"
    ) -> xr.DataArray:
        """Return the array on the pixels of another, as ``ds.ptyxr.interp_like`` does."""
        from ptyxr.resampling import interp_like

        return through_dataset(self._array, interp_like, other, method=method)

    def amplitude(self) -> xr.DataArray:
        """Return the amplitude of a complex array, coordinates kept."""
        from ptyxr import objects

        return objects.amplitude(self._array)

    def phase(self) -> xr.DataArray:
        """Return the phase of a complex array, wrapped, in radian, coordinates kept."""
        from ptyxr import objects

        return objects.phase(self._array)

    def plot(self, **kwargs: Any) -> Axes:
        """Draw the array, as the picture of a dataset does that has its name.

        Parameters
        ----------
        **kwargs
            What the picture of this name takes, as ``ds.ptyxr.plot.object`` of an object.

        Raises
        ------
        MissingDataError
            If there is no picture for an array of this name.
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

        picture = getattr(DatasetPlots(self._array.to_dataset()), name)
        return picture(**kwargs)  # type: ignore[no-any-return]
