"""The recipe of the line reader: numbers on any paper, read without being cut into digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import keras

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.dataset import Split, Splits
from mnist_classifier.learn.data.lines import Composer, encode, fixed_lines
from mnist_classifier.learn.data.texts import ALPHABET
from mnist_classifier.learn.data.workers import composing
from mnist_classifier.learn.networks.architectures import line_network
from mnist_classifier.learn.networks.losses import lines_read_exactly
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.training.batches import Order, shuffled
from mnist_classifier.learn.training.stages import Plan, Stage


@dataclass(frozen=True)
class LinesRecipe(Recipe):
    """How the line reader's network is trained.

    Attributes:
        name: What the recipe is called on the command line and in run folders.
        epochs: Each learns from as many lines.
        lines: Composed anew for each epoch.
        width: Of the lines, in pixels.
        batch_size: Lines a step.
        learning_rate: AdamW's highest, reached after ``warmup`` of all steps, then falling to a
            hundredth along a cosine.
        warmup: Share of all steps, 0 to 1.
        weight_decay: AdamW's.
        validation_lines: Composed of the validation digits, once.
        validation_share: The share of the digits that validate.
    """

    name: str = "lines"
    epochs: int = 140
    lines: int = 8192
    width: int = 128
    batch_size: int = 64
    learning_rate: float = 2e-3
    warmup: float = 0.02
    weight_decay: float = 1e-3
    validation_lines: int = 1000
    validation_share: float = 1 / 30

    @property
    def total_epochs(self) -> int:
        """The epochs."""
        return self.epochs

    @property
    def deforms(self) -> bool:
        """Digits are not deformed one by one."""
        return False

    def scaled(
        self, train_size: int, epochs: int | None = None, batch_size: int | None = None
    ) -> LinesRecipe:
        """Return the recipe with a person's wishes; few digits make few lines."""
        return replace(
            self,
            epochs=epochs or self.epochs,
            batch_size=batch_size or self.batch_size,
            lines=min(self.lines, max(self.batch_size, train_size)),
            validation_lines=min(self.validation_lines, train_size),
        )

    def build(self, pixels: int = 784, classes: int = 10) -> keras.Model:
        """Build the network."""
        return line_network(len(ALPHABET))

    def compile(self, model: keras.Model, train_size: int) -> None:
        """Compile for AdamW and connectionist temporal classification."""
        steps = self.epochs * self._steps
        warmup = round(self.warmup * steps)
        schedule = keras.optimizers.schedules.CosineDecay(
            self.learning_rate / 10,
            max(1, steps - warmup),
            alpha=0.01,
            warmup_target=self.learning_rate,
            warmup_steps=warmup,
        )
        model.compile(
            keras.optimizers.AdamW(schedule, weight_decay=self.weight_decay, clipnorm=5.0),
            keras.losses.CTC(),
            metrics=[keras.metrics.MeanMetricWrapper(lines_read_exactly, name="accuracy")],
            jit_compile=keras.config.backend() == "jax",  # where Keras else compiles nothing
        )

    @property
    def _steps(self) -> int:
        return max(1, self.lines // self.batch_size)

    def stages(self, model: keras.Model, splits: Splits) -> Iterator[Stage]:
        """Yield the one training; the last epoch's weights are kept, and nothing is chosen."""
        validation = fixed_lines(splits.validation, self.validation_lines, self.width)
        with composing(Composer.of(splits.train, self.width), self.lines) as begin:

            @lru_cache(maxsize=2)
            def begun(seed: int, epoch: int) -> Callable[[], tuple[Floats, Floats]]:
                return begin(self.lines, (seed, epoch))

            def images(seed: int, epoch: int) -> tuple[Floats, Floats, Order]:
                x, y = begun(seed, epoch)()
                if epoch + 1 < self.epochs:
                    begun(seed, epoch + 1)  # while these are learned from
                # A last batch of another size would be traced anew.
                order = shuffled(len(x), seed, epoch)[: self._steps * self.batch_size]
                return x, y, order

            plan = Plan(
                images=images,
                validation=encode(validation),
                epochs=self.epochs,
                steps=self._steps,
                batch_size=self.batch_size,
                right=lines_read_exactly,
            )
            yield Stage("", model, plan)

    def augment(self, split: Split, seed: int, epoch: int) -> Floats:
        """Return the digits as they are: they are changed when lines are composed."""
        return split.x

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return asdict(self)


LINES = LinesRecipe()
