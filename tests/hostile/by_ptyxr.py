"""Everything ptyxr does with a file: detection, each engine, validation, the command line."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import xarray as xr

import ptyxr
from hostile import HOSTILE
from ptyxr import cli
from ptyxr.errors import PtyxrError
from ptyxr.formats.detect import find_engine
from ptyxr.validation import validate_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hostile.sound import Place

OWN = PtyxrError
ENGINES = ("ptychodus", "ptychodus-diffraction", "ptychodus-npz", "ptychopinn")
#: What is drawn, with its name in the picture: it takes a second.
DRAWN = ("name-markup.h5",)
_LARGE = 64 * 2**20


def actions(path: Path, place: Place) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Open, use, validate, and run the commands; write and draw what has odd names."""
    harm = HOSTILE[path.name].harm if path.name in HOSTILE else "path"
    for engine in ENGINES:
        yield f"guess {engine}", partial(_guess, engine, path)
    yield "detect", partial(find_engine, path)
    yield "open", partial(_use, partial(ptyxr.open_dataset, path))
    for engine in ENGINES:
        yield f"engine {engine}", partial(_load, partial(xr.open_dataset, path, engine=engine))
    if path.suffix == ".h5":
        yield "datatree", partial(_tree, path)
        if "patterns" in path.name:
            product = place.base / "sound.h5"
            yield "pair", partial(_load, partial(ptyxr.open_dataset, product, diffraction=path))
    elif harm not in ("path", "error"):
        yield "source", partial(_validated, place.base / "sound.h5", path)
    if path.is_file():
        yield "object", partial(_by_object, path)
    yield "ptyxr validate", partial(_run, "validate", path)
    yield "ptyxr info", partial(_run, "info", path)
    if harm == "path":
        yield "write", partial(_write, path)
    if harm not in ("memory", "error"):  # of a bomb all would be written, as was asked for
        yield "ptyxr convert", partial(_run, "convert", path)
    if path.name in DRAWN:
        yield "ptyxr plot", partial(_run, "plot -o plot.png", path)


def _guess(engine: str, path: Path) -> bool:
    return bool(xr.backends.list_engines()[engine].guess_can_open(path))


def _load(opener: Callable[[], xr.Dataset], *then: Callable[[xr.Dataset], Any]) -> list[list[Any]]:
    """Open, read what is small, and a number of what is large; return the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with opener() as ds:
            for variable in ds.variables.values():
                if variable.nbytes > _LARGE:
                    variable = variable.isel(dict.fromkeys(variable.dims, 0))  # noqa: PLW2901
                variable.copy(deep=False).load()
            for use in then:
                use(ds)
    return [[one.category.__name__, str(one.message)[:5000], len(str(one.message))] for one in told]


def _use(opener: Callable[[], xr.Dataset]) -> list[list[Any]]:
    """Open, read, show and check."""
    return _load(opener, repr, lambda ds: ds._repr_html_(), lambda ds: ds.ptyxr.validate())


def _tree(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        xr.open_datatree(path, engine="ptychodus").close()


def _by_object(path: Path) -> list[list[Any]]:
    with path.open("rb") as file:
        return _load(partial(ptyxr.open_dataset, file))


def _write(path: Path) -> None:
    """Write what was opened as a product and as NPZ, under names that are given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with ptyxr.open_dataset(path) as ds:
            small = ds[[name for name, one in ds.items() if one.nbytes < _LARGE]]
            sizes = {"object": "50 nm", "probe": "50 nm"}
            given = [name for name in sizes if f"{name}_pixel_width" not in ds.coords]
            if "position_x" in ds.coords and "probe_x" in ds.dims:
                sized = small.ptyxr.assign_pixel_size(**{name: sizes[name] for name in given})
                sized.ptyxr.to_product("written.h5")
                sized.ptyxr.to_product("written-product.npz")
                sized.ptyxr.to_npz("written.npz")


def _validated(path: Path, source: Path | None = None) -> dict[str, Any]:
    report = validate_file(path, source)
    return {"sound": bool(report), "text": str(report)[:5000], "length": len(str(report))}


class _Terminal(io.TextIOWrapper):
    """A terminal that takes note of what is sent to it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        return self.buffer.getvalue().decode()


def _run(command: str, path: Path) -> dict[str, Any]:
    """Run a command as if at a terminal, and return its exit code and all it said."""
    name, *options = command.split()
    target = []
    if name == "convert":
        target = ["converted.npz" if path.suffix == ".h5" else "converted.h5"]
        options = ["--object-pixel-size", "50 nm"] if path.suffix != ".h5" else []
    out, err = _Terminal(), _Terminal()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        arguments = sys.argv
        sys.argv = ["ptyxr", name, str(path), *target, *options]
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = arguments
    both = out.text() + err.text()
    return {"code": code, "text": both[:5000], "length": len(both)}
