"""Sphinx directives for what is generated: tables of the code, and the help of the command.

``{model-table} variables``, ``{key-table} ptychodus``, ``{command-help} convert``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar

import doc_tables
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class _Table(SphinxDirective):
    """A table in Markdown that a function makes of the argument."""

    required_arguments = 1
    option_spec: ClassVar = {"class": directives.class_option}
    make: ClassVar[Callable[[str], str]]

    def run(self) -> list[nodes.Node]:
        made = self.parse_text_to_nodes(type(self).make(self.arguments[0]))
        box = nodes.container(classes=["generated-table"])
        box += made
        return [box]


class ModelTable(_Table):
    """A part of the data model."""

    make = staticmethod(doc_tables.model)


class KeyTable(_Table):
    """What stands where in a format."""

    make = staticmethod(doc_tables.keys)


class CommandHelp(SphinxDirective):
    """What ``ptyxr COMMAND --help`` prints, by running it."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        words = [*self.arguments, "--help"]
        environment = {**os.environ, "COLUMNS": "106", "TERM": "dumb", "NO_COLOR": "1"}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "ptyxr", *words],
            capture_output=True, text=True, encoding="utf-8", check=True,
            env={**environment, "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        text = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")
        said = f"$ ptyxr {' '.join(words)}\n{text}"
        return [nodes.literal_block(said, said, language="text", classes=["command-help"])]


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_directive("model-table", ModelTable)
    app.add_directive("key-table", KeyTable)
    app.add_directive("command-help", CommandHelp)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
