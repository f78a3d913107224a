"""Train networks one by one, with the settings of one recipe, and average their probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn import recipes, training
from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Splits, Targets
from mnist_classifier.learn.epochs import QUANTITIES, Stage, Training


@dataclass(frozen=True)
class EnsembleRecipe:
    """Networks that differ in their layers, first weights and the order of images.

    Attributes:
        name: What the recipe is called.
        member: How each network is trained.
        members: What makes the layers of each; each has a vote, none is chosen.
    """

    name: str
    member: recipes.Recipe
    members: tuple[Callable[..., list[keras.layers.Layer]], ...]

    @property
    def deformation(self) -> Deformation | None:
        """How far images are deformed."""
        return self.member.deformation

    @property
    def validation_share(self) -> float:
        """Share of the images, 0 to 1, that validate instead of training."""
        return self.member.validation_share

    def adapted(
        self, train_size: int, epochs: int | None, batch_size: int | None
    ) -> EnsembleRecipe:
        """Return the recipe for a number of training images and a person's wishes.

        Args:
            train_size: How many images an epoch has.
            epochs: The most epochs of all members together; ``None`` keeps the recipe's.
            batch_size: Images a step; ``None`` leaves it to the recipe.
        """
        members = self.members[:epochs]
        each = epochs // len(members) if epochs else None
        member = self.member.adapted(train_size, each, batch_size)
        return replace(self, member=member, members=members)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        member = self.member.as_json()
        return {
            "name": self.name,
            "members": [make.__name__ for make in self.members],
            "member": member.pop("name"),
            **member,
        }


ENSEMBLE = EnsembleRecipe(
    "ensemble",
    recipes.CNN_BEST,
    (*(recipes.cnn_best_layers, recipes.cnn_upright_layers) * 2, recipes.cnn_best_layers),
)


def build(recipe: EnsembleRecipe) -> keras.Model:
    """Build the members, and the mean of their probabilities."""
    pixels = layers.Input((784,))
    members = [
        training.build(replace(recipe.member, name=name, layers=make))
        for name, make in zip(_names(recipe), recipe.members, strict=True)
    ]
    answers = [member(pixels) for member in members]
    mean = layers.Average()(answers) if len(answers) > 1 else answers[0]
    return keras.Model(pixels, mean, name=recipe.name)


def compile_model(model: keras.Model, recipe: EnsembleRecipe, train_size: int) -> None:
    """Compile each member, see `training.compile_model`."""
    for name in _names(recipe):
        training.compile_model(model.get_layer(name), recipe.member, train_size)


def fit(
    model: keras.Model,
    recipe: EnsembleRecipe,
    splits: Splits,
    targets: Targets,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train one member after another; the history has the epochs of all.

    Where Ctrl-C ends it, members that have learned nothing yet answer as one of the same layers
    that has; where there is none, all digits are as probable to them.

    Args:
        model: From `build`, compiled.
        recipe: The settings.
        splits: The images; of the three parts, the test's is not touched.
        targets: The labels of the training and validation parts.
        callbacks: As for `epochs.fit`; the epochs are counted through all members.
        checkpoints: As for `epochs.fit`; each member has its own.
    """
    members = [model.get_layer(name) for name in _names(recipe)]
    trainings: list[Training] = []
    for number, member in enumerate(members):
        each = recipe.member.epochs
        stage = Stage(callbacks, number * each, len(members) * each)
        own = checkpoints.part(member.name) if checkpoints else None
        trainings.append(training.fit(member, recipe.member, splits, targets, [stage], own))
        if trainings[-1].interrupted:
            break
    _give_no_say(recipe, members, max(1, sum(one.epochs > 0 for one in trainings)))
    finished = sum(one.epochs for one in trainings)
    return Training(
        history={
            name: [value for one in trainings for value in one.history[name]] for name in QUANTITIES
        },
        best_epoch=finished or None,
        interrupted=trainings[-1].interrupted,
        seconds=sum(one.seconds for one in trainings),
    )


def _give_no_say(recipe: EnsembleRecipe, members: list[keras.Model], learned: int) -> None:
    """Let no member after the first ``learned`` ones change which digit is most probable."""
    for make, member in zip(recipe.members[learned:], members[learned:], strict=True):
        if make in recipe.members[:learned]:
            alike = members[recipe.members.index(make)]
            member.set_weights(alike.get_weights())
        else:
            last = [layer for layer in member.layers if layer.weights][-1]
            last.set_weights([np.zeros_like(weights) for weights in last.get_weights()])


def _names(recipe: EnsembleRecipe) -> list[str]:
    return [f"{recipe.member.name}-{number}" for number in range(1, len(recipe.members) + 1)]
