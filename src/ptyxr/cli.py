"""The command ``ptyxr``: demo, convert, info, validate, plot, versions.

Heavy packages are imported inside the commands, so that help comes at once.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final

import typer

from ptyxr._console import DEBUG, Group, file_size, progress, with_options
from ptyxr._options import (
    OLD_INPUT,
    OLD_OUTPUT,
    Measurement,
    Origin,
    PositionIndex,
    merge_old_options,
    one_of,
    with_schema_options,
)
from ptyxr.amounts import shape
from ptyxr.errors import ExistingFileError, PtyxrError
from ptyxr.storage.atomic import target_path
from ptyxr.storage.files import source_name
from ptyxr.storage.sources import located
from ptyxr.storage.urls import is_url

__all__ = ["app", "main"]

app = typer.Typer(
    name="ptyxr",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,  # whose tables cut long options short, on terminals of 80 columns
    pretty_exceptions_enable=False,  # Group says it in a sentence
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ptychography files with units: Ptychodus products (HDF5) and PtychoPINN datasets (NPZ).",
)

_HDF5_SUFFIXES: Final = (".h5", ".hdf5")
_NPZ_SUFFIX: Final = ".npz"


def _place(text: str) -> Path | str:
    """Return a path, or an address as it is: as a path it would lose a slash."""
    return text if is_url(text) else Path(text)


_File = Annotated[
    Path,  # what the help shows of it; an address stays text
    typer.Argument(
        parser=_place,
        metavar="FILE",
        help="A Ptychodus product or a PtychoPINN NPZ: a path, or an address such as https://…",
    ),
]
_AllowExternal = Annotated[
    bool,
    typer.Option(
        "--allow-external",
        help="Follow links that lead out of an HDF5 file. Only for files that you trust.",
    ),
]


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

# After a backspace, lines are kept as they are.
_EXAMPLES: Final = """\b
Examples:
  ptyxr convert Run1084.npz run1084.h5 --object-pixel-size "50 nm" \\
      --probe-pixel-size "50 nm" --photon-energy "8 keV" \\
      --position-index sequential
  ptyxr convert run1084.h5 back.npz
"""


@app.command(epilog=_EXAMPLES)
@with_schema_options
def convert(
    source: Annotated[
        Path | None,
        typer.Argument(
            parser=_place,
            metavar="IN",
            help="A PtychoPINN NPZ or a Ptychodus product: a path, or an address such as https://…",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(
            parser=_place,
            metavar="OUT",
            help="What to write: a product (.h5, .hdf5), or a PtychoPINN dataset (.npz).",
        ),
    ] = None,
    *,
    far_field: Annotated[
        bool | None,
        typer.Option(
            "--far-field/--no-far-field", help="Whether the detector is in the far field."
        ),
    ] = None,
    origin: Annotated[
        Origin | None,
        typer.Option(
            metavar="ORIGIN",
            help="What the pixel numbers of the NPZ count from: 'corner', 'pixel' or 'center'; "
            "'auto' looks at the file; 'world' is for writing only: metres divided by the pixel "
            "size.",
        ),
    ] = None,
    measurement: Annotated[
        Measurement | None,
        typer.Option(
            metavar="KIND",
            help="What the patterns are, where the file is not clear: 'amplitude', 'counts' or "
            "'unknown'.",
        ),
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
    allow_external: _AllowExternal = False,
    **given: Any,
) -> None:
    """Convert between PtychoPINN's NPZ and Ptychodus products.

    Quantities are a number with a unit: "50 nm", "8 keV".
    """
    from ptyxr.formats.ptychopinn import PtychoPINNBackend

    source = one_of("IN", source, given.pop(OLD_INPUT))
    target = one_of("OUT", target, given.pop(OLD_OUTPUT))
    if source is None or target is None:
        missing = "IN and OUT are" if source is target else "OUT is" if source else "IN is"
        raise PtyxrError(
            f"{missing} missing", expected="ptyxr convert IN OUT", remedy="See ptyxr convert --help"
        )
    _refuse_address(target)
    source = located(source) if is_url(source) else source  # what is read of it, is read once
    suffix = target.suffix.lower()
    if suffix not in (*_HDF5_SUFFIXES, _NPZ_SUFFIX):
        raise PtyxrError(
            "what to write is told by the name's ending", file=target, found=repr(target.suffix),
            expected="'.h5', '.hdf5' or '.npz'",
        )  # fmt: skip
    sizes, center = merge_old_options(given, object_center)

    to_npz = suffix == _NPZ_SUFFIX
    from_rawdata = PtychoPINNBackend().guess_can_open(source)
    _refuse_useless(
        "a product to write" if to_npz else "an NPZ to write",
        {"--object-center": center, "--position-index": position_index}
        if to_npz
        else {"--compressed": compressed or None, "--probe": probe},
    )
    if not (from_rawdata or to_npz):
        _refuse_useless("an NPZ", {"--origin": origin, "--measurement": measurement})
    if not overwrite and target.exists():
        raise ExistingFileError("the file exists", file=target, remedy="--overwrite replaces it")

    is_file = isinstance(source, Path) and source.exists()
    if target.exists() and is_file and target.samefile(source):
        raise PtyxrError("IN and OUT are the same file", file=target, remedy="Give OUT a name")

    import ptyxr
    from ptyxr.formats.ptychodus_writer import with_metadata

    reading: dict[str, Any] = {
        name: one.value for name, one in (("origin", origin), ("measurement", measurement)) if one
    }
    how = reading if from_rawdata else {}
    with ptyxr.open_dataset(source, allow_external=allow_external, **how) as opened:
        ds = with_metadata(
            opened.ptyxr.assign_pixel_size(**sizes), {**given, "far_field": far_field}
        )
        if fill_object and "object" not in ds:
            ds = ds.ptyxr.fill_object()
        if to_npz and not include_diffraction:
            ds = ds.drop_vars("diffraction", errors="ignore")
        _make_folder(target.parent)
        with progress(f"writing {target.name}"):
            if to_npz:
                writing: dict[str, Any] = {} if from_rawdata else dict(reading)
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


def _refuse_address(target: Any) -> None:
    if is_url(target):
        target_path(target)  # which refuses it


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PtyxrError(
            "the folder cannot be made", file=path, found=error.strerror or str(error)
        ) from error


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


@app.command(short_help="Show what a file holds, with units.")
def info(file: _File, allow_external: _AllowExternal = False) -> None:
    """Show what a file holds: arrays, coordinates with units, and what ptyxr does not know.

    Nothing big is read.
    """
    from ptyxr._info import run_info

    run_info(file, allow_external=allow_external)


@app.command()
def validate(
    file: _File,
    source: Annotated[
        Path | None,
        typer.Option(
            parser=_place,
            metavar="NPZ",
            help="The NPZ that FILE was made from, to compare it with.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Check a file against its format, and list all problems at once.

    The exit code is 0 where there are no errors, else 2; warnings do not count.
    """
    from ptyxr.validation import validate_file

    report = validate_file(file, source)
    if isinstance(file, Path):
        report = replace(report, file=str(file))  # as it was given, not from the root
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else with_options(str(report)))
    if not report:
        raise typer.Exit(2)


@app.command(short_help="Draw object, scan, probe, a pattern and the loss.")
def plot(
    file: _File,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=_place,
            metavar="PICTURE",
            help="The picture: .png, .pdf, .svg; by default FILE's name with .png, in this folder.",
        ),
    ] = None,
    allow_external: _AllowExternal = False,
) -> None:
    """Draw an overview: the object with the scan on it, the probe, a pattern, the loss."""
    import ptyxr
    from ptyxr._figures import headless

    _refuse_address(output)
    headless()
    with ptyxr.open_dataset(file, allow_external=allow_external) as ds:
        if output is None:  # of what could be opened: "." has no name
            name = PurePosixPath(source_name(file)).name if is_url(file) else file.resolve().name
            output = Path(name).with_suffix(".png")
        figure = ds.ptyxr.plot()
        known = figure.canvas.get_supported_filetypes()
        if output.suffix[1:].lower() not in known:
            raise PtyxrError(
                "this is no picture that can be written", file=output, found=repr(output.suffix),
                expected=", ".join(f".{one}" for one in sorted(known)),
            )  # fmt: skip
        _make_folder(output.parent)
        figure.savefig(output, dpi=150)
    typer.echo(f"wrote {output} ({file_size(output.stat().st_size)})")


# --- demo -----------------------------------------------------------------------------------------


@app.command(short_help="See it work, without data of your own.")
def demo(
    output_dir: Annotated[Path, typer.Option(help="Folder for the files it makes.")] = Path(
        "ptyxr-demo"
    ),
) -> None:
    """See it work without data: simulate a scan, convert it, open it, select by length, plot.

    Each step is shown with the Python that does it.
    """
    from ptyxr._demo import run_demo

    run_demo(output_dir)


# --- versions -------------------------------------------------------------------------------------


@app.command(short_help="Print the versions of all there is, for a report.")
def versions() -> None:
    """Print the versions of ptyxr, Python, HDF5 and packages, for a report of a defect."""
    from ptyxr.versions import show_versions

    show_versions()


def main() -> None:
    """Run the command."""
    # Into a pipe, Windows writes in the code page of the country, which has not every letter.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="ptyxr")
