"""Train the network that reads other people's handwriting and knows what is no digit."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from mnist_classifier.learn.augmentation import Deformation, deform, vary_writing
from mnist_classifier.learn.datasets import Part, one_hot
from mnist_classifier.learn.evaluation import count_correct, predict
from mnist_classifier.learn.nondigits import digit_or_nothing, nondigits, softmax_or_nothing

Floats = npt.NDArray[np.float32]


def reader_layers() -> list[keras.layers.Layer]:
    """Return the network: five convolutions, 784 pixels in, 10 digits out; 164,386 weights."""

    def convolution(filters: int, strides: int = 1) -> list[keras.layers.Layer]:
        return [
            layers.Conv2D(filters, 3, strides=strides, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]

    return [
        layers.Input((784,)),
        layers.Reshape((28, 28, 1)),
        *convolution(24),  # 26 × 26
        *convolution(40, strides=2),  # 12 × 12
        *convolution(64),  # 10 × 10
        *convolution(80, strides=2),  # 4 × 4
        *convolution(112),  # 2 × 2
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10),
        layers.Activation(softmax_or_nothing),
    ]


@dataclass(frozen=True)
class ReaderRecipe:
    """How the reader's network is trained."""

    epochs: int = 40
    batch_size: int = 128
    learning_rate: float = 3e-3
    """AdamW's highest, reached after the first epoch, then falling to 0 along a cosine."""
    weight_decay: float = 1e-3
    nondigits: float = 0.15
    """Pictures of what is no digit, for each image of a digit."""
    varied: float = 0.4
    """Share of ones and sevens drawn with flag, foot or bar."""
    deformation: Deformation = field(default_factory=Deformation)
    finishing_epochs: int = 8
    """Epochs after those, in which every second digit is deformed as little as MNIST's differ."""
    finishing_learning_rate: float = 5e-4
    """AdamW's at their beginning, falling to 0 along a cosine."""
    finishing_deformation: Deformation = field(
        default_factory=lambda: Deformation(
            rotation=6,
            scale=0.06,
            stretch=0.08,
            shear=0.12,
            shift=0.7,
            elastic=0.7,
            stroke=0.3,
            blur=0.1,
            contrast=0.5,
            coarse=0,
            noise=0,
        )
    )


def deformed_epoch(
    part: Part, recipe: ReaderRecipe, seed: int, epoch: int
) -> tuple[Floats, Floats]:
    """Make the images and targets of one epoch, the same for the same seed and epoch.

    Args:
        part: Images and labels to deform.
        recipe: How far, and how many non-digits are added.
        seed: Of the training.
        epoch: Counted from 0.

    Returns:
        Images, shape ``(m, 784)``, float32 in [0, 1], shuffled; and targets, shape ``(m, 10)``,
        one-hot for digits and all zero for what is none.
    """
    generator = np.random.default_rng((seed, epoch))
    digits = (part.x.reshape(-1, 28, 28) * 255).round().astype(np.uint8)
    varied = vary_writing(digits, part.labels, generator, recipe.varied)
    others = nondigits(round(recipe.nondigits * len(digits)), digits, part.labels, generator)
    half = len(others) // 2
    others[:half] = deform(others[:half], generator, recipe.deformation)
    deformed = deform(varied, generator, recipe.deformation)
    if epoch >= recipe.epochs:
        deformed[::2] = deform(varied[::2], generator, recipe.finishing_deformation)
    images = np.concatenate([deformed, others])
    targets = np.zeros((len(images), 10), np.float32)
    targets[: len(digits)] = one_hot(part.labels)
    order = generator.permutation(len(images))
    return images.reshape(len(images), -1)[order], targets[order]


def train_reader(
    training: Part,
    validation: Part,
    recipe: ReaderRecipe,
    seed: int,
    checkpoint: Path,
    report: Callable[[dict[str, float]], None],
) -> keras.Model:
    """Train the reader's network; goes on from the checkpoint where there is one.

    The last epoch's weights are kept: the learning rate ends at 0, and nothing is chosen.

    Args:
        training: Images and labels to learn.
        validation: Images and labels to report on.
        recipe: The settings.
        seed: Decides first weights, deformations and order.
        checkpoint: A ``.keras`` file written after each epoch.
        report: Called after each epoch with its figures.

    Returns:
        The trained network: ``(n, 784)`` in [0, 1] → ``(n, 10)`` probabilities.
    """
    steps = (len(training) + round(recipe.nondigits * len(training))) // recipe.batch_size
    if checkpoint.exists():
        model = keras.models.load_model(checkpoint)
    else:
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(reader_layers(), name="reader")
        _compile(model, recipe, steps, finishing=False)
    first = int(model.optimizer.iterations.numpy()) // steps
    last = recipe.epochs + recipe.finishing_epochs
    epochs = _ahead(lambda epoch: deformed_epoch(training, recipe, seed, epoch), range(first, last))
    for epoch, (x, y) in enumerate(epochs, first):
        began = time.perf_counter()
        if epoch == recipe.epochs:
            _compile(model, recipe, steps, finishing=True)
            # Counted on, so that a checkpoint says where it stands.
            model.optimizer.iterations.assign(steps * recipe.epochs)
        size = steps * recipe.batch_size
        record = model.fit(
            x[:size], y[:size], batch_size=recipe.batch_size, shuffle=False, verbose=0
        )
        model.save(checkpoint)
        probabilities = predict(model, validation.x)
        report(
            {
                "epoch": epoch + 1,
                "loss": record.history["loss"][0],
                "val_accuracy": count_correct(probabilities, validation.labels) / len(validation),
                "val_refused": float((probabilities.sum(axis=1) < 0.5).mean()),
                "seconds": time.perf_counter() - began,
            }
        )
    return model


def _compile(model: keras.Model, recipe: ReaderRecipe, steps: int, finishing: bool) -> None:
    """Compile for the main or the finishing epochs."""
    schedules = keras.optimizers.schedules
    if finishing:
        # A cosine that begins where the optimizer's count of steps stands.
        schedule: Any = schedules.CosineDecay(
            0.0,
            steps * recipe.finishing_epochs,
            warmup_target=recipe.finishing_learning_rate,
            warmup_steps=steps * recipe.epochs,
        )
    else:
        schedule = schedules.CosineDecay(
            recipe.learning_rate / 30,
            max(1, steps * (recipe.epochs - 1)),
            warmup_target=recipe.learning_rate,
            warmup_steps=steps,
        )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    model.compile(optimizer, digit_or_nothing, jit_compile=False)


def _ahead(make: Callable[[int], Any], numbers: range) -> Iterator[Any]:
    """Yield what ``make`` makes of each number; the next is made while one is used."""
    with ThreadPoolExecutor(1) as pool:
        pending = [pool.submit(make, number) for number in itertools.islice(numbers, 1)]
        for number in numbers:
            made = pending.pop().result()
            if number + 1 < numbers.stop:
                pending.append(pool.submit(make, number + 1))
            yield made
