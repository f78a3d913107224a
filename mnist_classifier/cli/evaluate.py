"""``mnist evaluate``: judge a saved run again, on its own test images or on others."""

from __future__ import annotations

from pathlib import Path

import click

from mnist_classifier.cli import options


@click.command()
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option(
    "--dataset",
    metavar="NAME",
    help="Other images: mnist, fashion_mnist or sample.",
    show_default="the run's",
)
@options.data_dir
@click.option(
    "--output",
    type=options.FILE,
    metavar="FOLDER",
    help="Folder to write to.",
    show_default="the run folder",
)
@options.quiet
def evaluate(
    run: Path, dataset: str | None, data_dir: Path | None, output: Path | None, quiet: bool
) -> None:
    """Test a saved network again, on its test images or on others.

    RUN is a run folder. Writes report.html, metrics.json and answers.npz. For other images than
    the run's own, the data set's name is added to the files' names. Without
    --dataset and --data-dir, the images are the run's own.
    """
    options.import_learning(quiet)
    from rich.console import Console

    from mnist_classifier.learn.evaluate import evaluate_run
    from mnist_classifier.learn.screen import Screen

    screen = Screen(Console(), steps=not quiet, waiting=not quiet)
    evaluate_run(run, dataset, data_dir, output, screen)
