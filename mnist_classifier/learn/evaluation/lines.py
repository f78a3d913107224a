"""The numbers of a network that reads lines: how many exactly, how far the others are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.ctc import (
    column_probabilities,
    likeliest_path,
    own_log_likelihoods,
    own_probabilities,
)
from mnist_classifier.errors import ModelError
from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.lines import Lines, encode
from mnist_classifier.learn.data.paper import KINDS
from mnist_classifier.learn.data.texts import ALPHABET
from mnist_classifier.learn.evaluation.calibration import expected_error, reliability_of
from mnist_classifier.learn.evaluation.intervals import wilson_interval
from mnist_classifier.learn.networks.inspection import predict

MISTAKES_KEPT = 24
_BATCH = 100  # lines a call: each takes megabytes


@dataclass(frozen=True)
class LineAnswers:
    """What a network answered to lines.

    Attributes:
        lines: Which.
        logits: Shape ``(n, columns, 1 + characters)``.
        texts: What it read.
    """

    lines: Lines
    logits: Floats
    texts: tuple[str, ...]

    @property
    def right(self) -> list[bool]:
        """Which were read exactly."""
        return [a == b for a, b in zip(self.texts, self.lines.texts, strict=True)]


def answer(model: keras.Model, lines: Lines) -> LineAnswers:
    """Let a network read lines, each column by its likeliest character."""
    return answers_of(predict(model, encode(lines)[0], _BATCH), lines)


def answers_of(logits: Floats, lines: Lines) -> LineAnswers:
    """Return what a network read, by its logits, shape ``(n, columns, 1 + characters)``.

    Raises:
        ModelError: It was trained for other characters.
    """
    if logits.shape[-1] != 1 + len(ALPHABET):
        raise ModelError(
            f"the network knows {logits.shape[-1] - 1} characters; expected {ALPHABET}: train it "
            "with  mnist train --recipe lines"
        )
    texts = tuple(
        "".join(ALPHABET[i - 1] for i in likeliest_path(columns)[0]) for columns in logits
    )
    return LineAnswers(lines, logits, texts)


def loss(answers: LineAnswers, temperature: float = 1.0) -> float:
    """Return the mean loss of connectionist temporal classification, in nats a line."""
    from scipy.special import log_softmax

    with np.errstate(invalid="ignore"):  # the loss of a network that diverged is no number
        columns = log_softmax(answers.logits.astype(np.float64) / temperature, axis=-1)
        likelihoods = own_log_likelihoods(columns, _indices(answers.lines.texts))
    return float(-np.mean(likelihoods))


def fit_temperature(answers: LineAnswers) -> float:
    """Return the temperature by which the true texts are likeliest (Guo and others 2017).

    Args:
        answers: To validation lines: never to test lines.

    Returns:
        Above 1 lowers confidence; between 0.2 and 5.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda logarithm: loss(answers, float(np.exp(logarithm))),
        bounds=(-1.6, 1.6),
        method="bounded",
        options={"xatol": 0.01},
    )
    return float(np.exp(found.x))


def confidences(answers: LineAnswers, temperature: float) -> Floats:
    """Return the probability of each text that was read, shape ``(n,)``."""
    columns = column_probabilities(answers.logits, temperature)
    return own_probabilities(list(columns), _indices(answers.texts)).astype(np.float32)


def measure(answers: LineAnswers, temperature: float) -> dict[str, Any]:
    """Return all numbers of a network on test lines, as ``metrics.json`` holds them.

    Args:
        answers: To lines composed of test digits.
        temperature: From `fit_temperature`, which sees no test line.
    """
    sure = confidences(answers, temperature)
    right = np.array(answers.right)
    wrong = np.flatnonzero(~right)
    surest = wrong[np.argsort(-sure[wrong], kind="stable")]
    return {
        "characters": ALPHABET,
        "digit_error_rate": digit_error_rate(answers.texts, answers.lines.texts),
        "digits_exact": float(
            np.mean([_digits(a) == _digits(b) for a, b in _pairs(answers)])  # separators left out
        ),
        "papers": [_on_paper(answers, kind) for kind in KINDS if kind in answers.lines.papers],
        "nothing": _on_empty(answers),
        "calibration": {
            "temperature": temperature,
            "before": {
                "expected_calibration_error": _calibration_error(confidences(answers, 1.0), right)
            },
            "after": {"expected_calibration_error": _calibration_error(sure, right)},
        },
        "mistakes": {
            "count": len(wrong),
            "sure": int((sure[wrong] >= 0.95).sum()),
            "worst": [
                {
                    "index": int(i),
                    "text": answers.lines.texts[i],
                    "answer": answers.texts[i],
                    "confidence": round(float(sure[i]), 4),
                }
                for i in surest[:MISTAKES_KEPT]
            ],
        },
    }


def digit_error_rate(texts: Sequence[str], truths: Sequence[str]) -> float:
    """Return the edit distance over all digits, of each text at most its number's length."""
    errors = total = 0
    for text, truth in zip(texts, truths, strict=True):
        wanted = _digits(truth)
        errors += min(len(wanted), edit_distance(_digits(text), wanted))
        total += len(wanted)
    return errors / max(1, total)


def edit_distance(a: str, b: str) -> int:
    """Return how many characters differ (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _pairs(answers: LineAnswers) -> list[tuple[str, str]]:
    return list(zip(answers.texts, answers.lines.texts, strict=True))


def _on_paper(answers: LineAnswers, kind: str) -> dict[str, Any]:
    """Return how lines on one kind of paper were read."""
    chosen = [pair for pair, own in zip(_pairs(answers), answers.lines.papers, strict=True)
              if own == kind]  # fmt: skip
    exact = sum(a == b for a, b in chosen)
    return {
        "paper": kind,
        "size": len(chosen),
        "exact": exact / len(chosen),
        "interval": wilson_interval(exact, len(chosen)),
        "digit_error_rate": digit_error_rate(*zip(*chosen, strict=True)),
    }


def _on_empty(answers: LineAnswers) -> dict[str, Any]:
    """Return how many lines without a number there are, and how many were read as nothing."""
    empty = [a for a, b in _pairs(answers) if not b]
    return {"size": len(empty), "read_as_nothing": sum(not text for text in empty)}


def _calibration_error(sure: Floats, right: npt.NDArray[np.bool_]) -> float:
    return expected_error(reliability_of(sure, right))


def _indices(texts: Sequence[str]) -> list[list[int]]:
    """Return texts as the indices of their characters, from 1."""
    return [[ALPHABET.index(character) + 1 for character in text] for text in texts]
