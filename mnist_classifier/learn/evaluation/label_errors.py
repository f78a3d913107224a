"""Label errors of MNIST's test set: labels that most people who looked did not agree with."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_classifier.learn.data.dataset import MNIST_SHA256, Dataset


@dataclass(frozen=True)
class LabelError:
    """One image of MNIST's test set and what five people said of its label.

    Attributes:
        index: The image's place in the test set, from 0.
        label: The label that MNIST gives.
        suggested: The label that the study's method suggested instead.
        votes: How many of five people chose MNIST's label, the suggested one, neither.
    """

    index: int
    label: int
    suggested: int
    votes: tuple[int, int, int]


# Northcutt, Athalye and Mueller, "Pervasive label errors in test sets destabilize machine learning
# benchmarks" (2021, arXiv 2103.14749): the 15 images of which fewer than three of five people
# chose the given label; votes as published in github.com/cleanlab/label-errors, mturk/.
LABEL_ERRORS = (
    LabelError(947, 8, 9, (0, 5, 0)),
    LabelError(1621, 0, 6, (2, 3, 0)),
    LabelError(1901, 9, 4, (2, 3, 0)),
    LabelError(2130, 4, 9, (2, 2, 1)),
    LabelError(2462, 2, 0, (0, 4, 1)),
    LabelError(2597, 5, 3, (0, 4, 1)),
    LabelError(2654, 6, 1, (0, 2, 3)),
    LabelError(3520, 6, 4, (2, 0, 3)),
    LabelError(3558, 5, 0, (1, 4, 0)),
    LabelError(5937, 5, 3, (1, 3, 1)),
    LabelError(6651, 0, 6, (0, 5, 0)),
    LabelError(6783, 1, 6, (2, 3, 0)),
    LabelError(8527, 4, 9, (2, 2, 1)),
    LabelError(9679, 6, 3, (2, 0, 3)),
    LabelError(9729, 5, 6, (2, 3, 0)),
)


def known(dataset: Dataset) -> tuple[LabelError, ...]:
    """Return the label errors of a data set's test images: none unless these are MNIST's."""
    return LABEL_ERRORS if dataset.sha256()[2:] == MNIST_SHA256[2:] else ()
