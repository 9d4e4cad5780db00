"""What the command says and how: errors and warnings in a sentence, tables, progress.

Standard output is for what was asked for, so that it can be piped; everything else goes to standard
error. Nothing heavy is imported before it is used: ``ptyxr --help`` should not wait for xarray.
"""

from __future__ import annotations

import contextlib
import re
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from ptyxr.amounts import number, shape
from ptyxr.errors import PtyxrError, printable
from ptyxr.model import AXES, SCHEMA
from ptyxr.waiting import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import RenderableType
    from xarray import Dataset

__all__ = [
    "DEBUG",
    "Group",
    "describe",
    "file_size",
    "progress",
    "say",
    "show",
    "with_options",
]

#: Environment variable that asks for tracebacks.
DEBUG: Final = "PTYXR_DEBUG"

_DECIMAL: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

# What messages advise in Python, as options of `convert`.
_AS_OPTIONS: Final = (
    (r"ds\.ptyxr\.assign_pixel_size\((\w+)='([^']*)', (\w+)='([^']*)'\)",
     r"--\1-pixel-size '\2' --\3-pixel-size '\4'"),
    (r"ds\.ptyxr\.assign_pixel_size\((\w+)='([^']*)'\)", r"--\1-pixel-size '\2'"),
    (r"\('([^']*)', '([^']*)'\)", r"'\1,\2'"),  # a pair
    (r"ds\.ptyxr\.fill_object\(\)", "--fill-object"),
    (r"\bposition_index='(\w+)'", r"--position-index \1"),
    (r"\b(origin|measurement|probe)='(\w+)'", r"--\1 \2"),
    (r"\bmode='w'", "--overwrite"),
    (r"\bWithout object_center\b", "Without --object-center"),
)  # fmt: skip


def as_options(message: str) -> str:
    """Return a message with what it advises to do in Python as options of ``ptyxr convert``.

    Examples
    --------
    >>> as_options("position_index='sequential' numbers them in order.")
    '--position-index sequential numbers them in order.'
    """
    for python, option in _AS_OPTIONS:
        message = re.sub(python, option, message)
    return message


def with_options(report: str) -> str:
    """Return a report on a file with the options of ``ptyxr convert`` beside arguments.

    Examples
    --------
    >>> with_options("Give it on writing: ds.ptyxr.to_product(..., tilt_angle=...).")
    'Give it on writing: ds.ptyxr.to_product(..., tilt_angle=...), or ptyxr convert --tilt-angle.'
    """

    def both(found: re.Match[str]) -> str:
        return f"{found[0]}, or ptyxr convert --{found[1].replace('_', '-')}"

    return re.sub(r"ds\.ptyxr\.to_product\(\.\.\., (\w+)=\.\.\.\)", both, report)


def say(kind: str, message: object) -> None:
    """Print one line on standard error, such as ``ptyxr: warning: …``."""
    colors = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}
    label = typer.style(f"{kind}:", fg=colors.get(kind), bold=True)
    typer.echo(f"ptyxr: {label} {' '.join(str(message).split())}", err=True)


class Group(TyperGroup):
    """The commands, and what becomes of the errors that end one of them."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what goes wrong becomes a sentence and an exit code.

        Exit code 2 is what a file or an argument is to blame for, 1 a defect of ptyxr, and 130 an
        interrupt, as shells have it.
        """

        def advice(message: object) -> str:
            return as_options(str(message)) if ctx.invoked_subcommand == "convert" else str(message)

        try:
            with sentences(advice):
                return super().invoke(ctx)
        except KeyboardInterrupt:
            say("error", "interrupted")
            raise typer.Exit(130) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if hasattr(error, "show"):  # a usage error, which typer shows itself
                raise
            if ctx.params.get("debug"):
                traceback.print_exc()
            if isinstance(error, (PtyxrError, OSError)):
                say("error", advice(_sentence(error)))
                raise typer.Exit(2) from None
            say(
                "error",
                f"unexpected {type(error).__name__}: {error}. This is a defect of ptyxr; please "
                f"report it with what `{DEBUG}=1 ptyxr …` and `ptyxr versions` print.",
            )
            raise typer.Exit(1) from None


def _sentence(error: Exception) -> str:
    """Return what an error says, of the system's without their number and brackets."""
    if isinstance(error, PtyxrError) or not isinstance(error, OSError):
        return str(error)
    if isinstance(error, FileNotFoundError) and error.filename is None:
        # The one path that the system does not name is the folder that others are relative to.
        return "the current folder is gone. Change into it anew, with cd"
    if not error.filename:
        return str(error)
    return f"{error.filename}: {error.strerror}"


@contextlib.contextmanager
def sentences(wording: Callable[[object], str]) -> Iterator[None]:
    """Print each UserWarning once, as a sentence without the place in the code it comes from.

    Parameters
    ----------
    wording : callable
        Returns what is to be said for a warning.
    """
    seen: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def in_a_sentence(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: Any = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, UserWarning):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in seen:
                seen.add(str(message))
                say("warning", wording(message))

        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = in_a_sentence
        yield


def file_size(count: float) -> str:
    """Return a number of bytes as people read it.

    Examples
    --------
    >>> file_size(35_619_840)
    '35.6 MB'
    """
    for factor, prefix in _DECIMAL:
        if count >= factor:
            return f"{count / factor:.3g} {prefix}B"
    return f"{count:.0f} B"


def show(*renderables: RenderableType) -> None:
    """Print on standard output; into a pipe as plain text, unwrapped."""
    from rich.console import Console

    console = Console(soft_wrap=False, highlight=False, emoji=False)
    if console.is_terminal:
        console.print(*renderables, sep="\n")
        return
    wide = Console(width=1000, highlight=False, emoji=False, color_system=None)
    with wide.capture() as captured:
        wide.print(*renderables, sep="\n")
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    terminal = sys.stdout.isatty()
    table = Table(
        *columns,
        show_header=any(columns),
        box=box.SIMPLE_HEAD if terminal else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for row in rows:
        # Names and texts come from files, and could steer the terminal.
        table.add_row(*(escape(printable(cell)) for cell in row))
    return table


def describe(ds: Dataset, heading: Sequence[tuple[str, str]], unknown: Sequence[str]) -> None:
    """Print what a dataset holds, without reading its arrays.

    Parameters
    ----------
    ds : Dataset
        A dataset of the model.
    heading : sequence of (str, str)
        What is known of the file itself, as names and values.
    unknown : sequence of str
        What in the file ptyxr does not know.
    """
    known = [(name, str(ds.attrs[name])) for name in SCHEMA if ds.attrs.get(name) not in (None, "")]
    other = [(str(name), str(ds.attrs[name])) for name in ds.attrs if name not in SCHEMA]
    scalars, along = _coordinates(ds)
    arrays = [
        (
            str(name),
            shape(variable.shape),
            ", ".join(map(str, variable.dims)),
            str(variable.dtype),
            file_size(variable.nbytes),
            _note(variable),
        )
        for name, variable in ds.data_vars.variables.items()
    ]
    tables: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]] = {
        "File": (("", ""), [*heading, *((name, _short(value)) for name, value in known + other)]),
        "Arrays": (("name", "shape", "dimensions", "dtype", "size", "what"), arrays),
        "Coordinates": (("name", "length", "first to last, or range", "pixel", "what"), along),
        "Scalars": (("name", "value", "what"), scalars),
        "Not known to ptyxr": (("",), [(name,) for name in unknown] or [("nothing",)]),
    }
    parts: list[RenderableType] = []
    for title, (columns, rows) in tables.items():
        if rows:
            parts += ["", f"[bold]{title}[/bold]", _table(columns, rows)]
    show(*parts[1:])


def _short(text: str, length: int = 300) -> str:
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def _note(variable: Any) -> str:
    notes = [str(variable.attrs.get("long_name", ""))]
    if "quantity" in variable.attrs:
        notes.append(f"as {variable.attrs['quantity']}")
    if variable.encoding.get("compression"):
        notes.append(f"compressed ({variable.encoding['compression']})")
    return ", ".join(filter(None, notes))


def _coordinates(ds: Dataset) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the rows for scalar coordinates, and for those along a dimension."""
    import numpy as np

    from ptyxr.coordinates import axis, magnitude, unit_of

    scalars: list[tuple[str, ...]] = []
    along: list[tuple[str, ...]] = []
    for name in map(str, ds.coords):
        variable = ds.variables[name]
        what = str(variable.attrs.get("long_name", ""))
        has_unit = name not in SCHEMA or SCHEMA[name].unit is not None
        unit = unit_of(ds, name) if has_unit and "units" in variable.attrs else None
        values = magnitude(ds, name) if unit is not None else np.asarray(variable.values)
        if name in AXES and variable.dims == (name,):
            grid = axis(ds, name).grid
            pitch = number(abs(grid.pitch), grid.unit)
            ends = (
                f"{number(float(values[0]), unit)} to {number(values[-1], unit)}"
                if values.size
                else ""
            )
            along.append((name, str(variable.size), ends, pitch, what))
        elif not variable.ndim:
            value = values[()]
            scalars.append(
                (
                    name,
                    number(float(value), unit) if value.dtype.kind in "fiu" else f"{value}",
                    what,
                )
            )
        else:
            span = ""
            if values.size and values.dtype.kind in "fiu":
                span = f"{number(values.min(), unit)} to {number(values.max(), unit)}"
            along.append((name, shape(variable.shape), span, "", what))
    return scalars, along


@contextlib.contextmanager
def progress(text: str) -> Iterator[None]:
    """Show how much of a file is written, once that has taken a second and on a terminal only.

    Parameters
    ----------
    text : str
        What is being done.
    """
    if not sys.stderr.isatty():
        yield
        return
    from ptyxr.storage.progress import watched

    bar = Bar(text, in_bytes=True)
    try:
        with watched(bar):
            yield
    finally:
        bar.stop()
