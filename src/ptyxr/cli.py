"""The command ``ptyxr``: demo, convert, info, validate, plot.

Heavy packages are imported inside the commands, so that help comes at once.
"""

from __future__ import annotations

import inspect
import json
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ptyxr._console import DEBUG, Group, describe, file_size, progress, say, shape
from ptyxr.errors import ExistingFileError, MissingDependencyError, PtyxrError
from ptyxr.model import AXES, SCHEMA, scalars

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["app", "main"]

app = typer.Typer(
    name="ptyxr",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # Group says it in a sentence
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ptychography files with units: Ptychodus products (HDF5) and PtychoPINN datasets (NPZ).",
)

_HDF5_SUFFIXES: Final = (".h5", ".hdf5")
_NPZ_SUFFIX: Final = ".npz"

_File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A Ptychodus product or a PtychoPINN NPZ.")
]


class Origin(StrEnum):
    """What the pixel numbers of an NPZ are counted from."""

    AUTO, CORNER, PIXEL, CENTER, WORLD = "auto", "corner", "pixel", "center", "world"


class Measurement(StrEnum):
    """What diffraction patterns hold."""

    AMPLITUDE, COUNTS, UNKNOWN = "amplitude", "counts", "unknown"


class PositionIndex(StrEnum):
    """How positions are numbered anew."""

    SEQUENTIAL = "sequential"


def _version(wanted: bool) -> None:
    if wanted:
        import ptyxr

        typer.echo(f"ptyxr {ptyxr.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    # Group.invoke looks at it.
    debug: Annotated[
        bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del debug, version


# --- convert --------------------------------------------------------------------------------------

_EXAMPLES: Final = {
    "meter": "1.5 m",
    "meter / pixel": "50 nm",
    "electron_volt": "8 keV",
    "second": "0.1 s",
    "count": "1e9",
    "meter ** 2 / kilogram": "0.3 m^2/kg",
    "degree": "12.5 deg",
}
_TEXTS: Final = ("name", "comments", "polarization")
_PAIRS: Final = {f"{what}_pixel_size": what for what in ("object", "probe", "detector")}
_PIXEL_SIZES: Final = {axis.pixel_size for axis in AXES.values()}

# The options of PtychoPINN's converter that have other names here: the name of the model, and the
# unit that the option's name gives to its bare number.
_PTYCHOPINN: Final = {
    "--detector-distance-m": ("detector_object_distance", "m"),
    "--probe-energy-eV": ("photon_energy", "eV"),
    "--exposure-time-s": ("exposure_time", "s"),
    "--mass-attenuation-m2-kg": ("mass_attenuation", "m^2/kg"),
    "--tomography-angle-deg": ("tomography_angle", "deg"),
    "--object-pixel-size-m": ("object_pixel_size", "m"),
    "--probe-pixel-size-m": ("probe_pixel_size", "m"),
    "--object-center-x-m": ("object_center_x", "m"),
    "--object-center-y-m": ("object_center_y", "m"),
}
_OLD: Final = "ptychopinn_"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _data_option(name: str) -> Any:
    """Return the option for one name of the model, or for a pair of pixel sizes."""
    if name in _PAIRS:
        text = f'Size of a pixel of the {_PAIRS[name]}: "50 nm", or "50 nm,40 nm" (width,height).'
    else:
        entry = SCHEMA[name]
        example = "" if name in _TEXTS else f', such as "{_EXAMPLES[entry.unit or "count"]}"'
        text = f"{entry.long_name.capitalize()}{example}."
    return typer.Option(
        _flag(name),
        metavar="TEXT" if name in _TEXTS else "QUANTITY",
        help=text,
        hidden=name in _PIXEL_SIZES,  # --object-pixel-size and the like say both at once
        rich_help_panel="What the input does not say, or says wrong",
    )


def _with_schema_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every name of the model that is one value, and the old ones.

    typer makes options from the signature; here its ``**given`` is replaced by what the tables say.
    """
    names = (*_PAIRS, *_TEXTS, *(entry.name for entry in scalars()))
    made: dict[str, tuple[type, Any]] = {name: (str, _data_option(name)) for name in names}
    for option, (name, _) in _PTYCHOPINN.items():
        made[_OLD + name] = (float, typer.Option(option, hidden=True))
    for name in ("input_npz", "output_product"):
        made[_OLD + name] = (Path, typer.Option(_flag(name), hidden=True))
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    generated = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, option],
        )
        for name, (kind, option) in made.items()
    ]
    command.__signature__ = signature.replace(parameters=own + generated)  # type: ignore[attr-defined]
    return command


def _one(name: str, *values: Any) -> Any:
    """Return the one of several ways to say a thing that was used, or None."""
    used = [value for value in values if value is not None]
    if len(used) > 1:
        raise PtyxrError(
            "this is given twice", key=name, found=" and ".join(map(repr, map(str, used)))
        )
    return used[0] if used else None


def _pair(text: str | None) -> str | tuple[str, ...] | None:
    """Return ``"50 nm,40 nm"`` as the two texts it holds."""
    parts = () if text is None else tuple(part.strip() for part in text.split(","))
    return parts if len(parts) > 1 else text


@app.command()
@_with_schema_options
def convert(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="IN", help="A PtychoPINN NPZ or a Ptychodus product."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="What to write: a product where it ends in .h5 or .hdf5, or an .npz.",
        ),
    ] = None,
    *,
    far_field: Annotated[
        bool | None,
        typer.Option(
            "--far-field/--no-far-field",
            help="Whether the detector is in the far field.",
            rich_help_panel="What the input does not say, or says wrong",
        ),
    ] = None,
    origin: Annotated[
        Origin | None,
        typer.Option(
            help="What the pixel numbers of the NPZ count from; 'auto' looks at the file, 'world' "
            "is for writing only: metres divided by the pixel size."
        ),
    ] = None,
    measurement: Annotated[
        Measurement | None, typer.Option(help="What the patterns are, where the file is not clear.")
    ] = None,
    object_center: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y",
            help='Centre of the object in the product, such as "0 m,0 m"; by default where the '
            "positions fall on the pixels they were on.",
        ),
    ] = None,
    position_index: Annotated[
        PositionIndex | None,
        typer.Option(help="Number the positions 0, 1, 2, … instead of as the file has it."),
    ] = None,
    include_diffraction: Annotated[
        bool, typer.Option(help="Whether the diffraction patterns are written.")
    ] = True,
    fill_object: Annotated[
        bool, typer.Option("--fill-object", help="Where there is no object, a uniform one.")
    ] = False,
    probe: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help="The incoherent probe mode for the NPZ: 'dominant' (the default), 'all', or a "
            "number from 0.",
        ),
    ] = None,
    compressed: Annotated[bool, typer.Option("--compressed", help="Compress the NPZ.")] = False,
    overwrite: Annotated[
        bool, typer.Option(help="Whether an existing OUT is replaced, as cp does.")
    ] = True,
    **given: Any,
) -> None:
    """Convert between PtychoPINN's NPZ and Ptychodus products.

    Quantities are a number with a unit: "50 nm", "8 keV".

        ptyxr convert Run1084.npz run1084.h5 --object-pixel-size "50 nm" --photon-energy "8 keV"

        ptyxr convert run1084.h5 back.npz
    """
    source = _one("IN", source, given.pop(f"{_OLD}input_npz"))
    target = _one("OUT", target, given.pop(f"{_OLD}output_product"))
    if source is None or target is None:
        raise PtyxrError("the files are missing", expected="ptyxr convert IN OUT")
    suffix = target.suffix.lower()
    if suffix not in (*_HDF5_SUFFIXES, _NPZ_SUFFIX):
        raise PtyxrError(
            "what to write is told by the name's ending", file=target, found=repr(target.suffix),
            expected="'.h5', '.hdf5' or '.npz'",
        )  # fmt: skip
    for old, (name, unit) in _PTYCHOPINN.items():
        bare = given.pop(_OLD + name)
        quantity = None if bare is None else f"{bare!r} {unit}"
        given[name] = _one(f"{_flag(name)}, {old}", given.get(name), quantity)
    sizes = {what: _pair(given.pop(name)) for name, what in _PAIRS.items()}
    old_center = [given.pop(f"object_center_{axis}") for axis in "xy"]
    if old_center != [None, None]:
        # One alone goes with 0, as in PtychoPINN's converter.
        object_center = _one(
            "--object-center", object_center, ",".join(x or "0 m" for x in old_center)
        )
    center = _pair(object_center)

    to_npz = suffix == _NPZ_SUFFIX
    from_npz = _is_npz(source)
    _refuse_useless(
        "a product to write" if to_npz else "an NPZ to write",
        {"--object-center": center, "--position-index": position_index}
        if to_npz
        else {"--compressed": compressed or None, "--probe": probe},
    )
    if not (from_npz or to_npz):
        _refuse_useless("an NPZ", {"--origin": origin, "--measurement": measurement})
    if not overwrite and target.exists():
        raise ExistingFileError("the file exists", file=target, remedy="--overwrite replaces it")

    import ptyxr
    from ptyxr.formats.ptychodus_writer import with_metadata

    reading = {
        name: one.value for name, one in (("origin", origin), ("measurement", measurement)) if one
    }
    with ptyxr.open_dataset(source, **(reading if from_npz else {})) as opened:
        ds = with_metadata(
            opened.ptyxr.assign_pixel_size(**sizes), {**given, "far_field": far_field}
        )
        if fill_object and "object" not in ds:
            ds = ds.ptyxr.fill_object()
        if to_npz and not include_diffraction:
            ds = ds.drop_vars("diffraction", errors="ignore")
        target.parent.mkdir(parents=True, exist_ok=True)
        total = sum(variable.nbytes for variable in ds.data_vars.values())
        with progress(f"writing {target.name}", target, total):
            if to_npz:
                writing: dict[str, Any] = {} if from_npz else dict(reading)
                if probe is not None:
                    writing["probe"] = int(probe) if probe.isdecimal() else probe
                ds.ptyxr.to_npz(target, compressed=compressed, **writing)
            else:
                ds.ptyxr.to_product(
                    target,
                    mode="w" if overwrite else "x",
                    include_diffraction=include_diffraction,
                    object_center=center,
                    position_index=None if position_index is None else position_index.value,
                )
    _say_written(target)


def _is_npz(path: Path) -> bool:
    from ptyxr.storage.files import first_bytes
    from ptyxr.storage.npz import is_zip

    return is_zip(first_bytes(path))


def _refuse_useless(needed: str, options: dict[str, object]) -> None:
    """Refuse options that would do nothing: whoever gives one expects something of it."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise PtyxrError(f"{' and '.join(given)} would do nothing here", expected=needed)


def _say_written(target: Path) -> None:
    import ptyxr

    with warnings.catch_warnings():
        # What there is to say about the file has just been said.
        warnings.simplefilter("ignore", UserWarning)
        with ptyxr.open_dataset(target) as ds:
            parts = [f"{name} {shape(one.shape)} {one.dtype}" for name, one in ds.data_vars.items()]
    typer.echo(f"wrote {target} ({file_size(target.stat().st_size)}): {', '.join(parts)}")


# --- info, validate, plot -------------------------------------------------------------------------


@app.command()
def info(file: _File) -> None:
    """Show what a file holds: arrays, coordinates with units, and what ptyxr does not know.

    Nothing big is read.
    """
    import ptyxr
    from ptyxr.formats import ptychodus, ptychopinn
    from ptyxr.storage.hdf5 import HDF5File
    from ptyxr.storage.npz import NpzFile

    with ptyxr.open_dataset(file) as ds:
        if _is_npz(file):
            kind, unknown = "PtychoPINN dataset (NPZ)", ptychopinn.unknown(NpzFile(file))
        else:
            product = HDF5File(file)
            try:
                group = product.group()
            finally:
                product.close()
            if group is None:
                raise PtyxrError("the file has no root group", file=file)
            kind = f"Ptychodus product (HDF5), {ptychodus.generation(group)}"
            unknown = ptychodus.unknown(group)
        heading = [("path", str(file)), ("size", file_size(file.stat().st_size)), ("format", kind)]
        describe(ds, heading, unknown)


@app.command()
def validate(
    file: _File,
    source: Annotated[
        Path | None,
        typer.Option(metavar="NPZ", help="The NPZ that FILE was made from, to compare it with."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Check a file against its format, and list all problems at once.

    The exit code is 0 where there are no errors, else 2; warnings do not count.
    """
    from ptyxr.validation import validate_file

    report = validate_file(file, source)
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else str(report))
    if not report:
        raise typer.Exit(2)


@app.command()
def plot(
    file: _File,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The picture: .png, .pdf, .svg; by default FILE's name with .png, in this folder.",
        ),
    ] = None,
) -> None:
    """Draw an overview: the object with the scan on it, the probe, a pattern, the loss."""
    import ptyxr

    output = output or Path(file.name).with_suffix(".png")
    _headless()
    with ptyxr.open_dataset(file) as ds:
        figure = ds.ptyxr.plot()
        known = figure.canvas.get_supported_filetypes()
        if output.suffix[1:].lower() not in known:
            raise PtyxrError(
                "this is no picture that can be written", file=output, found=repr(output.suffix),
                expected=", ".join(f".{one}" for one in sorted(known)),
            )  # fmt: skip
        output.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(output, dpi=150)
    typer.echo(f"wrote {output} ({file_size(output.stat().st_size)})")


def _headless() -> None:
    """Draw into files, for which no screen is needed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return  # what draws says it better
    mpl.use("Agg")


# --- demo -----------------------------------------------------------------------------------------

# What is said, the Python that does it, and an expression to look at, or nothing.
_STEPS: Final = (
    (
        "Simulate a scan, and write it as PtychoPINN does.",
        "scan = ptyxr.tutorial.simulate_scan()\nptyxr.tutorial.save_npz(scan, {npz!r})",
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


@app.command()
def demo(
    output_dir: Annotated[Path, typer.Option(help="Folder for the files it makes.")] = Path(
        "ptyxr-demo"
    ),
) -> None:
    """See it work without data: simulate a scan, convert it, open it, select by length, plot.

    Each step is shown with the Python that does it.
    """
    import xarray as xr

    import ptyxr

    output_dir.mkdir(parents=True, exist_ok=True)
    files = {"npz": "scan.npz", "product": "scan.h5", "picture": "scan.png"}
    paths = {name: str(output_dir / file) for name, file in files.items()}
    steps = (
        *_STEPS,
        ("Plot it.", "ds.ptyxr.plot().savefig({picture!r}, dpi=150)", ""),
    )
    _headless()
    names: dict[str, Any] = {"xr": xr, "ptyxr": ptyxr, "Q": ptyxr.ureg.Quantity}
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


def main() -> None:
    """Run the command."""
    app(prog_name="ptyxr")
