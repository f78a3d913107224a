"""``mnist train``: learn, judge and save."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from mnist_classifier.cli import options
from mnist_classifier.errors import SettingsError

if TYPE_CHECKING:
    from mnist_classifier.learn.settings import Settings


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
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Give the same bits each time.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run that was cut short, as it began."),
    ] = None,
    show: Annotated[bool, typer.Option(help="Open the figures where there is a display.")] = True,
    quiet: options.Quiet = False,
) -> int:
    """Learn digits, be judged on unseen images, and save it all in a run folder."""
    from rich.console import Console

    from mnist_classifier.errors import require
    from mnist_classifier.learn.settings import Settings

    settings = Settings(
        dataset,
        data_dir,
        output,
        epochs,
        batch_size,
        seed,
        recipe,
        tensorboard,
        mlflow,
        deterministic,
    )
    if resume is not None:
        settings = _settings_of(resume, settings)
    for extra in [name for name in ("tensorboard", "mlflow") if getattr(settings, name)]:
        require(extra, extra)
    options.import_learning(quiet)
    from mnist_images_classification import learn_digits

    signal.signal(signal.SIGTERM, _interrupt)
    interrupted = learn_digits(settings, Console(), quiet, show)
    return 130 if interrupted else 0


def _settings_of(run: Path, given: Settings) -> Settings:
    """Return the settings with which a run goes on: its own, and where its images lie now.

    Raises:
        SettingsError: Other settings were given as well.
        RunError: It is no run folder.
    """
    from mnist_classifier.learn.runs import Run
    from mnist_classifier.learn.settings import Settings

    if replace(given, data_dir=None) != Settings():
        raise SettingsError(
            "got --resume with other settings; expected it alone, for a run goes on as it began: "
            "leave the others out"
        )
    settings = Settings.of_run(run, Run(run).load_json("config.json"))
    return replace(settings, data_dir=given.data_dir) if given.data_dir else settings


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End the training in order, as Ctrl-C does."""
    raise KeyboardInterrupt
