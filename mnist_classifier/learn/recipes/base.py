"""The interface of recipes: one or several networks, trained one after the other."""

from __future__ import annotations

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.dataset import VALIDATION_SHARE, Split, Splits
from mnist_classifier.learn.training import loop
from mnist_classifier.learn.training.checkpoints import Checkpoints
from mnist_classifier.learn.training.stages import QUANTITIES, History, Stage, Training

R = TypeVar("R", bound="Recipe")
_Dataclass = TypeVar("_Dataclass")


class Recipe(ABC):
    """How a network is built and trained. Whoever calls it knows no kinds of recipes.

    Building a network draws its first weights from Keras's global seed; so do `fit`, where a recipe
    trains networks before the one that is kept, and `count_weights`, which builds them once more.
    For the same weights, call them in the same order after ``keras.utils.set_random_seed``.

    Attributes:
        name: What the recipe is called on the command line and in run folders.
    """

    name: str

    @property
    @abstractmethod
    def total_epochs(self) -> int:
        """The most epochs of all stages together."""

    @property
    def validation_share(self) -> float:
        """The share of the images, 0 to 1, that validate instead of training."""
        return VALIDATION_SHARE

    @property
    def deforms(self) -> bool:
        """Whether images are deformed anew while a network learns from them."""
        return True

    @property
    def independent_stages(self) -> int:
        """How many stages there are, where none needs what another learned; else 0."""
        return 0

    def with_setting(self: R, name: str, value: Any) -> R:
        """Return the recipe with another value of a setting, see `changes.changed`.

        Args:
            name: As in `to_dict`; a dot leads into an object.
            value: The setting's new value.
        """
        return _with_field(self, name, value)

    @abstractmethod
    def scaled(
        self: R, train_size: int, epochs: int | None = None, batch_size: int | None = None
    ) -> R:
        """Return the recipe for a number of training images and a person's wishes.

        Args:
            train_size: How many images an epoch has.
            epochs: The most epochs; ``None`` keeps the recipe's.
            batch_size: Images a step; ``None`` leaves it to the recipe.
        """

    @abstractmethod
    def build(self, pixels: int = 784, classes: int = 10) -> keras.Model:
        """Build the network that is kept."""

    @abstractmethod
    def compile(self, model: keras.Model, train_size: int) -> None:
        """Compile the network that is kept.

        Args:
            model: From `build`.
            train_size: How many images an epoch has; the learning rate's schedule depends on it.
        """

    @abstractmethod
    def stages(self, model: keras.Model, splits: Splits) -> Iterator[Stage]:
        """Yield the trainings that the recipe takes; each is done before the next is asked for.

        Args:
            model: From `build`, compiled.
            splits: The images, one-hot encoded; those of the test are not touched.
        """

    @abstractmethod
    def augment(self, split: Split, seed: int, epoch: int) -> Floats:
        """Return the images of a split as the network that is kept learns from them in an epoch.

        Args:
            split: Images and labels.
            seed: Of the training.
            epoch: Counted from 0.

        Returns:
            Float32, shape ``(n, pixels)`` in the split's order, in [0, 1].
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the training settings as JSON can hold them; the layers are in the model."""

    def count_weights(self, model: keras.Model) -> int:
        """Return how many weights all networks have that are trained: the kept one, and others."""
        return int(model.count_params())

    def settle(self, model: keras.Model, learned: int) -> None:
        """Put a network in order after its training, which Ctrl-C may have cut short.

        Args:
            model: The network that is kept.
            learned: How many stages finished an epoch.
        """
        return

    def fit(
        self,
        model: keras.Model,
        splits: Splits,
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        checkpoints: Checkpoints | None = None,
    ) -> Training:
        """Run the stages one after the other, from the last checkpoint on if there is one.

        Ctrl-C ends the training early but in order: the best weights so far, or the last finished
        epoch's, are restored and what was recorded is returned.

        Args:
            model: From `build`, compiled.
            splits: The images, one-hot encoded; those of the test are not touched.
            seed: From which each stage's own is drawn.
            callbacks: Keras callbacks, such as one that shows progress; they count epochs through
                all stages and are told of epochs finished in an earlier sitting too.
            checkpoints: Where each finished epoch is saved; ``None`` saves none.

        Returns:
            The history and the seconds of all stages; no history where the network that is kept
            learned nothing.

        Raises:
            OutputError: A checkpoint cannot be written.
            RunError: A checkpoint is another network's.
        """
        seeds = _seeds(seed)
        told = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=self.total_epochs)
        told.on_train_begin()
        history: History = {name: [] for name in QUANTITIES}
        epochs, learned, seconds, best, interrupted = 0, 0, 0.0, None, False
        for stage, stage_seed in zip(self.stages(model, splits), seeds, strict=False):
            told.set_params({"epochs": self.total_epochs, "steps": stage.plan.steps})
            own = checkpoints.of_stage(stage.name) if checkpoints else None
            training = loop.fit(stage.model, stage.plan, stage_seed, told, own, epochs)
            if stage.kept and training.best_epoch:
                best = epochs + training.best_epoch
            history = {name: history[name] + training.history[name] for name in QUANTITIES}
            epochs, seconds = epochs + training.epochs, seconds + training.seconds
            learned += training.epochs > 0
            if interrupted := training.interrupted:
                break
        told.on_train_end()
        self.settle(model, learned)
        if best is None:
            history = {name: [] for name in QUANTITIES}
        return Training(history, best, interrupted, seconds)

    def fit_stage(
        self, number: int, model: keras.Model, splits: Splits, seed: int, checkpoints: Checkpoints
    ) -> None:
        """Run one of `independent_stages` alone; `fit` then takes what it learned as it is.

        Args:
            number: Which, counted from 0.
            model: From `build`, compiled.
            splits: The images, one-hot encoded.
            seed: As of `fit`.
            checkpoints: As of `fit`: where each finished epoch is saved, and the last one stays.

        Raises:
            OutputError: A checkpoint cannot be written.
            RunError: A checkpoint is another network's.
        """
        pairs = zip(self.stages(model, splits), _seeds(seed), strict=False)
        stage, stage_seed = next(itertools.islice(pairs, number, None))
        nobody = keras.callbacks.CallbackList([], model=model)
        loop.fit(stage.model, stage.plan, stage_seed, nobody, checkpoints.of_stage(stage.name))


def _seeds(seed: int) -> Iterator[int]:
    """Yield the seed of each stage."""
    drawn = np.random.RandomState(seed)
    while True:
        yield int(drawn.randint(2**31))


def _with_field(instance: _Dataclass, name: str, value: Any) -> _Dataclass:
    """Return a dataclass with another value of a field; a dot leads into a field's fields."""
    field, _, rest = name.partition(".")
    if rest:
        value = _with_field(getattr(instance, field), rest, value)
    return dataclasses.replace(instance, **{field: value})  # type: ignore[type-var]
