"""Whether a network is as often right as it says it is sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.learn.arrays import Labels

BINS = 15

Probabilities: TypeAlias = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CalibrationErrors:
    """How far probabilities can be believed; 0 is best for each.

    Attributes:
        negative_log_likelihood: Mean of −log of the true class's probability, in nats.
        brier: Mean over images of the squared differences between the ten probabilities and the
            one-hot label, summed, 0 to 2 (Brier 1950).
        expected_calibration_error: Over 15 bins of equal width, the mean distance between
            confidence and accuracy, weighted by images (Naeini, Cooper and Hauskrecht 2015).
        adaptive_calibration_error: The same over 15 bins of equally many images
            (Nguyen and O'Connor 2015).
    """

    negative_log_likelihood: float
    brier: float
    expected_calibration_error: float
    adaptive_calibration_error: float


@dataclass(frozen=True)
class Bin:
    """The images whose confidence lies in one range: how sure, how often right, how many."""

    low: float
    high: float
    confidence: float
    accuracy: float
    size: int


def logits_of(probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """Return logits whose softmax gives the probabilities, (n, 10), back, made to sum to 1.

    A network that keeps a share for "no digit" is so judged on what it says given a digit.
    """
    return np.log(np.maximum(probabilities.astype(np.float64), 1e-37))


def softmax(
    logits: npt.NDArray[np.floating[Any]], temperature: float = 1.0
) -> npt.NDArray[np.float64]:
    """Return the probabilities of logits (n, 10) divided by a temperature."""
    scaled = logits.astype(np.float64) / temperature
    result: npt.NDArray[np.float64] = np.exp(
        scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    )
    return result


def fit_temperature(logits: npt.NDArray[np.floating[Any]], labels: Labels) -> float:
    """Return the temperature by which logits have the lowest negative log-likelihood.

    Temperature scaling: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural
    networks" (2017). It changes how sure a network is, never what it answers.

    Args:
        logits: Shape (n, 10), of validation images: never of test images.
        labels: Shape (n,), 0 to 9.

    Returns:
        Above 1 lowers confidence; between 0.08 and 12.
    """
    from scipy.optimize import minimize_scalar

    wide = logits.astype(np.float64)
    own = wide[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        return float(np.mean(np.logaddexp.reduce(wide / temperature, axis=1) - own / temperature))

    return float(np.exp(minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded").x))


def errors(probabilities: Probabilities, labels: Labels) -> CalibrationErrors:
    """Judge probabilities, shape (n, 10), rows that sum to 1, against labels, shape (n,)."""
    own = probabilities[np.arange(len(labels)), labels]
    return CalibrationErrors(
        negative_log_likelihood=float(-np.mean(np.log(np.maximum(own, 1e-37)))),
        brier=float(np.mean(np.sum(probabilities**2, axis=1) - 2 * own + 1)),
        expected_calibration_error=expected_error(reliability(probabilities, labels)),
        adaptive_calibration_error=expected_error(
            reliability(probabilities, labels, adaptive=True)
        ),
    )


def reliability(
    probabilities: Probabilities, labels: Labels, adaptive: bool = False, bins: int = BINS
) -> list[Bin]:
    """Sort images into bins by confidence and say how often each bin is right.

    Args:
        probabilities: Shape (n, 10).
        labels: Shape (n,).
        adaptive: Bins of equally many images, instead of equal width.
        bins: How many; those without an image are left out.
    """
    right = probabilities.argmax(axis=1) == labels
    return reliability_of(probabilities.max(axis=1), right, adaptive, bins)


def reliability_of(
    confidence: npt.NDArray[np.floating[Any]],
    right: npt.NDArray[np.bool_],
    adaptive: bool = False,
    bins: int = BINS,
) -> list[Bin]:
    """Sort answers into bins, as `reliability` does.

    Args:
        confidence: How sure each answer is, shape (n,), in [0, 1].
        right: Whether it is right, shape (n,).
        adaptive: Bins of equally many answers, instead of equal width.
        bins: How many; those without an answer are left out.
    """
    order = np.argsort(confidence, kind="stable")
    if adaptive:
        parts = np.array_split(order, bins)
    else:
        # A bin holds its upper edge, as is usual.
        edges = np.linspace(0, 1, bins + 1)[1:-1]
        parts = np.split(order, np.searchsorted(confidence[order], edges, side="right"))
    return [
        Bin(
            low=float(confidence[part].min()) if adaptive else number / bins,
            high=float(confidence[part].max()) if adaptive else (number + 1) / bins,
            confidence=float(confidence[part].mean()),
            accuracy=float(right[part].mean()),
            size=len(part),
        )
        for number, part in enumerate(parts)
        if len(part)
    ]


def expected_error(bins: list[Bin]) -> float:
    """Return the mean distance between confidence and accuracy, weighted by answers."""
    size = sum(part.size for part in bins)
    return sum(part.size * abs(part.accuracy - part.confidence) for part in bins) / size


def coverage(
    probabilities: Probabilities, labels: Labels
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how often the surest images are right, for every share of images kept.

    Args:
        probabilities: Shape (n, 10).
        labels: Shape (n,).

    Returns:
        The share of images answered, 1/n to 1, and the accuracy on them (the selective accuracy
        of Geifman and El-Yaniv 2017); each of shape (n,).
    """
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[surest]
    kept = np.arange(1, len(labels) + 1)
    return kept / len(labels), np.cumsum(right) / kept
