"""A recipe of several networks whose probabilities are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.dataset import Split, Splits
from mnist_classifier.learn.networks.architectures import (
    Architecture,
    cnn_best_layers,
    cnn_upright_layers,
)
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.recipes.standard import CNN_BEST, StandardRecipe
from mnist_classifier.learn.training.stages import Stage


@dataclass(frozen=True)
class EnsembleRecipe(Recipe):
    """Networks that differ in their layers, first weights and the order of images.

    Attributes:
        name: What the recipe is called.
        member: How each network is trained.
        members: What makes the layers of each; each has a vote, none is chosen.
    """

    name: str
    member: StandardRecipe
    members: tuple[Architecture, ...]

    @property
    def total_epochs(self) -> int:
        """The most epochs of all members together."""
        return len(self.members) * self.member.epochs

    @property
    def validation_share(self) -> float:
        """The share of the images, 0 to 1, that validate: the same for all members."""
        return self.member.validation_share

    @property
    def deforms(self) -> bool:
        """Whether the members learn from deformed images."""
        return self.member.deforms

    @property
    def independent_stages(self) -> int:
        """How many members there are: each learns by itself."""
        return len(self.members)

    def with_setting(self, name: str, value: Any) -> EnsembleRecipe:
        """Return the recipe with another value of a setting of all members."""
        return replace(self, member=self.member.with_setting(name, value))

    def scaled(
        self, train_size: int, epochs: int | None = None, batch_size: int | None = None
    ) -> EnsembleRecipe:
        """Return the recipe with its member's scaled; the epochs are those of all together.

        Fewer epochs than members leave some members out.
        """
        members = self.members[:epochs]
        each = epochs // len(members) if epochs else None
        member = self.member.scaled(train_size, each, batch_size)
        return replace(self, member=member, members=members)

    def build(self, pixels: int = 784, classes: int = 10) -> keras.Model:
        """Build the members, and the mean of their probabilities."""
        images = layers.Input((pixels,))
        members = [
            replace(self.member, name=name, layers=make).build(pixels, classes)
            for name, make in zip(self._names(), self.members, strict=True)
        ]
        answers = [member(images) for member in members]
        mean = layers.Average()(answers) if len(answers) > 1 else answers[0]
        return keras.Model(images, mean, name=self.name)

    def compile(self, model: keras.Model, train_size: int) -> None:
        """Compile each member, see `StandardRecipe.compile`."""
        for name in self._names():
            self.member.compile(model.get_layer(name), train_size)

    def stages(self, model: keras.Model, splits: Splits) -> Iterator[Stage]:
        """Yield each member's training."""
        for name in self._names():
            yield Stage(name, model.get_layer(name), self.member.plan(splits))

    def augment(self, split: Split, seed: int, epoch: int) -> Floats:
        """Return the images of a split as a member learns from them in an epoch."""
        return self.member.augment(split, seed, epoch)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them: the members', and what makes each."""
        member = self.member.to_dict()
        return {
            "name": self.name,
            "members": [make.__name__ for make in self.members],
            "member": member.pop("name"),
            **member,
        }

    def settle(self, model: keras.Model, learned: int) -> None:
        """Let members that learned nothing answer as one of the same layers that did.

        Where there is none, all digits are as probable to them: they change no answer.
        """
        learned = max(1, learned)
        members = [model.get_layer(name) for name in self._names()]
        for make, member in zip(self.members[learned:], members[learned:], strict=True):
            if make in self.members[:learned]:
                alike = members[self.members.index(make)]
                member.set_weights(alike.get_weights())
            else:
                last = [layer for layer in member.layers if layer.weights][-1]
                last.set_weights([np.zeros_like(weights) for weights in last.get_weights()])

    def _names(self) -> list[str]:
        return [f"{self.member.name}-{number}" for number in range(1, len(self.members) + 1)]


ENSEMBLE = EnsembleRecipe(
    "ensemble",
    replace(CNN_BEST, epochs=20, batch_size=32, learning_rate=1.5e-3, ema_epochs=0.3),
    (*(cnn_best_layers, cnn_upright_layers) * 2, cnn_best_layers),
)
