"""What a training is made of: a plan for one network, its stage in a recipe, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.training.batches import Order

History: TypeAlias = dict[str, list[float]]
QUANTITIES = ("loss", "accuracy", "val_loss", "val_accuracy")


def likeliest_class_right(targets: Floats, answers: Floats) -> Any:
    """Return which images' likeliest class is that of their one-hot targets; shape ``(n,)``."""
    return answers.argmax(axis=1) == targets.argmax(axis=1)


@dataclass(frozen=True)
class Plan:
    """How one network is trained.

    Attributes:
        images: Makes the images and targets of an epoch, counted from 0, and their order, from the
            training's own seed; the same for the same seed and epoch.
        validation: The validation images and their targets.
        epochs: The most epochs.
        steps: Training steps an epoch.
        batch_size: Images a step.
        patience: Epochs without a lower validation loss after which training stops, the best
            epoch's weights restored; ``None`` trains to the end and keeps the last ones.
        rate: The learning rate of an epoch, counted from 0; ``None`` leaves it to the optimizer.
        right: Takes targets and answers; returns which answers are right, shape ``(n,)``.
        on_device: Whether images lie on an accelerator, as JAX's arrays; an epoch is then one
            compiled function.
    """

    images: Callable[[int, int], tuple[Floats, Floats, Order]]
    validation: tuple[Floats, Floats]
    epochs: int
    steps: int
    batch_size: int
    patience: int | None = None
    rate: Callable[[int], float] | None = None
    right: Callable[[Floats, Floats], Any] = likeliest_class_right
    on_device: bool = False


@dataclass(frozen=True)
class Stage:
    """One network's training within a recipe.

    Attributes:
        name: The folder of its checkpoints; ``""`` for the run's own.
        model: The network, compiled.
        plan: How it is trained.
        kept: Whether it is the model that is kept, or a part of it; a teacher is not.
    """

    name: str
    model: keras.Model
    plan: Plan
    kept: bool = True


@dataclass(frozen=True)
class Training:
    """What a training did.

    Attributes:
        history: For ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` a value for each
            finished epoch.
        best_epoch: The epoch whose weights the network now has, counted from 1; ``None`` when
            none was finished.
        interrupted: Whether Ctrl-C ended it.
        seconds: What it took, compiling included; of all sittings, if it was resumed.
    """

    history: History
    best_epoch: int | None
    interrupted: bool
    seconds: float

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.history["val_loss"])
