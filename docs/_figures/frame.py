"""Drawings of the frame, from the axes of real datasets: nothing in them is placed by hand."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

import ptyxr

ORIGINS = ("corner", "pixel", "center")
#: Of Okabe and Ito, told apart by everyone.
COLORS = {"corner": "#D55E00", "pixel": "#0072B2", "center": "#009E73"}
MARKERS = {"corner": "s", "pixel": "o", "center": "D"}
INK, FAINT, BEAM, SCAN = "#222222", "#8a8a8a", "#CC79A7", "#222222"

WIDTH, HEIGHT, WINDOW = 14, 9, 6
STYLE = {
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
}


def small_dataset(origin="corner"):
    """Return a dataset of few pixels, in pixels that count from an origin."""
    row = np.array([0.0, 0.3, -0.2])
    x = np.concatenate([[3.2, 5.9, 8.4, 10.9], [10.6, 8.1, 5.4, 3.4]])
    y = np.concatenate([3.3 + np.resize(row, 4), 5.6 + np.resize(row, 4)])
    arrays = {
        "xcoords": x,
        "ycoords": y,
        "objectGuess": np.ones((HEIGHT, WIDTH), dtype=np.complex64),
        "probeGuess": np.ones((WINDOW, WINDOW), dtype=np.complex64),
        "diff3d": np.ones((x.size, WINDOW, WINDOW), dtype=np.float32),
    }
    return ptyxr.from_rawdata(arrays, origin=origin)


def numbers(ds, name):
    return np.asarray(ds[name].data.magnitude, dtype=float)


def zero(name, origin):
    """Return the column, in fractions, at which an axis of the object has its 0."""
    labels = numbers(small_dataset(origin), name)
    return (0 - labels[0]) / (labels[1] - labels[0])


def edges(labels):
    """Return the outer edges of a line of pixels."""
    half = (labels[1] - labels[0]) / 2
    return labels[0] - half, labels[-1] + half


def pixels(ax, x, y, tint=None):
    """Draw pixels with a dot at each label, +y down."""
    left, right = edges(x)
    top, bottom = edges(y)
    if tint is None:
        tint = np.full((y.size, x.size), 0.12)
    ax.imshow(
        tint, cmap="Greys", vmin=0, vmax=1, extent=(left, right, bottom, top), zorder=0,
    )  # fmt: skip
    ax.vlines(np.linspace(left, right, x.size + 1), top, bottom, color="white", lw=1.2, zorder=1)
    ax.hlines(np.linspace(top, bottom, y.size + 1), left, right, color="white", lw=1.2, zorder=1)
    ax.plot(*map(np.ravel, np.meshgrid(x, y)), ".", color=FAINT, ms=2.2, zorder=2)
    ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=INK, lw=1.2))
    ax.set_aspect("equal")
    ax.axis("off")
    return left, right, top, bottom


def arrow(ax, start, end, text="", **place):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.5}, zorder=6)
    if text:
        ax.text(*place.pop("at"), text, color=INK, **place)


def beam(ax, x, y, center, alpha=0.75):
    """Draw a probe as a soft disc about a place."""
    left, right = np.array(edges(x)) + center[0]
    top, bottom = np.array(edges(y)) + center[1]
    fine = np.linspace(-1, 1, 200)
    r2 = fine[:, None] ** 2 + fine[None, :] ** 2
    color = np.empty((200, 200, 4))
    color[..., :3] = mpl.colors.to_rgb(BEAM)
    color[..., 3] = alpha * np.exp(-((r2 / 0.3) ** 2))
    ax.imshow(color, extent=(left, right, bottom, top), zorder=3)
    ax.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, ec=BEAM, lw=1.8, zorder=4)
    )


def draw_object(ax):
    ds = small_dataset()
    x, y = numbers(ds, "object_x"), numbers(ds, "object_y")
    grid_x, grid_y = np.meshgrid(x, y)
    tint = 0.16 + 0.07 * np.sin(0.9 * grid_x) * np.cos(0.8 * grid_y)
    left, right, top, bottom = pixels(ax, x, y, tint)
    # Rows and columns of the array.
    small = {"color": FAINT, "fontsize": 7.5, "ha": "center", "va": "center"}
    for column in (*range(4), x.size - 1):
        ax.text(x[column], top - 0.35, str(column), **small)
    for row in (*range(4), y.size - 1):
        ax.text(left - 0.4, y[row], str(row), **small)
    ax.text((x[3] + x[-1]) / 2, top - 0.35, "column", **small)
    ax.text(left - 0.4, (y[3] + y[-1]) / 2, "row", rotation=90, **small)
    arrow(
        ax, (left, top - 0.95), (right, top - 0.95), "object_x, +x",
        at=(right, top - 1.15), ha="right", va="bottom",
    )  # fmt: skip
    arrow(
        ax, (left - 1.0, top), (left - 1.0, bottom), "object_y, +y",
        at=(left - 1.2, bottom), ha="right", va="bottom", rotation=90,
    )  # fmt: skip
    # The scan, and the probe at one point of it.
    px, py = numbers(ds, "position_x"), numbers(ds, "position_y")
    ax.plot(px, py, "-", color=SCAN, lw=0.8, alpha=0.55, zorder=5)
    ax.plot(px, py, "o", color=SCAN, ms=4.5, mec="white", mew=0.6, zorder=5)
    at = 3
    beam(ax, numbers(ds, "probe_x"), numbers(ds, "probe_y"), (px[at], py[at]), 0.55)
    named = {
        "fontsize": 9,
        "zorder": 8,
        "bbox": {"fc": "white", "ec": "none", "pad": 1.2, "alpha": 0.85},
    }
    ax.text(px[0], py[0] - 0.35, "position_x, position_y", ha="left", va="bottom", **named)
    probe_right = px[at] + edges(numbers(ds, "probe_x"))[1]
    probe_top = py[at] + edges(numbers(ds, "probe_y"))[0]
    ax.text(
        probe_right - 0.15, probe_top + 0.2, "probe", color="#8f3d69", ha="right", va="top",
        weight="bold", zorder=8,
    )  # fmt: skip
    # The size of a pixel.
    sized = {
        "arrowstyle": "|-|,widthA=0.25,widthB=0.25",
        "color": INK,
        "lw": 1,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    ax.annotate("", (x[0] - 0.5, bottom + 0.4), (x[0] + 0.5, bottom + 0.4), arrowprops=sized)
    ax.text(x[0] + 0.75, bottom + 0.4, "object_pixel_width", va="center", fontsize=9)
    ax.annotate("", (right + 0.4, y[-1] + 0.5), (right + 0.4, y[-1] - 0.5), arrowprops=sized)
    ax.text(right + 0.7, y[-1] + 0.5, "object_pixel_height", va="bottom", rotation=90, fontsize=9)
    # Where pixel numbers begin.
    for origin in ORIGINS:
        place = (x[0] + zero("object_x", origin), y[0] + zero("object_y", origin))
        ax.plot(
            *place, MARKERS[origin], color=COLORS[origin], ms=9, mec="white", mew=1, zorder=9,
            label=f'0 of origin="{origin}"',
        )  # fmt: skip
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.005), ncols=3, frameon=False,
        handletextpad=0.2, columnspacing=1.5,
    )  # fmt: skip
    ax.text(left, top - 1.1, "object", weight="bold", fontsize=11, va="bottom")
    ax.plot([right - 4.1], [bottom + 0.4], ".", color=FAINT, ms=4, clip_on=False)
    ax.text(right - 3.9, bottom + 0.4, "pixel centres, the labels", va="center", fontsize=9)
    ax.set_xlim(left - 1.8, right + 1.2)
    ax.set_ylim(bottom + 0.7, top - 1.8)


def draw_window(ax, variable):
    """Draw the probe or the detector with its axes."""
    ds = small_dataset()
    x, y = numbers(ds, f"{variable}_x"), numbers(ds, f"{variable}_y")
    left, right, top, bottom = pixels(ax, x, y)
    if variable == "probe":
        beam(ax, x, y, (0, 0))
        ax.plot([left, right], [0, 0], ":", color=INK, lw=0.9, zorder=5)
        ax.plot([0, 0], [top, bottom], ":", color=INK, lw=0.9, zorder=5)
        ax.text(0.12, 0.1, "0", ha="left", va="top", fontsize=9, zorder=6)
        shown = (0, x.size - 1)
    else:
        rng = np.random.default_rng(3)
        r2 = (x[None, :] - x.size // 2) ** 2 + (y[:, None] - y.size // 2) ** 2
        image = np.exp(-r2 / 4) * rng.uniform(0.5, 1, r2.shape)
        ax.imshow(
            image, cmap="magma", extent=(left, right, bottom, top), zorder=1.5, alpha=0.85, vmin=0
        )
        shown = range(x.size)
    small = {"color": FAINT, "fontsize": 7.5, "ha": "center", "va": "center"}
    for pixel in shown:
        text = f"{x[pixel]:g}".replace("-", "−")
        ax.text(x[pixel], top - 0.35, text, **small)
        ax.text(left - 0.2, y[pixel], text, **{**small, "ha": "right"})
    arrow(
        ax, (left, top - 0.8), (right, top - 0.8), f"{variable}_x, +x",
        at=(right, top - 0.95), ha="right", va="bottom", fontsize=9,
    )  # fmt: skip
    arrow(
        ax, (left - 1.4, top), (left - 1.4, bottom), f"{variable}_y, +y",
        at=(left - 1.55, bottom), ha="right", va="bottom", rotation=90, fontsize=9,
    )  # fmt: skip
    name = {"probe": "probe", "detector": "diffraction"}[variable]
    ax.text(left, top - 1.6, name, weight="bold", fontsize=11, va="bottom")
    what = {"probe": "0 is the middle", "detector": "pixel numbers from 0"}[variable]
    ax.text((left + right) / 2, bottom + 0.2, what, ha="center", va="top", fontsize=9)
    ax.set_xlim(left - 2.2, right + 0.1)
    ax.set_ylim(bottom + 0.7, top - 2.2)


def frame():
    """Draw object, positions, probe and detector with their axes, and the three origins."""
    with mpl.rc_context(STYLE):
        fig = plt.figure(figsize=(9.8, 5.4))
        layout = fig.add_gridspec(
            2, 2, width_ratios=(2.6, 1), left=0, right=1, top=1, bottom=0.05, wspace=0.02,
            hspace=0.05,
        )  # fmt: skip
        draw_object(fig.add_subplot(layout[:, 0]))
        draw_window(fig.add_subplot(layout[0, 1]), "probe")
        draw_window(fig.add_subplot(layout[1, 1]), "detector")
    return fig


def scales():
    """Draw the three scales that number the same row of pixels."""
    ruler = 7
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(8.4, 3.1))
        ax.set_xlim(-2.9, ruler + 0.1)
        ax.set_ylim(4.9, -0.75)
        ax.axis("off")
        for column in range(ruler):
            ax.add_patch(
                Rectangle((column, 0), 1, 1, fc="#e6e6e6" if column % 2 else "#d2d2d2", ec="white")
            )
            ax.text(column + 0.5, 0.5, f"{column}", ha="center", va="center", color=INK)
        ax.text(-0.25, 0.5, "column of the array", ha="right", va="center")
        ax.annotate(
            "", (ruler / 2, -0.05), (ruler / 2, -0.35),
            arrowprops={"arrowstyle": "-", "color": FAINT},
        )  # fmt: skip
        ax.text(ruler / 2, -0.4, "middle of the object", ha="center", va="bottom", color=FAINT)
        for line, origin in enumerate(ORIGINS):
            height = 1.7 + 1.15 * line
            color = COLORS[origin]
            arrays = {
                "xcoords": np.zeros(1),
                "ycoords": np.zeros(1),
                "objectGuess": np.ones((ruler, ruler), dtype=np.complex64),
            }
            labels = numbers(ptyxr.from_rawdata(arrays, origin=origin), "object_x")
            # A number n lies where the labels say; ticks at the whole numbers within the object.
            low, high = edges(labels)
            ticks = range(math.ceil(low), math.floor(high) + 1)
            ax.plot([0, ruler], [height, height], color=color, lw=1.5)
            for tick in ticks:
                at = tick - low
                zero_here = tick == 0
                size = 0.3 if zero_here else 0.16
                ax.plot([at, at], [height - size / 2, height + size / 2], color=color, lw=1.3)
                ax.text(
                    at, height + 0.2, f"{tick}".replace("-", "−"), color=color, ha="center",
                    va="top", weight="bold" if zero_here else "normal",
                )  # fmt: skip
                if zero_here:
                    ax.plot(
                        at, height, MARKERS[origin], color=color, ms=9, mec="white", mew=1, zorder=5
                    )
            ax.text(
                -0.25, height, f'origin="{origin}"', ha="right", va="center", color=color,
                weight="bold",
            )  # fmt: skip
        fig.subplots_adjust(left=0.01, right=0.99, top=0.99, bottom=0.01)
    return fig
