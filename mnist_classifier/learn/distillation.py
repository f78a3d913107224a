"""Train a network on what another, its teacher, answers, and on the labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from mnist_classifier.errors import RunError
from mnist_classifier.learn import recipes, runs, training
from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Dataset, Splits, Targets
from mnist_classifier.learn.epochs import QUANTITIES, Stage, Training
from mnist_classifier.learn.evaluation import predict


@dataclass(frozen=True)
class DistilledRecipe:
    """A network that learns from another (Hinton and others, Distilling the knowledge, 2015).

    The teacher answers for each image as it was deformed for the network that learns, so that both
    see the same (Beyer and others, Knowledge distillation: a good teacher is patient, 2022).

    Attributes:
        name: What the recipe is called.
        student: How the network that is kept is built and trained.
        teacher: How the network is that is trained before it, on the same images.
        taught: Share of each target, 0 to 1, that is the teacher's answer; the rest is the label's.
        reuse: How many epochs learn from the same deformed images: the teacher's answers take
            longer than the epoch itself.
    """

    name: str
    student: recipes.Recipe
    teacher: recipes.Recipe
    taught: float
    reuse: int = 1

    @property
    def deformation(self) -> Deformation | None:
        """How far images are deformed."""
        return self.student.deformation

    def adapted(
        self, train_size: int, epochs: int | None, batch_size: int | None
    ) -> DistilledRecipe:
        """Return the recipe for a number of training images and a person's wishes.

        Args:
            train_size: How many images an epoch has.
            epochs: The most epochs of each of the two; ``None`` keeps the recipe's.
            batch_size: Images a step; ``None`` leaves it to the recipe.
        """
        return replace(
            self,
            student=self.student.adapted(train_size, epochs, batch_size),
            teacher=self.teacher.adapted(train_size, epochs, batch_size),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {
            **self.student.as_json(),
            "name": self.name,
            "taught": self.taught,
            "reuse": self.reuse,
            "teacher": self.teacher.as_json(),
        }


DNN_BEST = DistilledRecipe(
    name="dnn-best",
    student=replace(
        recipes.CNN_SMALL,
        layers=recipes.dnn_best_layers,
        epochs=72,
        batch_size=256,
        learning_rate=2e-3,
        label_smoothing=0,
        averaging=None,
    ),
    teacher=recipes.CNN_BEST,
    taught=1.0,
    reuse=2,
)


@dataclass(frozen=True)
class Teacher:
    """A trained network that answers for images.

    Attributes:
        model: The network.
        seconds: What its training took.
    """

    model: keras.Model
    seconds: float


def load_teacher(path: Path, recipe: DistilledRecipe, dataset: Dataset, seed: int) -> Teacher:
    """Load a finished run that is what would be trained as the teacher.

    Args:
        path: The run folder.
        recipe: What is trained now.
        dataset: The images that it is trained on.
        seed: Which decides what is split from them.

    Raises:
        RunError: It is unfinished, of another recipe than the teacher's, or of other images or
            another seed: then it may have learned from images that are to validate.
    """
    run = runs.Run(path)
    config = run.load_json("config.json")
    came = _facts(config.get("recipe"), config.get("sha256"), config.get("seed"))
    expected = _facts(recipe.teacher.as_json(), dataset.sha256(), seed)
    for name, value in expected.items():
        if came.get(name) != value:
            raise RunError(
                f"{path} has {name} {came.get(name)}; expected {value} of a teacher here: name "
                "another --teacher, or leave it out and one is trained first"
            )
    if not run.is_finished():
        raise RunError(
            f"{path} is not finished; expected a finished run: run  mnist train --resume {path}"
        )
    return Teacher(run.load_model(), float(run.load_json("metrics.json")["fit_seconds"]))


def _facts(recipe: Any, sha256: Any, seed: Any) -> dict[str, Any]:
    """Return what a teacher must have in common with what it would be, as JSON has it."""
    settings = recipe if isinstance(recipe, dict) else {}
    facts = {"the recipe": settings.get("name"), "seed": seed, "images": sha256, **settings}
    as_read: dict[str, Any] = json.loads(json.dumps(facts))
    return as_read


def build(recipe: DistilledRecipe) -> keras.Sequential:
    """Build the network that is kept."""
    return training.build(replace(recipe.student, name=recipe.name))


def compile_model(model: keras.Model, recipe: DistilledRecipe, train_size: int) -> None:
    """Compile it, see `training.compile_model`."""
    training.compile_model(model, recipe.student, train_size)


def fit(
    model: keras.Model,
    recipe: DistilledRecipe,
    splits: Splits,
    targets: Targets,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
    teacher: Teacher | None = None,
) -> Training:
    """Train the teacher, unless one is given, and then the network; both count in the seconds.

    Args:
        model: From `build`, compiled.
        recipe: The settings.
        splits: The images; of the three parts, the test's is not touched.
        targets: The labels of the training and validation parts.
        callbacks: As for `epochs.fit`; the epochs are counted through both.
        checkpoints: As for `epochs.fit`; the teacher has its own.
        teacher: A trained one.

    Returns:
        The history has the epochs of both, the teacher's first; of one that was given, none.
    """
    before: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    if teacher is None:
        network = training.build(recipe.teacher)
        training.compile_model(network, recipe.teacher, len(splits.train))
        whole = recipe.teacher.epochs + recipe.student.epochs
        lesson = training.fit(
            network,
            recipe.teacher,
            splits,
            targets,
            [Stage(callbacks, 0, whole)],
            checkpoints.part("teacher") if checkpoints else None,
        )
        if lesson.interrupted:  # the network itself has learned nothing
            return replace(lesson, history=before, best_epoch=None)
        callbacks = [Stage(callbacks, recipe.teacher.epochs, whole)]
        before, teacher = lesson.history, Teacher(network, lesson.seconds)
    answering = teacher.model
    outcome = training.fit(
        model,
        recipe.student,
        splits,
        targets,
        callbacks,
        checkpoints,
        lambda x, y: (1 - recipe.taught) * y + recipe.taught * predict(answering, x),
        recipe.reuse,
    )
    history = {name: [*before[name], *outcome.history[name]] for name in QUANTITIES}
    finished = min(map(len, history.values()))
    return replace(
        outcome,
        history=history,
        best_epoch=finished if outcome.best_epoch else None,
        seconds=teacher.seconds + outcome.seconds,
    )
