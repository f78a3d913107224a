"""The model of digits: an ONNX network and its card in one file; judges 28×28 images."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import ModelError, PictureError
from mnist_classifier.normalisation import SIDE
from mnist_classifier.read.network_file import NetworkFile, number_of, run, temperature_of, try_out

Floats = npt.NDArray[np.float32]

CLASSES = 10
MEASURES = ("digit_probability", "confidence")

_CHUNK = 128  # images at most: they fit a core's cache
_LEAST_CHUNK = 16  # fewer take no longer than a thread does to start
_SHAPES = ((SIDE, SIDE), (SIDE, SIDE, 1), (SIDE * SIDE,))  # of an image
_EXPECTED = (
    "expected an ONNX file made by  mnist export: "
    "input images float32 (n, 28, 28), output logits float32 (n, 10)"
)


@dataclass(frozen=True)
class Refusal:
    """When an image is refused as no digit."""

    measure: str
    """What is the score of an image. ``"digit_probability"``: the probability of being a digit,
    for a network that learned an eleventh class, "no digit", whose logit is always 0.
    ``"confidence"``: the largest probability, for a network that did not."""
    threshold: float
    """The rejection threshold, in [0, 1]: an image that scores below is refused."""


@dataclass(frozen=True)
class Judgement:
    """The network's answers for n images."""

    labels: npt.NDArray[np.int64]
    """Shape ``(n,)``, 0 to 9: the most probable digit, also where the image was refused."""
    probabilities: Floats
    """Shape ``(n, 10)``, in [0, 1], rows sum to 1."""
    confidences: Floats
    """Shape ``(n,)``: the labels' probabilities."""
    accepted: npt.NDArray[np.bool_]
    """Shape ``(n,)``: False where the image was refused as no digit."""
    scores: Floats
    """Shape ``(n,)``, in [0, 1]: the score that is compared with the rejection threshold."""


class Model:
    """A network that classifies 28×28 images; safe to use from several threads."""

    def __init__(self, path: str | Path | None = None, threads: int | None = None) -> None:
        """Load a model.

        Args:
            path: A file made by ``mnist export``; the shipped model when left out.
            threads: Threads for a call with many images; as many as processors when left out.

        Raises:
            ModelError: The file is missing, damaged, or another network.
        """
        file = NetworkFile(path, "digits.onnx", _EXPECTED)
        self._file, self._name = file, file.name
        self._threads = threads or os.cpu_count() or 1
        # Threads that share an operation keep cores busy while they wait for each other. A batch is
        # cut into chunks instead, one a thread.
        self._session = file.session(1)
        self._check_shapes(file.name)
        self.card = file.card(self._session)
        self.temperature, self.refusal = _settings(self.card, file.name)
        try_out(self._session, file.name, _EXPECTED)

    @property
    def sha256(self) -> str:
        """The file's SHA-256, in hexadecimal."""
        return self._file.sha256

    def logits(self, images: Floats) -> Floats:
        """Return logits, shape ``(n, 10)``, of images ``(n, 28, 28)`` in [0, 1]."""
        if len(images) == 0:
            return np.empty((0, CLASSES), np.float32)
        size = min(_CHUNK, max(_LEAST_CHUNK, math.ceil(len(images) / self._threads)))
        if len(images) <= size:
            return self._run(images)
        chunks = [images[i : i + size] for i in range(0, len(images), size)]
        from concurrent.futures import ThreadPoolExecutor  # takes long to import

        with ThreadPoolExecutor(self._threads) as pool:
            return np.concatenate(list(pool.map(self._run, chunks)))

    def judge(self, images: Floats, threshold: float) -> Judgement:
        """Classify images, and refuse those that are no digit.

        Args:
            images: Shape ``(n, 28, 28)``, in [0, 1], light on dark.
            threshold: The rejection threshold, in [0, 1].
        """
        logits = self.logits(images)
        if not len(logits):
            empty = np.empty(0, np.float32)
            return Judgement(empty.astype(np.int64), logits, empty, empty > 0, empty)
        peak = logits.max(axis=1, keepdims=True)
        below = logits - peak
        scaled = np.exp(below / self.temperature)
        total = scaled.sum(axis=1, keepdims=True)
        confidences = 1 / total[:, 0]  # of the peak, whose scaled value is 1
        scores = confidences
        if self.refusal.measure == "digit_probability":
            # The sigmoid of the logits' log-sum-exp, written without overflow.
            digit = np.exp(below).sum(axis=1)
            scores = digit / (digit + np.exp(np.minimum(-peak[:, 0], 60)))
        labels = logits.argmax(axis=1)
        return Judgement(labels, scaled / total, confidences, scores >= threshold, scores)

    def _run(self, images: Floats) -> Floats:
        logits = run(self._session, {"images": images}, self._name, _EXPECTED)
        if logits.shape != (len(images), CLASSES):
            raise ModelError(f"{self._name}: gave logits of shape {logits.shape}; {_EXPECTED}")
        return logits

    def _check_shapes(self, name: str) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = [
            f"{kind} {' and '.join(f'{v.name} {v.type} {v.shape}' for v in values)}"
            for kind, values in (("input", inputs), ("output", outputs))
        ]
        fits = (
            [(v.name, v.type, v.shape[1:]) for v in inputs]
            == [("images", "tensor(float)", [28, 28])]
            and [(v.name, v.type, v.shape[1:]) for v in outputs]
            == [("logits", "tensor(float)", [CLASSES])]
            and not any(isinstance(v.shape[0], int) for v in (*inputs, *outputs))
        )
        if not fits:
            raise ModelError(f"{name}: another network: {', '.join(found)}; {_EXPECTED}")


def checked_images(images: npt.NDArray[np.generic]) -> Floats:
    """Return images, uint8 or floats, as floats in [0, 1], shape ``(n, 28, 28)``.

    Args:
        images: Shape ``(n, 28, 28)``, ``(n, 28, 28, 1)`` or ``(n, 784)``.

    Raises:
        PictureError: The array's shape, type or values are others.
    """
    if not isinstance(images, np.ndarray) or images.shape[1:] not in _SHAPES:
        got = f"shape {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise PictureError(
            f"got {got}; expected an array of shape (n, 28, 28), (n, 28, 28, 1) or (n, 784)"
        )
    images = images.reshape(len(images), SIDE, SIDE)
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


def _settings(card: dict[str, Any], name: str) -> tuple[float, Refusal]:
    """Return the temperature and the refusal that a card states, if they make sense."""
    temperature = temperature_of(card, name, _EXPECTED)
    refusal = card.get("refusal")
    threshold = number_of(refusal, "threshold", name, _EXPECTED)
    measure = refusal.get("measure") if isinstance(refusal, dict) else None
    if not 0 <= threshold <= 1:
        raise ModelError(
            f"{name}: its card's rejection threshold is {threshold}; expected a number from 0 "
            "to 1: export it again"
        )
    if measure not in MEASURES:
        raise ModelError(
            f"{name}: its card's measure is {measure!r}; expected one of {', '.join(MEASURES)}: "
            "export it again"
        )
    return temperature, Refusal(measure, threshold)
