"""Methods of ``ds.ptyxr`` that write and check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from ptyxr.methods.base import Methods

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, MutableMapping, Sequence
    from pathlib import Path

    import numpy as np
    import xarray as xr
    from dask.delayed import Delayed
    from xarray.backends import ZarrStore

    from ptyxr.formats.ptychopinn_writer import RawData
    from ptyxr.report import Report
    from ptyxr.units import QuantityLike

__all__ = ["FileMethods"]


class FileMethods(Methods):
    """Writing and checking."""

    def trim(self) -> xr.Dataset:
        """Return one product of a series without padding, as it is when it is opened alone.

        Positions, epochs and pixels that the product does not have are left out, and what the
        series has beside the data model. The writers do so by themselves. Any other dataset is
        returned as it is.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        SeriesError
            If several products are left: select one with ``isel`` or ``sel``.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.ptyxr.trim() is ds
        True
        """
        from ptyxr.trimming import trim

        return trim(self._ds)

    @overload
    def to_product(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Literal["w", "x"] = "w",
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        include_diffraction: bool = True,
        object_center: tuple[QuantityLike | float, QuantityLike | float] | None = None,
        position_index: Literal["sequential"] | Sequence[int] | np.ndarray | None = None,
        compute: Literal[True] = True,
        **metadata: object,
    ) -> Path: ...

    @overload
    def to_product(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Literal["w", "x"] = "w",
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        include_diffraction: bool = True,
        object_center: tuple[QuantityLike | float, QuantityLike | float] | None = None,
        position_index: Literal["sequential"] | Sequence[int] | np.ndarray | None = None,
        compute: Literal[False],
        **metadata: object,
    ) -> Delayed: ...

    @overload
    def to_product(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Literal["w", "x"] = "w",
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        include_diffraction: bool = True,
        object_center: tuple[QuantityLike | float, QuantityLike | float] | None = None,
        position_index: Literal["sequential"] | Sequence[int] | np.ndarray | None = None,
        compute: bool,
        **metadata: object,
    ) -> Path | Delayed: ...

    def to_product(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Literal["w", "x"] = "w",
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        include_diffraction: bool = True,
        object_center: tuple[QuantityLike | float, QuantityLike | float] | None = None,
        position_index: Literal["sequential"] | Sequence[int] | np.ndarray | None = None,
        compute: bool = True,
        **metadata: object,
    ) -> Path | Delayed:
        """Write a product (HDF5) that every released Ptychodus from 1.0 to 1.7 reads.

        A dataset in pixels is converted on the way, and keeps its pixel numbers in ``/raw_data``,
        as PtychoPINN has them. The file is complete or not there: it is written beside its place
        and renamed. A name that ends with ``.npz`` gives the NPZ product of Ptychodus.

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
        SeriesError
            If the dataset has several products.
        TypeError
            If `metadata` has a name that the model does not.

        Warns
        -----
        UserWarning
            If pixel sizes are estimated, the photon energy is unknown, scan points lie outside the
            object, all numbers of patterns are the same, or something has no place in a product.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> path = ds.ptyxr.to_product("scan.h5", photon_energy="9 keV")
        >>> print(f"{ptyxr.open_dataset(path).photon_energy.data.to('keV'):.1f}")
        9.0 kiloelectron_volt
        """
        from ptyxr.formats.ptychodus_writer import to_product

        return to_product(  # type: ignore[no-any-return]
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
        path: str | os.PathLike[str],
        *,
        origin: Literal["auto", "corner", "pixel", "center", "world"] = "auto",
        measurement: Literal["amplitude", "counts"] | None = None,
        probe: Literal["dominant", "all"] | int = "dominant",
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
        PtyxrError
            If `origin`, `measurement` or `probe` is none of the above.
        SeriesError
            If the dataset has several products.

        Warns
        -----
        UserWarning
            If something is left behind (layers, modes, OPR weights), there are no patterns, or
            ``"auto"`` takes the world's numbers.

        Examples
        --------
        >>> import numpy as np, ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> path = ds.ptyxr.to_npz("scan.npz")
        >>> with np.load(path) as file:
        ...     file["diff3d"].shape == ds.diffraction.shape
        True
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
        self,
        *,
        origin: Literal["auto", "corner", "pixel", "center", "world"] = "auto",
        measurement: Literal["amplitude", "counts"] | None = None,
        probe: Literal["dominant", "all"] | int = "dominant",
    ) -> RawData:
        """Return what `to_npz` writes, in memory, under the attribute names of PtychoPINN.

        Parameters
        ----------
        origin : {"auto", "corner", "pixel", "center", "world"}
            As for `to_npz`.
        measurement : {"amplitude", "counts"}, optional
            As for `to_npz`.
        probe : {"dominant", "all"} or int
            As for `to_npz`.

        Returns
        -------
        RawData
            ``xcoords``, ``ycoords`` (N,) float64 in pixels, ``diff3d`` (N, H, W), ``probeGuess``,
            ``objectGuess`` and others, all loaded.

        Raises
        ------
        MissingDataError, PtyxrError, SeriesError
            As `to_npz`.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_rawdata()
        <RawData: 20 positions, patterns (64, 64), object (...)>
        """
        from ptyxr.formats.ptychopinn_writer import to_rawdata

        return to_rawdata(
            self._product("to_rawdata()"), origin=origin, measurement=measurement, probe=probe
        )

    @overload
    def to_zarr(
        self,
        store: str | os.PathLike[str] | MutableMapping[str, Any] | None = None,
        *,
        mode: Literal["w", "w-", "a", "a-", "r+"] | None = None,
        group: str | None = None,
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        compute: Literal[True] = True,
        **kwargs: Any,
    ) -> ZarrStore: ...

    @overload
    def to_zarr(
        self,
        store: str | os.PathLike[str] | MutableMapping[str, Any] | None = None,
        *,
        mode: Literal["w", "w-", "a", "a-", "r+"] | None = None,
        group: str | None = None,
        encoding: Mapping[str, Mapping[str, Any]] | None = None,
        compute: Literal[False],
        **kwargs: Any,
    ) -> Delayed: ...

    def to_zarr(self, store: Any = None, **kwargs: Any) -> ZarrStore | Delayed:
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
            ``zarr_format``, ``append_dim``, ``region`` and others.

        Returns
        -------
        xarray.backends.ZarrStore or dask.delayed.Delayed
            As xarray does: what was written, or what writes it.

        Raises
        ------
        MissingDependencyError
            If zarr is not installed.
        UnitError
            If a coordinate of the data model has lost its unit, or has one that ptyxr refuses.

        Examples
        --------
        >>> import xarray as xr, ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> store = ds.ptyxr.to_zarr("scan.zarr")
        >>> ptyxr.testing.assert_identical(xr.open_zarr("scan.zarr").ptyxr.quantify(), ds)
        """
        from ptyxr.exchange import to_zarr

        return to_zarr(self._ds, store, **kwargs)

    def validate(self) -> Report:
        """Return a report on the dataset: everything that is wrong with it, at once.

        Returns
        -------
        Report
            True where there are no errors; printed, a line for each problem with what to do.

        Raises
        ------
        SeriesError
            If the dataset has several products.

        Examples
        --------
        >>> import ptyxr
        >>> bool(ptyxr.tutorial.simulate_product(positions=20).ptyxr.validate())
        True
        """
        from ptyxr.checking import validate_dataset

        return validate_dataset(self._product("validate()"))
