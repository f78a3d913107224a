"""What a person sees on the terminal while digits are learned and judged."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import keras
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mnist_classifier.errors import printable
from mnist_classifier.learn.data.sources import HOW_TO_GET_IMAGES


class Screen:
    """Shows the steps of a training, its result, and how far it is; each can be left out.

    Args:
        console: Where to print.
        steps: Whether each step, with a line an epoch, is told.
        result: Whether the result is told.
        waiting: Whether a bar or a spinner shows how far it is.
        what: What is trained, said before the bar.
    """

    def __init__(
        self,
        console: Console,
        steps: bool = True,
        result: bool = True,
        waiting: bool = True,
        what: str = "Training",
    ) -> None:
        silent = Console(quiet=True)
        self._console = console
        self._steps = console if steps else silent
        self._result = console if result else silent
        self._waiting = console if waiting else silent
        self._what = what

    def step(self, heading: str, text: str) -> None:
        """Tell what a step did."""
        _tell(self._steps, heading, text)

    def result(self, heading: str, text: str) -> None:
        """Tell a part of the result."""
        _tell(self._result, heading, text)

    def warning(self, heading: str, text: str) -> None:
        """Tell what must not be overlooked, whatever else is left out."""
        _tell(self._console, heading, text)

    def note(self, note: str | None) -> None:
        """Say with the result that the images are a sample, if they are.

        Loudly, or on standard error in a line where the result alone is told.
        """
        if note is None or self._result.quiet:
            return
        if self._steps.quiet:
            click.echo(f"learned and judged on {note}: not the figures of all of MNIST", err=True)
        else:
            _warn_of_sample(self._result, note)

    @contextlib.contextmanager
    def judging(self) -> Iterator[Callable[[str], None]]:
        """Show that a network is being judged; yield the function that says on what."""
        with self._waiting.status("Judging …") as status:
            yield lambda what: status.update(f"Judging: {what} …")

    @contextlib.contextmanager
    def loading(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show that something that takes seconds is under way; yield what says how far it is."""
        with self._steps.status(f"{what} …") as status:
            yield lambda how_far: status.update(f"{what}: {how_far} …")

    @contextlib.contextmanager
    def training(self) -> Iterator[TrainingProgress]:
        """Yield the callback that shows how far a training is; take the bar away afterwards."""
        progress = TrainingProgress(self._waiting, self._what, self._steps)
        try:
            yield progress
        finally:
            progress.close()


class TrainingProgress(keras.callbacks.Callback):
    """Shows a bar for the epoch in hand and keeps a line for each finished one.

    Args:
        console: Where to print.
        what: What is trained, said before the bar.
        lines: Where to print the lines.
    """

    def __init__(self, console: Console, what: str, lines: Console) -> None:
        super().__init__()
        self._what = what
        self._lines = lines
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # it would leave empty lines
        )
        self._task: TaskID | None = None
        self._epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the bar."""
        self._task = self._progress.add_task(
            f"{self._what}, compiling first", total=self.params["epochs"]
        )
        self._progress.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Name the epoch."""
        self._epoch = epoch
        self._update(description=f"{self._what}, epoch {epoch + 1} of {self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._update(completed=self._epoch + (batch + 1) / self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch's figures as a line."""
        logs = logs or {}
        if epoch == 0:
            self._lines.print(
                f"{'':15}epoch      loss  validation  accuracy  validation", style="dim"
            )
        self._lines.print(
            f"{'':15}{epoch + 1:>5}  {logs['loss']:8.5f}    {logs['val_loss']:8.5f}  "
            f"{logs['accuracy']:8.2%}    {logs['val_accuracy']:8.2%}",
            highlight=False,
        )

    def close(self) -> None:
        """Take the bar away, also after Ctrl-C."""
        self._progress.stop()

    def _update(self, **changes: Any) -> None:
        if self._task is not None:
            self._progress.update(self._task, **changes)


def open_in_viewer(picture: str) -> bool:
    """Open a picture in the system's own viewer, a process nobody waits for; say whether it did."""
    return click.launch(picture) == 0


def has_display() -> bool:
    """Say whether windows can be opened here."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _tell(console: Console, heading: str, text: str) -> None:
    """Print a line, or a paragraph, beside a heading; names in it are text and stay in the line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(width=13, style="bold")
    table.add_column(overflow="fold")
    table.add_row(heading, Text(printable(text)))
    console.print(table, highlight=False)


def _warn_of_sample(console: Console, note: str) -> None:
    console.print(
        Panel(
            f"Learned and judged on {note}. The figures are not those of all of MNIST.\n"
            f"For all of MNIST, {HOW_TO_GET_IMAGES}.",
            title="SAMPLE",
            border_style="bold yellow",
        )
    )
