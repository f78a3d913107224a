"""A recipe whose network learns from another, its teacher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.dataset import Split, Splits
from mnist_classifier.learn.networks import architectures
from mnist_classifier.learn.networks.conversion import convolution_to_dense
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.networks.layers import without_tta
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.recipes.standard import CNN_BEST, CNN_SMALL, StandardRecipe
from mnist_classifier.learn.training.stages import Stage


@dataclass(frozen=True)
class DistilledRecipe(Recipe):
    """A student learns from a teacher (Hinton and others, Distilling the knowledge, 2015).

    The teacher answers for each image as it was deformed for the student, so that both see the
    same (Beyer and others, Knowledge distillation: a good teacher is patient, 2022).

    Attributes:
        name: What the recipe is called.
        student: How the network that is kept is built and trained.
        teacher: How the network is that is trained before it, on the same images.
        teacher_weight: Share of each target, 0 to 1, that is the teacher's answer; the rest is the
            label's.
        reuse: How many epochs learn from the same deformed images: the teacher's answers take
            longer than the epoch itself.
        initial: How a network of convolutions is built and trained, by the same teacher, with whose
            weights the student's Dense layers begin, see `convolution_to_dense`; ``None``: with
            random ones.
    """

    name: str
    student: StandardRecipe
    teacher: StandardRecipe
    teacher_weight: float
    reuse: int = 1
    initial: StandardRecipe | None = None

    @property
    def total_epochs(self) -> int:
        """The most epochs of all networks together."""
        return self.student.epochs + sum(recipe.epochs for recipe in self._before())

    @property
    def validation_share(self) -> float:
        """The share of the images, 0 to 1, that validate: the same for all networks."""
        return self.teacher.validation_share

    @property
    def deforms(self) -> bool:
        """Whether the student learns from deformed images."""
        return self.student.deforms

    def with_setting(self, name: str, value: Any) -> DistilledRecipe:
        """Return the recipe with another value of a setting: its own, or else the student's."""
        if hasattr(self.student, name.partition(".")[0]):
            return replace(self, student=self.student.with_setting(name, value))
        return super().with_setting(name, value)

    def scaled(
        self, train_size: int, epochs: int | None = None, batch_size: int | None = None
    ) -> DistilledRecipe:
        """Return the recipe with each network's scaled; the epochs are each network's."""
        asked = (train_size, epochs, batch_size)
        return replace(
            self,
            student=self.student.scaled(*asked),
            teacher=self.teacher.scaled(*asked),
            initial=self.initial and self.initial.scaled(*asked),
        )

    def build(self, pixels: int = 784, classes: int = 10) -> keras.Sequential:
        """Build the student."""
        return replace(self.student, name=self.name).build(pixels, classes)

    def compile(self, model: keras.Model, train_size: int) -> None:
        """Compile the student, see `StandardRecipe.compile`."""
        self.student.compile(model, train_size)

    def stages(self, model: keras.Model, splits: Splits) -> Iterator[Stage]:
        """Yield the teacher's training, that of the initial network, and the student's."""
        teacher = _compiled(self.teacher, splits)
        yield Stage("teacher", teacher, self.teacher.plan(splits), kept=False)
        # It answers for very many images: for each as it is, without test-time augmentation.
        teacher = without_tta(teacher)

        def teach(x: Floats, y: Floats) -> Floats:
            return (1 - self.teacher_weight) * y + self.teacher_weight * predict(teacher, x)

        if self.initial:
            initial = _compiled(self.initial, splits)
            plan = self.initial.plan(splits, teach, self.reuse)
            yield Stage("initial", initial, plan, kept=False)
            convolution_to_dense(initial, model)
        yield Stage("", model, self.student.plan(splits, teach, self.reuse))

    def augment(self, split: Split, seed: int, epoch: int) -> Floats:
        """Return the images of a split as the student learns from them in an epoch."""
        return self.student.augment(split, seed, epoch - epoch % self.reuse, self.reuse)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them: the student's, and in them the others'."""
        return {
            **self.student.to_dict(),
            "name": self.name,
            "teacher_weight": self.teacher_weight,
            "reuse": self.reuse,
            "teacher": self.teacher.to_dict(),
            "initial": self.initial and self.initial.to_dict(),
        }

    def count_weights(self, model: keras.Model) -> int:
        """Return how many weights the student and the networks before it have."""
        before = sum(recipe.build().count_params() for recipe in self._before())
        return int(model.count_params() + before)

    def _before(self) -> list[StandardRecipe]:
        """Return what is trained before the student."""
        return [self.teacher, *([self.initial] if self.initial else [])]


def _compiled(recipe: StandardRecipe, splits: Splits) -> keras.Sequential:
    model = recipe.build(splits.train.x.shape[1], splits.train.targets.shape[1])
    recipe.compile(model, len(splits.train))
    return model


_INITIAL = replace(
    CNN_SMALL,
    name="initial",
    layers=architectures.dnn_best_initial_layers,
    epochs=24,
    batch_size=256,
    learning_rate=2e-3,
    label_smoothing=0,
    ema_epochs=None,
    final_deformation=None,
)

CNN_SMALL_TAUGHT = DistilledRecipe(
    name="cnn-small",
    student=replace(CNN_SMALL, label_smoothing=0),
    teacher=CNN_BEST,
    teacher_weight=0.5,
)

DNN_BEST = DistilledRecipe(
    name="dnn-best",
    student=replace(
        _INITIAL,
        name="dnn-best",
        layers=architectures.dnn_best_layers,
        learning_rate=3e-4,
        final_deformation=CNN_SMALL.final_deformation,
    ),
    teacher=replace(CNN_BEST, epochs=12, batch_size=128, ema_epochs=0.3),
    teacher_weight=1.0,
    reuse=2,
    initial=_INITIAL,
)
