"""Networks of digits → ONNX: calibrated, with a card, and the proof that both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import ModelError
from mnist_classifier.learn.arrays import Floats, Labels
from mnist_classifier.learn.data.augmentation import deform
from mnist_classifier.learn.data.dataset import CLASSES, SIDE, Splits
from mnist_classifier.learn.evaluation.calibration import fit_temperature, softmax
from mnist_classifier.learn.evaluation.metrics import confusions
from mnist_classifier.learn.export import onnx_file
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.networks.layers import softmax_with_reject

BATCH_SIZES = (1, 7, 1000)
SHOWN_MISTAKES = 24
"""The most mistakes that a card lists."""
REFUSED_SHARE = 0.001
"""The share of deformed validation images that a model's own threshold refuses."""


@dataclass(frozen=True)
class OperatingPoint:
    """What validation images teach about a finished network's probabilities."""

    temperature: float
    """Logits are divided by it; above 1 it lowers confidence."""
    measure: str
    """What is compared with the threshold: see the card."""
    threshold: float
    """Images that measure below are refused, in [0, 1]."""


def logits_network(model: keras.Model) -> tuple[keras.Model, bool]:
    """Return the network from 28×28 images to logits, with the model's own weights.

    Args:
        model: Takes ``(n, 784)`` or ``(n, 28, 28, 1)`` in [0, 1]; ends in a softmax over ten
            classes, in the mean of networks that do, or in `softmax_with_reject`.

    Returns:
        A network from ``(n, 28, 28)`` to ``(n, 10)``; and whether it knows what is no digit.

    Raises:
        ModelError: The model has other inputs, outputs or another last activation.
    """
    size = int(np.prod([side or 0 for side in model.input_shape[1:]]))
    if size != SIDE * SIDE or model.output_shape[1:] != (CLASSES,):
        raise ModelError(
            f"the network maps {model.input_shape} to {model.output_shape}; expected 784 or "
            "28×28 pixels to 10 classes: train it with  mnist train"
        )
    last = model.layers[-1]
    images = keras.Input((SIDE, SIDE), name="images")
    x = keras.layers.Reshape(model.input_shape[1:])(images)
    if getattr(last, "activation", None) is softmax_with_reject:
        body = keras.Model(model.inputs, last.input)
        return keras.Model(images, body(x)), True
    if _gives_probabilities(model):
        # The logarithm of probabilities is a logit like any other: softmax gives them back.
        return keras.Model(images, keras.ops.log(keras.ops.maximum(model(x), 1e-37))), False
    raise ModelError(
        f"the network ends in {last.name} without a softmax; expected one over ten classes"
    )


def _gives_probabilities(model: keras.Model) -> bool:
    """Return whether a network ends in a softmax or in the mean of networks that do."""
    *others, last = model.layers
    if isinstance(last, keras.layers.Average):
        members = [layer for layer in others if isinstance(layer, keras.Model)]
        return bool(members) and all(map(_gives_probabilities, members))
    return isinstance(last, keras.layers.Softmax) or (
        getattr(last, "activation", None) is keras.activations.softmax
    )


def calibrate(
    logits: Floats,
    labels: Labels,
    deformed: Floats,
    knows_nondigits: bool,
) -> OperatingPoint:
    """Choose the temperature and the threshold of refusal on validation images.

    The temperature is `fit_temperature`'s. The threshold refuses `REFUSED_SHARE` of the same digits
    as other hands would write them: of MNIST's own, hardly one in thousands is odd enough to say
    where other people's digits end.

    Args:
        logits: Shape ``(n, 10)``, of validation images.
        labels: Shape ``(n,)``, 0 to 9.
        deformed: Shape ``(n, 10)``, logits of the same images, deformed.
        knows_nondigits: Whether the network has learned what is no digit (as logit 0).
    """
    wide = logits.astype(np.float64)
    temperature = fit_temperature(wide, labels)
    if knows_nondigits:
        scores = 1 / (1 + np.exp(-np.logaddexp.reduce(deformed.astype(np.float64), axis=1)))
    else:
        scaled = deformed.astype(np.float64) / temperature
        scores = np.exp(scaled.max(axis=1) - np.logaddexp.reduce(scaled, axis=1))
    threshold = float(min(0.5, np.quantile(scores, REFUSED_SHARE)))
    return OperatingPoint(
        round(temperature, 4),
        "digit_probability" if knows_nondigits else "confidence",
        float(f"{threshold:.3g}"),
    )


def judge_test_set(probabilities: npt.NDArray[np.floating[Any]], labels: Labels) -> dict[str, Any]:
    """Return what the card says of the test set: confusions, and the mistakes surest of.

    Nothing is chosen by it.

    Args:
        probabilities: Shape ``(n, 10)``, of test images.
        labels: Shape ``(n,)``, 0 to 9.

    Returns:
        ``confusions``: 10 rows (labels) of 10 counts (answers); ``mistakes``: at most
        `SHOWN_MISTAKES`, each with the test image's index, label, answer and confidence.
    """
    answers, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidences[wrong], kind="stable")][:SHOWN_MISTAKES]
    return {
        "confusions": confusions(probabilities, labels),
        "mistakes": [
            {
                "index": int(i),
                "label": int(labels[i]),
                "answer": int(answers[i]),
                "confidence": round(float(confidences[i]), 4),
            }
            for i in worst
        ],
    }


def to_onnx(network: keras.Model, card: Mapping[str, Any]) -> bytes:
    """Convert a network from images to logits into an ONNX file that carries its card.

    Args:
        network: From `logits_network`.
        card: What JSON can hold; must have ``temperature`` and ``refusal``.

    Returns:
        The file: input ``images`` float32 ``(n, 28, 28)``, output ``logits`` float32 ``(n, 10)``.
    """
    return onnx_file.to_onnx(network, card, np.zeros((1, SIDE, SIDE), np.float32))


def largest_difference(network: keras.Model, content: bytes, images: Floats) -> float:
    """Return how far Keras's and ONNX Runtime's probabilities lie apart at worst.

    Args:
        network: From `logits_network`.
        content: From `to_onnx`.
        images: Shape ``(n, 28, 28)`` in [0, 1]; the first 1, 7 and 1000 are compared.
    """
    worst = 0.0
    for size in BATCH_SIZES:
        batch = np.resize(images, (size, SIDE, SIDE)).astype(np.float32)
        ours = keras.ops.convert_to_numpy(network(batch, training=False))
        theirs = onnx_file.answer(content, batch)
        worst = max(worst, float(np.abs(softmax(ours) - softmax(theirs)).max()))
    return worst


def export(
    network: keras.Model,
    knows_nondigits: bool,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    splits: Splits,
) -> tuple[bytes, dict[str, Any], float]:
    """Calibrate a network on validation images, and convert it.

    Returns:
        The file, its card, and how far its probabilities lie from Keras's.

    Raises:
        ModelError: The file says something else than the Keras model.
    """
    images = splits.validation.x.reshape(-1, SIDE, SIDE)
    deformed = deform(images, np.random.default_rng(int(config["seed"])))
    point = calibrate(
        predict(network, images),
        splits.validation.labels,
        predict(network, deformed),
        knows_nondigits,
    )
    card = _card(network, config, metrics, splits, point)
    content = to_onnx(network, card)
    return content, card, onnx_file.prove(largest_difference(network, content, images))


def _card(
    network: keras.Model,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    splits: Splits,
    point: OperatingPoint,
) -> dict[str, Any]:
    """Return the model card: what goes in and comes out, and what the network is known to reach."""
    sizes = ("train_size", "validation_size", "test_size")
    known = (*sizes, "test_accuracy", "test_accuracy_interval", "epochs")
    logits = predict(network, splits.test.x.reshape(-1, SIDE, SIDE))
    return {
        "input": "images: float32 (n, 28, 28), 0 paper to 1 ink, normalised like MNIST",
        "output": "logits: float32 (n, 10); divide by temperature, then softmax",
        "labels": list(range(CLASSES)),
        "temperature": point.temperature,
        "refusal": {
            "measure": point.measure,
            "threshold": point.threshold,
            "deformed_validation_share_refused": REFUSED_SHARE,
        },
        "data": {key: config.get(key) for key in ("dataset", "sha256")},
        "recipe": config.get("recipe"),
        "seed": config["seed"],
        "parameters": int(network.count_params()),
        **{key: metrics[key] for key in known if key in metrics},
        **judge_test_set(softmax(logits, point.temperature), splits.test.labels),
    }
