"""`DigitReader`: pictures in, digits and probabilities out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import PictureError, SettingsError
from mnist_classifier.normalisation import (
    SIDE,
    FloatImage,
    ink_box,
    is_normalised,
    normalise,
    stroke_width,
)
from mnist_classifier.read.digits import (
    Box,
    Mark,
    find_ink,
    find_marks,
    join_broken,
    lines_of,
    merge,
)
from mnist_classifier.read.model import Model
from mnist_classifier.read.picture import MAX_PIXELS, Picture, load_picture

Floats = npt.NDArray[np.float32]

# A mark below this share of the digits' height is a speck, a dot or a dash.
_SPECK = 0.35
# A mark the network is surer of than this is taken as it is.
_SURE = 0.9
_MOST_CUTS = 16
# Pieces in which one digit may lie on the paper.
_MOST_PIECES = 8
# Pixels: so small a picture holds one digit, or several well inside its edges.
_SMALL = 40


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
    """Shape ``(28, 28)``, in [0, 1], light on dark: what was judged."""


@dataclass(frozen=True)
class Reading:
    """What a picture says."""

    text: str
    """The digits in reading order; lines parted by a newline, wide gaps by a space, ``?`` for a
    mark among them that is no digit."""
    digits: tuple[Digit, ...]
    """The digits in reading order."""
    refused: str | None
    """Why there is no text, or None."""

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold: ``text``, ``digits`` and ``refused``."""
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


@dataclass(frozen=True)
class Judgement:
    """What the network says of n images."""

    labels: npt.NDArray[np.int64]
    """Shape ``(n,)``, 0 to 9: the most probable digit, also of what was refused."""
    probabilities: Floats
    """Shape ``(n, 10)``, in [0, 1], rows sum to 1."""
    confidences: Floats
    """Shape ``(n,)``: the labels' probabilities."""
    accepted: npt.NDArray[np.bool_]
    """Shape ``(n,)``: False where the image was refused as no digit."""
    scores: Floats
    """Shape ``(n,)``, in [0, 1]: what is compared with the threshold."""


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
            threshold: What scores below is refused as no digit, in [0, 1]; 0 refuses nothing;
                the model's own when left out.
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
        whole = np.clip(strength / 255, 0, 1, dtype=np.float32)
        if is_normalised(whole):
            box = ink_box(whole) or (0, 0, SIDE, SIDE)
            return self._reading([[Mark(box, whole, 255.0)]], file_scale * ink_scale)
        pieces = find_marks(strength)
        if not pieces:
            return Reading("", (), "nothing is written: no ink was found")
        marks = join_broken(pieces)
        small = max(strength.shape) <= _SMALL
        if len(marks) > 1 and self._is_one_digit(pieces, marks, small):
            marks = [merge(pieces)]
        if small and len(marks) > 1 and any(_is_cut(mark.box, strength.shape) for mark in marks):
            return Reading("", (), "no digit: several marks, cut by the edge of a small picture")
        lines = [self._settle(line) for line in lines_of(marks)]
        return self._reading(lines, file_scale * ink_scale)

    def read_images(self, images: npt.NDArray[np.generic]) -> Judgement:
        """Judge images that are already like MNIST's.

        Args:
            images: Shape ``(n, 28, 28)``, light on dark; uint8 in [0, 255] or floats in [0, 1].

        Returns:
            Labels, probabilities and what was refused, for each image.

        Raises:
            PictureError: The array's shape, type or values are not as above.
        """
        return self._judge(_checked(images))

    def _is_one_digit(self, pieces: list[Mark], marks: list[Mark], small: bool) -> bool:
        """Tell whether all of a picture's ink is one digit in several pieces.

        So it may be where some piece alone is no digit, or where the picture is too small to
        hold more than one.
        """
        if len(pieces) > _MOST_PIECES:
            return False
        whole = merge(pieces)
        if whole.box[2] > 1.3 * whole.box[3]:
            return False
        together, *alone = self._sureness([whole.ink, *(mark.ink for mark in marks)])
        return bool(together >= 0.5 and (small or min(alone) < 0.5))

    def _judge(self, images: Floats) -> Judgement:
        logits = self.model.logits(images)
        if not len(logits):
            empty = np.empty(0, np.float32)
            return Judgement(empty.astype(np.int64), logits, empty, empty > 0, empty)
        peak = logits.max(axis=1, keepdims=True)
        below = logits - peak
        scaled = np.exp(below / self.model.temperature)
        total = scaled.sum(axis=1, keepdims=True)
        confidences = 1 / total[:, 0]  # of the peak, whose scaled value is 1
        scores = confidences
        if self.model.refusal.measure == "digit_probability":
            # The sigmoid of the logits' log-sum-exp, written without overflow.
            ink = np.exp(below).sum(axis=1)
            scores = ink / (ink + np.exp(np.minimum(-peak[:, 0], 60)))
        labels = logits.argmax(axis=1)
        return Judgement(labels, scaled / total, confidences, scores >= self.threshold, scores)

    def _judge_inks(self, inks: list[FloatImage]) -> Judgement:
        """Normalise and judge; no inks, no judgements."""
        images = [normalise(ink) for ink in inks]
        return self._judge(np.stack(images) if images else np.empty((0, SIDE, SIDE), np.float32))

    def _sureness(self, inks: list[FloatImage]) -> Floats:
        """Return how surely each ink is one digit: P(a digit) · P(its label)."""
        judged = self._judge_inks(inks)
        return np.asarray(judged.scores * judged.confidences, np.float32)

    def _settle(self, line: list[Mark]) -> list[Mark]:
        """Join and part the marks of a line so that the network is surest of the whole.

        The method is heuristic over-segmentation (LeCun et al. 1998, section V), tried only where
        a mark as it stands is unlikely to be one digit.
        """
        sure = self._sureness([mark.ink for mark in line])
        weights = np.array([mark.box[2] * mark.box[3] for mark in line], float)
        height = _weighted_median(np.array([float(mark.box[3]) for mark in line]), weights)
        settled: list[Mark] = []
        scores: list[float] = []
        for mark, score in zip(line, sure, strict=True):
            if settled and min(score, scores[-1]) < _SURE and _close(settled[-1], mark, height):
                joined = merge([settled[-1], mark])
                together = float(self._sureness([joined.ink])[0])
                if together > score * scores[-1] and together > 0.5:
                    settled[-1], scores[-1] = joined, together
                    continue
            settled.append(mark)
            scores.append(float(score))
        parted: list[Mark] = []
        for mark, score in zip(settled, scores, strict=True):
            wide = mark.box[2] > 0.85 * mark.box[3]
            parted += self._part(mark) if score < 0.5 and wide else [mark]
        return parted

    def _part(self, mark: Mark) -> list[Mark]:
        """Cut touching digits apart, if the network is sure of every piece."""
        cuts = _cuts(mark.ink)
        height = mark.box[3]
        spans = [
            (a, b)
            for i, a in enumerate(cuts)
            for b in cuts[i + 1 :]
            if 0.12 * height <= b - a <= 1.3 * height and (a, b) != (cuts[0], cuts[-1])
        ]
        pieces = [_piece(mark, a, b) for a, b in spans]
        judged = self._judge_inks([piece.ink for piece in pieces])
        sureness = judged.scores * judged.confidences
        # best[b]: the surest way to read the ink left of column b.
        best: dict[int, tuple[float, list[int]]] = {0: (1.0, [])}
        for i, (a, b) in sorted(enumerate(spans), key=lambda numbered: numbered[1]):
            if a in best and sureness[i] >= _SURE and pieces[i].box[3] >= 0.6 * height:
                chance = best[a][0] * float(sureness[i])
                if chance > best.get(b, (0.0, []))[0]:
                    best[b] = chance, [*best[a][1], i]
        _, parts = best.get(cuts[-1], (0.0, []))
        # The stems of a letter look like ones: where these are many, it is no number.
        ones = sum(int(judged.labels[i]) == 1 for i in parts)
        return [pieces[i] for i in parts] if 2 * ones < len(parts) else [mark]

    def _reading(self, lines: list[list[Mark]], scale: float) -> Reading:
        """Judge all marks and write down those that are digits."""
        marks = [mark for line in lines for mark in line]
        images = np.stack([normalise(mark.ink) for mark in marks])
        judged = self._judge(images)
        heights = np.array([float(mark.box[3]) for mark in marks])
        areas = np.array([float(mark.box[2] * mark.box[3]) for mark in marks])
        height = _weighted_median(heights, areas * np.where(judged.accepted, 1.0, 0.25))
        speck = heights < np.where(judged.accepted, _SPECK, 0.5) * height
        accepted = judged.accepted & ~speck
        foreign = ~judged.accepted & ~speck
        if not accepted.any() or 2 * foreign.sum() > accepted.sum():
            score = float(judged.scores[int(areas.argmax())])
            return Reading(
                "", (), f"no digit: the ink scores {score:.2f}, threshold {self.threshold:.2f}"
            )
        digits: list[Digit] = []
        texts = []
        start = 0
        for line in lines:
            indices = [i for i in range(start, start + len(line)) if accepted[i] or foreign[i]]
            start += len(line)
            if not any(accepted[i] for i in indices):
                continue
            texts.append(
                _spaced(
                    [str(judged.labels[i]) if accepted[i] else "?" for i in indices],
                    [marks[i].box for i in indices],
                )
            )
            for i in indices:
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


def _checked(images: npt.NDArray[np.generic]) -> Floats:
    """Return images as floats in [0, 1], or say what is wrong with them."""
    if not isinstance(images, np.ndarray) or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        got = f"shape {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise PictureError(f"got {got}; expected an array of shape (n, 28, 28)")
    if images.dtype == np.uint8:
        scaled: Floats = images.astype(np.float32) / np.float32(255)
        return scaled
    if images.dtype.kind != "f":
        raise PictureError(
            f"got values of type {images.dtype}; expected uint8 in [0, 255] or floats in [0, 1]"
        )
    if images.size and not (float(images.min()) >= 0 and float(images.max()) <= 1):
        raise PictureError(
            f"got values from {float(images.min()):g} to {float(images.max()):g}; "
            "expected floats in [0, 1], light on dark, without NaN"
        )
    return np.ascontiguousarray(images, np.float32)


def _weighted_median(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    order = np.argsort(values)
    heap = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(heap, heap[-1] / 2)])


def _is_cut(box: Box, shape: tuple[int, ...]) -> bool:
    """Tell whether a mark reaches the picture's edge."""
    x, y, width, height = box
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]


def _close(left: Mark, right: Mark, height: float) -> bool:
    """Tell whether two marks beside each other could be one digit in two pieces."""
    gap = right.box[0] - (left.box[0] + left.box[2])
    width = max(right.box[0] + right.box[2], left.box[0] + left.box[2]) - left.box[0]
    return gap < 0.25 * height and width < 1.5 * height


def _cuts(ink: FloatImage) -> list[int]:
    """Return columns where touching digits may be cut: one thin stroke, or nothing, crosses."""
    mask = (ink > 0.5).astype(np.int8)
    crossings = (np.diff(mask, axis=0, prepend=0) == 1).sum(axis=0)
    profile = ink.sum(axis=0)
    width = len(profile)
    thin = 2.0 * max(1.0, stroke_width(ink))
    radius = max(1, width // 40)
    cuts = [
        x
        for x in range(radius, width - radius)
        if profile[x] == profile[x - radius : x + radius + 1].min()
        and crossings[x] <= 1
        and profile[x] <= thin
    ]
    thinned: list[int] = []
    for x in sorted(cuts, key=lambda x: float(profile[x])):
        if all(abs(x - other) > max(2, width // 24) for other in thinned):
            thinned.append(x)
    return [0, *sorted(thinned[:_MOST_CUTS]), width]


def _piece(mark: Mark, left: int, right: int) -> Mark:
    """Return what a mark has between two columns, boxed anew."""
    x, y, _, _ = mark.box
    ink = np.ascontiguousarray(mark.ink[:, left:right])
    inner = ink_box(ink) or (0, 0, right - left, mark.box[3])
    a, b, w, h = inner
    return Mark((x + left + a, y + b, w, h), ink[b : b + h, a : a + w], mark.level)


def _spaced(characters: list[str], boxes: list[Box]) -> str:
    """Join a line's characters, with a space at each gap much wider than the others."""
    gaps = [b[0] - (a[0] + a[2]) for a, b in pairwise(boxes)]
    height = float(np.median([box[3] for box in boxes]))
    usual = float(np.median(gaps)) if len(gaps) > 2 else 0.5 * height
    text = characters[0]
    for gap, character in zip(gaps, characters[1:], strict=True):
        text += (" " if gap > max(3 * usual, 1.5 * height) else "") + character
    return text
