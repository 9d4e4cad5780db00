"""Pages of the documentation as the tests see them: their blocks, and running those of Python.

What stands in ``{code-cell}`` the build of the documentation runs, and shows what comes of it. What
is shown without it (a server, a cluster, files of the reader's own) stands in blocks of ``python``:
`run` is how these are run, and there is no other way.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"(?:[ >]|[-*+] |\d+[.)] )*(`{3,}|~{3,}|:{3,}) *(.*)")


class Block(NamedTuple):
    """What stands between fences."""

    #: What the opening fence says: "python", "{code-cell} ipython3", or nothing.
    kind: str
    #: The number of its first line in the page, from 1.
    line: int
    text: str


def pages() -> list[str]:
    """Return the names of all pages, as paths from the root of the repository."""
    docs = ROOT / "docs"
    made = {"_build", "jupyter_execute"}
    found = [p for p in docs.rglob("*.md") if made.isdisjoint(p.relative_to(docs).parts)]
    return ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in found)]


def read(name: str) -> str:
    """Return the text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    """Return the blocks of a page, in order; of what is nested those within, too."""
    return list(_blocks(name, read(name), 1))


def _blocks(name: str, text: str, first: int) -> Iterator[Block]:
    found = []
    inside: tuple[str, Block] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), first):
        fence = _FENCE.fullmatch(line)
        if inside is not None:
            if fence and not fence[2] and fence[1].startswith(inside[0]):
                found.append(inside[1]._replace(text=textwrap.dedent("".join(lines))))
                inside = None
            else:
                lines.append(f"{line}\n")
        elif fence and fence[1][0] == ":":
            if fence[2]:
                found.append(Block(fence[2], number + 1, ""))
        elif fence:
            inside, lines = (fence[1], Block(fence[2].strip(), number + 1, "")), []
    assert inside is None, f"{name}: a block has no end"
    for block in found:
        yield block
        if block.kind.startswith("{"):  # what stands in a directive is a page of its own
            yield from _blocks(name, block.text, block.line)


def python(name: str) -> list[Block]:
    """Return the blocks of Python that the build of the documentation does not run."""
    return [block for block in blocks(name) if block.kind == "python"]


def commands(name: str) -> list[str]:
    """Return the lines of a page that are set in, and are the command ``ptyxr``."""
    return re.findall(r"^    (ptyxr .*)$", read(name), re.MULTILINE)


def run(name: str, names: dict[str, Any], instead: dict[str, str]) -> None:
    """Run the Python of a page, in order, in one namespace.

    Parameters
    ----------
    name : str
        The page.
    names : dict
        What is there before it, and gets what it makes.
    instead : dict
        What takes the place of an address or a folder that is the reader's.
    """
    text = read(name)
    for shown in instead:
        assert shown in text, f"{name} does not have {shown}"
    for block in python(name):
        code = block.text
        for shown, meant in instead.items():
            code = code.replace(shown, meant)
        # Blank lines before it: an error names the line of the page.
        exec(compile("\n" * (block.line - 1) + code, str(ROOT / name), "exec"), names)
