"""The steps of learning digits, each done, told and saved: what the program's lines call."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import typer
from rich.console import Console

from mnist_classifier.errors import RunError, SettingsError
from mnist_classifier.learn import (
    catalogue,
    datasets,
    evaluation,
    figures,
    judgement,
    runs,
    tracking,
    training,
)
from mnist_classifier.learn import report as report_page
from mnist_classifier.learn.catalogue import Recipe
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Dataset, Splits, Targets
from mnist_classifier.learn.distillation import DistilledRecipe, load_teacher
from mnist_classifier.learn.epochs import Training
from mnist_classifier.learn.evaluation import Evaluation
from mnist_classifier.learn.progress import TrainingProgress
from mnist_classifier.learn.settings import Settings
from mnist_classifier.learn.telling import (
    Telling,
    has_display,
    judging,
    tell,
    tell_scores,
    warn_of_sample,
)
from mnist_classifier.learn.tracking import Tracker


@dataclass(frozen=True)
class Lesson:
    """One training from its first to its last step: what was asked, where it goes, who is told.

    Attributes:
        settings: What was asked.
        run: The folder in which everything is saved.
        console: Where the steps tell what they do.
        telling: What a person is told.
        show: Whether figures are also opened on the screen.
        trackers: TensorBoard and MLflow, where asked for.
    """

    settings: Settings
    run: runs.Run
    console: Console
    telling: Telling
    show: bool
    trackers: Sequence[Tracker] = ()

    @property
    def quiet(self) -> bool:
        """Whether the steps keep silent."""
        return self.telling is not Telling.ALL

    def tell(self, heading: str, text: str) -> None:
        """Print a line under a heading, unless the steps keep silent."""
        if not self.quiet:
            tell(self.console, heading, text)


@contextlib.contextmanager
def begin(
    settings: Settings, console: Console, telling: Telling = Telling.ALL, show: bool = False
) -> Iterator[Lesson]:
    """Make the run folder, or open the one to go on with, and seed every random number.

    Raises:
        OutputError: The run folder exists already or cannot be made.
        RunError: The run to go on with is finished.
    """
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        training.make_deterministic()
    with (
        runs.resumed_run(settings.resume)
        if settings.resume
        else runs.new_run(settings.output, settings.recipe) as run,
        tracking.trackers(
            settings, run.path, Console(quiet=telling is not Telling.ALL)
        ) as trackers,
    ):
        yield Lesson(settings, run, console, telling, show and has_display(), trackers)


def load(lesson: Lesson) -> Dataset:
    """Load the data set, and say which one it is and where it came from."""
    dataset = datasets.load_dataset(lesson.settings.dataset, lesson.settings.data_dir)
    lesson.tell(
        "Images",
        f"{dataset.name}, {len(dataset.train_labels):,} for training and "
        f"{len(dataset.test_labels):,} for the test, from {dataset.source}",
    )
    if not lesson.quiet:
        warn_of_sample(lesson.console, dataset.note)
    return dataset


def show_example(lesson: Lesson, dataset: Dataset) -> None:
    """Draw the first training image with its label."""
    title = f"{dataset.name}: a training image with the label {dataset.train_labels[0]}"
    figure = figures.example_figure(dataset.train_images[0], title, dataset.note)
    _show(lesson, lesson.run.save_figure("example.png", figure))


def prepare(lesson: Lesson, dataset: Dataset) -> Splits:
    """Split off validation images; scale all images to [0, 1] and flatten them to 784."""
    share = catalogue.BY_NAME[lesson.settings.recipe].validation_share
    splits = datasets.prepare(dataset, lesson.settings.seed, share)
    lesson.tell(
        "Parts",
        f"{len(splits.train):,} to train, {len(splits.validation):,} to validate, "
        f"{len(splits.test):,} to test",
    )
    return splits


def one_hot_encode(splits: Splits) -> Targets:
    """Turn each label, 0 to 9, into ten numbers of which one is 1."""
    return Targets(
        datasets.one_hot(splits.train.labels), datasets.one_hot(splits.validation.labels)
    )


def choose_recipe(lesson: Lesson, splits: Splits) -> Recipe:
    """Take the recipe with the epochs and the batch size that suit or were asked."""
    settings = lesson.settings
    recipe = catalogue.BY_NAME[settings.recipe]
    return recipe.adapted(len(splits.train), settings.epochs, settings.batch_size)


def build_network(lesson: Lesson, recipe: Recipe) -> keras.Model:
    """Build the recipe's network, or its networks."""
    model = catalogue.ways(recipe).build(recipe)
    networks = [layer for layer in model.layers if isinstance(layer, keras.Model)] or [model]
    widths = [
        layer.units if hasattr(layer, "units") else layer.filters
        for layer in networks[0].layers
        if hasattr(layer, "units") or hasattr(layer, "filters")
    ]
    shape = " → ".join(map(str, [784, *widths]))
    if len(networks) > 1:
        shape = f"{len(networks)} times {shape}"
    lesson.tell("Network", f"{recipe.name}: {shape}, {model.count_params():,} weights")
    return model


def compile_network(model: keras.Model, recipe: Recipe, splits: Splits) -> None:
    """Compile for adam, binary cross-entropy and accuracy."""
    catalogue.ways(recipe).compile_model(model, recipe, len(splits.train))


def train(
    lesson: Lesson,
    model: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    splits: Splits,
    targets: Targets,
) -> Training:
    """Train with early stopping, then save the settings, the history and the best weights.

    Raises:
        OutputError: There is no room for the results, found out before training; or the
            results cannot be saved.
    """
    config = runs.configuration(lesson.settings, recipe, dataset)
    if lesson.settings.resume:
        _check_unchanged(lesson, config)
    else:
        lesson.run.save_json("config.json", config)
    for tracker in lesson.trackers:
        tracker.log_settings(config)
    given: dict[str, Any] = {}
    weights = model.count_params()
    if isinstance(recipe, DistilledRecipe):
        if lesson.settings.teacher:
            seed = lesson.settings.seed
            given["teacher"] = load_teacher(lesson.settings.teacher, recipe, dataset, seed)
        before = recipe.before(taught="teacher" in given).values()
        weights += sum(training.build(one).count_params() for one in before)
    # Weights, the best of them, their averages and Adam's two moments, 4 bytes each, in the model
    # and in three checkpoints, one of them being written; and four megabytes for figures and the
    # report.
    lesson.run.reserve(5 * 4 * 4 * weights + (4 << 20))
    checkpoints = Checkpoints(lesson.run.path)
    progress = None
    if lesson.telling is Telling.ALL:
        progress = TrainingProgress(lesson.console)
    elif lesson.telling is Telling.BAR:
        progress = TrainingProgress(lesson.console, f"Seed {lesson.settings.seed}", lines=False)
    try:
        outcome: Training = catalogue.ways(recipe).fit(
            model,
            recipe,
            splits,
            targets,
            [*([progress] if progress else []), *lesson.trackers],
            checkpoints,
            **given,
        )
    finally:
        if progress:
            progress.close()
        for path in checkpoints.damaged:
            tell(lesson.console, "Damaged", f"{path}; the checkpoint before it was used")
    lesson.run.save_history(outcome.history)
    lesson.run.save_model(model)
    if outcome.interrupted:
        lesson.tell(
            "Training",
            "interrupted: the best weights so far are kept; to go on:  "
            f"mnist train --resume {lesson.run.path}",
        )
    else:
        lesson.tell(
            "Training",
            f"{outcome.epochs} epochs in {outcome.seconds:.1f} s; "
            f"the weights of epoch {outcome.best_epoch} are kept",
        )
    return outcome


def _check_unchanged(lesson: Lesson, config: dict[str, Any]) -> None:
    """Make sure that a training goes on as it began.

    Raises:
        RunError: The images or the recipe are others than they were.
    """
    before = lesson.run.load_json("config.json")
    for name, what in (("sha256", "images"), ("recipe", "recipe")):
        now = json.loads(json.dumps(config[name]))
        if before.get(name) != now:
            raise RunError(
                f"{lesson.run.path} began with other {what}: {before.get(name)}; now they are "
                f"{now}; expected the same: give them back, or train anew"
            )
    if before.get("versions") != config["versions"]:
        lesson.tell("Versions", "others than at the beginning: the end may differ in last digits")


def evaluate(model: keras.Model, splits: Splits) -> Evaluation:
    """Judge the network on every image of the test set."""
    return evaluation.evaluate(model, splits.test)


def plot_history(lesson: Lesson, dataset: Dataset, outcome: Training) -> None:
    """Draw loss and accuracy, in training and validation, over the epochs."""
    for quantity in ("loss", "accuracy"):
        figure = figures.history_figure(
            outcome.history.get(quantity, []),
            outcome.history.get(f"val_{quantity}", []),
            quantity,
            f"{quantity.capitalize()} over the epochs, {dataset.name}"
            + (" (interrupted)" if outcome.interrupted else ""),
            dataset.note,
            outcome.best_epoch,
        )
        _show(lesson, lesson.run.save_figure(f"{quantity}.png", figure))


def compare_with_random(lesson: Lesson, splits: Splits) -> float:
    """Return the accuracy, 0 to 1, of labels assigned at random to the test images."""
    return evaluation.random_accuracy(splits.test.labels, lesson.settings.seed)


def report(
    lesson: Lesson,
    dataset: Dataset,
    splits: Splits,
    outcome: Training,
    scores: Evaluation,
    random_accuracy: float,
) -> None:
    """Save ``metrics.json`` and print what it says, if a person is to be told."""
    metrics = {
        "dataset": dataset.name,
        "note": dataset.note,
        "train_size": len(splits.train),
        "validation_size": len(splits.validation),
        "test_size": scores.size,
        "test_loss": scores.loss,
        "test_accuracy": scores.accuracy,
        "test_accuracy_interval": scores.interval,
        "random_accuracy": random_accuracy,
        "epochs": outcome.epochs,
        "best_epoch": outcome.best_epoch,
        "interrupted": outcome.interrupted,
        "fit_seconds": outcome.seconds,
        "seed": lesson.settings.seed,
    }
    lesson.run.save_json("metrics.json", metrics)
    if lesson.telling is Telling.BAR:
        return
    if outcome.interrupted:
        tell(lesson.console, "Interrupted", f"after {outcome.epochs} finished epochs")
    tell_scores(lesson.console, scores, random_accuracy)
    tell(lesson.console, "Saved in", str(lesson.run.path))
    warn_of_sample(lesson.console, dataset.note)


def write_report(lesson: Lesson, model: keras.Model, dataset: Dataset, splits: Splits) -> None:
    """Judge the network in every further way; save ``report.html``, numbers and answers.

    TensorBoard and MLflow, where asked for, are then given it all.
    """
    began = time.perf_counter()
    with judging(lesson.console, lesson.telling is Telling.RESULT) as tell_progress:
        tell_progress("the temperature")
        temperature = judgement.validation_temperature(model, splits.validation)
        judged = judgement.judge(model, dataset, temperature, lesson.settings.seed, tell_progress)
        tell_progress("the report")
        path = report_page.write(lesson.run, lesson.run, dataset, judged, "")
    lesson.tell("Report", f"{path}, in {time.perf_counter() - began:.1f} s")
    metrics = lesson.run.load_json("metrics.json")
    for tracker in lesson.trackers:
        where = tracker.finish(metrics)
        if lesson.telling is not Telling.BAR:
            tell(lesson.console, type(tracker).__name__, where)


def show_augmentation(settings: Settings, console: Console, show: bool) -> None:
    """Draw an image of each class above copies that the recipe would learn from; train nothing.

    Raises:
        SettingsError: The recipe deforms no image.
        DataError: The images cannot be had.
        OutputError: The figure cannot be written.
    """
    if settings.recipe not in catalogue.deforming():
        raise SettingsError(
            f"the recipe {settings.recipe} deforms no image; expected one that does: give "
            f"--recipe {' or '.join(catalogue.deforming())}"
        )
    recipe = catalogue.BY_NAME[settings.recipe]
    dataset = datasets.load_dataset(settings.dataset, settings.data_dir)
    _, first = np.unique(dataset.train_labels, return_index=True)
    part = datasets.Part(datasets.scale(dataset.train_images[first]), dataset.train_labels[first])
    copies = [catalogue.augmented(recipe, part, settings.seed, epoch) for epoch in range(6)]
    title = f"{dataset.name} as the recipe {recipe.name} deforms it, seed {settings.seed}"
    figure = figures.augmentation_figure(part.x.reshape(-1, 28, 28), copies, title, dataset.note)
    run = runs.Run(runs.make_folder(settings.output, f"{settings.recipe}-augmentation"))
    picture = run.save_figure("augmentation.png", figure)
    tell(console, "Saved in", str(picture))
    if show and has_display() and typer.launch(str(picture)) != 0:
        tell(console, "Figures", f"no viewer opened {picture}")


def _show(lesson: Lesson, picture: Path) -> None:
    """Open a picture in the system's own viewer, a process that training never waits for."""
    if lesson.show and typer.launch(str(picture)) != 0:
        lesson.tell("Figures", f"no viewer opened {picture}")
