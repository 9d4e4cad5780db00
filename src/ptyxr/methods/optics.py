"""Attributes and methods of ``ds.ptyxr`` that derive something: optics, object, probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptyxr.methods.base import Methods

if TYPE_CHECKING:
    from typing import SupportsIndex

    import xarray as xr

__all__ = ["OpticsMethods"]


class OpticsMethods(Methods):
    """What is derived: optics, object, probe."""

    @property
    def wavelength(self) -> xr.DataArray:
        """Wavelength of the photons, float64, a Quantity in metre.

        λ = h c / E, as ``energy_eV_to_wavelength_m`` in ``ptychodus/api/constants.py``. A series of
        energies keeps its dimension.

        Raises
        ------
        MissingDataError
            If the photon energy is missing, or not positive.
        UnitError
            If it has lost its unit, or is no energy.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> print(f"{ds.ptyxr.wavelength.data.to('angstrom'):.4f}")
        1.5498 angstrom
        """
        from ptyxr import optics

        return optics.wavelength(self._ds)

    @property
    def object_extent(self) -> xr.Dataset:
        """Edges, ``width`` and ``height`` of the object: scalars, float64, Quantities.

        From outer edge to outer edge, in the unit of the axes, as ``ObjectGeometry`` of
        ``ptychodus/api/object.py`` has it: ``minimum_x``, ``maximum_x``, ``minimum_y``,
        ``maximum_y``. A crop has the extent of the crop.

        Raises
        ------
        MissingDataError
            If there is neither an axis nor an object with a pixel size.
        UnitError
            If an axis has lost its unit.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> width = ds.ptyxr.object_extent.width.data
        >>> round(float((width / ds.object_pixel_width.data).magnitude)) == ds.sizes["object_x"]
        True
        """
        from ptyxr import objects

        return objects.object_extent(self._ds)

    @property
    def object_z(self) -> xr.DataArray:
        """Depth of the object's layers (object_layer,), float64, a Quantity in metre.

        0 at the layer that the beam enters by; the running sum of the spacings, as in
        ``ptychodus/api/object.py``.

        Raises
        ------
        MissingDataError, InvalidDataError
            If the spacings are not known, or not one fewer than layers.
        UnitError
            If they have lost their unit.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.object_z.data
        <Quantity([0.], 'meter')>
        """
        from ptyxr import objects

        return objects.object_z(self._ds)

    @property
    def magnification(self) -> xr.DataArray:
        """Geometric magnification, float64, plain numbers; 1 where there is no focus.

        ``compute_magnification`` of ``ptychodus/api/propagate.py``: abs((z_d - z_f) / z_f) with the
        signed distances of detector and focus from the object.

        Raises
        ------
        MissingDataError
            If there is a focus and no distance of the detector.
        UnitError
            If a distance has lost its unit, or is no length.

        Examples
        --------
        >>> import ptyxr
        >>> print(f"{ptyxr.tutorial.simulate_product(positions=20).ptyxr.magnification.item():.1f}")
        1338.3
        """
        from ptyxr import optics

        return optics.magnification(self._ds)

    @property
    def detector_pixel_size(self) -> xr.Dataset:
        """``width`` and ``height`` of a detector pixel, float64, Quantities in metre/pixel.

        As the dataset has them, else as the sampling of the probe implies: λ z / (N dx) in the far
        field; see `ptyxr.optics.detector_pixel_size`.

        Raises
        ------
        MissingDataError
            If something it follows from is missing or 0.
        InvalidDataError
            If the detector is in the focus, in the near field.
        UnitError
            If a coordinate has lost its unit, or has one of another dimension.

        Examples
        --------
        >>> import ptyxr
        >>> size = ptyxr.tutorial.simulate_product(positions=20).ptyxr.detector_pixel_size
        >>> print(f"{size.width.data.to('um/pixel'):.1f}")
        75.0 micrometer / pixel
        """
        from ptyxr import optics

        return optics.detector_pixel_size(self._ds)

    def amplitude(self) -> xr.DataArray:
        """Return the amplitude of the object, as ``numpy.absolute`` has it.

        Returns
        -------
        xarray.DataArray
            "amplitude" (object_layer, object_y, object_x), float32 or float64, dimensionless, with
            all coordinates; lazy where the object is a dask array.

        Raises
        ------
        MissingDataError
            If there is no object.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.amplitude().dtype
        dtype('float32')
        """
        from ptyxr import objects

        return objects.amplitude(self._ds)

    def phase(self) -> xr.DataArray:
        """Return the phase of the object from -π to π, as ``numpy.angle`` has it, not unwrapped.

        Returns
        -------
        xarray.DataArray
            "phase" (object_layer, object_y, object_x), float32 or float64 in radian, as its
            ``units`` attribute says, with all coordinates; lazy where the object is a dask array.

        Raises
        ------
        MissingDataError
            If there is no object.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.phase().attrs["units"]
        'radian'
        """
        from ptyxr import objects

        return objects.phase(self._ds)

    def probe_at(self, position: SupportsIndex | xr.DataArray) -> xr.DataArray:
        """Return the probe of a scan point, OPR weights applied.

        Incoherent mode 0 is the sum of the coherent modes by the weights of the point, the others
        are those of coherent mode 0: ``ProbeSequence.__getitem__`` in ``ptychodus/api/probe.py``.

        Parameters
        ----------
        position : int or 0-d DataArray of int
            Row of the scan point, which is not ``position_index``. OPR weights go by row.

        Returns
        -------
        xarray.DataArray
            "probe" (incoherent_mode, probe_y, probe_x), complex as the probe is.

        Raises
        ------
        MissingDataError
            If there is no probe, or no such row.
        InvalidDataError
            If weights and coherent modes disagree.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.probe_at(3).dims
        ('incoherent_mode', 'probe_y', 'probe_x')
        """
        from ptyxr import probes

        return probes.probe_at(self._ds, position)

    def probe_intensity(self, position: SupportsIndex | xr.DataArray | None = None) -> xr.DataArray:
        """Return the intensity of the probe, summed over incoherent modes.

        Parameters
        ----------
        position : int or 0-d DataArray of int, optional
            Row of the scan point; by default the first coherent mode is taken.

        Returns
        -------
        xarray.DataArray
            "probe_intensity" (probe_y, probe_x), real, in the square of the probe's own unit.

        Raises
        ------
        MissingDataError, InvalidDataError
            As `probe_at`.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.probe_intensity().dims
        ('probe_y', 'probe_x')
        """
        from ptyxr import probes

        return probes.probe_intensity(self._ds, position)

    def mode_power(self, position: SupportsIndex | xr.DataArray | None = None) -> xr.DataArray:
        """Return the part of the power that is in each incoherent mode.

        Parameters
        ----------
        position : int or 0-d DataArray of int, optional
            Row of the scan point; by default the first coherent mode is taken.

        Returns
        -------
        xarray.DataArray
            "mode_power" (incoherent_mode,), real in the precision of the probe, of sum 1, without
            unit; zeros where there is no power.

        Raises
        ------
        MissingDataError, InvalidDataError
            As `probe_at`.

        Examples
        --------
        >>> import ptyxr
        >>> ptyxr.tutorial.simulate_product(positions=20).ptyxr.mode_power().values
        array([1.], dtype=float32)
        """
        from ptyxr import probes

        return probes.mode_power(self._ds, position)
