"""An epoch as one compiled function: images, weights and optimizer stay on the accelerator."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import keras
from jax import numpy as jnp

from mnist_classifier.learn.networks.inspection import drawing_nothing
from mnist_classifier.learn.networks.precision import in_mixed_precision


def run_epoch(model: keras.Model, x: Any, y: Any, order: Any, batch_size: int) -> dict[str, float]:
    """Train a network on JAX for an epoch; do what Keras's ``fit`` would.

    Where the last step would have fewer images, it has some of the first again.

    Args:
        model: Compiled; its optimizer is built. Variables have new values afterwards.
        x: Images, shape ``(n, pixels)``.
        y: Targets, shape ``(n, classes)``.
        order: Which image comes when, shape ``(n,)``.
        batch_size: Images a step.

    Returns:
        ``loss`` and ``accuracy``, means over all steps.
    """
    steps = math.ceil(len(order) / batch_size)
    batches = jnp.resize(jnp.asarray(order), (steps, batch_size))
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
    )
    state = tuple([variable.value for variable in kind] for kind in variables)
    state, loss, accuracy = _compiled(*_described(model))(state, x, y, batches)
    for kind, values in zip(variables, state, strict=True):
        for variable, value in zip(kind, values, strict=True):
            variable.assign(value)
    # As at the end of Keras's fit: averaged weights, where there are any, become the weights.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return {"loss": float(loss), "accuracy": float(accuracy)}


def _described(model: keras.Model) -> tuple[str, str, str]:
    """Return a network, its optimizer and its loss as JSON, without their values."""
    return (
        model.to_json(),
        json.dumps(keras.optimizers.serialize(model.optimizer)),
        json.dumps(keras.losses.serialize(model.loss)),
    )


@lru_cache(maxsize=8)
def _compiled(network: str, optimizer: str, loss: str) -> Callable[..., tuple[Any, Any, Any]]:
    """Return an epoch's function: one for all seeds of a series, as compiling takes seconds.

    It takes the state before (values of trainable variables, of others, and of the optimizer's),
    images, targets and batches, shape ``(steps, images a step)``; it returns the state after, and
    the means of losses and of shares of right answers.
    """
    with drawing_nothing():
        net = in_mixed_precision(keras.models.model_from_json(network))
    adam = keras.optimizers.deserialize(json.loads(optimizer))
    adam.build(net.trainable_variables)
    loss_of_answers = keras.losses.deserialize(json.loads(loss))

    def loss_of(trainable: Any, fixed: Any, x: Any, y: Any) -> Any:
        answers, fixed = net.stateless_call(trainable, fixed, x, training=True)
        right = answers.argmax(axis=1) == y.argmax(axis=1)
        return loss_of_answers(y, answers), (fixed, right.mean())

    def epoch(state: Any, x: Any, y: Any, batches: Any) -> tuple[Any, Any, Any]:
        def step(state: Any, batch: Any) -> tuple[Any, Any]:
            trainable, fixed, remembered = state
            graded = jax.value_and_grad(loss_of, has_aux=True)
            (value, (fixed, right)), gradients = graded(trainable, fixed, x[batch], y[batch])
            trainable, remembered = adam.stateless_apply(remembered, gradients, trainable)
            return (trainable, fixed, remembered), (value, right)

        state, (losses, shares) = jax.lax.scan(step, state, batches)
        return state, losses.mean(), shares.mean()

    return jax.jit(epoch)
