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
