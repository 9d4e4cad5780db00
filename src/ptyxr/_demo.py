"""What ``ptyxr demo`` shows: each step said, written as Python, and done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from ptyxr._console import say
from ptyxr.errors import MissingDependencyError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run_demo"]

# What is said, the Python that does it, and an expression to look at, or nothing.
_STEPS: Final = (
    (
        "Simulate a scan, and write it as PtychoPINN does.",
        (
            "import ptyxr, xarray as xr\n"
            "Q = ptyxr.ureg.Quantity\n"
            "scan = ptyxr.tutorial.simulate_scan()\nptyxr.tutorial.save_npz(scan, {npz!r})"
        ),
        "scan",
    ),
    (
        "Open it. PtychoPINN counts in pixels, and so do the coordinates.",
        'raw = xr.open_dataset({npz!r}, engine="ptychopinn")',
        "raw.position_x[0].data",
    ),
    (
        "Say how large a pixel is, and pixels become metres.",
        'ds = raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.to("m")',
        "ds.position_x[0].data",
    ),
    (
        "Write a Ptychodus product, with the optics that an NPZ does not hold.",
        (
            "optics = ptyxr.tutorial.SIMULATED_OPTICS\n"
            'ds.ptyxr.to_product({product!r}, position_index="sequential", **optics)'
        ),
        "",
    ),
    (
        "Open the product: the same dataset, now from the other format.",
        'ds = xr.open_dataset({product!r}, engine="ptychodus")',
        'ds.ptyxr.wavelength.pint.to("angstrom").data',
    ),
    (
        "Crop by length, in any unit of length.",
        'crop = ds.sel(object_x=slice(Q("4 um"), Q("7000 nm")))',
        "crop.object.shape",
    ),
    (
        "Find the scan point that is nearest to a place.",
        'point = ds.ptyxr.nearest(x="5.3 um", y="6 um")',
        'point.position_x.pint.to("um").data',
    ),
)


def run_demo(output_dir: Path) -> None:
    """Simulate a scan, convert it, open it, select by length and plot, into a folder."""
    from ptyxr._figures import headless

    output_dir.mkdir(parents=True, exist_ok=True)
    files = {"npz": "scan.npz", "product": "scan.h5", "picture": "scan.png"}
    paths = {name: str(output_dir / file) for name, file in files.items()}
    steps = (
        *_STEPS,
        ("Plot it.", "ds.ptyxr.plot().savefig({picture!r}, dpi=150)", ""),
    )
    headless()
    names: dict[str, Any] = {}
    for number, (what, template, result) in enumerate(steps, 1):
        python = template.format(**paths)
        typer.secho(f"{number}. {what}", bold=True)
        for line in python.splitlines():
            typer.echo(f"   >>> {line}")
        try:
            exec(python, names)  # noqa: S102 - so that what is shown is what is done
        except MissingDependencyError as error:
            say("warning", error)
            return
        if result:
            typer.echo(f"   >>> {result}\n   {eval(result, names)!r}")  # noqa: S307 - the same
    for opened in ("raw", "ds"):
        names[opened].close()
    typer.echo(f"\nThe product is {paths['product']}: try `ptyxr info {paths['product']}`.")
    typer.echo(f"The picture is {paths['picture']}")
