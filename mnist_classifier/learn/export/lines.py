"""Networks of lines → ONNX: calibrated, with a card, and the proof that both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mnist_classifier.ctc import column_probabilities
from mnist_classifier.learn.data.dataset import Splits
from mnist_classifier.learn.data.lines import fixed_lines
from mnist_classifier.learn.data.texts import ALPHABET
from mnist_classifier.learn.evaluation import lines
from mnist_classifier.learn.export import onnx_file
from mnist_classifier.normalisation import LINE_HEIGHT

INPUT = "lines"
CALIBRATION_LINES = 2000
_WIDTHS = (32, 128, 400)


def largest_difference(model: keras.Model, content: bytes) -> float:
    """Return how far Keras's and ONNX Runtime's probabilities lie apart, on lines of three widths.

    Args:
        model: The network.
        content: From `onnx_file.to_onnx`.
    """
    worst = 0.0
    for width in _WIDTHS:
        batch = np.random.default_rng(0).random((3, LINE_HEIGHT, width, 1), np.float32)
        ours = keras.ops.convert_to_numpy(model(batch, training=False))
        theirs = onnx_file.answer(content, batch, INPUT)
        apart = column_probabilities(ours) - column_probabilities(theirs)
        worst = max(worst, float(np.abs(apart).max()))
    return worst


def export(
    model: keras.Model, config: Mapping[str, Any], metrics: Mapping[str, Any], splits: Splits
) -> tuple[bytes, dict[str, Any], float]:
    """Calibrate a network on lines of validation digits, and convert it; its weights are halved.

    Returns:
        The file, its card, and how far its probabilities lie from Keras's.

    Raises:
        ModelError: The file says something else than the Keras model.
    """
    answers = lines.answer(model, fixed_lines(splits.validation, CALIBRATION_LINES))
    known = ("train_size", "validation_size", "epochs", "test_size", "test_accuracy",
             "test_accuracy_interval", "digit_error_rate", "digits_exact", "papers")  # fmt: skip
    card = {
        "input": f"lines: float32 (n, {LINE_HEIGHT}, width, 1), width a multiple of 4; greys "
        "stretched so that their 98th percentile is 0 and their 2nd is 1",
        "output": "logits: float32 (n, width / 4, 1 + characters); divide by temperature, then "
        "softmax; first is no character; connectionist temporal classification",
        "alphabet": ALPHABET,
        "temperature": round(lines.fit_temperature(answers), 4),
        "data": {key: config.get(key) for key in ("dataset", "sha256")},
        "recipe": config.get("recipe"),
        "seed": config["seed"],
        "parameters": int(model.count_params()),
        **{key: metrics[key] for key in known if key in metrics},
    }
    example = np.zeros((1, LINE_HEIGHT, 64, 1), np.float32)
    content = onnx_file.to_onnx(model, card, example, INPUT)
    onnx_file.prove(largest_difference(model, content))
    content = onnx_file.halved(content)
    apart = onnx_file.prove(largest_difference(model, content), onnx_file.HALF_TOLERANCE)
    return content, card, apart
