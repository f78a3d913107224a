"""The digits of the least sure pictures, kept as they were read: none is read again to show it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.reading import Reading
from mnist_classifier.read.row_file import PictureRow
from mnist_classifier.read.rows import RowFacts
from mnist_classifier.scale.summary import LEAST_SURE


def encoded_digits(reading: Reading) -> tuple[bytes, ...]:
    """Return the images of a reading's digits, 28×28, as PNG files."""
    return tuple(
        cv2.imencode(".png", np.round(255 * digit.image).astype(np.uint8))[1].tobytes()
        for digit in reading.digits
    )


@dataclass
class Unsure:
    """Knows the least sure of the pictures that a process has read.

    Whatever is among the least sure of all is among those of the process that read it, then.
    """

    _confidences: list[float] = field(default_factory=list)  # negative: the surest is the first

    def with_digits(self, outcome: Outcome, facts: RowFacts) -> RowFacts:
        """Return what a row tells, with the images of its digits if it is among the least sure."""
        if outcome.kind != "read" or outcome.reading is None:
            return facts
        if len(self._confidences) < LEAST_SURE:
            heapq.heappush(self._confidences, -facts.confidence)
        elif heapq.heappushpop(self._confidences, -facts.confidence) == -facts.confidence:
            return facts
        return facts._replace(digits=encoded_digits(outcome.reading))


@dataclass
class RowMaker:
    """Makes rows; those of the least sure pictures have the images of their digits."""

    row: Callable[[Outcome], PictureRow]
    unsure: Unsure = field(default_factory=Unsure)

    def __call__(self, outcome: Outcome) -> PictureRow:
        """Return a picture's row."""
        made = self.row(outcome)
        return made._replace(facts=self.unsure.with_digits(outcome, made.facts))
