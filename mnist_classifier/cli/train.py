"""``mnist train``: learn, judge and save."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mnist_classifier.cli import options
from mnist_classifier.cli.output import outlast
from mnist_classifier.errors import SettingsError

if TYPE_CHECKING:
    from mnist_classifier.learn.runs.settings import Settings


@click.command()
@click.option(
    "--dataset",
    metavar="NAME",
    help="mnist, fashion_mnist, or sample: 5,000 of MNIST's images.",
    show_default="mnist; sample if it cannot be had",
)
@options.data_dir
@click.option(
    "--output",
    type=options.FILE,
    metavar="FOLDER",
    help="Run folder to make, or the series to go on with.",
    show_default="a new one in runs/",
)
@click.option(
    "--epochs",
    type=int,
    metavar="N",
    help="Most epochs to train.",
    show_default="the recipe's",
)
@click.option(
    "--batch-size",
    type=int,
    metavar="N",
    help="Images in a training step.",
    show_default="the recipe's",
)
@click.option(
    "--seed",
    default=0,
    metavar="N",
    help="Seed of all random numbers.",
)
@click.option("--seeds", type=int, metavar="N", help="Train a series of N seeds, from --seed on.")
@click.option(
    "--recipe",
    metavar="NAME",
    help="Network and training, see: mnist recipes.",
    show_default="dnn",
)
@click.option(
    "--recipe-file",
    type=options.FILE,
    metavar="FILE",
    help="Recipe with settings of its own: what mnist sweep wrote, or a run's config.json.",
)
@options.ray("Train")
@options.cpus("all of this machine's")
@options.gpus
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs to the run folder.")
@click.option(
    "--mlflow",
    is_flag=True,
    help="Log to MLflow, at MLFLOW_TRACKING_URI or in this folder.",
)
@click.option("--deterministic", is_flag=True, help="Same bits each time; may be slower.")
@click.option(
    "--resume",
    type=options.FILE,
    metavar="RUN",
    help="Go on with this interrupted run or series, with its settings.",
)
@click.option(
    "--show/--no-show",
    default=True,
    help="Open the figures if there is a display.",
)
@options.quiet
@click.pass_obj
def train(
    learn_digits: options.LearnDigits,
    /,
    seeds: int | None,
    recipe: str | None,
    recipe_file: Path | None,
    resume: Path | None,
    ray: str | None,
    cpus: int | None,
    gpus: float | None,
    show: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Train a network, test it on unseen images, and save all."""
    from mnist_classifier.learn.runs.settings import Settings

    outlast()
    settings = Settings(**_recipe(recipe, recipe_file), **given)
    if resume is not None:
        settings, seeds = _settings_of(resume, settings, seeds)
    asked = options.asked_of_ray(ray, cpus, gpus)
    if asked and seeds is None:
        raise SettingsError(
            "got --ray for a single run; expected a series, whose seeds are Ray's tasks: "
            "add --seeds N"
        )
    return _learn(learn_digits, settings, seeds, show, quiet, asked)


def _recipe(name: str | None, file: Path | None) -> dict[str, Any]:
    """Return what is asked of a recipe, as settings.

    Raises:
        SettingsError: It is asked twice, or the file holds no recipe.
    """
    if file is None:
        return {"recipe": name} if name is not None else {}
    if name is not None:
        raise SettingsError(
            "got both --recipe and --recipe-file; expected one of them: leave one out"
        )
    from mnist_classifier.learn.recipes.recipe_file import read

    name, changes = read(file)
    return {"recipe": name, "changes": changes}


def _learn(
    learn_digits: options.LearnDigits,
    settings: Settings,
    seeds: int | None,
    show: bool,
    quiet: bool,
    asked: options.AskedOfRay | None,
) -> int:
    """Train a run, or a series where there are seeds; return the exit code."""
    from rich.console import Console

    from mnist_classifier.errors import require

    for extra in [name for name in ("tensorboard", "mlflow") if getattr(settings, name)]:
        require(extra, extra)
    options.import_learning(quiet)
    from mnist_classifier.cli.series import Elsewhere, train_series
    from mnist_classifier.learn.screen import Screen

    for name in ("SIGTERM", "SIGHUP"):  # Windows lacks the one of a terminal that was closed
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, _interrupt)
    if seeds is not None:
        elsewhere = None
        if asked:
            from mnist_classifier.learn.scale.cluster import Share, threads_here

            elsewhere = Elsewhere(asked.where, Share(asked.cpus or threads_here(), asked.gpus))
        interrupted = train_series(learn_digits, settings, seeds, Console(), quiet, elsewhere)
    else:
        screen = Screen(Console(), steps=not quiet, waiting=not quiet)
        interrupted = learn_digits(settings, screen, show)
    return 130 if interrupted else 0


def _settings_of(run: Path, given: Settings, seeds: int | None) -> tuple[Settings, int | None]:
    """Return the settings with which a run goes on: its own, and where its images lie now.

    Args:
        run: The folder of a run, or of a series.
        given: What was asked besides.
        seeds: How many seeds were asked.

    Returns:
        The settings, and how many seeds a series has; None for a run.

    Raises:
        SettingsError: Other settings were given as well.
        RunError: It is no run folder.
    """
    from mnist_classifier.learn.runs.run import SERIES_FILE, Run
    from mnist_classifier.learn.runs.settings import Settings

    if replace(given, data_dir=None) != Settings():
        raise SettingsError(
            "got --resume with other settings; expected it alone, for a run goes on as it began: "
            "leave the others out"
        )
    is_series = (run / SERIES_FILE).exists()
    if seeds is not None and not is_series:
        raise SettingsError(
            f"{run} is no series; expected one with --seeds: leave it out, or name a series"
        )
    config = Run(run).load_json(*([SERIES_FILE, "seeds"] if is_series else ["config.json"]))
    settings = Settings.from_run(run, config)
    if given.data_dir:
        settings = replace(settings, data_dir=given.data_dir)
    return settings, seeds if seeds is not None else config.get("seeds")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End the training in order, as Ctrl-C does."""
    raise KeyboardInterrupt
