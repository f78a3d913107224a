"""Build, compile and fit a network as its recipe says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.learn import epochs
from mnist_classifier.learn.augmentation import deform
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Splits, Targets
from mnist_classifier.learn.epochs import Training
from mnist_classifier.learn.recipes import Recipe

Floats = npt.NDArray[np.float32]


def build(recipe: Recipe, pixels: int = 784, classes: int = 10) -> keras.Sequential:
    """Build the recipe's network; its first weights come from Keras's global seed."""
    return keras.Sequential(recipe.layers(pixels, classes), name=recipe.name)


def make_deterministic() -> None:
    """Let Keras's back end use only operations that give the same bits each time."""
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True)


def binary_cross_entropy() -> keras.losses.Loss:
    """Return Keras's binary cross-entropy, of the network's probabilities on every back end.

    On TensorFlow, Keras remembers the numbers that went into a softmax and, asked for binary
    cross-entropy, takes them for those that go into a sigmoid: it would train and report ten
    sigmoids that the network does not have. A change of type makes it forget them.
    """
    on_tensorflow = keras.config.backend() == "tensorflow"
    return keras.losses.BinaryCrossentropy(dtype="float64" if on_tensorflow else None)


def compile_model(model: keras.Model, recipe: Recipe, train_size: int) -> None:
    """Compile for adam, binary cross-entropy and accuracy.

    With one-hot labels and ten outputs, Keras takes ``"accuracy"`` for the share of images
    whose most probable class is right, not for element-wise binary accuracy.

    Args:
        model: The network.
        recipe: Learning rate, its schedule, weight decay, averaging and steps per execution.
        train_size: How many images an epoch has; the schedule ends with the last epoch.
    """
    steps_an_epoch = math.ceil(train_size / recipe.batch_size)
    steps = recipe.epochs * steps_an_epoch
    warmup_steps = round(recipe.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 10,
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=max(1, steps - warmup_steps),
        alpha=0.01,  # of the highest
    )
    model.compile(
        # With a weight decay, Keras's Adam is AdamW.
        optimizer=keras.optimizers.Adam(
            schedule,
            *recipe.betas,
            weight_decay=recipe.weight_decay,
            use_ema=recipe.averaging is not None,
            ema_momentum=1 - 1 / max(1, (recipe.averaging or 1) * steps_an_epoch),
        ),
        loss=binary_cross_entropy(),
        metrics=["accuracy"],
        # Keras (3.15) refuses more than one on PyTorch.
        steps_per_execution=1 if keras.config.backend() == "torch" else recipe.steps_per_execution,
    )


def fit(
    model: keras.Model,
    recipe: Recipe,
    splits: Splits,
    targets: Targets,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
    teach: Callable[[Floats, Floats], Floats] | None = None,
    reuse: int = 1,
) -> Training:
    """Train as the recipe says, on images deformed anew in each epoch where it deforms.

    With a patience, training stops early on validation loss and the best epoch's weights are
    restored; without one, the last epoch's are kept and validation chooses nothing. The loss in
    training is measured against smoothed targets, that in validation against plain ones.

    Args:
        model: A compiled network.
        recipe: Epochs, patience, batch size, smoothing and deformation.
        splits: The images; of the three parts, the test's is not touched.
        targets: The labels of the training and validation parts.
        callbacks: As for `epochs.fit`.
        checkpoints: As for `epochs.fit`.
        teach: Makes the targets, shape ``(n, classes)``, of an epoch's images, shape
            ``(n, pixels)``, as they were deformed, and of their smoothed labels; ``None``: these.
        reuse: How many epochs learn from the same deformed images, each in another order.
    """
    classes = targets.train.shape[1]
    smoothed = (1 - recipe.label_smoothing) * targets.train + recipe.label_smoothing / classes
    side = math.isqrt(splits.train.x.shape[1])

    @lru_cache(maxsize=1)
    def made(seed: int, epoch: int) -> tuple[Floats, Floats]:
        x = splits.train.x
        deformation = recipe.deformation_in(epoch + reuse - 1)  # in the last that they are for
        if deformation:
            chance = np.random.default_rng((seed, epoch, 1))
            x = deform(x.reshape(-1, side, side), chance, deformation).reshape(x.shape)
        return x, teach(x, smoothed) if teach else smoothed

    def images(seed: int, epoch: int) -> tuple[Floats, Floats, epochs.Order]:
        x, y = made(seed, epoch - epoch % reuse)
        return x, y, epochs.shuffled(len(x), seed, epoch)

    plan = epochs.Plan(
        images=images,
        validation=(splits.validation.x, targets.validation),
        epochs=recipe.epochs,
        steps=math.ceil(len(splits.train) / recipe.batch_size),
        batch_size=recipe.batch_size,
        patience=recipe.patience,
    )
    return epochs.fit(model, plan, callbacks, checkpoints)
