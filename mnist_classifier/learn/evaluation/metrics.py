"""The numbers of a network: from its probabilities on test images, their labels, and chance."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from mnist_classifier.learn.arrays import Floats, Images, Labels
from mnist_classifier.learn.data.dataset import CLASSES, Dataset, Split, one_hot
from mnist_classifier.learn.evaluation import calibration, corruptions, label_errors
from mnist_classifier.learn.evaluation.intervals import wilson_interval
from mnist_classifier.learn.evaluation.label_errors import LabelError
from mnist_classifier.learn.evaluation.predictions import Predictions
from mnist_classifier.learn.networks.inspection import predict

MISTAKES_KEPT = 24
COVERAGES = (1.0, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5)

Metrics: TypeAlias = dict[str, Any]
Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Scores:
    """What a network scored on images it had not seen.

    Attributes:
        loss: Mean binary cross-entropy, in nats, over images and classes.
        accuracy: Share of images, 0 to 1, whose most probable class is right.
        interval: The accuracy's 95 % interval, low and high.
        answers: What the network gave for each image: probabilities, float32, shape (n, 10).
    """

    loss: float
    accuracy: float
    interval: tuple[float, float]
    answers: Floats

    @property
    def size(self) -> int:
        """How many images were scored."""
        return len(self.answers)


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of a network on a test set.

    Attributes:
        metrics: The numbers, as ``metrics.json`` holds them.
        predictions: What the network answered for each test image.
        corrupted: The first test image under each corruption, uint8 (15, 28, 28).
    """

    metrics: Metrics
    predictions: Predictions
    corrupted: Images


def score(model: keras.Model, split: Split) -> Scores:
    """Score a network on every image of a split.

    Args:
        model: Takes float32 (n, 784), answers (n, 10) probabilities.
        split: Images and labels.
    """
    probabilities = predict(model, split.x)
    losses = keras.losses.binary_crossentropy(one_hot(split.labels), probabilities)
    correct = count_correct(probabilities, split.labels)
    return Scores(
        loss=float(np.mean(keras.ops.convert_to_numpy(losses))),
        accuracy=correct / len(split),
        interval=wilson_interval(correct, len(split)),
        answers=probabilities,
    )


def evaluate(
    model: keras.Model,
    dataset: Dataset,
    scores: Scores,
    temperature: float,
    seed: int,
    tell: Tell,
) -> Evaluation:
    """Measure everything on a data set's test images.

    Args:
        model: Takes float32 (n, 784), answers (n, 10) probabilities.
        dataset: The test images; of the training images only the labels are counted.
        scores: The network's, on these test images.
        temperature: From `fit_temperature`, which sees no test image.
        seed: Decides random assignment and corruptions.
        tell: Is told what is being done, for a person who waits.
    """
    probabilities, labels = scores.answers, dataset.test_labels
    seconds: dict[str, float] = {}
    metrics: Metrics = {
        "test_size": scores.size,
        "test_loss": scores.loss,
        "test_accuracy": scores.accuracy,
        "test_accuracy_interval": scores.interval,
        "random_accuracy": random_accuracy(labels, seed),
        **against_commonest(dataset.train_labels, labels),
        "per_class": per_class(probabilities, labels),
        "confusion": confusions(probabilities, labels),
        "mistakes": mistakes(probabilities, labels),
        "disputed": without_label_errors(probabilities, labels, label_errors.known(dataset)),
    }
    tell("calibration")
    began = time.perf_counter()
    logits = calibration.logits_of(probabilities)
    plain, scaled = calibration.softmax(logits), calibration.softmax(logits, temperature)
    metrics["calibration"] = {
        "temperature": temperature,
        "before": asdict(calibration.errors(plain, labels)),
        "after": asdict(calibration.errors(scaled, labels)),
    }
    metrics["coverage"] = coverage_table(scaled, labels)
    seconds["calibration"] = time.perf_counter() - began

    began = time.perf_counter()
    metrics["robustness"] = corruptions.robustness(model, dataset, seed, tell)
    seconds["robustness"] = time.perf_counter() - began
    metrics["judge_seconds"] = seconds
    return Evaluation(
        metrics,
        Predictions(dataset.name, dataset.sha256()[2:], labels, probabilities),
        corruptions.examples(dataset.test_images[0], seed),
    )


def fit_temperature(model: keras.Model, validation: Split) -> float:
    """Fit the temperature of a network on its run's validation images."""
    logits = calibration.logits_of(predict(model, validation.x))
    return calibration.fit_temperature(logits, validation.labels)


def count_correct(probabilities: Floats, labels: Labels) -> int:
    """Count the images whose most probable class is the labelled one."""
    return int(np.sum(probabilities.argmax(axis=1) == labels))


def random_accuracy(labels: Labels, seed: int) -> float:
    """Return the accuracy, 0 to 1, of labels assigned at random, all equally likely."""
    assigned = np.random.default_rng(seed).integers(CLASSES, size=len(labels), dtype=np.uint8)
    return float(np.mean(assigned == labels))


def confusions(probabilities: Floats, labels: Labels) -> list[list[int]]:
    """Return 10 rows, the labels, of 10 counts, the answers."""
    answers = probabilities.argmax(axis=1)
    counts: list[list[int]] = confusion_matrix(labels, answers, labels=range(CLASSES)).tolist()
    return counts


def against_commonest(train_labels: Labels, test_labels: Labels) -> Metrics:
    """Say how often the commonest training label, guessed always, is right on the test."""
    commonest = int(np.bincount(train_labels, minlength=CLASSES).argmax())
    return {
        "commonest_label": commonest,
        "commonest_accuracy": float(np.mean(test_labels == commonest)),
    }


def per_class(probabilities: Floats, labels: Labels) -> list[Metrics]:
    """Return scikit-learn's precision, recall and F1 of each class; 0 where there is none."""
    columns = precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=range(CLASSES), zero_division=0.0
    )
    names = ("precision", "recall", "f1", "support")
    return [
        {"label": label, **dict(zip(names, (*map(float, row[:3]), int(row[3])), strict=True))}
        for label, row in enumerate(zip(*columns, strict=True))
    ]


def mistakes(probabilities: Floats, labels: Labels) -> Metrics:
    """Count the mistakes and describe the worst: those of which the network was surest."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES_KEPT]
    return {
        "count": len(wrong),
        "worst": [
            {
                "index": int(index),
                "label": int(labels[index]),
                "answer": int(answers[index]),
                "probabilities": [round(float(p), 6) for p in probabilities[index]],
            }
            for index in worst
        ],
    }


def without_label_errors(
    probabilities: Floats,
    labels: Labels,
    errors: Sequence[LabelError],
) -> Metrics | None:
    """Return the accuracy without the images known as mislabelled; ``None`` if none are."""
    if not errors:
        return None
    kept = np.delete(np.arange(len(labels)), [entry.index for entry in errors])
    correct = count_correct(probabilities[kept], labels[kept])
    return {
        "labels": [asdict(entry) for entry in errors],
        "size_without": len(kept),
        "accuracy_without": correct / len(kept),
        "interval_without": wilson_interval(correct, len(kept)),
        "answered_as_labelled": count_correct(probabilities, labels) - correct,
    }


def coverage_table(
    probabilities: calibration.Probabilities, labels: Labels
) -> list[dict[str, float]]:
    """Return the accuracy on the surest images for several shares of images answered."""
    _, accuracies = calibration.coverage(probabilities, labels)
    return [
        {"coverage": share, "accuracy": float(accuracies[max(1, round(share * len(labels))) - 1])}
        for share in COVERAGES
    ]
