"""How many seconds does it take to learn MNIST to 99 %, 99.5 % and 99.7 % on an accelerator?

Each target has a recipe whose epochs were chosen on held-out training images, see
`benchmarks.pilot`. It learns from all 60,000 training images; the test images judge it once. The
first training counts with building, tracing and compiling, nothing of it kept from before. Then ten
seeds train with the compiled function: their seconds are those from images in memory to the last
step, copying to the accelerator included. So is an epoch of each recipe that is given.

    KERAS_BACKEND=jax python -m benchmarks.speed --data-dir DIR --output FILE.json
        [--seeds 10] [--epoch-of NAME]...
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import jax
import keras
import numpy as np
from keras import layers

from benchmarks.measure import PATH
from mnist_classifier.learn.data import dataset as data
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.networks.architectures import (
    cnn_fast_layers,
    cnn_wide_layers,
    convolution,
)
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.recipes.standard import CNN_FAST, CNN_SMALL, StandardRecipe
from mnist_classifier.learn.runs.environment import versions
from mnist_classifier.learn.training import device


def quick_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return four convolutions, most of them on few pixels: square images in.

    The first sees all pixels; it is cheap because it has no batch normalisation. Pooling, not
    strides, halves the sides: a shift by a pixel then changes the prediction less.
    """
    side = round(pixels**0.5)
    return [
        layers.Input((pixels,)),
        layers.Reshape((side, side, 1)),
        layers.Conv2D(24, 5, activation="relu"),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *convolution(64),  # 10 × 10
        *convolution(72),  # 8 × 8
        layers.MaxPooling2D(),  # 4 × 4
        *convolution(128),  # 2 × 2
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(classes, activation="softmax"),
    ]



_SHORT = replace(CNN_SMALL, batch_size=256, ema_epochs=0.5)
TARGETS = {
    0.99: replace(
        CNN_FAST, layers=cnn_fast_layers, epochs=2, batch_size=1024, learning_rate=3e-2
    ),
    0.995: replace(_SHORT, layers=quick_layers, epochs=8),
    0.997: replace(_SHORT, layers=cnn_wide_layers, epochs=12),
}


@dataclass(frozen=True)
class Learned:
    """What a training came to: the test accuracy in [0, 1], seconds in all and of fitting alone."""

    seed: int
    accuracy: float
    seconds: float
    fit_seconds: float


def learn(recipe: StandardRecipe, splits: data.Splits, seed: int) -> Learned:
    """Learn from all training images and be judged on the test images."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    began = time.perf_counter()
    model = recipe.build()
    recipe.compile(model, len(splits.train))
    model.optimizer.build(model.trainable_variables)
    built = time.perf_counter()
    plan = recipe.plan(splits)
    for epoch in range(plan.epochs):
        device.run_epoch(model, *plan.images(seed, epoch), plan.batch_size)
    ended = time.perf_counter()
    right = predict(model, splits.test.x).argmax(axis=1) == splits.test.labels
    return Learned(seed, float(right.mean()), ended - began, ended - built)


def images(data_dir: Path) -> data.Splits:
    """Return all training images, a few of which stand for those that validate, and the test's."""
    dataset = load_dataset("mnist", data_dir)
    train = data.Split(data.scale(dataset.train_images), dataset.train_labels)
    test = data.Split(data.scale(dataset.test_images), dataset.test_labels)
    few = data.Split(train.x[:10], train.labels[:10])
    return data.Splits(train, few, test).one_hot()


def race(target: float, data_dir: Path, seeds: int) -> dict[str, Any]:
    """Train to a target: once from nothing, then each seed."""
    recipe, splits = TARGETS[target], images(data_dir)
    first = learn(recipe, splits, seeds)
    return {
        "target": target,
        "recipe": recipe.to_dict() | {"layers": recipe.layers.__name__},
        "weights": recipe.build().count_params(),
        "first": asdict(first),
        "runs": [asdict(learn(recipe, splits, seed)) for seed in range(seeds)],
    }


def epoch_of(name: str, data_dir: Path, cache: str | None) -> dict[str, Any]:
    """Return the seconds of some epochs of a recipe of one network, after two that do not count."""
    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
    dataset = load_dataset("mnist", data_dir)
    recipe = registry.load(name)
    splits = data.prepare(dataset, 0, recipe.validation_share).one_hot()
    model = recipe.build()
    recipe.compile(model, len(splits.train))
    model.optimizer.build(model.trainable_variables)
    plan = next(recipe.stages(model, splits)).plan
    seconds = []
    for epoch in range(12):
        began = time.perf_counter()
        device.run_epoch(model, *plan.images(0, epoch), plan.batch_size)
        seconds.append(time.perf_counter() - began)
    return {"recipe": name, "epoch_seconds": seconds[2:]}


@click.command()
@click.option("--data-dir", type=PATH, required=True, help="MNIST's IDX files.")
@click.option("--output", type=PATH, required=True, help="The file to write.")
@click.option("--seeds", type=click.IntRange(1), default=10)
@click.option("--epoch-of", "names", multiple=True, type=click.Choice(list(registry.RECIPES)))
def main(data_dir: Path, output: Path, seeds: int, names: tuple[str, ...]) -> None:
    """Train to each target, each in a process of its own, one after the other."""
    cache = os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # nothing kept from before
    spawned = multiprocessing.get_context("spawn")
    facts: dict[str, Any] = {"races": [], "epochs": []}
    with ProcessPoolExecutor(1, mp_context=spawned, max_tasks_per_child=1) as pool:
        facts["versions"] = pool.submit(versions).result()
        for target in TARGETS:
            row = pool.submit(race, target, data_dir, seeds).result()
            facts["races"].append(row)
            accuracies = [run["accuracy"] for run in row["runs"]]
            print(
                f"{target:.1%}: {statistics.mean(accuracies):.3%}, least {min(accuracies):.2%}; "
                f"{row['first']['seconds']:.1f} s from nothing, then "
                f"{np.median([run['fit_seconds'] for run in row['runs']]):.3f} s",
                flush=True,
            )
            output.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
        for name in names:
            facts["epochs"].append(pool.submit(epoch_of, name, data_dir, cache).result())
            print(name, np.median(facts["epochs"][-1]["epoch_seconds"]), flush=True)
            output.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
