"""What is read in a picture: its digits, its lines, or why there are none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mnist_classifier.read.decoding import Candidate
from mnist_classifier.read.model import Floats
from mnist_classifier.read.segmentation import Box


@dataclass(frozen=True)
class Digit:
    """One digit found in a picture."""

    label: int
    """0 to 9."""
    confidence: float
    """The label's probability, in [0, 1], calibrated on MNIST's validation images."""
    probabilities: Floats
    """Shape ``(10,)``, in [0, 1], sum 1: each class's probability, given that it is a digit."""
    box: Box
    """``(x, y, width, height)`` in the picture's pixels."""
    image: Floats
    """Shape ``(28, 28)``, in [0, 1], light on dark: the network's input."""


@dataclass(frozen=True)
class Line:
    """A line of a picture."""

    text: str
    """Digits, separators (``. , - / :``) as they are written, a space for a wide gap, ``?`` for a
    mark that is no digit."""
    probability: float
    """Of the whole text, in [0, 1]."""
    alternatives: tuple[Candidate, ...]
    """The next likeliest texts, without spaces, each with its probability."""

    @property
    def number(self) -> str:
        """The digits of the text alone."""
        return "".join(c for c in self.text if c.isdigit())


@dataclass(frozen=True)
class Reading:
    """The numbers of a picture."""

    text: str
    """The lines' texts in reading order, parted by a newline."""
    digits: tuple[Digit, ...]
    """The digits in reading order."""
    refused: str | None
    """Why there is no text, or None."""
    lines: tuple[Line, ...] = ()
    """The lines from the top."""

    @property
    def number(self) -> str:
        """The digits of the text alone, lines parted by a newline."""
        return "".join(c for c in self.text if c.isdigit() or c == "\n")

    @property
    def confidence(self) -> float:
        """The probability that all of it is right, in [0, 1]; 0 where there is nothing."""
        return math.prod(line.probability for line in self.lines) if self.lines else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON can hold."""
        return {
            "text": self.text,
            "number": self.number,
            "confidence": round(self.confidence, 6),
            "lines": [
                {
                    "text": line.text,
                    "probability": round(line.probability, 6),
                    "alternatives": [
                        {"text": other.text, "probability": round(other.probability, 6)}
                        for other in line.alternatives
                    ],
                }
                for line in self.lines
            ],
            "digits": [
                {
                    "label": digit.label,
                    "confidence": round(digit.confidence, 6),
                    "probabilities": [round(p, 6) for p in digit.probabilities.tolist()],
                    "box": list(digit.box),
                }
                for digit in self.digits
            ],
            "refused": self.refused,
        }
