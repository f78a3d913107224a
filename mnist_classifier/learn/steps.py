"""The steps of learning digits, each done, told and saved: what the program's lines call."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from matplotlib.figure import Figure

from mnist_classifier.errors import RunError
from mnist_classifier.learn.data import dataset as data
from mnist_classifier.learn.data import sources
from mnist_classifier.learn.data.dataset import Dataset, Splits
from mnist_classifier.learn.evaluate import save_report, tell_scores
from mnist_classifier.learn.evaluation import figures
from mnist_classifier.learn.evaluation.metrics import Scores
from mnist_classifier.learn.networks.inspection import shape
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.runs import trackers
from mnist_classifier.learn.runs.environment import make_deterministic
from mnist_classifier.learn.runs.run import Run, new_run, resumed_run
from mnist_classifier.learn.runs.settings import Settings, configuration, differences
from mnist_classifier.learn.runs.trackers import Tracker
from mnist_classifier.learn.screen import Screen, has_display, open_in_viewer
from mnist_classifier.learn.tasks import task_of
from mnist_classifier.learn.training import allocator
from mnist_classifier.learn.training.checkpoints import Checkpoints
from mnist_classifier.learn.training.stages import Training


@dataclass(frozen=True)
class Session:
    """One training from its first to its last step: what was asked, where it goes, who is told.

    Attributes:
        settings: What was asked.
        run: The folder in which everything is saved.
        screen: What a person sees.
        show: Whether figures are also opened in the system's viewer.
        trackers: TensorBoard and MLflow, where asked for.
    """

    settings: Settings
    run: Run
    screen: Screen
    show: bool
    trackers: Sequence[Tracker] = ()

    def save_figure(self, name: str, figure: Figure) -> None:
        """Save a figure, and open it where that was asked and there is a display."""
        picture = self.run.save(name, lambda path: figures.save_png(figure, path))
        if self.show and not open_in_viewer(str(picture)):
            self.screen.step("Figures", f"no viewer opened {picture}")


@contextlib.contextmanager
def begin(settings: Settings, screen: Screen, show: bool = False) -> Iterator[Session]:
    """Make the run folder, or open the one to go on with, and seed every random number.

    Raises:
        OutputError: The run folder exists already or cannot be made.
        RunError: The run to go on with is finished.
    """
    allocator.keep_freed()
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        make_deterministic()
    with (
        resumed_run(settings.resume)
        if settings.resume
        else new_run(settings.output, settings.recipe) as run,
        trackers.opened(settings, run.path, screen.loading) as told,
    ):
        yield Session(settings, run, screen, show and has_display(), told)


def load(session: Session) -> Dataset:
    """Load the data set, and say which one it is and where it came from."""
    with session.screen.loading("Loading the images") as tell:
        dataset = sources.load_dataset(session.settings.dataset, session.settings.data_dir, tell)
    session.screen.step(
        "Images",
        f"{dataset.name}, {len(dataset.train_labels):,} for training and "
        f"{len(dataset.test_labels):,} for the test, from {dataset.source}",
    )
    return dataset


def show_example(session: Session, dataset: Dataset) -> None:
    """Draw the first training image with its label."""
    title = f"{dataset.name}: a training image with the label {dataset.train_labels[0]}"
    figure = figures.example_figure(dataset.train_images[0], title, dataset.note)
    session.save_figure("example.png", figure)


def prepare(session: Session, dataset: Dataset) -> Splits:
    """Split off validation images; scale all images to [0, 1] and flatten them to 784."""
    settings = session.settings
    share = registry.load(settings.recipe, settings.changes).validation_share
    splits = data.prepare(dataset, settings.seed, share)
    session.screen.step(
        "Splits",
        f"{len(splits.train):,} to train, {len(splits.validation):,} to validate, "
        f"{len(splits.test):,} to test",
    )
    return splits


def one_hot_encode(splits: Splits) -> Splits:
    """Turn each label, 0 to 9, into ten numbers of which one is 1."""
    return splits.one_hot()


def choose_recipe(session: Session, dataset: Dataset, splits: Splits) -> Recipe:
    """Take the recipe with the epochs and the batch size that suit or were asked.

    Where it changes images, a figure shows some of what the network learns from.
    """
    settings = session.settings
    recipe = registry.load(settings.recipe, settings.changes)
    recipe = recipe.scaled(len(splits.train), settings.epochs, settings.batch_size)
    if figure := task_of(recipe.name).examples(recipe, dataset, settings.seed):
        session.save_figure("augmentation.png", figure)
    return recipe


def build_network(session: Session, recipe: Recipe) -> keras.Model:
    """Build the recipe's network."""
    model = recipe.build()
    text = f"{recipe.name}: {shape(model)}, {model.count_params():,} weights"
    session.screen.step("Network", text)
    return model


def compile_network(model: keras.Model, recipe: Recipe, splits: Splits) -> None:
    """Compile for adam, binary cross-entropy and accuracy."""
    recipe.compile(model, len(splits.train))


def train(
    session: Session, model: keras.Model, recipe: Recipe, dataset: Dataset, splits: Splits
) -> Training:
    """Train with early stopping, then save the settings, the history and the best weights.

    Raises:
        OutputError: There is no room for the results, found out before training; or the
            results cannot be saved.
        RunError: The run to go on with began with other images or settings.
    """
    run, screen = session.run, session.screen
    config = configuration(session.settings, recipe, dataset)
    if session.settings.resume:
        _check_unchanged(session, config)
    else:
        run.save_json("config.json", config)
    for tracker in session.trackers:
        tracker.log_settings(config)
    # Weights, the best of them, their averages and Adam's two moments, 4 bytes each, in the model
    # and in three checkpoints, one of them being written; and four megabytes for figures and the
    # report.
    run.reserve(5 * 4 * 4 * recipe.count_weights(model) + (4 << 20))
    checkpoints = Checkpoints(run.path)
    try:
        with screen.training() as progress:
            told = [progress, *session.trackers]
            training = recipe.fit(model, splits, session.settings.seed, told, checkpoints)
    finally:
        for path in checkpoints.damaged:
            screen.warning("Damaged", f"{path}; the checkpoint before it was used")
    run.save_history(training.history)
    run.save("model.keras", model.save)
    if training.interrupted:
        text = (
            "interrupted: the best weights so far are kept; to go on:  "
            f"mnist train --resume {run.path}"
        )
    else:
        text = (
            f"{training.epochs} epochs in {training.seconds:.1f} s; "
            f"the weights of epoch {training.best_epoch} are kept"
        )
    screen.step("Training", text)
    return training


def _check_unchanged(session: Session, config: dict[str, Any]) -> None:
    """Make sure that a training goes on as it began.

    Raises:
        RunError: The images or the recipe are others than they were.
    """
    path = session.run.path
    before = session.run.load_json("config.json")
    if changes := differences(path, before, config):
        raise RunError(
            f"{path} began with {'; '.join(changes)}; expected the same: give them back, or train "
            "anew"
        )
    if before["versions"] != config["versions"]:
        text = "others than at the beginning: the end may differ in last digits"
        session.screen.step("Versions", text)


def evaluate(session: Session, model: keras.Model, splits: Splits) -> Scores:
    """Judge the network on every image of the test set."""
    return task_of(session.settings.recipe).score(model, splits.test)


def plot_history(session: Session, dataset: Dataset, training: Training) -> None:
    """Draw loss and accuracy, in training and validation, over the epochs."""
    for quantity in ("loss", "accuracy"):
        figure = figures.history_figure(
            training.history[quantity],
            training.history[f"val_{quantity}"],
            quantity,
            f"{quantity.capitalize()} over the epochs, {dataset.name}"
            + (" (interrupted)" if training.interrupted else ""),
            dataset.note,
            training.best_epoch,
            task_of(session.settings.recipe).loss,
        )
        session.save_figure(f"{quantity}.png", figure)


def compare_with_random(session: Session, splits: Splits) -> float:
    """Return the accuracy, 0 to 1, of answers assigned at random to the test images."""
    return task_of(session.settings.recipe).by_chance(splits.test, session.settings.seed)


def report(
    session: Session,
    dataset: Dataset,
    splits: Splits,
    training: Training,
    scores: Scores,
    random_accuracy: float,
) -> None:
    """Save ``metrics.json`` and print what it says."""
    session.run.save_json(
        "metrics.json",
        {
            "dataset": dataset.name,
            "note": dataset.note,
            "train_size": len(splits.train),
            "validation_size": len(splits.validation),
            "test_size": scores.size,
            "test_loss": scores.loss,
            "test_accuracy": scores.accuracy,
            "test_accuracy_interval": scores.interval,
            "random_accuracy": random_accuracy,
            "epochs": training.epochs,
            "best_epoch": training.best_epoch,
            "interrupted": training.interrupted,
            "fit_seconds": training.seconds,
            "seed": session.settings.seed,
        },
    )
    screen = session.screen
    if training.interrupted:
        screen.result("Interrupted", f"after {training.epochs} finished epochs")
    tell_scores(screen, task_of(session.settings.recipe), scores, random_accuracy)
    screen.result("Saved in", str(session.run.path))
    screen.note(dataset.note)


def write_report(
    session: Session, model: keras.Model, dataset: Dataset, splits: Splits, scores: Scores
) -> None:
    """Judge the network in every further way; save ``report.html``, numbers and answers.

    TensorBoard and MLflow, where asked for, are then given it all.
    """
    began = time.perf_counter()
    run, seed = session.run, session.settings.seed
    with session.screen.judging() as tell:
        tell("the temperature")
        task = task_of(session.settings.recipe)
        temperature = task.temperature(model, splits.validation)
        judged = task.judge(model, dataset, scores, temperature, seed, tell)
        tell("the report")
        path = save_report(run, run, dataset, judged, "")
    session.screen.step("Report", f"{path}, in {time.perf_counter() - began:.1f} s")
    saved = run.load_json("metrics.json")
    for tracker in session.trackers:
        session.screen.result(type(tracker).__name__, tracker.finish(saved))
