"""The recipe of the shipped network: reads other people's hands, knows what is no digit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import keras
import numpy as np

from mnist_classifier.learn.arrays import Floats, Images
from mnist_classifier.learn.data.augmentation import Deformation, coarsen, deform
from mnist_classifier.learn.data.dataset import CLASSES, SIDE, Split, Splits, one_hot
from mnist_classifier.learn.data.drawings import nondigits
from mnist_classifier.learn.data.strokes import draw_digits
from mnist_classifier.learn.networks.architectures import reader_layers
from mnist_classifier.learn.networks.losses import accuracy_with_reject, cross_entropy_with_reject
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.training.batches import Order
from mnist_classifier.learn.training.stages import Plan, Stage


@dataclass(frozen=True)
class ReaderRecipe(Recipe):
    """How the reader's network is trained."""

    name: str = "reader"
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 3e-3
    """AdamW's highest, reached after the first epoch, then falling to 0 along a cosine."""
    weight_decay: float = 1e-3
    nondigits: float = 0.2
    """Pictures of what is no digit, for each image of a digit."""
    drawn: float = 0.25
    """Share of the digits that are drawn by strokes, instead of MNIST's."""
    undrawn: tuple[int, ...] = ()
    """Digits of which no shape is drawn: all of these are MNIST's."""
    reuse: int = 4
    """How many epochs choose from the same drawn digits."""
    coarse: float = 0.15
    """Share of all pictures that are drawn with few pixels."""
    deformation: Deformation = field(default_factory=Deformation)
    finishing_epochs: int = 6
    """Epochs after those; every second digit in them is MNIST's, and hardly deformed."""
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
    def total_epochs(self) -> int:
        """The main and the finishing epochs together."""
        return self.epochs + self.finishing_epochs

    def scaled(
        self, train_size: int, epochs: int | None = None, batch_size: int | None = None
    ) -> ReaderRecipe:
        """Return the recipe with a person's wishes; fewer epochs keep a sixth for the finish."""
        chosen = replace(self, batch_size=batch_size or self.batch_size)
        if epochs is None:
            return chosen
        finishing = epochs // 6
        return replace(chosen, epochs=epochs - finishing, finishing_epochs=finishing)

    def build(self, pixels: int = 784, classes: int = 10) -> keras.Sequential:
        """Build the network."""
        return keras.Sequential(reader_layers(pixels, classes), name=self.name)

    def compile(self, model: keras.Model, train_size: int) -> None:
        """Compile for AdamW and cross-entropy over ten digits and "no digit"."""
        model.compile(
            keras.optimizers.AdamW(self.rate(0), weight_decay=self.weight_decay),
            cross_entropy_with_reject,
            metrics=[keras.metrics.MeanMetricWrapper(accuracy_with_reject, name="accuracy")],
            jit_compile=keras.config.backend() == "jax",  # where Keras else compiles nothing
        )

    def stages(self, model: keras.Model, splits: Splits) -> Iterator[Stage]:
        """Yield the one training, on deformed images and on drawings of what is no digit.

        The last epoch's weights are kept: the learning rate ends near 0, and nothing is chosen.
        """
        train = splits.train
        steps = max(1, (len(train) + round(self.nondigits * len(train))) // self.batch_size)

        def images(seed: int, epoch: int) -> tuple[Floats, Floats, Order]:
            x, y, order = self.drawn_epoch(train, seed, epoch)
            # A last batch of another size would be compiled anew.
            return x, y, order[: steps * self.batch_size]

        plan = Plan(
            images=images,
            validation=(splits.validation.x, splits.validation.targets),
            epochs=self.total_epochs,
            steps=steps,
            batch_size=self.batch_size,
            rate=self.rate,
        )
        yield Stage("", model, plan)

    def augment(self, split: Split, seed: int, epoch: int) -> Floats:
        """Return the digits of a split as the network learns from them in an epoch."""
        return self.drawn_epoch(split, seed, epoch)[0][: len(split)]

    def drawn_epoch(self, split: Split, seed: int, epoch: int) -> tuple[Floats, Floats, Order]:
        """Draw the images and targets of an epoch, the same for the same seed and epoch.

        Args:
            split: Images and labels to deform.
            seed: Of the training.
            epoch: Counted from 0.

        Returns:
            Images, shape ``(m, 784)``, float32 in [0, 1], the split's digits in their order, then
            the non-digits; targets, shape ``(m, 10)``, one-hot for digits and all zero for what is
            none; and the shuffled order to learn them in.
        """
        generator = np.random.default_rng((seed, epoch))
        digits = (split.x.reshape(-1, SIDE, SIDE) * 255).round().astype(np.uint8)
        drawn = _drawn(
            1 + round(self.drawn * len(digits) / CLASSES), seed, epoch - epoch % self.reuse
        )
        chosen = generator.random(len(digits)) < self.drawn
        by_strokes = np.flatnonzero(chosen & ~np.isin(split.labels, self.undrawn))
        which = generator.integers(drawn.shape[1], size=len(by_strokes))
        varied = digits.copy()
        varied[by_strokes] = drawn[split.labels[by_strokes], which]
        count = round(self.nondigits * len(digits))
        others = nondigits(count, digits, split.labels, generator)
        half = len(others) // 2
        others[:half] = deform(others[:half], generator, self.deformation)
        deformed = deform(varied, generator, self.deformation)
        if epoch >= self.epochs:
            deformed[::2] = deform(digits[::2], generator, self.finishing_deformation)
        images = coarsen(np.concatenate([deformed, others]), generator, self.coarse)
        targets = np.zeros((len(images), CLASSES), np.float32)
        targets[: len(split)] = one_hot(split.labels)
        return images.reshape(len(images), -1), targets, generator.permutation(len(images))

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

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return asdict(self)


@lru_cache(maxsize=1)
def _drawn(count: int, seed: int, epoch: int) -> Images:
    """Draw so many digits of each class; shape ``(10, count, 28, 28)``."""
    labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), count)
    digits = draw_digits(labels, np.random.default_rng((seed, epoch)))
    return digits.reshape(CLASSES, count, SIDE, SIDE)


READER = ReaderRecipe()
