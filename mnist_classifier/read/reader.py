"""`DigitReader`: pictures in, digits and probabilities out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import SettingsError
from mnist_classifier.normalisation import SIDE, FloatImage, ink_box, is_normalised
from mnist_classifier.read.model import Floats, Judgement, Model, checked_images
from mnist_classifier.read.picture import MAX_PIXELS, Picture, load_picture
from mnist_classifier.read.segmentation import (
    Box,
    Mark,
    find_ink,
    find_marks,
    group_lines,
    join_marks,
    resegment,
    touches_edge,
    typical_height,
)
from mnist_classifier.read.work import TooMuchWorkError, Work

# A mark below this share of the digits' height is a speck, a dot or a dash.
_SPECK = 0.35
_REFUSED_SPECK = 0.5  # if it was refused as no digit
# Pixels: a picture up to this longest side holds one digit, or several well inside its edges.
_SMALL_SIDE = 40


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
class Reading:
    """The digits of a picture."""

    text: str
    """The digits in reading order; lines parted by a newline, wide gaps by a space, ``?`` for a
    mark among them that is no digit."""
    digits: tuple[Digit, ...]
    """The digits in reading order."""
    refused: str | None
    """Why there is no text, or None."""

    def to_dict(self) -> dict[str, Any]:
        """Return ``text``, ``digits`` and ``refused`` as values that JSON can hold."""
        return {
            "text": self.text,
            "digits": [
                {
                    "label": digit.label,
                    "confidence": round(digit.confidence, 6),
                    "probabilities": [round(float(p), 6) for p in digit.probabilities],
                    "box": list(digit.box),
                }
                for digit in self.digits
            ],
            "refused": self.refused,
        }


class DigitReader:
    """Reads handwritten digits; safe to use from several threads.

    >>> reader = DigitReader()
    >>> reader.read("photo.jpg").text
    '42'
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> None:
        """Load the network.

        Args:
            model: A file made by ``mnist export``; the shipped model when left out.
            threshold: The rejection threshold, in [0, 1]: what scores below is refused as no
                digit, and 0 refuses nothing; the model's own when left out.
            max_pixels: Pictures with more pixels are refused before they are decoded.
            threads: Threads for many images; as many as processors when left out.

        Raises:
            ModelError: The model file is missing, damaged, or another network.
            SettingsError: A setting is out of range.
        """
        if threshold is not None and not 0 <= threshold <= 1:
            raise SettingsError(f"threshold is {threshold}; expected a number from 0 to 1")
        if max_pixels < 1:
            raise SettingsError(f"max_pixels is {max_pixels}; expected at least 1")
        self.model = Model(model, threads)
        self.threshold = self.model.refusal.threshold if threshold is None else threshold
        self.max_pixels = max_pixels

    def read(self, picture: Picture) -> Reading:
        """Find the digits in a picture and read them.

        Args:
            picture: A path, a picture file's bytes, or an array: shape ``(height, width)`` grey,
                ``(height, width, 3)`` RGB or ``(height, width, 4)`` RGBA, either polarity; uint8
                in [0, 255], uint16 in [0, 65535], bool, or floats in [0, 1].

        Returns:
            The text and its digits; or why the picture is refused.

        Raises:
            PictureError: It is no picture, is damaged or too large; or the array's shape, type or
                values are not as above.
        """
        image, file_scale = load_picture(picture, self.max_pixels)
        strength, ink_scale = find_ink(image)
        scale = file_scale * ink_scale
        whole = np.clip(strength / 255, 0, 1, dtype=np.float32)
        if is_normalised(whole):
            box = ink_box(whole) or (0, 0, SIDE, SIDE)
            return self._reading([[Mark(box, whole, 255.0)]], scale)
        try:
            return self._read_marks(strength, scale)
        except TooMuchWorkError as error:
            return Reading("", (), str(error))

    def read_images(self, images: npt.NDArray[np.generic]) -> Judgement:
        """Judge images that are already like MNIST's.

        Args:
            images: Shape ``(n, 28, 28)``, light on dark; uint8 in [0, 255] or floats in [0, 1].

        Returns:
            Labels, probabilities and what was refused, for each image.

        Raises:
            PictureError: The array's shape, type or values are not as above.
        """
        return self.model.judge(checked_images(images), self.threshold)

    def _read_marks(self, strength: FloatImage, scale: float) -> Reading:
        """Find the marks in ink, join and split them, and read them."""
        components = find_marks(strength)
        if not components:
            return Reading("", (), "nothing is written: no ink was found")
        small = max(strength.shape) <= _SMALL_SIDE
        marks = join_marks(components, small, self._classify)
        if small and len(marks) > 1 and any(touches_edge(m, strength.shape) for m in marks):
            return Reading("", (), "no digit: several marks, cut by the edge of a small picture")
        return self._reading(resegment(group_lines(marks), self._classify, Work()), scale)

    def _classify(self, marks: list[Mark]) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return for each mark how surely it is one digit, and its label.

        The first is the score, as a rule P(a digit), times the label's probability.
        """
        images = [mark.image for mark in marks]
        batch = np.stack(images) if images else np.empty((0, SIDE, SIDE), np.float32)
        judged = self.model.judge(batch, self.threshold)
        return judged.scores * judged.confidences, judged.labels

    def _reading(self, lines: list[list[Mark]], scale: float) -> Reading:
        """Judge all marks; return the digits in the picture's pixels, or a refusal."""
        marks = [mark for line in lines for mark in line]
        images = np.stack([mark.image for mark in marks])
        judged = self.model.judge(images, self.threshold)
        height = typical_height(marks, np.where(judged.accepted, 1.0, 0.25))
        heights = np.array([mark.box[3] for mark in marks])
        speck = heights < np.where(judged.accepted, _SPECK, _REFUSED_SPECK) * height
        accepted = judged.accepted & ~speck
        foreign = ~judged.accepted & ~speck
        if not accepted.any() or 2 * foreign.sum() > accepted.sum():
            largest = np.argmax([mark.box[2] * mark.box[3] for mark in marks])
            score = float(judged.scores[largest])
            return Reading(
                "", (), f"no digit: the ink scores {score:.2f}, threshold {self.threshold:.2f}"
            )
        texts, digits = [], []
        start = 0
        for line in lines:
            shown = [i for i in range(start, start + len(line)) if not speck[i]]
            start += len(line)
            if not accepted[shown].any():
                continue
            characters = [str(judged.labels[i]) if accepted[i] else "?" for i in shown]
            texts.append(_spaced(characters, [marks[i].box for i in shown]))
            for i in shown:
                if accepted[i]:
                    x, y, w, h = (round(value * scale) for value in marks[i].box)
                    digits.append(
                        Digit(
                            int(judged.labels[i]),
                            float(judged.confidences[i]),
                            judged.probabilities[i],
                            (x, y, max(1, w), max(1, h)),
                            images[i],
                        )
                    )
        return Reading("\n".join(texts), tuple(digits), None)


def _spaced(characters: list[str], boxes: list[Box]) -> str:
    """Return a line's text, with a space at each gap that is much wider than the others."""
    gaps = [b[0] - (a[0] + a[2]) for a, b in pairwise(boxes)]
    height = float(np.median([box[3] for box in boxes]))
    usual = float(np.median(gaps)) if len(gaps) > 2 else 0.5 * height
    text = characters[0]
    for gap, character in zip(gaps, characters[1:], strict=True):
        text += (" " if gap > max(3 * usual, 1.5 * height) else "") + character
    return text
