"""What can be said of any network: its predictions, its shape, its multiply-adds."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn import accelerator
from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.networks.layers import MeanOverTTA, RotationTTA

_WIDTH = 128
_COUNTED = (layers.Dense, layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def predict(model: keras.Model, x: Floats, batch_size: int = 2000) -> Floats:
    """Return a network's predictions, shape ``(n, classes)``, for each image of ``x``.

    Args:
        model: The network.
        x: Images as the network takes them, ``n`` of them.
        batch_size: Images a call.
    """
    answer = _on_device(model) if accelerator.is_used() else partial(model, training=False)
    batches = [x[i : i + batch_size] for i in range(0, len(x), batch_size)]
    return np.concatenate([keras.ops.convert_to_numpy(answer(batch)) for batch in batches])


def _on_device(model: keras.Model) -> Callable[[Floats], Any]:
    """Return a network as one function: an accelerator waits long for single layers."""
    answer = _compiled(model.to_json())
    variables = (model.trainable_variables, model.non_trainable_variables)
    state = [[variable.value for variable in kind] for kind in variables]
    return lambda x: answer(*state, x)


@contextlib.contextmanager
def drawing_nothing() -> Iterator[None]:
    """Let networks be built inside without a change to the weights of those that come after.

    Keras draws the seeds of first weights from Python's random numbers.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@lru_cache(maxsize=16)
def _compiled(network: str) -> Callable[..., Any]:
    """Return the function of all networks of the same layers, for JAX."""
    import jax

    with drawing_nothing():
        net = keras.models.model_from_json(network)
    return jax.jit(lambda *state_and_x: net.stateless_call(*state_and_x, training=False)[0])


def shape(model: keras.Model) -> str:
    """Return the widths of a network's layers as ``784 → 512 → 10``; of several, the first's.

    Where an input may have any width, its height stands first.
    """
    networks = [layer for layer in model.layers if isinstance(layer, keras.Model)] or [model]
    widths = [
        layer.units if hasattr(layer, "units") else layer.filters
        for layer in networks[0].layers
        if hasattr(layer, "units") or hasattr(layer, "filters")
    ]
    text = " → ".join(map(str, [math.prod(side or 1 for side in model.input_shape[1:]), *widths]))
    return f"{len(networks)} times {text}" if len(networks) > 1 else text


def multiply_adds(model: keras.Model) -> int:
    """Count the multiplications, each with its addition, that one image takes.

    Those of dense layers and convolutions count; additions alone, activations, normalisation
    and pooling do not, as is usual. With test-time augmentation, each view counts. Where an image
    may have any width, it is one of 128 pixels.

    Raises:
        TypeError: A layer multiplies by a matrix in a way that is not known here.
    """
    if None in model.input_shape[1:]:
        fixed = [side or _WIDTH for side in model.input_shape[1:]]
        model = keras.models.clone_model(model, input_tensors=keras.Input(fixed))
    total, views = 0, 1
    for layer in model.layers:
        if isinstance(layer, RotationTTA):
            views = layer.views
            total += (views - 1) * math.prod(layer.input.shape[1:]) ** 2
        elif isinstance(layer, MeanOverTTA):
            views = 1
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
            continue
        # Biases and a normalisation's factors have one axis; matrices and filters have more.
        products = sum(math.prod(w.shape) for w in layer.weights if len(w.shape) > 1)
        if products and not isinstance(layer, _COUNTED):
            raise TypeError(f"how many multiply-adds {type(layer).__name__} takes is not known")
        total += products and views * products * math.prod(layer.output.shape[1:-1])
    return total
