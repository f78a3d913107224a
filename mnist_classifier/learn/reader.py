"""Train the network that reads other people's handwriting and knows what is no digit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from mnist_classifier.learn import epochs
from mnist_classifier.learn.augmentation import Deformation, coarsen, deform, vary_writing
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import VALIDATION_SHARE, Part, Splits, Targets, one_hot
from mnist_classifier.learn.epochs import Training
from mnist_classifier.learn.nondigits import (
    accuracy,
    digit_or_nothing,
    nondigits,
    softmax_or_nothing,
)
from mnist_classifier.learn.recipes import convolution

Floats = npt.NDArray[np.float32]


def reader_layers() -> list[keras.layers.Layer]:
    """Return the network: five convolutions, 784 pixels in, 10 digits out; 164,386 weights."""
    return [
        layers.Input((784,)),
        layers.Reshape((28, 28, 1)),
        *convolution(24),  # 26 × 26
        *convolution(40, strides=2),  # 12 × 12
        *convolution(64),  # 10 × 10
        *convolution(80, strides=2),  # 4 × 4
        *convolution(112),  # 2 × 2
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10),
        layers.Activation(softmax_or_nothing),
    ]


@dataclass(frozen=True)
class ReaderRecipe:
    """How the reader's network is trained."""

    name: str = "reader"
    epochs: int = 40
    batch_size: int = 128
    learning_rate: float = 3e-3
    """AdamW's highest, reached after the first epoch, then falling to 0 along a cosine."""
    weight_decay: float = 1e-3
    nondigits: float = 0.15
    """Pictures of what is no digit, for each image of a digit."""
    varied: float = 0.4
    """Share of ones and sevens drawn with flag, foot or bar."""
    coarse: float = 0.15
    """Share of all pictures that are drawn with few pixels."""
    validation_share: ClassVar[float] = VALIDATION_SHARE
    """Share of the images, 0 to 1, that validate instead of training."""
    deformation: Deformation = field(default_factory=Deformation)
    finishing_epochs: int = 8
    """Epochs after those, in which every second digit is deformed as little as MNIST's differ."""
    finishing_learning_rate: float = 5e-4
    """AdamW's at their beginning, falling to 0 along a cosine."""
    finishing_deformation: Deformation = field(
        default_factory=lambda: Deformation(
            rotation=6,
            scale=0.06,
            stretch=0.08,
            shear=0.12,
            shift=0.7,
            elastic=0.7,
            stroke=0.3,
            blur=0.1,
            contrast=0.5,
            noise=0,
        )
    )

    @property
    def all_epochs(self) -> int:
        """The main and the finishing epochs together."""
        return self.epochs + self.finishing_epochs

    def adapted(
        self,
        train_size: int,
        epochs: int | None,
        batch_size: int | None,
    ) -> ReaderRecipe:
        """Return the recipe with a person's wishes; fewer epochs keep a sixth for the finish.

        Args:
            train_size: How many images an epoch has; makes no difference here.
            epochs: All epochs together, or ``None`` for the recipe's.
            batch_size: Images a step, or ``None`` for the recipe's.
        """
        chosen = replace(self, batch_size=batch_size or self.batch_size)
        if epochs is None:
            return chosen
        finishing = epochs // 6
        return replace(chosen, epochs=epochs - finishing, finishing_epochs=finishing)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0: two cosines, the second lower."""
        if epoch == 0 and self.epochs > 1:
            return self.learning_rate / 5  # warms up
        highest, length, since = (
            (self.learning_rate, self.epochs, epoch)
            if epoch < self.epochs
            else (self.finishing_learning_rate, self.finishing_epochs, epoch - self.epochs)
        )
        return highest * (1 + math.cos(math.pi * since / length)) / 2

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return asdict(self)


READER = ReaderRecipe()


def deformed_epoch(
    part: Part, recipe: ReaderRecipe, seed: int, epoch: int
) -> tuple[Floats, Floats, epochs.Order]:
    """Make the images and targets of one epoch, the same for the same seed and epoch.

    Args:
        part: Images and labels to deform.
        recipe: How far, and how many non-digits are added.
        seed: Of the training.
        epoch: Counted from 0.

    Returns:
        Images, shape ``(m, 784)``, float32 in [0, 1]; targets, shape ``(m, 10)``, one-hot for
        digits and all zero for what is none; and the shuffled order to learn them in.
    """
    generator = np.random.default_rng((seed, epoch))
    images = drawn_epoch(part, recipe, generator, epoch)
    targets = np.zeros((len(images), 10), np.float32)
    targets[: len(part)] = one_hot(part.labels)
    return images.reshape(len(images), -1), targets, generator.permutation(len(images))


def drawn_epoch(
    part: Part, recipe: ReaderRecipe, generator: np.random.Generator, epoch: int
) -> Floats:
    """Draw an epoch's images, ``(m, 28, 28)``: the part's digits in their order, then the others.

    See `deformed_epoch`.
    """
    digits = (part.x.reshape(-1, 28, 28) * 255).round().astype(np.uint8)
    varied = vary_writing(digits, part.labels, generator, recipe.varied)
    others = nondigits(round(recipe.nondigits * len(digits)), digits, part.labels, generator)
    half = len(others) // 2
    others[:half] = deform(others[:half], generator, recipe.deformation)
    deformed = deform(varied, generator, recipe.deformation)
    if epoch >= recipe.epochs:
        deformed[::2] = deform(varied[::2], generator, recipe.finishing_deformation)
    return coarsen(np.concatenate([deformed, others]), generator, recipe.coarse)


def build(recipe: ReaderRecipe) -> keras.Sequential:
    """Build the reader's network; its first weights come from Keras's global seed."""
    return keras.Sequential(reader_layers(), name=recipe.name)


def compile_model(model: keras.Model, recipe: ReaderRecipe, train_size: int) -> None:
    """Compile for AdamW and cross-entropy over ten digits and "no digit".

    Args:
        model: From `build`.
        recipe: Weight decay and the first epoch's learning rate; the others follow as it trains.
        train_size: Makes no difference here.
    """
    optimizer = keras.optimizers.AdamW(recipe.rate(0), weight_decay=recipe.weight_decay)
    model.compile(optimizer, digit_or_nothing, metrics=[accuracy], jit_compile=False)


def fit(
    model: keras.Model,
    recipe: ReaderRecipe,
    splits: Splits,
    targets: Targets,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train on images deformed anew in each epoch, and on drawings of what is no digit.

    The last epoch's weights are kept: the learning rate ends near 0, and nothing is chosen.

    Args:
        model: A compiled network.
        recipe: The settings.
        splits: The images; of the three parts, the test's is not touched.
        targets: The labels of the validation part are compared.
        callbacks: As for `epochs.fit`.
        checkpoints: As for `epochs.fit`.
    """
    size = len(splits.train) + round(recipe.nondigits * len(splits.train))
    steps = max(1, size // recipe.batch_size)

    def images(seed: int, epoch: int) -> tuple[Floats, Floats, epochs.Order]:
        x, y, order = deformed_epoch(splits.train, recipe, seed, epoch)
        whole = steps * recipe.batch_size  # a last batch of another size would be compiled anew
        return x, y, order[:whole]

    plan = epochs.Plan(
        images=images,
        validation=(splits.validation.x, targets.validation),
        epochs=recipe.all_epochs,
        steps=steps,
        batch_size=recipe.batch_size,
        rate=recipe.rate,
    )
    return epochs.fit(model, plan, callbacks, checkpoints)
