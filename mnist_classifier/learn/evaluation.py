"""How good a network is: loss, accuracy with its interval, and random assignment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np

from mnist_classifier.learn.datasets import CLASSES, Floats, Labels, Part, one_hot

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True)
class Evaluation:
    """What a network scored on images it had not seen.

    Attributes:
        loss: Mean binary cross-entropy, in nats, over images and classes.
        accuracy: Share of images, 0 to 1, whose most probable class is right.
        interval: The accuracy's 95 % interval, low and high.
        size: How many images were scored.
    """

    loss: float
    accuracy: float
    interval: tuple[float, float]
    size: int


def evaluate(model: keras.Model, part: Part) -> Evaluation:
    """Score every image of a part.

    Args:
        model: Takes float32 (n, 784), answers (n, 10) probabilities.
        part: Images and labels.
    """
    probabilities = predict(model, part.x)
    losses = keras.losses.binary_crossentropy(one_hot(part.labels), probabilities)
    correct = count_correct(probabilities, part.labels)
    return Evaluation(
        loss=float(np.mean(keras.ops.convert_to_numpy(losses))),
        accuracy=correct / len(part),
        interval=wilson_interval(correct, len(part)),
        size=len(probabilities),
    )


def predict(model: keras.Model, x: Floats, batch_size: int = 2000) -> Floats:
    """Return the probabilities of the ten classes, float32 (n, 10), for each image of ``x``."""
    batches = [x[i : i + batch_size] for i in range(0, len(x), batch_size)]
    return np.concatenate(
        [keras.ops.convert_to_numpy(model(batch, training=False)) for batch in batches]
    )


def count_correct(probabilities: Floats, labels: Labels) -> int:
    """Count the images whose most probable class is the labelled one."""
    return int(np.sum(probabilities.argmax(axis=1) == labels))


def wilson_interval(correct: int, size: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927).

    Args:
        correct: How many succeeded, 0 to ``size``.
        size: How many were tried, at least 1.

    Returns:
        Low and high end, each 0 to 1.
    """
    share = correct / size
    scale = 1 + Z_95**2 / size
    centre = (share + Z_95**2 / (2 * size)) / scale
    reach = Z_95 / scale * math.sqrt(share * (1 - share) / size + Z_95**2 / (4 * size**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def assign_at_random(size: int, seed: int) -> Labels:
    """Assign each of ``size`` images one of the ten labels, all equally likely."""
    return np.random.default_rng(seed).integers(CLASSES, size=size, dtype=np.uint8)


def random_accuracy(labels: Labels, seed: int) -> float:
    """Return the accuracy, 0 to 1, of labels assigned at random to the same images."""
    return float(np.mean(assign_at_random(len(labels), seed) == labels))
