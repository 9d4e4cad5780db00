"""A progress bar that appears when it is worth the while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar"]

_PATIENCE: Final = 1.0  # seconds before a wait is shown


class Bar:
    """A bar on standard error, which is told how much is done of how much.

    Parameters
    ----------
    text : str
        What is being done.
    in_bytes : bool
        Whether it is counted in bytes, with their speed, rather than in things.
    at_once : bool
        Whether it is shown from the beginning, and stays, rather than after a while, and goes.
    """

    def __init__(self, text: str, *, in_bytes: bool = False, at_once: bool = False) -> None:
        self._text = text
        self._in_bytes = in_bytes
        self._at_once = at_once
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """Move the bar on."""
        late = self._at_once or time.monotonic() - self._started > _PATIENCE
        if self._bar is None and late:
            self._bar = self._new()
            self._bar.add_task(self._text)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def stop(self) -> None:
        """Leave the terminal to others."""
        if self._bar is not None:
            self._bar.stop()

    def _new(self) -> Progress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        counted = (
            [DownloadColumn(), TransferSpeedColumn()] if self._in_bytes else [MofNCompleteColumn()]
        )
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *counted,
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=not self._at_once,
        )
