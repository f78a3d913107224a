"""How fast and how well does the default program learn, beside the plain script it replaces?

Both train on the same split of the same images, in turns (plain, ours, plain, ours, …), each
seed once, after a turn of each that does not count. Time is what passes from images in memory
to a fitted network: building, tracing and fitting. Accuracy is on all test images, which
choose nothing.

    python -m benchmarks.training --data-dir DIR [--seeds 5] [--write docs/benchmarks/training.md]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import keras
import typer
from keras import layers

from benchmarks.measure import machine, mean_and_deviation, median_and_range, report, table
from mnist_classifier.learn import training
from mnist_classifier.learn.datasets import Splits, Targets, load_dataset, one_hot, prepare
from mnist_classifier.learn.evaluation import evaluate
from mnist_classifier.learn.recipes import DNN


def plain(splits: Splits, targets: Targets) -> keras.Model:
    """Train as the usual script does: Dense 128, 64, 10; batch 32; Keras's defaults."""
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(
        splits.train.x,
        targets.train,
        batch_size=32,
        epochs=100,
        validation_data=(splits.validation.x, targets.validation),
        callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
        verbose=0,
    )
    return model


def ours(splits: Splits, targets: Targets) -> keras.Model:
    """Train as the default program does."""
    recipe = DNN.adapted(len(splits.train), None, None)
    model = training.build(recipe)
    training.compile_model(model, recipe, len(splits.train))
    training.fit(model, recipe, splits, targets)
    return model


def main(
    data_dir: Annotated[Path | None, typer.Option(help="MNIST's files; else Keras's.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0.")] = 5,
    write: Annotated[Path | None, typer.Option(help="A Markdown page to write.")] = None,
) -> None:
    """Time the default program and the plain script in turns."""
    dataset = load_dataset("mnist" if data_dir is None else None, data_dir)
    contenders: dict[str, Callable[[Splits, Targets], keras.Model]] = {
        "plain script": plain,
        "dnn": ours,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    accuracies: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(-1, seeds):  # the turn before the first warms up
        seed = max(0, turn)
        splits = prepare(dataset, seed)
        targets = Targets(one_hot(splits.train.labels), one_hot(splits.validation.labels))
        for name, train in contenders.items():
            keras.backend.clear_session()
            keras.utils.set_random_seed(seed)
            began = time.perf_counter()
            model = train(splits, targets)
            took = time.perf_counter() - began
            if turn >= 0:
                seconds[name].append(took)
                accuracies[name].append(evaluate(model, splits.test).accuracy)
                print(f"seed {seed}  {name:12}  {took:5.1f} s  {accuracies[name][-1]:.2%}")
    ratio = statistics.median(seconds["plain script"]) / statistics.median(seconds["dnn"])
    rows = [
        [
            name,
            median_and_range(seconds[name]),
            mean_and_deviation(accuracies[name]),
            f"{min(accuracies[name]):.2%}",
        ]
        for name in contenders
    ]
    header = ["training", "seconds, median (range)", "test accuracy", "worst seed"]
    here = machine("keras", keras.config.backend(), "numpy")
    text = (
        f"{dataset.name}, {len(dataset.test_labels):,} test images, {seeds} seeds, in turns on "
        f"{here['processor']} with {here['cores']} cores; Keras {here['keras']} on "
        f"{keras.config.backend()}.\n\n{table(header, rows)}\n\n"
        f"The default program fits {ratio:.1f} times faster than the plain script."
    )
    facts = {"seconds": seconds, "accuracy": accuracies, "times_faster": ratio, "machine": here}
    command = f"python -m benchmarks.training --data-dir DIR --seeds {seeds} --write PAGE"
    report("Training: the default program and the plain script", text, facts, command, write)


if __name__ == "__main__":
    typer.run(main)
