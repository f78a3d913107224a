"""Saliency by occlusion (Zeiler and Fergus 2014): which ink speaks for a digit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_classifier.normalisation import SIDE
from mnist_classifier.read.model import Floats, Model

_PATCH = 5


def explain(model: Model, image: Floats, labels: Sequence[int]) -> Floats:
    """Compute how much each pixel of ink speaks for each of some digits.

    The method is occlusion: "Visualizing and understanding convolutional networks", M. D. Zeiler
    and R. Fergus, 2014, section 4.2. The patch of 5×5 pixels around a pixel of ink becomes paper;
    the pixel's saliency is the decrease of the digit's log-odds. All the changed images are one
    batch.

    Args:
        model: The network.
        image: Shape ``(28, 28)``, in [0, 1], light on dark.
        labels: The digits asked about, 0 to 9.

    Returns:
        Shape ``(len(labels), 28, 28)``: log-odds, in nats; positive where the ink speaks for the
        digit, negative where it speaks against it, 0 where there is no ink.
    """
    rows, columns = np.nonzero(image > 0)
    pixels = np.arange(SIDE)
    covered = (np.abs(pixels - rows[:, None]) <= _PATCH // 2)[:, :, None] & (
        np.abs(pixels - columns[:, None]) <= _PATCH // 2
    )[:, None, :]
    changed = np.where(covered, np.float32(0), image)
    logits = model.logits(np.concatenate([image[None], changed])).astype(np.float64)
    evidence = np.zeros((len(labels), SIDE, SIDE), np.float32)
    for of_label, label in zip(evidence, labels, strict=True):
        others = np.logaddexp.reduce(np.delete(logits, label, axis=1), axis=1)
        log_odds = logits[:, label] - others
        of_label[rows, columns] = log_odds[0] - log_odds[1:]
    return evidence
