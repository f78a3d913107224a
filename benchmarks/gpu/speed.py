"""How many seconds does it take to learn MNIST to 99 %, 99.5 % and 99.7 %?"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import keras
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.gpu.networks import NETWORKS
from benchmarks.measure import mean_and_deviation, table
from mnist_classifier.learn.data import dataset as data
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.recipes.standard import CNN_BEST, CNN_FAST, StandardRecipe
from mnist_classifier.learn.runs.environment import versions
from mnist_classifier.learn.training import device

ANCHOR = (0.76, 0.01)  # seconds and share of mistakes
_SHORT = replace(CNN_BEST, ema_epochs=0.5)
TARGETS = {
    0.99: replace(CNN_FAST, epochs=2, batch_size=1024, learning_rate=3e-2),
    0.995: replace(_SHORT, layers=NETWORKS["quick"], epochs=8),
    0.997: replace(_SHORT, layers=NETWORKS["wide"], epochs=12),
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


def run(data_dir: Path, file: Path, seeds: int, recipes: Sequence[str]) -> None:
    """Train to each target, each in a process of its own, one after the other; write a file.

    What the file holds already is not measured again.
    """
    cache = os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # nothing is kept from before
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned, max_tasks_per_child=1) as pool:
        here = pool.submit(versions).result()
        facts: dict[str, Any] = {"races": [], "epochs": [], "versions": here}
        if file.exists():
            facts = json.loads(file.read_text("utf-8"))
        if facts["versions"] != here:
            raise SystemExit(f"{file} is of another machine or other versions: name another folder")
        done = [race["target"] for race in facts["races"]]
        timed = [row["recipe"] for row in facts["epochs"]]
        for target in [one for one in TARGETS if one not in done]:
            facts["races"].append(pool.submit(race, target, data_dir, seeds).result())
            file.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
            print(f"raced to {target:.1%}", flush=True)
        for name in [one for one in recipes if one not in timed]:
            facts["epochs"].append(pool.submit(epoch_of, name, data_dir, cache).result())
            file.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


def section(measured: dict[str, Any]) -> str:
    """Lay out what was measured."""
    header = ["target", "network", "epochs", "batch", "test accuracy", "worst", "seconds", "traced"]
    cells = []
    for race in measured["races"]:
        runs, recipe = race["runs"], race["recipe"]
        accuracies = [run["accuracy"] for run in runs]
        cells.append(
            [
                f"{race['target']:.1%}",
                f"{recipe['layers']}, {race['weights']:,} weights",
                str(recipe["epochs"]),
                str(recipe["batch_size"]),
                mean_and_deviation(accuracies),
                f"{min(accuracies):.2%} of {len(runs)}",
                f"{statistics.median(run['fit_seconds'] for run in runs):.3f}",
                f"{race['first']['seconds']:.1f}",
            ]
        )
    epochs = "".join(
        f" An epoch of `{row['recipe']}`: {statistics.median(row['epoch_seconds']):.2f} s, median "
        f"of {len(row['epoch_seconds'])}."
        for row in measured["epochs"]
    )
    raced = {race["target"] for race in measured["races"]}
    for target in sorted(TARGETS.keys() - raced):
        cells.append([f"{target:.1%}", "not measured", *["–"] * 6])
    return (
        "Each target has a network and epochs that make it on held-out training images, see above. "
        "It learns from all 60,000 training images; the test images judge it once a seed. "
        '"seconds" is the median over seeds from images in memory to the last step, copied to the '
        'accelerator within; "traced" is a first training from nothing: building, tracing and '
        f"compiling too.{epochs}\n\n{table(header, cells)}"
    )


def figure(measured: dict[str, Any]) -> Figure:
    """Draw accuracy against seconds, a point a seed, and the published anchor."""
    drawn = Figure(figsize=(7, 4), layout="constrained")
    axes = drawn.add_subplot()
    for index, race in enumerate(measured["races"]):
        runs = race["runs"]
        axes.plot(
            [run["fit_seconds"] for run in runs],
            [1 - run["accuracy"] for run in runs],
            *("o",),
            color=f"C{index}",
            alpha=0.6,
            label=f"for {race['target']:.1%}, a point a seed",
        )
    axes.plot(
        *ANCHOR, "k*", markersize=11, label="train_mnist_fast, on a GTX 1660 Ti, as published"
    )
    axes.set(xscale="log", yscale="log", xlabel="seconds of training", ylabel="test accuracy")
    errors = (0.01, 0.007, 0.005, 0.003, 0.002)
    axes.set_ylim(0.012, 0.0018)
    axes.set_yticks(errors, [f"{1 - error:.1%}" for error in errors])
    axes.yaxis.minorticks_off()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False)
    return drawn
