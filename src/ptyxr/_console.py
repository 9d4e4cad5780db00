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

from ptyxr.errors import PtyxrError, printable
from ptyxr.waiting import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import RenderableType

__all__ = [
    "DEBUG",
    "Group",
    "file_size",
    "progress",
    "say",
    "show",
    "table",
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


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    """Return a table; its cells are text as it is, which may come from a file."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    terminal = sys.stdout.isatty()
    made = Table(
        *columns,
        show_header=any(columns),
        box=box.SIMPLE_HEAD if terminal else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for row in rows:
        # Names and texts come from files, and could steer the terminal.
        made.add_row(*(escape(printable(cell)) for cell in row))
    return made


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
