"""Cells of the shell in a page: importing this in a kernel gives it the magic ``%%bash``."""

import os
import subprocess
import sys
from pathlib import Path

from IPython.core.getipython import get_ipython

# The command of this environment, without colours, whatever the page is built in.
_HERE = str(Path(sys.executable).parent)
_ENV = {**os.environ, "PATH": f"{_HERE}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "96"}
for _name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
    _ENV.pop(_name, None)


def bash(line: str, cell: str) -> None:  # noqa: ARG001  (a magic is given both)
    """Run a cell, and show its output in one piece: IPython's own magic cuts it anywhere."""
    done = subprocess.run(  # noqa: S603
        ["bash", "-ec", cell],  # noqa: S607
        env=_ENV,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print("\n".join(text.rstrip() for text in done.stdout.splitlines()))  # noqa: T201
    done.check_returncode()


get_ipython().register_magic_function(bash, "cell")
