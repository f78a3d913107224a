"""Train a network on what another, its teacher, answers, and on the labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import RunError
from mnist_classifier.learn import recipes, runs, training
from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Dataset, Splits, Targets
from mnist_classifier.learn.epochs import QUANTITIES, Stage, Training
from mnist_classifier.learn.evaluation import predict
from mnist_classifier.learn.unfolding import unfold
from mnist_classifier.learn.views import seen_once

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DistilledRecipe:
    """A network that learns from another (Hinton and others, Distilling the knowledge, 2015).

    The teacher answers for each image as it was deformed for the network that learns, so that both
    see the same (Beyer and others, Knowledge distillation: a good teacher is patient, 2022).

    Attributes:
        name: What the recipe is called.
        student: How the network that is kept is built and trained.
        teacher: How the network is that is trained before it, on the same images.
        folded: How a network of convolutions is built and trained, by the same teacher, with whose
            weights the student's Dense layers begin, see `unfolding.unfold`; ``None``: with
            random ones.
        taught: Share of each target, 0 to 1, that is the teacher's answer; the rest is the label's.
        reuse: How many epochs learn from the same deformed images: the teacher's answers take
            longer than the epoch itself.
    """

    name: str
    student: recipes.Recipe
    teacher: recipes.Recipe
    taught: float
    reuse: int = 1
    folded: recipes.Recipe | None = None

    @property
    def deformation(self) -> Deformation | None:
        """How far images are deformed."""
        return self.student.deformation

    @property
    def validation_share(self) -> float:
        """Share of the images, 0 to 1, that validate: the same for all of its networks."""
        return self.teacher.validation_share

    def before(self, taught: bool) -> dict[str, recipes.Recipe]:
        """Return what is trained before the student, by name.

        Args:
            taught: Whether a trained teacher is given.
        """
        teacher = {} if taught else {"teacher": self.teacher}
        return {**teacher, **({"folded": self.folded} if self.folded else {})}

    def adapted(
        self, train_size: int, epochs: int | None, batch_size: int | None
    ) -> DistilledRecipe:
        """Return the recipe for a number of training images and a person's wishes.

        Args:
            train_size: How many images an epoch has.
            epochs: The most epochs of each network; ``None`` keeps the recipe's.
            batch_size: Images a step; ``None`` leaves it to the recipe.
        """
        return replace(
            self,
            student=self.student.adapted(train_size, epochs, batch_size),
            teacher=self.teacher.adapted(train_size, epochs, batch_size),
            folded=self.folded and self.folded.adapted(train_size, epochs, batch_size),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {
            **self.student.as_json(),
            "name": self.name,
            "taught": self.taught,
            "reuse": self.reuse,
            "teacher": self.teacher.as_json(),
            "folded": self.folded and self.folded.as_json(),
        }


_FOLDED = replace(
    recipes.CNN_SMALL,
    name="folded",
    layers=recipes.dnn_best_folded_layers,
    epochs=24,
    batch_size=256,
    learning_rate=2e-3,
    label_smoothing=0,
    averaging=None,
    finish=None,
    validation_share=recipes.CNN_BEST.validation_share,
)

DNN_BEST = DistilledRecipe(
    name="dnn-best",
    student=replace(
        _FOLDED,
        name="dnn-best",
        layers=recipes.dnn_best_layers,
        learning_rate=3e-4,
        finish=recipes.CNN_SMALL.finish,
    ),
    teacher=replace(recipes.CNN_BEST, epochs=12, batch_size=128, learning_rate=3e-3),
    taught=1.0,
    reuse=2,
    folded=_FOLDED,
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
    """Train the teacher, unless one is given, then what the network begins as, then the network.

    Args:
        model: From `build`, compiled.
        recipe: The settings.
        splits: The images; of the three parts, the test's is not touched.
        targets: The labels of the training and validation parts.
        callbacks: As for `epochs.fit`; the epochs are counted through all.
        checkpoints: As for `epochs.fit`; those before the network have their own.
        teacher: A trained one.

    Returns:
        The history has the epochs of all, the teacher's first; of one that was given, none. The
        seconds are all networks', a given teacher's too.
    """
    before = recipe.before(taught=teacher is not None)
    whole = sum(one.epochs for one in (*before.values(), recipe.student))
    done: list[Training] = []
    seconds = teacher.seconds if teacher else 0.0
    # A teacher answers for very many images: for each as it is, not for other views too.
    answering = seen_once(teacher.model) if teacher else None

    def learn(network: keras.Model, own: recipes.Recipe, kept: Checkpoints | None) -> Training:
        stage = Stage(callbacks, sum(one.epochs for one in done), whole)
        teach = _teaching(answering, recipe.taught) if answering else None
        reuse = recipe.reuse if answering else 1
        return training.fit(network, own, splits, targets, [stage], kept, teach, reuse)

    for part, own in before.items():
        network = training.build(own)
        training.compile_model(network, own, len(splits.train))
        done.append(learn(network, own, checkpoints.part(part) if checkpoints else None))
        seconds += done[-1].seconds
        if done[-1].interrupted:  # the network itself has learned nothing
            return Training({name: [] for name in QUANTITIES}, None, True, seconds)
        if part == "folded":
            unfold(network, model)
        else:
            answering = seen_once(network)
    outcome = learn(model, recipe.student, checkpoints)
    history = {
        name: [value for one in (*done, outcome) for value in one.history[name]]
        for name in QUANTITIES
    }
    finished = min(map(len, history.values()))
    return Training(
        history=history,
        best_epoch=finished if outcome.best_epoch else None,
        interrupted=outcome.interrupted,
        seconds=seconds + outcome.seconds,
    )


def _teaching(teacher: keras.Model, taught: float) -> Callable[[Floats, Floats], Floats]:
    """Return what makes targets of images and their labels: ``taught`` of each the teacher's."""
    return lambda x, y: (1 - taught) * y + taught * predict(teacher, x)
