"""``mnist evaluate``: judge a saved run again, on its own test images or on others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_classifier.cli import options


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.", show_default=False)],
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Other images: mnist, fashion_mnist or sample.",
            show_default="the run's",
        ),
    ] = None,
    data_dir: options.DataDir = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder to write to.", show_default="the run folder"),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Test a saved network again, on the run's test images or on others.

    Writes report.html, metrics.json and answers.npz. For other images than
    the run's own, the data set's name is added to the files' names. Without
    --dataset and --data-dir, the images are the run's own.
    """
    options.import_learning(quiet)
    from rich.console import Console

    from mnist_classifier.learn.evaluate import evaluate_run
    from mnist_classifier.learn.screen import Screen

    screen = Screen(Console(), steps=not quiet, waiting=not quiet)
    evaluate_run(run, dataset, data_dir, output, screen)
