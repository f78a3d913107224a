"""Train networks of one recipe one by one, and average their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import layers

from mnist_classifier.learn import recipes, training
from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Splits, Targets
from mnist_classifier.learn.epochs import QUANTITIES, Stage, Training


@dataclass(frozen=True)
class EnsembleRecipe:
    """Networks that differ in their first weights and the order of images, not in their recipe.

    Attributes:
        name: What the recipe is called.
        member: How each network is built and trained.
        members: How many there are; each has a vote, none is chosen.
    """

    name: str
    member: recipes.Recipe
    members: int

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
        members = min(self.members, epochs or self.members)
        each = epochs // members if epochs else None
        member = self.member.adapted(train_size, each, batch_size)
        return replace(self, member=member, members=members)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        member = self.member.as_json()
        return {
            "name": self.name,
            "members": self.members,
            "member": member.pop("name"),
            **member,
        }


ENSEMBLE = EnsembleRecipe("ensemble", recipes.CNN_BEST, 5)


def build(recipe: EnsembleRecipe) -> keras.Model:
    """Build the members, and the mean of their probabilities."""
    pixels = layers.Input((784,))
    members = [training.build(replace(recipe.member, name=name)) for name in _names(recipe)]
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

    Where Ctrl-C ends it, the members that have learned nothing yet answer as the first does.

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
    learned = [one for one in trainings if one.epochs]
    for member in members[max(1, len(learned)) :]:
        member.set_weights(members[0].get_weights())
    finished = sum(one.epochs for one in trainings)
    return Training(
        history={
            name: [value for one in trainings for value in one.history[name]] for name in QUANTITIES
        },
        best_epoch=finished or None,
        interrupted=trainings[-1].interrupted,
        seconds=sum(one.seconds for one in trainings),
    )


def _names(recipe: EnsembleRecipe) -> list[str]:
    return [f"{recipe.member.name}-{number}" for number in range(1, recipe.members + 1)]
