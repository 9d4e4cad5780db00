"""``ds.ptyxr.plot``: the pictures of a dataset, with all that they take."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

    from ptyxr._styles import Style
    from ptyxr.units import UnitLike

__all__ = ["DatasetPlots"]


def _style(
    picture: str,
    unit: UnitLike | None,
    *,
    scale_bar: bool = False,
    colorbar: bool = True,
    further: dict[str, Any],
    method: str = "imshow",
    **given: Any,
) -> Style:
    """Return the options of a picture, and refuse keywords that neither it nor matplotlib knows."""
    from ptyxr._styles import Style, check_keywords

    if further:
        parameters = signature(getattr(DatasetPlots, picture)).parameters.values()
        own = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
        check_keywords(picture, method, further, own[1:])
    told = {name: value for name, value in given.items() if value is not None}
    return Style(unit, scale_bar, colorbar, {**further, **told})


class DatasetPlots:
    """Pictures of a dataset, drawn by matplotlib.

    All keep the frame of the data model: +x is +column and to the right, +y is +row and downwards,
    row 0 at the top, and a micrometre is as long in x as in y. Axes are labelled in the SI prefix
    that fits, or in pixels where the dataset is in pixels. Of an array with more than 1024 pixels a
    side, every second, third, … pixel is loaded and drawn, so a picture of a lazy dataset takes the
    memory of a picture.

    Every picture raises `MissingDependencyError` without matplotlib, `MissingDataError` where the
    dataset has nothing of what it draws, `UnitError` where a coordinate has lost its unit,
    `GridError` where pixels are not evenly spaced, `InvalidDataError` where values are no numbers,
    `SeriesError` for a series of products, of which one is to be selected, and TypeError for a
    keyword that neither the picture nor matplotlib knows.

    Parameters
    ----------
    ds : xarray.Dataset
        A dataset of the data model.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._given = ds

    def __repr__(self) -> str:
        names = [name for name in vars(DatasetPlots) if not name.startswith("_")]
        return f"<pictures: plot(), {', '.join(f'plot.{name}()' for name in names)}>"

    @property
    def _ds(self) -> xr.Dataset:
        from ptyxr.trimming import one_product

        return one_product(self._given, "a picture")

    def __call__(
        self,
        *,
        layer: int = 0,
        positions: bool = True,
        scale_bar: bool = False,
        fig: Figure | SubFigure | None = None,
    ) -> Figure | SubFigure:
        """Draw an overview: the object with the scan on it, the probe, a pattern, the loss.

        What the dataset does not have is left out. Of the probe, up to four incoherent modes are
        drawn, each with its part of the power.

        Parameters
        ----------
        layer : int, default: 0
            The layer of the object.
        positions : bool, default: True
            Whether the scan positions are drawn on the object.
        scale_bar : bool, default: False
            Whether each image has a scale bar.
        fig : matplotlib.figure.Figure or SubFigure, optional
            An empty figure to draw into, which is laid out so that labels have room, unless a
            layout was chosen for it; without, a new one of pyplot's.

        Returns
        -------
        matplotlib.figure.Figure or SubFigure
            The figure, for ``savefig``.

        Raises
        ------
        MissingDataError
            If there is neither object, positions, probe, patterns nor loss.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> [ax.get_title() for ax in ds.ptyxr.plot().axes if ax.get_title()]
        ['Object amplitude', 'Object phase', 'Probe', 'Diffraction pattern 0']
        """
        from ptyxr.plotting import plot

        return plot(self._ds, layer=layer, positions=positions, scale_bar=scale_bar, fig=fig)

    def object(
        self,
        quantity: Literal["amplitude", "phase", "complex"] = "amplitude",
        *,
        layer: int = 0,
        positions: bool = True,
        unit: UnitLike | None = None,
        scale_bar: bool = False,
        colorbar: bool = True,
        cmap: str | Colormap | None = None,
        vmin: float | None = None,
        vmax: float | None = None,
        ax: Axes | None = None,
        **imshow: Any,
    ) -> Axes:
        """Draw a layer of the object, and the scan positions on it.

        Parameters
        ----------
        quantity : {"amplitude", "phase", "complex"}
            Modulus (dimensionless), argument (radian), or both: phase as hue, amplitude as
            lightness.
        layer : int, default: 0
            The layer along ``object_layer``.
        positions : bool, default: True
            Whether ``position_x``, ``position_y`` are drawn. Those that are not in the picture, or
            cannot be since they are in another unit, are mentioned in its title.
        unit : str or pint.Unit, optional
            Unit of the axes, as "nm"; by default the one with the prefix that fits.
        scale_bar : bool, default: False
            Whether to draw a bar of a round length; in pixels where there is no length.
        colorbar : bool, default: True
            Whether to draw a colour bar.
        cmap : str or matplotlib.colors.Colormap, optional
            Colours: "gray" for amplitude, the cyclic "twilight" for phase.
        vmin, vmax : float, optional
            Values at the ends of the colours. By default those of amplitude are what the scan has
            seen, without outliers, and those of phase −π and π. For "complex", `vmax` is the
            amplitude that is brightest, and black is 0.
        ax : matplotlib.axes.Axes, optional
            Where to draw; without, in a new figure of pyplot's.
        **imshow
            What else ``Axes.imshow`` takes: ``interpolation``, ``norm``, ``alpha`` and others.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into.

        Raises
        ------
        MissingDataError
            If there is no object, or no such layer.
        UnitError
            If the axes do not convert into `unit`.
        PtyxrError
            If `quantity` is none of the above, or a keyword would move the pixels.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ax = ds.ptyxr.plot.object(quantity="phase", unit="nm", scale_bar=True)
        >>> ax.get_xlabel()
        'x (nm)'
        """
        from ptyxr.plotting import plot_object

        style = _style(
            "object",
            unit,
            scale_bar=scale_bar,
            colorbar=colorbar,
            further=imshow,
            cmap=cmap,
            vmin=vmin,
            vmax=vmax,
        )
        return plot_object(
            self._ds, quantity=quantity, layer=layer, positions=positions, style=style, ax=ax
        )

    def probe(
        self,
        *,
        quantity: Literal["intensity", "amplitude", "phase", "complex"] = "intensity",
        mode: int = 0,
        coherent_mode: int = 0,
        unit: UnitLike | None = None,
        scale_bar: bool = False,
        colorbar: bool = True,
        cmap: str | Colormap | None = None,
        vmin: float | None = None,
        vmax: float | None = None,
        ax: Axes | None = None,
        **imshow: Any,
    ) -> Axes:
        """Draw an incoherent mode of the probe; its part of the power is in the title.

        ``ds.ptyxr.probe_at(3).ptyxr.plot()`` is the probe of a scan point, OPR weights applied.

        Parameters
        ----------
        quantity : {"intensity", "amplitude", "phase", "complex"}
            Squared modulus, modulus, argument (radian), or phase as hue and amplitude as lightness.
        mode : int, default: 0
            The mode along ``incoherent_mode``.
        coherent_mode : int, default: 0
            The mode along ``coherent_mode``: those after the first are of the orthogonal probe
            relaxation.
        unit : str or pint.Unit, optional
            Unit of the axes, as "nm"; by default the one with the prefix that fits.
        scale_bar : bool, default: False
            Whether to draw a bar of a round length; in pixels where there is no length.
        colorbar : bool, default: True
            Whether to draw a colour bar.
        cmap : str or matplotlib.colors.Colormap, optional
            Colours: "inferno", and for phase the cyclic "twilight".
        vmin, vmax : float, optional
            Values at the ends of the colours, by default 0 and the largest, and for phase −π and π.
            For "complex", `vmax` is the amplitude that is brightest.
        ax : matplotlib.axes.Axes, optional
            Where to draw; without, in a new figure of pyplot's.
        **imshow
            What else ``Axes.imshow`` takes: ``interpolation``, ``norm``, ``alpha`` and others.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into.

        Raises
        ------
        MissingDataError
            If there is no probe, or no such mode.
        UnitError
            If the axes do not convert into `unit`.
        PtyxrError
            If `quantity` is none of the above, or a keyword would move the pixels.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.ptyxr.plot.probe(quantity="complex", colorbar=False).get_ylabel()
        'y (µm)'
        """
        from ptyxr.plotting import plot_probe

        style = _style(
            "probe",
            unit,
            scale_bar=scale_bar,
            colorbar=colorbar,
            further=imshow,
            cmap=cmap,
            vmin=vmin,
            vmax=vmax,
        )
        return plot_probe(
            self._ds,
            quantity=quantity,
            mode=mode,
            coherent_mode=coherent_mode,
            style=style,
            ax=ax,
        )

    def positions(
        self,
        *,
        nominal: bool = True,
        unit: UnitLike | None = None,
        scale_bar: bool = False,
        colorbar: bool = True,
        cmap: str | Colormap | None = None,
        ax: Axes | None = None,
        **scatter: Any,
    ) -> Axes:
        """Draw the scan positions in the order of the scan, and the way from the nominal ones.

        Parameters
        ----------
        nominal : bool, default: True
            Whether ``nominal_position_x``, ``nominal_position_y`` are drawn, in grey, where they
            are in the same unit.
        unit : str or pint.Unit, optional
            Unit of the axes, as "nm"; by default the one with the prefix that fits.
        scale_bar : bool, default: False
            Whether to draw a bar of a round length; in pixels where there is no length.
        colorbar : bool, default: True
            Whether to draw a colour bar of the scan points' numbers.
        cmap : str or matplotlib.colors.Colormap, optional
            Colours of the order; "viridis" by default.
        ax : matplotlib.axes.Axes, optional
            Where to draw; without, in a new figure of pyplot's.
        **scatter
            What else ``Axes.scatter`` takes: ``s``, ``alpha``, ``marker``, ``color`` or ``c`` in
            place of the order, and others.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into.

        Raises
        ------
        MissingDataError
            If there are no positions.
        UnitError
            If the positions do not convert into `unit`.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.ptyxr.plot.positions(nominal=False).get_title()
        'Scan positions'
        """
        from ptyxr.plotting import plot_positions

        style = _style(
            "positions",
            unit,
            scale_bar=scale_bar,
            colorbar=colorbar,
            further=scatter,
            method="scatter",
            cmap=cmap,
        )
        return plot_positions(self._ds, nominal=nominal, style=style, ax=ax)

    def loss(self, *, log: bool | None = None, ax: Axes | None = None, **line: Any) -> Axes:
        """Draw the loss per epoch.

        Parameters
        ----------
        log : bool, optional
            Whether the scale is logarithmic; by default it is where all of the loss is positive.
        ax : matplotlib.axes.Axes, optional
            Where to draw; without, in a new figure of pyplot's.
        **line
            What ``Axes.plot`` takes: ``color``, ``label``, ``lw`` and others.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into: those of another loss, to compare the two.

        Raises
        ------
        MissingDataError
            If there is no loss.

        Examples
        --------
        >>> import ptyxr, xarray as xr
        >>> xr.Dataset({"loss": ("epoch", [3.0, 1.0, 0.5])}).ptyxr.plot.loss().get_yscale()
        'log'
        """
        from ptyxr.plotting import plot_loss

        style = _style("loss", None, further=line, method="plot")
        return plot_loss(self._ds, log=log, style=style, ax=ax)

    def diffraction(
        self,
        index: int = 0,
        *,
        log: bool = True,
        unit: UnitLike | None = None,
        scale_bar: bool = False,
        colorbar: bool = True,
        cmap: str | Colormap | None = None,
        vmin: float | None = None,
        vmax: float | None = None,
        ax: Axes | None = None,
        **imshow: Any,
    ) -> Axes:
        """Draw a diffraction pattern; bad pixels, where they are known, are grey.

        Parameters
        ----------
        index : int, default: 0
            The row of the pattern along ``position``; −1 is the last. Only this one is loaded.
        log : bool, default: True
            Whether colours are logarithmic, where there is something positive.
        unit : str or pint.Unit, optional
            Unit of the axes, of a detector in metres; by default the one with the prefix that fits.
        scale_bar : bool, default: False
            Whether to draw a bar of a round length; in pixels where there is no length.
        colorbar : bool, default: True
            Whether to draw a colour bar.
        cmap : str or matplotlib.colors.Colormap, optional
            Colours; "inferno" by default.
        vmin, vmax : float, optional
            Values at the ends of the colours. By default, on a logarithmic scale, the lowest
            hundredth of what is positive has the colour of 0.
        ax : matplotlib.axes.Axes, optional
            Where to draw; without, in a new figure of pyplot's.
        **imshow
            What else ``Axes.imshow`` takes: ``interpolation``, ``norm``, ``alpha`` and others.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into.

        Raises
        ------
        MissingDataError
            If there are no patterns, or there is no such one.
        UnitError
            If the axes do not convert into `unit`.

        Examples
        --------
        >>> import ptyxr
        >>> ds = ptyxr.tutorial.simulate_product(positions=20)
        >>> ds.ptyxr.plot.diffraction(7, cmap="viridis").get_title()
        'Diffraction pattern 7'
        """
        from ptyxr.plotting import plot_diffraction

        style = _style(
            "diffraction",
            unit,
            scale_bar=scale_bar,
            colorbar=colorbar,
            further=imshow,
            cmap=cmap,
            vmin=vmin,
            vmax=vmax,
        )
        return plot_diffraction(self._ds, index, log=log, style=style, ax=ax)
