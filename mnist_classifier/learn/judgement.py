"""All that is measured of a finished network: the numbers of ``metrics.json`` and the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from mnist_classifier.learn import calibration, damage, disputed
from mnist_classifier.learn.answers import Answers
from mnist_classifier.learn.datasets import CLASSES, Dataset, Images, Labels, Part, scale
from mnist_classifier.learn.disputed import DisputedLabel
from mnist_classifier.learn.evaluation import (
    count_correct,
    evaluate,
    predict,
    random_accuracy,
    wilson_interval,
)

MISTAKES_KEPT = 24
DAMAGED_IMAGES = 2000
COVERAGES = (1.0, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5)

Metrics = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Judgement:
    """What was measured of a network on a test set.

    Attributes:
        metrics: The numbers, as ``metrics.json`` holds them.
        answers: What the network answered for each test image.
        damaged: The first test image under each kind of damage, uint8 (15, 28, 28).
    """

    metrics: Metrics
    answers: Answers
    damaged: Images


def judge(
    model: keras.Model, dataset: Dataset, temperature: float, seed: int, tell: Tell
) -> Judgement:
    """Measure everything on a data set's test images.

    Args:
        model: Takes float32 (n, 784), answers (n, 10) probabilities.
        dataset: The test images; of the training part only the labels are counted.
        temperature: From `validation_temperature`, which sees no test image.
        seed: Decides random assignment and damage.
        tell: Is told what is being done, for a person who waits.
    """
    seconds: dict[str, float] = {}
    tell("the test images")
    began = time.perf_counter()
    test = Part(scale(dataset.test_images), dataset.test_labels)
    scores = evaluate(model, test)
    probabilities = predict(model, test.x)
    metrics: Metrics = {
        "test_size": scores.size,
        "test_loss": scores.loss,
        "test_accuracy": scores.accuracy,
        "test_accuracy_interval": scores.interval,
        "random_accuracy": random_accuracy(test.labels, seed),
        **against_commonest(dataset.train_labels, test.labels),
        "per_class": per_class(probabilities, test.labels),
        "confusion": confusion_matrix(
            test.labels, probabilities.argmax(axis=1), labels=range(CLASSES)
        ).tolist(),
        "mistakes": mistakes(probabilities, test.labels),
        "disputed": without_disputed(probabilities, test.labels, disputed.disputed_labels(dataset)),
    }
    seconds["test_images"] = time.perf_counter() - began

    tell("calibration")
    began = time.perf_counter()
    logits = calibration.logits_of(probabilities)
    plain, scaled = calibration.softmax(logits), calibration.softmax(logits, temperature)
    metrics["calibration"] = {
        "temperature": temperature,
        "before": asdict(calibration.calibration(plain, test.labels)),
        "after": asdict(calibration.calibration(scaled, test.labels)),
    }
    metrics["coverage"] = coverage_table(scaled, test.labels)
    seconds["calibration"] = time.perf_counter() - began

    began = time.perf_counter()
    metrics["robustness"] = robustness(model, dataset, seed, tell)
    seconds["robustness"] = time.perf_counter() - began
    metrics["judge_seconds"] = seconds
    return Judgement(
        metrics,
        Answers(dataset.name, dataset.sha256()[2:], test.labels, probabilities),
        np.concatenate(
            [damage.damaged(kind, dataset.test_images[:1], seed) for kind in damage.KINDS]
        ),
    )


def validation_temperature(model: keras.Model, validation: Part) -> float:
    """Fit the temperature of a network on its run's validation images."""
    logits = calibration.logits_of(predict(model, validation.x))
    return calibration.fit_temperature(logits, validation.labels)


def against_commonest(train_labels: Labels, test_labels: Labels) -> Metrics:
    """Say how often the commonest training label, guessed always, is right on the test."""
    commonest = int(np.bincount(train_labels, minlength=CLASSES).argmax())
    return {
        "commonest_label": commonest,
        "commonest_accuracy": float(np.mean(test_labels == commonest)),
    }


def per_class(probabilities: calibration.Probabilities, labels: Labels) -> list[Metrics]:
    """Return scikit-learn's precision, recall and F1 of each class; 0 where there is none."""
    columns = precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=range(CLASSES), zero_division=0.0
    )
    names = ("precision", "recall", "f1", "support")
    return [
        {"label": label, **dict(zip(names, (*map(float, row[:3]), int(row[3])), strict=True))}
        for label, row in enumerate(zip(*columns, strict=True))
    ]


def mistakes(probabilities: calibration.Probabilities, labels: Labels) -> Metrics:
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


def without_disputed(
    probabilities: calibration.Probabilities,
    labels: Labels,
    disputed_labels: Sequence[DisputedLabel],
) -> Metrics | None:
    """Return the accuracy on the images whose labels nobody disputes; ``None`` if none is."""
    if not disputed_labels:
        return None
    kept = np.delete(np.arange(len(labels)), [entry.index for entry in disputed_labels])
    correct = count_correct(probabilities[kept], labels[kept])
    return {
        "labels": [asdict(entry) for entry in disputed_labels],
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


def robustness(model: keras.Model, dataset: Dataset, seed: int, tell: Tell) -> Metrics:
    """Return the accuracy under each kind of damage, on all test images or a seeded part."""
    size = min(DAMAGED_IMAGES, len(dataset.test_labels))
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(len(dataset.test_labels), size, replace=False))
    images, labels = dataset.test_images[chosen], dataset.test_labels[chosen]

    def accuracy(pictures: Images) -> Metrics:
        correct = count_correct(predict(model, scale(pictures)), labels)
        return {"accuracy": correct / size, "interval": wilson_interval(correct, size)}

    kinds = []
    for number, kind in enumerate(damage.KINDS, 1):
        tell(f"damage {number} of {len(damage.KINDS)}, {kind.name}")
        measured = accuracy(damage.damaged(kind, images, seed))
        kinds.append({"name": kind.name, "strength": kind.strength, **measured})
    return {
        "size": size,
        "seed": seed,
        "undamaged": accuracy(images),
        "mean_accuracy": float(np.mean([kind["accuracy"] for kind in kinds])),
        "kinds": kinds,
    }
