"""Mixed precision: convolutions in bfloat16, what decides in float32."""

from __future__ import annotations

import keras
from keras import layers

_IN_BFLOAT16 = (layers.Conv2D, layers.BatchNormalization, layers.ReLU, layers.MaxPooling2D)


def in_mixed_precision(model: keras.Sequential) -> keras.Sequential:
    """Return a network of the same layers, whose convolutions compute in bfloat16.

    Its weights are float32, in the same order, and its own; so are its probabilities, and what
    averages over an image or over test-time augmentation (Micikevicius and others, Mixed precision
    training, 2018).

    Args:
        model: The network; it stays as it is.
    """

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, _IN_BFLOAT16):
            config["dtype"] = "mixed_bfloat16"
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=clone)
