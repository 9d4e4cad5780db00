"""Each picture as it is drawn, compared with the one in ``baseline/``, at which someone has looked.

After a change that is meant, draw anew and look at each::

    pytest -n0 tests/test_pictures.py --mpl-generate-path=tests/baseline
"""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

import ptyxr
from ptyxr.errors import PtyxrError, UnitError
from ptyxr.tutorial import SIMULATED_OPTICS, simulate_scan

Q = ptyxr.ureg.Quantity

# The edge of a pixel may fall on this side or on that of a dot; smoothed, it hardly shows.
STYLE = ["default", {"image.interpolation": "bilinear"}]


def picture(tolerance):
    """Compare what a test returns with the picture of its name.

    The tolerance is the root mean square in grey levels of 255: releases of matplotlib round a
    little differently, by 0.7 from 3.9 to 3.11. Other colours, or another scale bar, are 4 or more.
    """
    return pytest.mark.mpl_image_compare(
        baseline_dir="baseline", style=STYLE, tolerance=tolerance, savefig_kwargs={"dpi": 50}
    )


def wordless(fig):
    """Return a figure without its words, which each release of matplotlib sets differently.

    What they say is tested below, and in test_plotting.py that they stay in the figure.
    """
    for text in fig.findobj(Text):
        text.set_visible(False)
    for bar in fig.findobj(AnchoredSizeBar):  # whose box has room for its words
        bar.get_children()[0].get_children().remove(bar.txt_label)
    return fig


@pytest.fixture(scope="module")
def ds():
    raw = ptyxr.from_rawdata(simulate_scan(positions=120, probe_size=32))
    optics = {name: Q(text)
              for name, text in SIMULATED_OPTICS.items() if "pixel" not in name}  # fmt: skip
    ds = raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.to("m")
    first = ds.probe.values
    across = np.linspace(-1, 1, 32, dtype=np.complex64)
    modes = np.concatenate([first, 0.6 * first * across, 0.4j * first * across[:, None]], 1)
    ds = ds.isel(object_y=slice(60), object_x=slice(8, 68))  # square, for whole dots
    bad = np.zeros((32, 32), bool)
    bad[10:13, 20:24] = True
    return (
        ds.drop_vars("probe")
        .assign(
            probe=(ds.probe.dims, modes),
            loss=("epoch", 1 / np.sqrt(np.arange(1, 101))),
            bad_pixels=(("detector_y", "detector_x"), bad),
        )
        .assign_coords(epoch=np.arange(1, 101), **optics)
        .assign_attrs(name="a simulated scan")
        .ptyxr.quantify()
    )


@pytest.fixture
def ax():
    """Give axes at a fixed place, which no width of a label moves, of whole dots."""
    return Figure(figsize=(4.4, 3.6)).add_axes((30 / 220, 15 / 180, 150 / 220, 150 / 180))


@picture(2)
def test_object(ds, ax):
    return wordless(ds.ptyxr.plot.object(ax=ax).figure)


@picture(2)
def test_object_phase_with_a_scale_bar(ds, ax):
    return wordless(
        ds.ptyxr.plot.object(
            quantity="phase", positions=False, scale_bar=True, unit="nm", ax=ax
        ).figure
    )


@picture(2)
def test_object_complex(ds, ax):
    return wordless(ds.ptyxr.plot.object(quantity="complex", scale_bar=True, ax=ax).figure)


@picture(2)
def test_object_cropped_with_points_outside(ds, ax):
    part = slice(Q("0.5 um"), Q("2.5 um"))
    crop = ds.ptyxr.to("um").sel(object_x=part, object_y=part)
    return wordless(crop.ptyxr.plot.object(cmap="viridis", vmin=0.8, vmax=1, ax=ax).figure)


@picture(2)
def test_object_in_pixels(ds, ax):
    return wordless(ds.ptyxr.to("pixel").ptyxr.plot.object(scale_bar=True, ax=ax).figure)


@picture(2)
def test_probe(ds, ax):
    return wordless(ds.ptyxr.plot.probe(scale_bar=True, ax=ax).figure)


@picture(2)
def test_probe_complex(ds, ax):
    return wordless(ds.ptyxr.plot.probe(quantity="complex", mode=1, ax=ax).figure)


@picture(2)
def test_probe_phase(ds, ax):
    return wordless(ds.ptyxr.plot.probe(quantity="phase", ax=ax).figure)


@picture(2)
def test_positions(ds, ax):
    return wordless(ds.ptyxr.plot.positions(scale_bar=True, ax=ax).figure)


@picture(2)
def test_loss(ds, ax):
    return wordless(ds.ptyxr.plot.loss(ax=ax).figure)


@picture(2)
def test_diffraction(ds, ax):
    return wordless(ds.ptyxr.plot.diffraction(5, ax=ax).figure)


@picture(2)
def test_diffraction_linear_in_millimetres(ds, ax):
    sized = ds.ptyxr.assign_pixel_size(detector="75 um").ptyxr.to("m")
    return wordless(sized.ptyxr.plot.diffraction(5, log=False, scale_bar=True, ax=ax).figure)


@picture(2)
def test_overview(ds):
    fig = ds.ptyxr.plot(fig=Figure(figsize=(5.4, 3.24)))
    fig.set_layout_engine("none")
    dots = fig.get_size_inches() * 50
    for ax in fig.axes:
        # The rounding of the layout is another in each release: a dot for each pixel hides it.
        corner, size = np.round(ax.get_position(original=True).get_points() * dots)
        pixels = ax.images[0].get_array().shape[:2] if ax.images else size - corner
        ax.set_position((*corner / dots, *pixels / dots))
    return wordless(fig)


# --- options ---


def image(ax):
    return ax.images[0]


@pytest.mark.parametrize("picture", ["object", "probe", "diffraction", "positions"])
def test_options_of_all_pictures_with_axes(ds, picture):
    draw = getattr(ds.ptyxr.assign_pixel_size(detector="75 um").ptyxr.to("m").ptyxr.plot, picture)
    ax = draw(unit="nm", colorbar=False, scale_bar=True, cmap="cividis")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (nm)", "y (nm)")
    assert len(ax.figure.axes) == 1
    drawn = (ax.images or ax.collections)[-1]
    assert drawn.get_cmap().name == "cividis"
    (bar,) = [artist for artist in ax.artists if hasattr(artist, "size_bar")]
    length = bar.size_bar.get_children()[0].get_width()
    assert bar.txt_label.get_text() == f"{length:.6g} nm"
    left, right = ax.get_xlim()
    assert abs(right - left) / 10.1 < length < abs(right - left) / 3.9
    assert f"{length:.0e}"[0] in "125"


def test_scale_bar_has_a_prefix_of_its_own(ds):
    part = slice(Q("1 um"), Q("2.2 um"))
    small = ds.sel(object_x=part, object_y=part)
    ax = small.ptyxr.plot.object(scale_bar=True)
    assert ax.get_xlabel() == "x (µm)"
    (bar,) = [artist for artist in ax.artists if hasattr(artist, "size_bar")]
    assert bar.txt_label.get_text() == "200 nm"
    assert bar.size_bar.get_children()[0].get_width() == pytest.approx(0.2)


def test_scale_bar_of_few_pixels_is_a_pixel(ds):
    few = ds.ptyxr.to("pixel").isel(object_x=slice(3), object_y=slice(3))
    ax = few.ptyxr.plot.object(scale_bar=True, positions=False)
    (bar,) = [artist for artist in ax.artists if hasattr(artist, "size_bar")]
    assert bar.txt_label.get_text() == "1 pixel"


def test_units_that_do_not_fit_are_refused(ds):
    with pytest.raises(UnitError, match=r"ds\.ptyxr\.to"):
        ds.ptyxr.plot.object(unit="pixel")
    with pytest.raises(UnitError, match="pixel"):
        ds.ptyxr.to("pixel").ptyxr.plot.object(unit="nm")
    with pytest.raises(UnitError, match="electron_volt"):
        ds.ptyxr.plot.object(unit="keV")
    with pytest.raises(UnitError, match="no unit"):
        ds.ptyxr.plot.object(unit="nanometres of gold")
    ax = ds.ptyxr.plot.probe(unit=ptyxr.ureg.angstrom)
    assert ax.get_xlabel() == "x (Å)"


def test_what_would_move_pixels_or_mean_nothing_is_refused(ds):
    for wrong in ({"extent": (0, 1, 0, 1)}, {"origin": "lower"}):
        with pytest.raises(PtyxrError, match="coordinates"):
            ds.ptyxr.plot.object(**wrong)
    for wrong in ({"cmap": "gray"}, {"vmin": 0.1}, {"norm": "log"}):
        with pytest.raises(PtyxrError, match="hue is the phase"):
            ds.ptyxr.plot.probe(quantity="complex", **wrong)
    with pytest.raises(PtyxrError, match="'intensity', 'amplitude', 'phase' or 'complex'"):
        ds.ptyxr.plot.probe(quantity="power")


def test_keywords_reach_matplotlib(ds):
    from matplotlib.colors import PowerNorm

    assert image(ds.ptyxr.plot.object(interpolation="bilinear")).get_interpolation() == "bilinear"
    assert image(ds.ptyxr.plot.object(vmin=0, vmax=2)).get_clim() == (0, 2)
    assert image(ds.ptyxr.plot.object(quantity="phase", vmax=0)).get_clim() == (-np.pi, 0)
    root = image(ds.ptyxr.plot.probe(norm=PowerNorm(0.5)))
    assert isinstance(root.norm, PowerNorm)
    assert image(ds.ptyxr.plot.diffraction(log=False)).norm.__class__.__name__ == "Normalize"
    ax = ds.ptyxr.plot.loss(log=False, color="red", label="first")
    ds.ptyxr.plot.loss(ax=ax, log=False, label="second")
    assert [line.get_label() for line in ax.lines] == ["first", "second"]
    assert ax.lines[0].get_color() == "red"


def test_probe_of_a_scan_point_is_drawn(ds):
    weights = (("position", "coherent_mode"), np.ones((120, 2), np.float32))
    opr = ds.isel(coherent_mode=[0, 0]).assign(opr_weights=weights)
    ax = opr.ptyxr.probe_at(3).ptyxr.plot(quantity="amplitude")
    assert np.allclose(image(ax).get_array(), 2 * np.abs(ds.probe.values[0, 0]))
    assert "coherent mode 1" in opr.ptyxr.plot.probe(coherent_mode=1).get_title()


def test_pictures_are_listed(ds):
    text = repr(ds.ptyxr.plot)
    for name in ("object", "probe", "positions", "loss", "diffraction"):
        assert f"plot.{name}()" in text
        assert callable(getattr(ds.ptyxr.plot, name))


# --- xarray's own pictures ---


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (
            lambda ds: abs(ds.object).isel(object_layer=0).plot(),
            ("object x [meter]", "object y [meter]"),
        ),
        (
            lambda ds: abs(ds.ptyxr.to("um").object).isel(object_layer=0).plot(),
            ("object x [micrometer]", "object y [micrometer]"),
        ),
        (
            lambda ds: ds.ptyxr.amplitude().isel(object_layer=0, object_y=30).plot(),
            ("object x [meter]", "object amplitude"),
        ),
        (
            lambda ds: ds.ptyxr.phase().isel(object_layer=0).plot.contourf(),
            ("object x [meter]", "object y [meter]"),
        ),
        (lambda ds: ds.diffraction[0].plot(), ("detector x [pixel]", "detector y [pixel]")),
        (lambda ds: ds.loss.plot(), ("epoch", "loss")),
        (lambda ds: ds.position_x.plot(), ("position", "scan position x [meter]")),
        (lambda ds: ds.position_x.plot.hist(), ("scan position x [meter]", "")),
        (
            lambda ds: ds.plot.scatter(x="position_x", y="position_y"),
            ("scan position x [meter]", "scan position y [meter]"),
        ),
        (
            lambda ds: (abs(ds.probe) ** 2)[0].plot(col="incoherent_mode"),
            ("probe x [meter]", "probe y [meter]"),
        ),
    ],
)
def test_xarray_draws_and_labels_with_units(ds, draw, labels):
    from matplotlib import pyplot as plt

    drawn = draw(ds)
    fig = getattr(drawn, "fig", None) or plt.gcf()
    fig.canvas.draw()
    assert (fig.axes[0].get_xlabel(), fig.axes[0].get_ylabel()) == labels


def test_xarray_draws_where_the_coordinates_are(ds):
    mesh = abs(ds.object).isel(object_layer=0).plot()
    edges = mesh.get_coordinates()
    extent = ds.ptyxr.object_extent
    assert edges[0, 0, 0] == pytest.approx(extent.minimum_x.values)
    assert edges[0, -1, 0] == pytest.approx(extent.maximum_x.values)


@pytest.fixture(autouse=True)
def _close_figures():
    from matplotlib import pyplot as plt

    yield
    plt.close("all")
