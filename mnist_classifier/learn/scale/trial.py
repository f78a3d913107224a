"""A trial of a sweep: a recipe with settings of its own, judged on validation images alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import keras
from ray import tune

from mnist_classifier.learn.data.dataset import prepare
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.runs.settings import Settings
from mnist_classifier.learn.tasks import task_of
from mnist_classifier.learn.training.checkpoints import Checkpoints

DIVERGED = 1e6
"""The loss of a network whose weights have overflowed, since samplers want a number."""


@dataclass(frozen=True)
class Trials:
    """What the trials of a sweep have in common.

    Attributes:
        settings: What is asked of each; folders from the root.
        folder: Where their checkpoints are.
        splits: How many networks each trains, on another split of the training images.
    """

    settings: Settings
    folder: Path
    splits: int


def run_trial(changes: Mapping[str, Any], trials: Trials) -> None:
    """Train a recipe on one split after the other; report to Tune after each epoch.

    Reported are ``percent``, how much of the trial is done, 100 at its end; and ``loss`` and
    ``accuracy`` on the validation images, means of the splits so far. No test image is used. A
    trial that is begun again goes on from its last epoch.

    Args:
        changes: Settings of the recipe, by name.
        trials: What it has in common with the others.
    """
    settings = trials.settings
    dataset = load_dataset(settings.dataset, settings.data_dir)
    own = trials.folder / tune.get_context().get_trial_id()
    losses: list[float] = []
    accuracies: list[float] = []
    for seed in range(settings.seed, settings.seed + trials.splits):
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        recipe = registry.load(settings.recipe, changes)
        splits = prepare(dataset, seed, recipe.validation_share).one_hot()
        recipe = recipe.scaled(len(splits.train), settings.epochs, settings.batch_size)
        model = recipe.build()
        recipe.compile(model, len(splits.train))
        folder = own / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        reports = _Reports(losses, accuracies, trials.splits, recipe.total_epochs)
        recipe.fit(model, splits, seed, [reports], Checkpoints(folder))
        scores = task_of(settings.recipe).score(model, splits.validation)
        losses.append(scores.loss)
        accuracies.append(scores.accuracy)
        _report(losses, accuracies, len(losses) / trials.splits)


class _Reports(keras.callbacks.Callback):
    """Reports each epoch of a split to Tune.

    Args:
        losses: Of the splits before this one.
        accuracies: Likewise.
        splits: How many there are.
        epochs: How many epochs each has at most.
    """

    def __init__(
        self, losses: list[float], accuracies: list[float], splits: int, epochs: int
    ) -> None:
        super().__init__()
        self._losses, self._accuracies = losses, accuracies
        self._splits, self._epochs = splits, epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the validation images' loss; the last epoch's comes with the split's scores."""
        logs = logs or {}
        if epoch + 1 < self._epochs:
            done = (len(self._losses) + (epoch + 1) / self._epochs) / self._splits
            losses = [*self._losses, logs["val_loss"]]
            _report(losses, [*self._accuracies, logs["val_accuracy"]], done)


def _report(losses: list[float], accuracies: list[float], done: float) -> None:
    loss = fmean(losses)
    tune.report(
        {
            "loss": loss if math.isfinite(loss) else DIVERGED,
            "accuracy": fmean(accuracies),
            "percent": math.floor(100 * done),
        }
    )
