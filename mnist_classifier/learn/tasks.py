"""What networks learn to do, and how each of it is judged: digits one by one, or whole lines."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from mnist_classifier.learn.data.dataset import Dataset, Split, scale
from mnist_classifier.learn.data.lines import Composer, fixed_lines
from mnist_classifier.learn.evaluation import calibration, figures, lines, metrics, report
from mnist_classifier.learn.evaluation.intervals import wilson_interval
from mnist_classifier.learn.evaluation.metrics import Scores, Tell
from mnist_classifier.learn.evaluation.predictions import Predictions
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.recipes.base import Recipe

EXAMPLE_EPOCHS = 6  # of which the figure of augmentation shows images
TEST_LINES = 3000
VALIDATION_LINES = 1000
_SHOWN_LINES = 40


@dataclass(frozen=True)
class Judged:
    """What came of judging a network on a test set.

    Attributes:
        metrics: The numbers, as ``metrics.json`` holds them.
        page: Returns the report, an HTML page, for what is told of the run.
        predictions: The answer to each test image, where each has one.
    """

    metrics: dict[str, Any]
    page: Callable[[report.RunFacts], str]
    predictions: Predictions | None


class Task(ABC):
    """What a network learns to do.

    Attributes:
        name: What the registry of recipes calls it.
        loss: What its loss is called.
        items: What it is scored on, in the plural.
    """

    name: str
    loss: str
    items: str

    @abstractmethod
    def examples(self, recipe: Recipe, dataset: Dataset, seed: int) -> Figure | None:
        """Draw what the network learns from; None where that is the images as they are."""

    @abstractmethod
    def score(self, model: keras.Model, test: Split) -> Scores:
        """Score a network on all that a split's images give."""

    @abstractmethod
    def by_chance(self, test: Split, seed: int) -> float:
        """Return the accuracy, 0 to 1, of answers drawn at random."""

    @abstractmethod
    def temperature(self, model: keras.Model, validation: Split) -> float:
        """Fit the temperature of a network on its run's validation images."""

    @abstractmethod
    def judge(
        self,
        model: keras.Model,
        dataset: Dataset,
        scores: Scores,
        temperature: float,
        seed: int,
        tell: Tell,
    ) -> Judged:
        """Measure everything on a data set's test images.

        Args:
            model: The network.
            dataset: The test images.
            scores: The network's, on these test images.
            temperature: From `temperature`, which sees no test image.
            seed: Decides all that is drawn at random.
            tell: Is told what is being done, for a person who waits.
        """


class DigitsTask(Task):
    """An image of a digit in, ten probabilities out."""

    name = "digits"
    loss = "binary cross-entropy"
    items = "images"

    def examples(self, recipe: Recipe, dataset: Dataset, seed: int) -> Figure | None:
        """Draw an image of each class and, below, what the recipe makes of it."""
        if not recipe.deforms:
            return None
        _, first = np.unique(dataset.train_labels, return_index=True)
        images = scale(dataset.train_images[first])
        split = Split(images, dataset.train_labels[first])
        copies = [recipe.augment(split, seed, epoch) for epoch in range(EXAMPLE_EPOCHS)]
        title = f"{dataset.name} as the recipe {recipe.name} deforms it, seed {seed}"
        return figures.augmentation_figure(images, copies, title, dataset.note)

    def score(self, model: keras.Model, test: Split) -> Scores:
        """Score a network on every image."""
        return metrics.score(model, test)

    def by_chance(self, test: Split, seed: int) -> float:
        """Return the accuracy of labels assigned at random."""
        return metrics.random_accuracy(test.labels, seed)

    def temperature(self, model: keras.Model, validation: Split) -> float:
        """Fit the temperature by which the labels are likeliest."""
        return metrics.fit_temperature(model, validation)

    def judge(
        self,
        model: keras.Model,
        dataset: Dataset,
        scores: Scores,
        temperature: float,
        seed: int,
        tell: Tell,
    ) -> Judged:
        """Measure each class, mistakes, calibration and corruptions."""
        judged = metrics.evaluate(model, dataset, scores, temperature, seed, tell)

        def page(run: report.RunFacts) -> str:
            return report.render(
                "report.html",
                run,
                report.draw(judged),
                images=dataset.test_images,
                corrupted=judged.corrupted,
            )

        return Judged(judged.metrics, page, judged.predictions)


class LinesTask(Task):
    """A line of a number in, its characters out; lines are composed of a data set's digits."""

    name = "lines"
    loss = "connectionist temporal classification"
    items = "lines"

    def examples(self, recipe: Recipe, dataset: Dataset, seed: int) -> Figure | None:
        """Draw lines of training digits."""
        split = Split(scale(dataset.train_images), dataset.train_labels)
        composed = Composer.of(split).compose(_SHOWN_LINES, np.random.default_rng(seed))
        title = f"Lines composed of {dataset.name}, as the recipe {recipe.name} learns them"
        return figures.lines_figure(composed.images, composed.texts, title, dataset.note)

    def score(self, model: keras.Model, test: Split) -> Scores:
        """Score a network on lines composed of the images."""
        answers = lines.answer(model, fixed_lines(test, TEST_LINES))
        exact = sum(answers.right)
        interval = wilson_interval(exact, TEST_LINES)
        return Scores(lines.loss(answers), exact / TEST_LINES, interval, answers.logits)

    def by_chance(self, test: Split, seed: int) -> float:
        """Return how many lines are right where each digit of a number is drawn at random."""
        texts = fixed_lines(test, TEST_LINES).texts
        generator = np.random.default_rng(seed)
        drawn = [
            "".join(str(generator.integers(10)) if c.isdigit() else c for c in text)
            for text in texts
        ]
        return float(np.mean([a == b and a != "" for a, b in zip(drawn, texts, strict=True)]))

    def temperature(self, model: keras.Model, validation: Split) -> float:
        """Fit the temperature by which the texts are likeliest."""
        return lines.fit_temperature(lines.answer(model, fixed_lines(validation, VALIDATION_LINES)))

    def judge(
        self,
        model: keras.Model,
        dataset: Dataset,
        scores: Scores,
        temperature: float,
        seed: int,
        tell: Tell,
    ) -> Judged:
        """Measure each kind of paper, mistakes and calibration."""
        tell("lines of test digits")
        began = time.perf_counter()
        test = Split(scale(dataset.test_images), dataset.test_labels)
        answers = lines.answers_of(scores.answers, fixed_lines(test, TEST_LINES))
        tell("calibration")
        numbers = {
            "test_size": scores.size,
            "test_loss": scores.loss,
            "test_accuracy": scores.accuracy,
            "test_accuracy_interval": scores.interval,
            "random_accuracy": self.by_chance(test, seed),
            **lines.measure(answers, temperature),
            "test_sha256": dataset.sha256()[2:],
            "judge_seconds": {"lines": time.perf_counter() - began},
        }
        right = np.array(answers.right)
        bins = [
            calibration.reliability_of(lines.confidences(answers, t), right)
            for t in (1.0, temperature)
        ]
        drawings = {"reliability": figures.svg(figures.reliability_figure(*bins))}

        def page(run: report.RunFacts) -> str:
            return report.render("lines.html", run, drawings, images=answers.lines.images)

        return Judged(numbers, page, None)


_TASKS: dict[str, Task] = {task.name: task for task in (DigitsTask(), LinesTask())}


def task_of(recipe: str) -> Task:
    """Return what the recipe of a name trains a network for; digits, where the name is unknown."""
    entry = registry.RECIPES.get(recipe)
    return _TASKS[entry.task if entry else "digits"]
