"""``python -m ptyxr`` is the command ``ptyxr``."""

from __future__ import annotations

from ptyxr.cli import main

if __name__ == "__main__":
    main()
