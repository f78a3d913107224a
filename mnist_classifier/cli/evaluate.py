"""``mnist evaluate``: judge a saved run again, on its own test images or on others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_classifier.cli import options


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The folder to write to.", show_default="the run folder"),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Judge a run's network on test images, those it was made for or others, and report it all.

    Writes report.html, metrics.json and answers.npz; for other images than the run's own, with the
    data set's name in theirs, so that the run's own stay.
    """
    options.import_learning(quiet)
    from rich.console import Console

    from mnist_classifier.learn.evaluate import evaluate_run
    from mnist_classifier.learn.screen import Screen

    screen = Screen(Console(), steps=not quiet, waiting=not quiet)
    evaluate_run(run, dataset, data_dir, output, screen)
