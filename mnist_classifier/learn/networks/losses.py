"""Losses and metrics of our own."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def binary_cross_entropy() -> keras.losses.Loss:
    """Return Keras's binary cross-entropy, of the network's probabilities on every back end.

    On TensorFlow, Keras keeps the logits of a softmax and, for binary cross-entropy, takes them for
    the logits of sigmoids: it would train and report ten sigmoids that the network does not have.
    Another dtype makes it use the probabilities.
    """
    on_tensorflow = keras.config.backend() == "tensorflow"
    return keras.losses.BinaryCrossentropy(dtype="float64" if on_tensorflow else None)


@keras.saving.register_keras_serializable("mnist_classifier")
def cross_entropy_with_reject(targets: Any, probabilities: Any) -> Any:
    """Return the cross-entropy over eleven classes of which the last is "no digit".

    Args:
        targets: Shape ``(n, 10)``, one-hot; all zero for what is no digit.
        probabilities: Shape ``(n, 10)``, from `softmax_with_reject`.

    Returns:
        Shape ``(n,)``, in nats.
    """
    digit = ops.sum(probabilities, axis=1)
    own = ops.sum(targets * probabilities, axis=1) + (1 - ops.sum(targets, axis=1)) * (1 - digit)
    return -ops.log(ops.maximum(own, 1e-7))


@keras.saving.register_keras_serializable("mnist_classifier")
def accuracy_with_reject(targets: Any, probabilities: Any) -> Any:
    """Return which pictures are judged right: digits by their class, non-digits by refusal.

    Args:
        targets: Shape ``(n, 10)``, one-hot; all zero for what is no digit.
        probabilities: Shape ``(n, 10)``, from `softmax_with_reject`.

    Returns:
        Shape ``(n,)``, 1.0 or 0.0.
    """
    labelled = ops.equal(ops.argmax(targets, axis=1), ops.argmax(probabilities, axis=1))
    refused = ops.sum(probabilities, axis=1) < 0.5
    is_digit = ops.sum(targets, axis=1) > 0.5
    return ops.cast(ops.where(is_digit, labelled, refused), "float32")


@keras.saving.register_keras_serializable("mnist_classifier")
def lines_read_exactly(targets: Any, logits: Any) -> Any:
    """Return which lines are read without a mistake, each column by its likeliest character.

    Args:
        targets: Shape ``(n, characters)``, integers: 1 and up for characters, 0 after the last.
        logits: Shape ``(n, columns, 1 + kinds)``, the first for "no character".

    Returns:
        Shape ``(n,)``, 1.0 or 0.0.
    """
    targets = ops.cast(targets, "int32")
    best = ops.cast(ops.argmax(logits, axis=-1), "int32")
    before = ops.pad(best[:, :-1], ((0, 0), (1, 0)))
    kept = ops.logical_and(best > 0, best != before)
    place = ops.clip(ops.cumsum(ops.cast(kept, "int32"), axis=1) - 1, 0, targets.shape[1] - 1)
    wanted = ops.take_along_axis(targets, place, axis=1)
    same = ops.all(ops.logical_or(ops.logical_not(kept), best == wanted), axis=1)
    count = ops.sum(ops.cast(kept, "int32"), axis=1)
    length = ops.sum(ops.cast(targets > 0, "int32"), axis=1)
    return ops.cast(ops.logical_and(same, count == length), "float32")
