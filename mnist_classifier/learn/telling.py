"""What a person is told on the terminal, and how."""

from __future__ import annotations

import contextlib
import enum
import os
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from mnist_classifier.learn.datasets import HOW_TO_GET_IMAGES
from mnist_classifier.learn.evaluation import Evaluation


class Telling(enum.Enum):
    """What a person is told of a training."""

    ALL = "each step, and the result"
    RESULT = "the result alone"
    BAR = "how far it is, and nothing that stays"


@contextlib.contextmanager
def judging(console: Console, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show what is being judged, and yield the function that says it."""
    if quiet:
        yield lambda what: None
        return
    with console.status("Judging …") as status:
        yield lambda what: status.update(f"Judging: {what} …")


def tell_scores(console: Console, scores: Evaluation, random_accuracy: float) -> None:
    """Print loss, accuracy with its interval, and the comparison with random assignment."""
    low, high = scores.interval
    tell(console, "Test loss", f"{scores.loss:.5f} (binary cross-entropy)")
    tell(
        console,
        "Test accuracy",
        f"{scores.accuracy:.2%} of {scores.size:,} unseen images "
        f"(95 % interval {low:.2%} to {high:.2%})",
    )
    tell(
        console,
        "Random",
        f"{random_accuracy:.2%} by labels assigned at random: the network is "
        f"{scores.accuracy / random_accuracy:.1f} times better"
        if random_accuracy
        else "0.00% by labels assigned at random",
    )


def warn_of_sample(console: Console, note: str | None) -> None:
    """Say loudly that the data are a sample and what the whole would need, if they are."""
    if note is not None:
        console.print(
            Panel(
                f"Learned and judged on {note}. The figures are not those of all of MNIST.\n"
                f"For all of MNIST, {HOW_TO_GET_IMAGES}.",
                title="SAMPLE",
                border_style="bold yellow",
            )
        )


def tell(console: Console, heading: str, text: str) -> None:
    """Print a line, or a paragraph, under a heading in a column of its own."""
    table = Table.grid(padding=(0, 2))
    table.add_column(width=13, style="bold")
    table.add_column(overflow="fold")
    table.add_row(heading, text)
    console.print(table, highlight=False)


def has_display() -> bool:
    """Say whether windows can be opened here."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
