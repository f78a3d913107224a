"""``mnist train``: learn, judge and save."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_classifier.cli import options


def train(
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    output: Annotated[
        Path | None, typer.Option(help="The run folder to make.", show_default="runs/…")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="The most epochs.", show_default="the recipe's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images a training step.", show_default="the recipe's")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every random number.")] = 0,
    recipe: Annotated[
        str, typer.Option(help="dnn, or reader: the network that mnist read ships.")
    ] = "dnn",
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write logs for TensorBoard in the run folder.")
    ] = False,
    mlflow: Annotated[
        bool,
        typer.Option(
            "--mlflow", help="Keep the run in MLflow too: where MLFLOW_TRACKING_URI says, or here."
        ),
    ] = False,
    show: Annotated[bool, typer.Option(help="Open the figures where there is a display.")] = True,
    quiet: options.Quiet = False,
) -> int:
    """Learn digits, be judged on unseen images, and save it all in a run folder."""
    from rich.console import Console

    from mnist_classifier.errors import require
    from mnist_classifier.learn.settings import Settings

    settings = Settings(
        dataset, data_dir, output, epochs, batch_size, seed, recipe, tensorboard, mlflow
    )
    for extra in [name for name in ("tensorboard", "mlflow") if getattr(settings, name)]:
        require(extra, extra)
    options.import_learning(quiet)
    from mnist_images_classification import learn_digits

    interrupted = learn_digits(settings, Console(), quiet, show)
    return 130 if interrupted else 0
