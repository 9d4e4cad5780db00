from __future__ import annotations

import io
import itertools
import pickle
import shutil
import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pint
import pytest
import xarray as xr

from counted import Counted

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import ptyxr  # noqa: E402
from ptyxr import _drawing, plotting  # noqa: E402
from ptyxr.errors import (  # noqa: E402
    GridError,
    InvalidDataError,
    MissingDataError,
    MissingDependencyError,
    PtyxrError,
    UnitError,
)
from ptyxr.grids import Grid  # noqa: E402
from ptyxr.indexes import GridIndex  # noqa: E402
from ptyxr.tutorial import simulate_scan  # noqa: E402

PIXEL_SIZE = 50e-9
Q = ptyxr.ureg.Quantity


@pytest.fixture(scope="module")
def scan():
    return simulate_scan(positions=60, probe_size=32)


def quantity(values, unit):
    return pint.get_application_registry().Quantity(values, unit)


def axis(name, size, center, pitch, unit):
    index = GridIndex.full(Grid(center, pitch, size, unit), name)
    return xr.Coordinates(index.create_variables(), indexes={name: index})


def dataset(scan, unit="meter"):
    pitch = {"meter": PIXEL_SIZE, "micrometer": 0.05, "pixel": 1.0}[unit]
    rows, columns = scan.objectGuess.shape
    size = scan.probeGuess.shape[0]
    probe = scan.probeGuess * np.array([1, 0.5, 0.25]).reshape(3, 1, 1)
    ds = xr.Dataset(
        {
            "object": (("object_layer", "object_y", "object_x"), scan.objectGuess[np.newaxis]),
            "probe": (
                ("coherent_mode", "incoherent_mode", "probe_y", "probe_x"),
                probe[np.newaxis],
            ),
            "diffraction": (("position", "detector_y", "detector_x"), scan.diff3d),
            "loss": ("epoch", 1.0 / np.arange(1, 21)),
        },
        coords={
            "position_x": ("position", quantity(scan.xcoords * pitch, unit)),
            "position_y": ("position", quantity(scan.ycoords * pitch, unit)),
            "nominal_position_x": ("position", quantity(scan.xcoords_start * pitch, unit)),
            "nominal_position_y": ("position", quantity(scan.ycoords_start * pitch, unit)),
            "epoch": np.arange(10, 30),
        },
        attrs={"name": "a scan"},
    )
    ds["diffraction"].attrs["quantity"] = "amplitude"
    for name, count, center, p, u in (
        ("object_x", columns, columns / 2 * pitch, pitch, unit),
        ("object_y", rows, rows / 2 * pitch, pitch, unit),
        ("probe_x", size, 0.0, pitch, unit),
        ("probe_y", size, 0.0, pitch, unit),
        ("detector_x", size, (size - 1) / 2, 1.0, "pixel"),
        ("detector_y", size, (size - 1) / 2, 1.0, "pixel"),
    ):
        ds = ds.assign_coords(axis(name, count, center, p, u))
    return ds


@pytest.fixture
def ds(scan):
    return dataset(scan)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def image(ax):
    return ax.images[0]


def titles(fig):
    return [ax.get_title() for ax in fig.axes if ax.get_title()]


# --- the frame ---


def test_object_lies_where_its_coordinates_say(ds, scan):
    ax = plotting.plot_object(ds)
    rows, columns = scan.objectGuess.shape
    assert np.allclose(image(ax).get_extent(), [0, columns * 0.05, rows * 0.05, 0], atol=1e-12)
    assert image(ax).origin == "upper"
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (µm)", "y (µm)")
    assert np.array_equal(image(ax).get_array(), np.abs(scan.objectGuess))


def test_y_goes_down_and_x_to_the_right(ds):
    for ax in (plotting.plot_object(ds), plotting.plot_probe(ds), plotting.plot_positions(ds)):
        assert not ax.xaxis_inverted()
        assert ax.yaxis_inverted()


def test_reversed_axes_keep_pixels_in_place(ds):
    straight = plotting.plot_object(ds)
    turned = plotting.plot_object(ds.isel(object_y=slice(None, None, -1)))
    left, right, bottom, top = image(straight).get_extent()
    assert np.allclose(image(turned).get_extent(), [left, right, top, bottom], atol=1e-12)
    assert turned.get_ylim() == straight.get_ylim()


def test_positions_are_drawn_where_they_are(ds, scan):
    ax = plotting.plot_object(ds)
    expected = np.column_stack([scan.xcoords, scan.ycoords]) * 0.05
    assert np.allclose(ax.collections[0].get_offsets(), expected)
    assert ax.get_title() == "Object amplitude"
    assert not plotting.plot_object(ds, positions=False).collections


@pytest.mark.parametrize(
    ("unit", "label", "width"),
    [("meter", "µm", 0.05), ("micrometer", "µm", 0.05), ("pixel", "pixel", 1)],
)
def test_units_are_those_of_the_coordinates(scan, unit, label, width):
    ax = plotting.plot_object(dataset(scan, unit))
    assert ax.get_xlabel() == f"x ({label})"
    assert image(ax).get_extent()[1] == pytest.approx(scan.objectGuess.shape[1] * width)
    assert np.allclose(ax.collections[0].get_offsets()[:, 0], scan.xcoords * width)


def test_units_may_be_attributes(ds, scan):
    plain = ds.drop_indexes(["object_x", "object_y"])
    for name in ("object_x", "object_y", "position_x", "position_y"):
        plain[name] = (plain[name].dims, ds[name].data.m_as("nm"), {"units": "nm"})
    ax = plotting.plot_object(plain)
    assert image(ax).get_extent()[1] == pytest.approx(scan.objectGuess.shape[1] * 0.05)
    assert np.allclose(ax.collections[0].get_offsets()[:, 0], scan.xcoords * 0.05)


def test_dask_arrays_of_quantities_are_computed(ds, scan):
    pytest.importorskip("dask.array")
    ax = plotting.plot_object(ds.chunk())
    assert np.allclose(ax.collections[0].get_offsets()[:, 0], scan.xcoords * 0.05)


@pytest.mark.parametrize(
    ("factor", "label"), [(1e-6, "pm"), (1e-3, "nm"), (1, "µm"), (1e3, "mm"), (1e6, "m")]
)
def test_prefix_fits_the_size(ds, factor, label):
    for name in ("object_x", "object_y"):
        old = ds.xindexes[name].grid
        ds = ds.drop_vars(name).assign_coords(
            axis(name, old.size, old.center * factor, old.pitch * factor, "meter")
        )
    assert plotting.plot_object(ds, positions=False).get_xlabel() == f"x ({label})"


def test_css_pixels_are_refused(ds):
    lost = ds.assign_coords(position_x=("position", quantity(np.ones(60), "px")))
    with pytest.raises(UnitError, match="CSS pixel"):
        plotting.plot_positions(lost)


def test_a_lost_unit_is_refused(ds):
    with pytest.raises(UnitError, match="position_x"):
        plotting.plot_object(ds.assign_coords(position_x=("position", np.ones(60))))


def test_object_without_coordinates_is_in_pixels(ds):
    bare = ds.drop_vars(["object_x", "object_y"])
    ax = plotting.plot_object(bare)
    assert ax.get_xlabel() == "x (pixel)"
    assert image(ax).get_extent()[0] == -0.5
    assert ax.get_title() == "Object amplitude\npositions are in meter"


def test_single_row_is_as_high_as_wide(ds):
    ax = plotting.plot_object(ds.isel(object_y=slice(3, 4)), positions=False)
    _, _, bottom, top = image(ax).get_extent()
    assert bottom - top == pytest.approx(0.05)


# --- what is drawn ---


def test_phase_has_the_whole_circle(ds, scan):
    ax = plotting.plot_object(ds, quantity="phase")
    assert image(ax).get_clim() == (-np.pi, np.pi)
    assert image(ax).get_cmap().name == "twilight"
    assert np.allclose(image(ax).get_array(), np.angle(scan.objectGuess))


def test_complex_has_hue_and_lightness(ds):
    values = np.zeros(ds["object"].shape, complex)
    values[..., 20:] = 1j
    values[..., 40:] = 0.5
    rgb = image(
        plotting.plot_object(ds.assign(object=(ds["object"].dims, values)), quantity="complex")
    )
    colors = np.asarray(rgb.get_array())
    assert colors.shape == (*values.shape[1:], 3)
    assert not colors[:, :20].any()
    assert colors[0, 30].max() > colors[0, 50].max() > 0
    assert np.ptp(colors[0, 30]) > 0.2


def test_hues_are_of_equal_lightness():
    hues = _drawing.complex_colors(np.exp(1j * np.linspace(-np.pi, np.pi, 100)))
    linear = np.where(hues <= 0.04045, hues / 12.92, ((hues + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert np.ptp(luminance) < 0.12
    assert 0 <= hues.min() < hues.max() <= 1


def test_contrast_is_what_was_scanned_without_outliers(ds):
    values = ds["object"].values.copy()
    values[0, 0, 0] = 1000  # far from the scan
    ax = plotting.plot_object(ds.assign(object=(ds["object"].dims, values)))
    low, high = image(ax).get_clim()
    assert 0.7 < low < high < 1.1


def test_uniform_and_missing_values_are_drawn(ds):
    for value in (1.0, 0.0, np.nan):
        flat = ds.assign(object=(ds["object"].dims, np.full(ds["object"].shape, value)))
        for quantity_ in ("amplitude", "phase", "complex"):
            plotting.plot_object(flat, quantity=quantity_).figure.canvas.draw()


@pytest.fixture
def modes(ds):
    """Give two modes of the probe, the second of a third of the amplitude."""
    two = ds.probe.variable.isel(incoherent_mode=[0, 0])
    two[{"incoherent_mode": 1}] /= 3
    return two


def test_missing_values_of_the_probe_are_left_out(ds, modes):
    modes.values[0, 0, 3, 4] = np.nan
    holes = ds.drop_vars("probe").assign(probe=modes)
    assert plotting.plot_probe(holes).get_title() == "Probe mode 0 (90.0%)"
    drawn = image(plotting.plot_probe(holes, quantity="complex")).get_array()
    assert drawn.max() > 0.5  # black where nothing is known of the brightest
    assert not drawn[3, 4].any()


def test_a_probe_of_zeros_is_drawn(ds, modes):
    dark = ds.drop_vars("probe").assign(probe=modes * 0)
    for quantity_ in ("intensity", "complex"):
        ax = plotting.plot_probe(dark, quantity=quantity_)
        assert ax.get_title().startswith("Probe mode 0")
        ax.figure.canvas.draw()


@pytest.mark.parametrize("loss", [[np.nan, np.nan], [2.0, np.nan]])
def test_a_loss_that_diverged_is_drawn(loss):
    ax = plotting.plot_loss(xr.Dataset({"loss": ("epoch", loss)}))
    ax.figure.canvas.draw()
    assert ax.get_yscale() == ("log" if np.isfinite(loss).any() else "linear")


def test_a_pattern_is_numbered_from_the_first(ds):
    last = ds.sizes["position"] - 1
    assert plotting.plot_diffraction(ds, -1).get_title() == f"Diffraction pattern {last}"


def test_layers_are_numbered(ds):
    two = ds["object"].variable.isel(object_layer=[0, 0])
    ds = ds.drop_vars("object").assign(object=two)
    assert plotting.plot_object(ds, layer=1).get_title() == "Object amplitude, layer 1 of 2"
    assert plotting.plot_object(ds, layer=-1).get_title() == "Object amplitude, layer 1 of 2"
    assert plotting.plot_object(ds.isel(object_layer=0)).get_title() == "Object amplitude"


def test_points_outside_are_counted_not_shown(ds):
    crop = ds.isel(object_x=slice(0, ds.sizes["object_x"] // 2))
    outside = np.mean(ds["position_x"].data.magnitude > crop["object_x"].data.magnitude[-1] + 25e-9)
    ax = plotting.plot_object(crop)
    assert ax.get_title() == f"Object amplitude\n{outside:.1%} of the positions outside"
    assert ax.get_xlim()[1] == pytest.approx(crop.sizes["object_x"] * 0.05)


def test_positions_in_another_unit_are_mentioned(ds, scan):
    mixed = ds.assign_coords(
        position_x=("position", quantity(scan.xcoords, "pixel")),
        position_y=("position", quantity(scan.ycoords, "pixel")),
    )
    ax = plotting.plot_object(mixed)
    assert ax.get_title() == "Object amplitude\npositions are in pixel"
    assert not ax.collections


def test_probe_modes_have_their_share_of_the_power(ds, scan):
    shares = [plotting.plot_probe(ds, mode=i).get_title() for i in range(3)]
    assert shares == ["Probe mode 0 (76.2%)", "Probe mode 1 (19.0%)", "Probe mode 2 (4.8%)"]
    assert np.allclose(
        image(plotting.plot_probe(ds)).get_array(), np.abs(scan.probeGuess) ** 2, rtol=1e-5
    )
    assert plotting.plot_probe(ds.isel(incoherent_mode=[0])).get_title() == "Probe"
    assert plotting.plot_probe(ds.isel(incoherent_mode=0, coherent_mode=0)).get_title() == "Probe"
    with pytest.raises(MissingDataError, match="below 3"):
        plotting.plot_probe(ds, mode=3)


def test_positions_with_and_without_nominal_ones(ds, scan):
    ax = plotting.plot_positions(ds)
    assert "nominal" in ax.get_title()
    assert np.allclose(ax.collections[-1].get_offsets()[:, 1], scan.ycoords * 0.05)
    way = np.array(ax.lines[0].get_xydata()).reshape(60, 3, 2)
    assert np.allclose(way[:, 0, 0], scan.xcoords_start * 0.05)
    assert np.allclose(way[:, 1, 0], scan.xcoords * 0.05)
    alone = ds.drop_vars(["nominal_position_x", "nominal_position_y"])
    assert plotting.plot_positions(alone).get_title() == "Scan positions"


def test_positions_take_a_colour_in_place_of_the_order(ds):
    for given in ({"color": "red"}, {"c": "red"}, {"facecolor": "red"}):
        ax = ds.ptyxr.plot.positions(**given, linewidths=2)
        assert np.allclose(ax.collections[-1].get_facecolor()[0], (1, 0, 0, 1))
        assert ax.collections[-1].get_linewidth() == 2
        assert len(ax.figure.axes) == 1  # a colour bar would say nothing
    ax = ds.ptyxr.plot.positions(c=np.arange(60.0) ** 2)
    assert [bar.get_ylabel() for bar in ax.figure.axes[1:]] == [""]  # these are no scan points
    assert ds.ptyxr.plot.loss(linewidth=3).lines[0].get_linewidth() == 3


def test_pictures_are_in_the_middle_of_their_place(ds):
    ax = ds.isel(object_x=slice(6)).ptyxr.plot.object()
    ax.figure.canvas.draw()
    place, drawn = ax.get_position(original=True), ax.get_position()
    assert drawn.width < 0.2 * place.width
    assert drawn.x0 + drawn.x1 == pytest.approx(place.x0 + place.x1)


def test_a_pattern_is_called_by_its_row(ds):
    assert ds.ptyxr.plot.diffraction(-1).get_title() == "Diffraction pattern 59"
    assert ds.isel(position=7).ptyxr.plot.diffraction().get_title() == "Diffraction pattern"


def test_a_length_of_pixels_without_a_size_says_what_gives_it(ds):
    with pytest.raises(UnitError, match="assign_pixel_size"):
        ds.ptyxr.plot.diffraction(unit="mm")


def test_a_single_scan_point(ds):
    one = ds.isel(position=3)
    plotting.plot_positions(one).figure.canvas.draw()
    plotting.plot(one).canvas.draw()


@pytest.mark.parametrize(
    "draw",
    [
        lambda ds: ds.ptyxr.plot.loss(),
        lambda ds: ds.ptyxr.plot.object(unit="eV"),
        lambda ds: ds.ptyxr.plot.probe(mode=9),
        lambda ds: ds.ptyxr.plot.diffraction(99_999),
        lambda ds: ds.assign(loss=("epoch", [1j])).ptyxr.plot(),
    ],
)
def test_a_picture_that_cannot_be_drawn_leaves_no_empty_one(ds, draw):
    plt.close("all")
    with pytest.raises(PtyxrError):
        draw(ds.drop_vars(["loss", "epoch"], errors="ignore"))
    assert plt.get_fignums() == []
    mine = plt.figure()
    with pytest.raises(PtyxrError):
        ds.ptyxr.plot.object(layer=99, ax=mine.subplots())
    assert plt.get_fignums() == [mine.number]  # the caller's own stays
    plt.close(mine)


def test_loss_has_its_epochs(ds):
    ax = plotting.plot_loss(ds)
    assert np.array_equal(ax.lines[0].get_xdata(), np.arange(10, 30))
    assert ax.get_yscale() == "log"
    assert plotting.plot_loss(ds.assign(loss=-ds["loss"])).get_yscale() == "linear"
    assert plotting.plot_loss(ds.drop_vars("epoch")).lines[0].get_xdata()[0] == 0


def test_diffraction_is_logarithmic_and_bad_pixels_are_masked(ds, scan):
    bad = np.zeros((32, 32), bool)
    bad[3, 4] = True
    ds["bad_pixels"] = (("detector_y", "detector_x"), bad)
    ax = plotting.plot_diffraction(ds, 7)
    values = image(ax).get_array()
    assert np.array_equal(values.mask, bad)
    assert values.min() > 0
    bright = (scan.diff3d[7] > 0) & ~bad
    assert np.allclose(values[bright], scan.diff3d[7][bright])
    assert image(ax).norm.__class__.__name__ == "LogNorm"
    assert image(ax).get_extent() == [-0.5, 31.5, 31.5, -0.5]
    assert ax.get_title() == "Diffraction pattern 7"


def test_dark_and_flat_patterns_are_drawn(ds):
    for value in (0.0, 1.0, np.nan):
        flat = ds.assign(diffraction=(ds["diffraction"].dims, np.full((60, 32, 32), value)))
        plotting.plot_diffraction(flat).figure.canvas.draw()


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (plotting.plot_object, ["object"]),
        (plotting.plot_probe, ["probe"]),
        (plotting.plot_positions, ["position_x", "position_y"]),
        (plotting.plot_loss, ["loss"]),
        (plotting.plot_diffraction, ["diffraction"]),
    ],
)
def test_what_is_missing_is_named(ds, function, names):
    with pytest.raises(MissingDataError, match=names[0]):
        function(ds.drop_vars(names))


@pytest.mark.parametrize(
    ("picture", "wrong", "meant"),
    [
        ("object", "scalebar", "scale_bar"),
        ("probe", "colour_bar", "colorbar"),
        ("diffraction", "logg", "log"),
        ("diffraction", "interpolatoin", "interpolation"),
        ("positions", "markers", "marker"),
        ("loss", "colour", "color"),
    ],
)
def test_keywords_are_checked_before_anything_is_read(picture, wrong, meant):
    nothing = xr.Dataset()  # of which reading would say that it is missing
    with pytest.raises(TypeError, match=f"plot.{picture}.*{wrong!r}.*did you mean {meant!r}"):
        getattr(nothing.ptyxr.plot, picture)(**{wrong: True})
    assert not plt.get_fignums()


def test_what_matplotlib_knows_is_taken(ds):
    ds.ptyxr.plot.object(interpolation="nearest", zorder=0, aspect="equal", resample=False)
    ds.ptyxr.plot.positions(s=3, edgecolors="red", linewidths=1, marker="s", c="0.3", norm=None)
    ds.ptyxr.plot.loss(ls="--", mec="red", markersize=3, scalex=False, c="k", label="one")


def test_an_array_is_drawn_by_the_picture_of_its_name(ds):
    _, ax = plt.subplots()
    assert ds.object.ptyxr.plot(ax=ax, unit="nm", quantity="phase", colorbar=False) is ax
    assert (ax.get_title(), ax.get_xlabel()) == ("Object phase", "x (nm)")
    assert len(ax.figure.axes) == 1
    (image,) = ds.diffraction.ptyxr.plot(index=3, cmap="gray", vmin=2, vmax=9).images
    assert image.axes.get_title() == "Diffraction pattern 3"
    assert (image.get_cmap().name, image.get_clim()) == ("gray", (2, 9))
    (line,) = ds.loss.ptyxr.plot(color="red", log=False).lines
    assert line.get_color() == "red"
    for array, wrong in ((ds.loss, {"scale_bar": True}), (ds.object, {"mode": 1})):
        with pytest.raises(TypeError, match=f"plot.{array.name}.*{next(iter(wrong))!r}"):
            array.ptyxr.plot(**wrong)
    with pytest.raises(MissingDataError, match="'object', 'probe', 'loss' or 'diffraction'"):
        ds.position_x.ptyxr.plot()


@pytest.mark.parametrize(
    "given",
    [{"marker": "x"}, {"facecolors": "none", "edgecolors": "red"}, {"fc": "none", "ec": "red"}],
    ids=["unfilled", "hollow", "short"],
)
def test_positions_are_seen_however_they_are_drawn(ds, given):
    ax = ds.ptyxr.plot.positions(nominal=False, colorbar=False, **given)
    ax.set_axis_off()
    ax.set_title("")
    ax.figure.canvas.draw()
    painted = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]
    assert (painted < 200).any()


def test_a_colorizer_takes_the_place_of_colours_and_limits(ds):
    from matplotlib.colorizer import Colorizer
    from matplotlib.colors import Normalize

    one = Colorizer("viridis", Normalize(0, 1))
    draw = ds.ptyxr.plot
    for ax in (draw.object(colorizer=one), draw.diffraction(colorizer=one)):
        assert ax.images[0].get_clim() == (0, 1)
    dots = draw.positions(colorizer=one, nominal=False).collections[0]
    assert dots.get_cmap().name == "viridis"
    with pytest.raises(PtyxrError, match="colorizer"):
        draw.object("complex", colorizer=one)


def test_unknown_quantity_is_refused(ds):
    with pytest.raises(ValueError, match="amplitude"):
        plotting.plot_object(ds, quantity="modulus")


# --- the overview ---


def test_overview_has_everything(ds):
    fig = plotting.plot(ds)
    fig.canvas.draw()
    assert titles(fig) == [
        "Object amplitude",
        "Object phase",
        "Probe mode 0 (76.2%)",
        "Probe mode 1 (19.0%)",
        "Probe mode 2 (4.8%)",
        "Diffraction pattern 0",
        "Loss",
    ]
    assert fig.get_suptitle() == "a scan"


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (["object"], ["Scan positions; nominal in grey", "Probe", "Diffraction pattern 0", "Loss"]),
        (["object", "probe", "loss", "diffraction"], ["Scan positions; nominal in grey"]),
        (["probe", "loss", "diffraction"], ["Object amplitude", "Object phase"]),
        (["object", "position_x", "position_y", "probe", "diffraction"], ["Loss"]),
    ],
)
def test_overview_leaves_out_what_is_missing(ds, missing, left):
    fig = plotting.plot(ds.isel(incoherent_mode=[0]).drop_vars(missing))
    fig.canvas.draw()
    assert titles(fig) == left


def test_overview_leaves_out_an_empty_loss(ds):
    assert "Loss" not in titles(plotting.plot(ds.isel(epoch=slice(0))))


def test_overview_of_nothing_says_so():
    with pytest.raises(PtyxrError, match="nothing to plot"):
        plotting.plot(xr.Dataset())


@pytest.mark.slow
def test_overview_draws_into_figures_and_subfigures_without_pyplot(ds):
    before = plt.get_fignums()
    fig = Figure(figsize=(24, 8), layout="constrained")
    left, right = fig.subfigures(1, 2)
    assert plotting.plot(ds, fig=left) is left
    assert plotting.plot(ds.drop_vars("object"), fig=right) is right
    fig.savefig(io.BytesIO(), format="png", bbox_inches="tight")
    assert plt.get_fignums() == before


def test_a_figure_without_a_layout_gets_one(ds):
    ds = ds[["loss"]]
    fig, tight, used = Figure(), Figure(layout="tight"), Figure()
    used.add_axes((0, 0, 0.1, 0.1))
    for one in (fig, tight, used):
        engine = one.get_layout_engine()
        ds.ptyxr.plot(fig=one)
        chosen = one.get_layout_engine()
        if one is fig:
            assert type(chosen).__name__ == "ConstrainedLayoutEngine"
        else:
            assert chosen is engine
    whole = Figure()
    ds.ptyxr.plot(fig=whole.subfigures())
    assert whole.get_layout_engine() is None


@pytest.mark.parametrize("short", ["x", "y"])
def test_labels_of_a_thin_crop_do_not_lie_over_each_other(ds, short):
    ax = ds.isel({f"object_{short}": slice(20, 23)}).ptyxr.plot.object(positions=False)
    ax.figure.draw_without_rendering()
    for one in (ax.xaxis, ax.yaxis, *(bar.yaxis for bar in ax.figure.axes if bar is not ax)):
        boxes = [
            label.get_window_extent()
            for label in one.get_ticklabels()
            if label.get_text() and label.get_visible()
        ]
        assert boxes
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_ticks_that_were_chosen_stay(ds):
    _, ax = plt.subplots()
    ax.set_xticks([1, 2, 3])
    chosen = ax.xaxis.get_major_locator()
    ds.ptyxr.plot.object(ax=ax)
    assert ax.xaxis.get_major_locator() is chosen


@pytest.mark.slow
def test_nothing_sticks_out_of_a_figure(ds):
    draw = [plotting.plot_object, plotting.plot_probe, plotting.plot_positions]
    for fig in (plotting.plot(ds), *(function(ds).figure for function in draw)):
        fig.canvas.draw()
        tight = fig.get_tightbbox()
        width, height = fig.get_size_inches()
        assert tight.x0 >= 0
        assert tight.y0 >= 0
        assert tight.x1 <= width
        assert tight.y1 <= height


def test_colour_bars_are_as_high_as_their_pictures(ds):
    fig = plotting.plot(ds)
    fig.canvas.draw()
    # All but the first, whose bar gives some of its height to the points at its ends.
    for picture, bar in zip(fig.axes[2:12:2], fig.axes[3:12:2], strict=True):
        assert bar.get_position().y0 == pytest.approx(picture.get_position().y0)
        assert bar.get_position().x0 > picture.get_position().x1
        assert bar.get_position().y1 == pytest.approx(picture.get_position().y1)


def test_figures_are_pickled(ds):
    """As pools of processes do; a colour bar is beside its picture all the same."""
    fig = pickle.loads(pickle.dumps(ds.ptyxr.plot.probe().figure))
    fig.canvas.draw()
    picture, bar = fig.axes
    assert bar.get_position().x0 > picture.get_position().x1
    assert bar.get_position().height == pytest.approx(picture.get_position().height)


def test_axes_given_are_the_axes_drawn_into(ds):
    fig, axes = plt.subplots(2, 2)
    for ax, function in zip(
        axes.flat,
        (plotting.plot_object, plotting.plot_probe, plotting.plot_positions, plotting.plot_loss),
        strict=True,
    ):
        plt.sca(ax)
        assert function(ds, ax=ax) is ax
        assert plt.gca() is ax
    assert plt.get_fignums() == [fig.number]


# --- large data, late imports ---


class Counting(xr.backends.BackendArray):
    """A lazy array that counts what is read from it."""

    def __init__(self, shape):
        self.shape, self.dtype, self.read = shape, np.dtype(np.complex64), 0

    def __getitem__(self, key):
        return xr.core.indexing.explicit_indexing_adapter(
            key, self.shape, xr.core.indexing.IndexingSupport.BASIC, self._get
        )

    def _get(self, key):
        shape = np.empty(self.shape, "V0")[key].shape
        self.read += int(np.prod(shape))
        return np.ones(shape, self.dtype)


def test_large_objects_are_thinned_before_they_are_loaded():
    array = Counting((3, 5000, 4000))
    lazy = xr.core.indexing.LazilyIndexedArray(array)
    ds = xr.Dataset({"object": (("object_layer", "object_y", "object_x"), lazy)})
    for name, size in (("object_x", 4000), ("object_y", 5000)):
        ds = ds.assign_coords(axis(name, size, 0.0, 1e-9, "meter"))
    ax = plotting.plot_object(ds, layer=2)
    assert array.read == 1000 * 1000
    left, right, _, top = image(ax).get_extent()
    # Each drawn pixel is centred on the one it stands for.
    assert left == pytest.approx(-2.0 + 0.0005 - 0.002)
    assert right - left == pytest.approx(4.0)
    assert top == pytest.approx(-2.5 + 0.0005 - 0.0025)
    array.read = 0
    plotting.plot(ds)
    assert array.read == 1000 * 1000  # once for both of its pictures


class CountedFile(Counted, io.FileIO):
    """A file on the disk."""


def test_of_a_large_object_in_a_file_few_rows_are_read(product, tmp_path):
    path = shutil.copyfile(product, tmp_path / "large.h5")
    with h5py.File(path, "r+") as file:
        attrs, dtype = dict(file["object"].attrs), file["object"].dtype
        del file["object"]
        # Room in the file that nothing is written to: on most file systems it takes none on disk.
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((20_000, 20_000))
        kind = h5py.h5t.py_create(dtype, logical=True)
        h5py.h5d.create(file.id, b"object", kind, space, layout)
        file["object"].attrs.update(attrs)
    assert path.stat().st_size > 3.2e9
    with CountedFile(path) as file, xr.open_dataset(file, engine="ptychodus") as ds:
        opened = file.count
        ax = ds.ptyxr.plot.object(scale_bar=True)
        assert file.count - opened < path.stat().st_size / 19
        assert not ds["object"].variable._in_memory
    assert ax.get_xlabel() == "x (mm)"
    assert image(ax).get_array().shape == (1000, 1000)


def test_large_objects_of_dask_are_computed_chunk_by_chunk():
    dask = pytest.importorskip("dask")
    values = dask.array.map_blocks(
        lambda block_info: np.zeros(block_info[None]["chunk-shape"], np.complex64),
        chunks=((500,) * 40, (20_000,)),
        dtype=np.complex64,
    )
    ds = xr.Dataset({"object": (("object_y", "object_x"), values)})
    tracemalloc.start()
    try:
        with dask.config.set(num_workers=2):
            ax = plotting.plot_object(ds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image(ax).get_array().shape == (1000, 1000)
    assert peak < values.nbytes / 3  # a chunk for each thread, and the picture


def test_only_one_pattern_is_loaded():
    array = Counting((100, 64, 64))
    array.dtype = np.dtype(np.float32)
    lazy = xr.core.indexing.LazilyIndexedArray(array)
    plotting.plot_diffraction(
        xr.Dataset({"diffraction": (("position", "detector_y", "detector_x"), lazy)}), 99
    )
    assert array.read == 64 * 64


def test_many_positions_are_thinned():
    at = quantity(np.linspace(0, 1e-5, 100_001), "meter")
    ds = xr.Dataset(coords={"position_x": ("position", at), "position_y": ("position", at)})
    dots = plotting.plot_positions(ds).collections[-1]
    assert 10_000 < len(dots.get_offsets()) <= 20_000
    assert dots.get_array()[-1] > 99_000


def test_matplotlib_and_pint_are_imported_on_use(tmp_path):
    code = (
        "import sys, xarray; before = set(sys.modules); import ptyxr.plotting\n"
        "bad = {'pint', 'matplotlib', 'scipy', 'dask'} & (set(sys.modules) - before)\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_missing_matplotlib_says_what_to_install(ds, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for function in (plotting.plot, plotting.plot_object, plotting.plot_loss):
        with pytest.raises(MissingDependencyError, match=r"pip install 'ptyxr\[plot\]'") as caught:
            function(ds)
        assert isinstance(caught.value, ImportError)


def test_what_is_no_image_says_so(product):
    ds = xr.open_dataset(product, engine="ptychodus")
    for one in (ds.isel(object_x=slice(0, 0)), ds.isel(object_x=0)):
        with pytest.raises(MissingDataError, match="no image of the object"):
            one.ptyxr.plot()
    with pytest.raises(MissingDataError, match="below 40"):
        ds.ptyxr.plot.diffraction(3000)


def test_a_notebook_shows_an_overview_once(product, tmp_path):
    """What ends a cell is shown, and then all figures that pyplot has."""
    import nbformat
    from nbconvert.preprocessors import ExecutePreprocessor

    shutil.copyfile(product, tmp_path / "product.h5")
    once = (
        "ds.ptyxr.plot()",
        "ds.ptyxr.plot();",
        "fig = ds.ptyxr.plot()",
        "display(ds.ptyxr.plot())",
        "ds.ptyxr.plot.object();",
    )
    cells = (
        "%matplotlib inline\nimport ptyxr\nds = ptyxr.open_dataset('product.h5')",
        *once,
        "fig",
        "%config InlineBackend.close_figures = False",
        "import matplotlib.pyplot as plt\nds.ptyxr.plot()",
        "assert plt.get_fignums()",
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    ExecutePreprocessor(timeout=120).preprocess(book, {"metadata": {"path": str(tmp_path)}})
    shown = {
        cell.source: sum("image/png" in output.get("data", {}) for output in cell.outputs)
        for cell in book.cells[1:]
    }
    assert shown == {
        **dict.fromkeys((*once, "fig", cells[-2]), 1),
        **dict.fromkeys((cells[-3], cells[-1]), 0),
    }


def test_other_backends_show_an_overview_as_they_do(ds):
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    figure = ds.ptyxr.plot()
    shown, _ = formatter.format(figure)
    assert "text/plain" in shown
    assert plt.fignum_exists(figure.number)


# --- odd data and wrong arguments -----------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    return ptyxr.tutorial.simulate_product(positions=9, probe_size=16, incoherent_modes=2)


def drawn(ax):
    """Draw all of the figure: some of what is wrong with it shows only then."""
    ax.figure.canvas.draw()
    return ax


def test_positions_that_are_lost_are_left_out(small):
    x = small.position_x.data.m.copy()
    x[2], x[3] = np.nan, np.inf
    ds = small.assign_coords(position_x=("position", Q(x, "m")))
    ax = drawn(ds.ptyxr.plot.object())
    assert len(ax.collections[0].get_offsets()) == 7
    assert "22.2% of the positions outside" in ax.get_title()
    drawn(ds.ptyxr.plot.positions())
    ds = small.assign_coords(position_x=("position", Q(x * np.nan, "m")))
    assert not drawn(ds.ptyxr.plot.object()).collections
    with pytest.raises(MissingDataError, match="no numbers in position_x"):
        ds.ptyxr.plot.positions()


@pytest.mark.parametrize("columns", [[0, 1, 5, 7], [3, 3], [3, 5, 3]])
def test_pixels_that_are_not_evenly_spaced_are_no_picture(small, columns):
    with pytest.raises(GridError, match=r"object_x.*not evenly spaced"):
        small.isel(object_x=columns).ptyxr.plot.object()


@pytest.mark.parametrize("step", [-1, 3, -2])
def test_pixels_stay_in_their_place_in_any_order(small, step):
    """Row 0 of the file is at the top, also where the dataset begins with the last."""
    bright = small.object.values.copy()
    bright[0, 0, 0] = 9
    ds = small.assign(object=(small.object.dims, bright))
    ds = ds.isel(object_y=slice(None, None, step), object_x=slice(None, None, step))
    ax = ds.ptyxr.plot.object(positions=False, unit="m", vmax=9, ax=Figure().add_subplot())
    values = ax.images[0].get_array()
    row, column = np.unravel_index(values.argmax(), values.shape)
    left, right, bottom, top = ax.images[0].get_extent()
    at = (
        left + (column + 0.5) / values.shape[1] * (right - left),
        top + (row + 0.5) / values.shape[0] * (bottom - top),
    )
    expected = np.unravel_index(np.abs(ds.object.values[0]).argmax(), values.shape)
    there = ds.object_x.data.m[expected[1]], ds.object_y.data.m[expected[0]]
    np.testing.assert_allclose(at, there, rtol=1e-9)


def test_a_single_pixel_is_as_large_as_it_is(small):
    ax = small.isel(object_x=[5], object_y=[6]).ptyxr.plot.object(unit="nm")
    np.testing.assert_allclose(np.abs(np.diff(ax.get_xlim())), 50)
    np.testing.assert_allclose(np.abs(np.diff(ax.get_ylim())), 50)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0, 1e30])
def test_a_probe_of_odd_values_is_drawn(small, value):
    ds = small.assign(probe=(small.probe.dims, np.full(small.probe.shape, value, np.complex64)))
    for quantity in ("intensity", "complex"):
        ax = ds.ptyxr.plot.probe(quantity=quantity, ax=Figure().add_subplot())
        assert ax.get_title().startswith(
            "Probe mode 0 (50.0%)" if value == 1e30 else "Probe mode 0"
        )
        assert "nan" not in ax.get_title()


def test_an_object_of_odd_values_is_drawn(small):
    obj = small.object.values.copy()
    obj[0, 3, 3:5] = np.inf, np.nan
    drawn(small.assign(object=(small.object.dims, obj)).ptyxr.plot.object(quantity="complex"))
    mask = small.assign(object=(small.object.dims, np.abs(obj) > 0.5))
    drawn(mask.ptyxr.plot.object())


def test_a_loss_of_odd_values_is_drawn(small):
    ds = small.assign(loss=("epoch", np.full(3, np.nan))).assign_coords(epoch=[4, 5, 6])
    assert drawn(ds.ptyxr.plot.loss()).get_yscale() == "linear"
    one = ds.assign(loss=("epoch", [3.0, 2.0, 1.0])).isel(epoch=1)
    assert drawn(one.ptyxr.plot.loss()).lines[0].get_xydata().tolist() == [[5, 2]]


def test_each_pattern_may_have_its_own_bad_pixels(small):
    bad = np.zeros(small.diffraction.shape, bool)
    bad[3, 2, 1] = True
    ds = small.assign(bad_pixels=(small.diffraction.dims, bad))
    masks = [
        ds.ptyxr.plot.diffraction(i, ax=Figure().add_subplot()).images[0].get_array().mask
        for i in (3, -6, 4)
    ]
    assert [np.sum(mask) for mask in masks] == [1, 1, 0]


@pytest.mark.parametrize("number", [0.5, "0", True, [0], np.nan])
def test_rows_are_told_by_whole_numbers(small, number):
    plots = small.ptyxr.plot
    for draw in (
        lambda: plots.object(layer=number),
        lambda: plots.probe(mode=number),
        lambda: plots.probe(coherent_mode=number),
        lambda: plots.diffraction(number),
        lambda: plots(layer=number),
    ):
        with pytest.raises(MissingDataError, match=r"no such .* expected a whole number below"):
            draw()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("object", "text"),
        ("probe", "text"),
        ("diffraction", "text"),
        ("diffraction", 1j),
        ("loss", "text"),
        ("loss", 1j),
    ],
)
def test_what_is_no_number_is_not_drawn(small, name, values):
    small = small.assign(loss=("epoch", np.ones(3)))
    ds = small.assign({name: (small[name].dims, np.full(small[name].shape, values))})
    for draw in (getattr(ds.ptyxr.plot, name), ds.ptyxr.plot):
        with pytest.raises(InvalidDataError, match=name):
            draw()


def test_pictures_are_drawn_into_axes_only(small):
    plots = small.assign(loss=("epoch", np.ones(3))).ptyxr.plot
    solid = plt.figure().add_subplot(projection="3d")
    for ax in (5, plt.figure(), np.array([None]), solid):
        for name in ("object", "probe", "positions", "loss", "diffraction"):
            with pytest.raises(PtyxrError, match=r"'ax'.*drawn into one matplotlib Axes"):
                getattr(plots, name)(ax=ax)
    with pytest.raises(PtyxrError, match=r"'fig'.*a matplotlib Figure"):
        plots(fig=5)


@pytest.mark.parametrize("vmax", [0, -1, np.nan])
def test_the_brightest_amplitude_is_positive(small, vmax):
    """Divided by a negative one, phases would turn by half a circle."""
    with pytest.raises(PtyxrError, match=r"'vmax'.*positive"):
        small.ptyxr.plot.object(quantity="complex", vmax=vmax)
