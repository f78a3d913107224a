"""The named recipes: an architecture as one visible list, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import keras
from keras import layers

FEWEST_STEPS = 100  # an epoch, where a recipe chooses its own batch size


def dnn_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the default network: 784 pixels in, ``Dense`` layers, ten probabilities out."""
    return [
        layers.Input((pixels,)),
        layers.Dense(512, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(classes, activation="softmax"),
    ]


@dataclass(frozen=True)
class Recipe:
    """An architecture and its training settings.

    Attributes:
        name: What the recipe is called on the command line and in run folders.
        layers: Makes the layers for a number of pixels and of classes, 784 and 10 unless said
            otherwise: first the input, last the softmax.
        epochs: The most epochs; the learning rate's schedule ends with them.
        patience: Epochs without a lower validation loss after which training stops.
        batch_size: Images a training step.
        learning_rate: Adam's highest, reached after ``warmup`` of all steps, then falling
            along a cosine (Loshchilov and Hutter, SGDR, 2017).
        warmup: Share of all steps, 0 to 1.
        steps_per_execution: Training steps that Keras runs between two looks at callbacks.
        label_smoothing: Share of each training target, 0 to 1, that is spread evenly over all
            classes (Szegedy, Rethinking the Inception architecture, 2016).
    """

    name: str
    layers: Callable[..., list[keras.layers.Layer]]
    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    warmup: float
    steps_per_execution: int
    label_smoothing: float

    def adapted(self, train_size: int, epochs: int | None, batch_size: int | None) -> Recipe:
        """Return the recipe for a number of training images and a person's wishes.

        Where images are few, the batch shrinks until an epoch has about a hundred steps. With
        the batch, Adam's learning rate changes by the square root of the ratio (Krizhevsky,
        One weird trick for parallelizing convolutional neural networks, 2014).

        Args:
            train_size: How many images an epoch has.
            epochs: The most epochs; ``None`` keeps the recipe's.
            batch_size: Images a step; ``None`` leaves it to the recipe.
        """
        hundredth = 2 ** round(math.log2(max(1, train_size / FEWEST_STEPS)))
        batch = batch_size or min(self.batch_size, hundredth)
        return replace(
            self,
            epochs=epochs or self.epochs,
            batch_size=batch,
            learning_rate=self.learning_rate * math.sqrt(batch / self.batch_size),
        )

    def as_json(self) -> dict[str, str | int | float]:
        """Return the training settings as JSON can hold them; the layers are in the model."""
        return {name: value for name, value in asdict(self).items() if name != "layers"}


DNN = Recipe(
    name="dnn",
    layers=dnn_layers,
    epochs=6,
    patience=5,
    batch_size=128,
    learning_rate=3e-3,
    warmup=0.1,
    steps_per_execution=32,
    label_smoothing=0.02,
)
