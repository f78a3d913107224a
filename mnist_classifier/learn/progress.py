"""What a person sees while a network trains."""

from __future__ import annotations

from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class TrainingProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows a bar for the epoch in hand and keeps a line for each finished one.

    Args:
        console: Where to print.
        what: What is trained, said before the bar.
        lines: Whether lines are kept.
    """

    def __init__(self, console: Console, what: str = "Training", lines: bool = True) -> None:
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
        total = self.params["epochs"] * self.params["steps"]
        self._task = self._progress.add_task(f"{self._what}, compiling first", total=total)
        self._progress.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Name the epoch."""
        self._epoch = epoch
        self._update(description=f"{self._what}, epoch {epoch + 1} of {self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._update(completed=self._epoch * self.params["steps"] + batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch's figures as a line."""
        if not self._lines:
            return
        logs = logs or {}
        print_line = self._progress.console.print
        if epoch == 0:
            print_line(f"{'':15}epoch      loss  validation  accuracy  validation", style="dim")
        print_line(
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
