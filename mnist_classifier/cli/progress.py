"""How far many pictures are, on a terminal's standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any


class Progress:
    """How many pictures are done, how quickly, with how many errors, and what time is left.

    Args:
        bar: Of rich, with the field ``errors``.
        total: How many pictures there are.
    """

    def __init__(self, bar: Any, total: int) -> None:
        self._bar, self._total, self._errors = bar, total, 0
        self._task = bar.add_task("", total=total, errors=0)

    def grow(self, pictures: int) -> None:
        """Know of so many more pictures; of fewer below 0."""
        self._total += pictures
        self._bar.update(self._task, total=self._total)

    def advance(self, errors: int, pictures: int = 1) -> None:
        """Count so many pictures as done, and those of them that could not be read."""
        self._errors += errors
        self._bar.update(self._task, advance=pictures, errors=self._errors)


@contextlib.contextmanager
def shown(total: int) -> Iterator[Progress]:
    """Show how far so many pictures are, until the context ends."""
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Speed(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            return Text(f"{task.speed:,.1f} a second" if task.speed else "")

    # A descriptor of its own: standard error's leads nowhere while a picture is decoded.
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as terminal:
        bar = progress.Progress(
            progress.TextColumn("Reading"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            Speed(),
            progress.TextColumn("{task.fields[errors]} errors"),
            progress.TimeRemainingColumn(),
            console=Console(file=terminal),
            transient=True,
            # On a terminal, what is printed goes above the bar; in a file it stays what it is.
            redirect_stdout=sys.stdout.isatty(),
        )
        with bar:
            yield Progress(bar, total)
