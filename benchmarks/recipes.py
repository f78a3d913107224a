"""How far and how fast does each recipe go, beside what a user would train instead?

All learn from the same split of the same images, in turns, a seed after another, each contender in
a process of its own, after a turn on 1,000 images that does not count. So none works in memory that
another left; all processes keep what they free, as that of `mnist train` does. Time is what passes
from images in memory to a fitted network: building, tracing and fitting. Accuracy is on all test
images; they choose nothing, with one exception in the peer's favour: Keras's convnet is also timed
to the epoch after which 99 % of them were right for the first time. Peers that need no validation
images learn from them too.
Recipes that take longer than two minutes are not trained here: their rows are the recorded series
of `mnist recipes`. What was recorded with another back end, on a GPU, has no row
beside the peers.

Each finished training is a line in RESULTS, so that a run that was cut short goes on; lines of
another machine, other versions or a recipe as it was before are left aside.

    python -m benchmarks.recipes --data-dir DIR [--seeds 10] [--only NAME]...
        [--results runs/recipes.jsonl] [--write docs/benchmarks.md]
    python -m benchmarks.recipes --rewrite --write docs/benchmarks.md
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.measure import (
    PATH,
    machine,
    matrix_product_flops,
    mean_and_deviation,
    median_and_range,
    report,
    table,
    write_option,
)
from benchmarks.peers import PEERS, Contender, Fitted, ours
from mnist_classifier.cli.recipes import place
from mnist_classifier.learn.data.dataset import Dataset, Splits, prepare
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.networks.inspection import multiply_adds
from mnist_classifier.learn.recipes.registry import RECIPES, load, recorded
from mnist_classifier.learn.training import allocator

# Of each recipe, the test accuracy that it is for, and what it faces; published figures are of
# their authors' machines.
FACED = {
    "dnn": ("98.6 %", "the plain script below"),
    "dnn-best": (
        "99.65 %",
        "99.65 %, 12 million weights, without TTA, digits not set upright, first weights random "
        "(Cireşan and others, Deep, big, simple nets, 2010)",
    ),
    "cnn-fast": ("99.0 %, none under 98.8 %", "train_mnist_fast, 99.04 ± 0.07 % as published"),
    "cnn-small": ("99.70 %", "nothing known to us at 99.7 % with fewer than 100,000 weights"),
    "cnn-best": (
        "99.78 %",
        "99.7475 %, mean of 20 networks (MNIST-0.17); ours with test-time augmentation",
    ),
    "ensemble": ("99.85 %", "99.83 %, 20 networks, nothing chosen on test images (MNIST-0.17)"),
}
STANDING = [
    *("recipe", "weights", "aim", "test accuracy", "worst", "averaged"),
    *("seconds, median (range)", "on", "made again by", "what it faces"),
]
SIZES = (1000, 5000, 20_000)  # and all
LONGEST = 120  # seconds, of a recipe that is trained here
# The most seeds, from 0, of those that take minutes; and SVC has no chance in it.
SEEDS = {"Keras's convnet": 3, "MLPClassifier": 3, "SVC": 1, "plain script": 5}
GROWTH_SEEDS = 2
GROWTH = "## How cost grows\n\n"
COLOURS = ("#1b6ca8", "#2a9d8f", "#d1495b", "#7b5ea7", "#b36a00", "#5c677d", "#000000")
MARKERS = "osD^vPX*<>"

Results = list[dict[str, Any]]


def contenders() -> dict[str, Contender]:
    """Return ours that take no longer than two minutes, then the peers."""
    records = recorded()
    short = [
        name
        for name in RECIPES
        if (series := records.get(name, {}).get("series"))
        and series["median_fit_seconds"] <= LONGEST
        and has_this_back_end(series)
    ]
    return {**{name: ours(name) for name in short}, **PEERS}


def has_this_back_end(series: dict[str, Any]) -> bool:
    """Tell whether a series was recorded with the back end of this run: else no time compares."""
    return keras.config.backend() in series["versions"]


def circumstances(name: str) -> dict[str, Any]:
    """Return what a training's line holds for: the machine and, of ours, the recipe as it is."""
    under: dict[str, Any] = dict(machine("keras", "tensorflow", "scikit-learn", "numpy"))
    under["process"] = "its own"
    if name in RECIPES:
        recipe = load(name)
        model = recipe.build()
        cost = {"parameters": model.count_params(), "multiply_adds": multiply_adds(model)}
        under["recipe"] = {**recipe.to_dict(), **cost}
    as_read_again: dict[str, Any] = json.loads(json.dumps(under))
    return as_read_again


def subset(dataset: Dataset, size: int, seed: int) -> Splits:
    """Split ``size`` of the training images, drawn by the seed, as the program splits them."""
    few = np.random.default_rng(seed).permutation(len(dataset.train_labels))[:size]
    images, labels = dataset.train_images[few], dataset.train_labels[few]
    return prepare(replace(dataset, train_images=images, train_labels=labels), seed)


@lru_cache(maxsize=1)
def read(data_dir: Path | None) -> Dataset:
    """Read MNIST, once a process."""
    return load_dataset("mnist" if data_dir is None else None, data_dir)


def own_process() -> ProcessPoolExecutor:
    """Return what runs a contender's trainings in one process, which keeps freed memory."""
    fresh = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, fresh, initializer=allocator.keep_freed)


def trained(name: str, data_dir: Path | None, images: int, seed: int) -> Fitted:
    """Train a contender on a part of the images."""
    return contenders()[name](subset(read(data_dir), images, seed), seed)


def planned(names: Sequence[str], size: int, seeds: int) -> list[tuple[str, int, int]]:
    """Return contender, number of images and seed of all trainings, in turns."""
    turns = [(size, seed) for seed in range(seeds)]
    turns += [
        (few, seed) for seed in range(min(seeds, GROWTH_SEEDS)) for few in SIZES if few < size
    ]
    return [
        (name, images, seed)
        for images, seed in turns
        for name in names
        if seed < SEEDS.get(name, seeds)
    ]


def measure(names: Sequence[str], data_dir: Path | None, seeds: int, results: Path) -> Results:
    """Train what is not in ``results`` yet; return its lines of these contenders and seeds."""
    results.parent.mkdir(parents=True, exist_ok=True)
    under = {name: circumstances(name) for name in names}
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    done = [row for row in rows if row.get("under") == under.get(row["name"], {})]
    print(f"{len(done)} of {len(rows)} lines in {results} hold for this run", flush=True)
    known = {(row["name"], row["images"], row["seed"]) for row in done}
    plan = planned(names, len(read(data_dir).train_labels), seeds)
    missing = [turn for turn in plan if turn not in known]
    processes: dict[str, ProcessPoolExecutor] = {}
    with ExitStack() as until_all_are_trained:
        for number, (name, images, seed) in enumerate(missing, 1):
            if name not in processes:
                processes[name] = until_all_are_trained.enter_context(own_process())
                processes[name].submit(trained, name, data_dir, min(SIZES), 0).result()
            began = time.perf_counter()
            fitted = processes[name].submit(trained, name, data_dir, images, seed).result()
            row = {"name": name, "images": images, "seed": seed, **asdict(fitted)}
            done.append(row | {"under": under[name]})
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
            print(
                f"{number}/{len(missing)}  {name:16}  {images:6,} images  seed {seed}  "
                f"{fitted.seconds:6.1f} s  {fitted.accuracy:.2%}  "
                f"({time.perf_counter() - began:.0f} s in all)",
                flush=True,
            )
    return [
        {key: value for key, value in row.items() if key != "under"}
        for row in sorted(done, key=lambda row: names.index(row["name"]))
        if (row["name"], row["images"], row["seed"]) in plan
    ]


def accuracy_figure(runs: dict[str, list[tuple[float, float]]]) -> Figure:
    """Draw accuracy against training time, a point a seed.

    Args:
        runs: For each name, seconds and accuracy of each seed.
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (name, points) in enumerate(runs.items()):
        seconds, accuracies = zip(*points, strict=True)
        errors = [1 - accuracy for accuracy in accuracies]
        axes.plot(seconds, errors, **_style(index), linestyle="none", alpha=0.7, label=name)
    axes.set(xscale="log", xlabel="seconds of training")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _show_errors_as_accuracy(axes, 0.05)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def growth_figure(results: Results) -> Figure:
    """Draw time and accuracy against the number of images, medians and means over seeds."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    time_axes, accuracy_axes = figure.subplots(1, 2)
    sizes = sorted({row["images"] for row in results})
    for index, name in enumerate(dict.fromkeys(row["name"] for row in results)):
        cells = [_cell(results, name, size) for size in sizes]
        time_axes.plot(sizes, [seconds for seconds, _ in cells], **_style(index), label=name)
        accuracy_axes.plot(sizes, [1 - accuracy for _, accuracy in cells], **_style(index))
    time_axes.set(yscale="log", ylabel="seconds of training")
    time_axes.grid(alpha=0.25)
    _show_errors_as_accuracy(accuracy_axes, 0.7)
    for axes in (time_axes, accuracy_axes):
        axes.set(xscale="log", xlabel="training images, validation included")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.xaxis.minorticks_off()
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _show_errors_as_accuracy(axes: Axes, most: float) -> None:
    """Lay errors up to ``most`` on a log scale, the fewest at the top; write accuracies beside."""
    axes.set(yscale="log", ylabel="test accuracy")
    axes.set_ylim(most, 0.001)
    shares = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
    shares = [share for share in shares if share <= most]
    axes.set_yticks(shares, [f"{1 - share:.1%}" for share in shares])
    axes.yaxis.minorticks_off()
    axes.grid(alpha=0.25)


def _cell(results: Results, name: str, size: int) -> tuple[float, float]:
    """Return a contender's median seconds and mean accuracy on a number of images."""
    mine = [row for row in results if (row["name"], row["images"]) == (name, size)]
    seconds = statistics.median(row["seconds"] for row in mine)
    return seconds, statistics.mean(row["accuracy"] for row in mine)


def _style(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
    }


def recorded_series() -> dict[str, dict[str, Any]]:
    """Return the series of this back end that are too long to be trained here."""
    return {
        name: record["series"]
        for name, record in recorded().items()
        if record["series"]
        and record["series"]["median_fit_seconds"] > LONGEST
        and has_this_back_end(record["series"])
    }


def contender_rows(results: Results, peak: float) -> list[list[str]]:
    """Return a table's rows for what was trained here."""
    rows = []
    for name in dict.fromkeys(row["name"] for row in results):
        mine = [row for row in results if row["name"] == name]
        accuracies = [row["accuracy"] for row in mine]
        share = "–"
        if mine[0]["multiply_adds"]:
            rates = [2 * row["multiply_adds"] / row["seconds"] for row in mine]
            share = f"{statistics.median(rates) / peak:.0%}"
        seconds = median_and_range([row["seconds"] for row in mine])
        worst = f"{min(accuracies):.2%}"
        rows.append([name, seconds, mean_and_deviation(accuracies), worst, f"{len(mine)}", share])
    return rows


def recorded_rows(series: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return a table's rows for recorded series."""
    return [
        [
            f"{name}, recorded",
            median_and_range(one["fit_seconds"]),
            mean_and_deviation(one["test_accuracies"]),
            f"{min(one['test_accuracies']):.2%}",
            f"{one['finished']}",
            "–",
        ]
        for name, one in series.items()
    ]


def standing_rows() -> list[list[str]]:
    """Return a table's rows: what each recipe's recorded series reached, and what it faces."""
    rows = []
    for name, (aim, faced) in FACED.items():
        record = recorded()[name]
        series = record["series"]
        reached = ["not recorded", *["–"] * 5]
        if series:
            several = series["finished"] > 1
            backend = "KERAS_BACKEND=jax " if "jax" in series["versions"] else ""
            reached = [
                mean_and_deviation(series["test_accuracies"]),
                f"{series['worst_accuracy']:.2%} of {series['finished']}",
                f"{series['averaged_accuracy']:.2%}" if several else "–",
                median_and_range(series["fit_seconds"]),
                place(series),
                f"`{backend}mnist train --recipe {name} --seeds {series['finished']}`",
            ]
        rows.append([name, f"{record['parameters']:,}", aim, *reached, faced])
    return rows


def growth_rows(results: Results) -> list[list[str]]:
    """Return a table's rows: seconds and accuracy of each contender for each number of images."""
    sizes = sorted({row["images"] for row in results})
    rows = []
    for name in dict.fromkeys(row["name"] for row in results):
        cells = [_cell(results, name, size) for size in sizes]
        rows.append([name, *(f"{seconds:.1f} s, {accuracy:.2%}" for seconds, accuracy in cells)])
    return rows


def ratios(results: Results) -> dict[str, float]:
    """Return how many times as long as each of our recipes each peer takes: medians over turns."""
    seconds: dict[str, dict[int, float]] = {}
    for row in results:
        seconds.setdefault(row["name"], {})[row["seed"]] = row["seconds"]
        if row["enough"]:
            seconds.setdefault(f"{row['name']} to 99 %", {})[row["seed"]] = row["enough"]
    return {
        f"{peer} / {recipe}": statistics.median(
            theirs / mine[seed] for seed, theirs in seconds[peer].items() if seed in mine
        )
        for recipe, mine in seconds.items()
        if recipe in RECIPES
        for peer in seconds
        if peer not in RECIPES
    }


@click.command(context_settings={"show_default": True})
@click.option("--data-dir", type=PATH, help="MNIST's files; else Keras's.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=10, help="The most seeds of each, from 0."
)
@click.option("--only", multiple=True, help="Train no others; repeatable.")
@click.option(
    "--results",
    type=PATH,
    default=Path("runs/recipes.jsonl"),
    help="Where each training is noted.",
)
@click.option(
    "--rewrite", is_flag=True, help="Train nothing: write the page anew, with what it holds."
)
@write_option
def main(
    data_dir: Path | None,
    seeds: int,
    only: tuple[str, ...],
    results: Path,
    rewrite: bool,
    write: Path | None,
) -> None:
    """Train all contenders in turns, and lay their times and accuracies side by side."""
    if rewrite:
        if write is None:
            raise click.UsageError("which page? Give --write")
        page = write.read_text("utf-8")
        command = page.partition("`")[2].partition("`")[0]
        facts = json.loads(page.rpartition("```json\n")[2].partition("\n")[0])
        growth = page.partition(GROWTH)[2].partition("\n\n```json")[0]
        write_page(facts, growth, command, write)
        return
    everyone = list(contenders())
    if unknown := set(only or ()) - set(everyone):
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))}: expected some of {', '.join(everyone)}",
            param_hint="--only",
        )
    names = [name for name in everyone if not only or name in only]
    lines = measure(names, data_dir, seeds, results)
    sizes = sorted({row["images"] for row in lines})
    growth = (
        "Median seconds and mean accuracy over seeds; of the images named, a tenth validates.\n\n"
        f"{table(['training', *(f'{size:,} images' for size in sizes)], growth_rows(lines))}\n\n"
    )
    if write is not None:
        (write.parent / "images").mkdir(parents=True, exist_ok=True)
        growth_figure(lines).savefig(write.parent / "images" / "growth.png", dpi=150)
        growth += "![time and accuracy against images](images/growth.png)"
    whole = [row for row in lines if row["images"] == len(read(data_dir).train_labels)]
    facts = {
        "peak_flops": matrix_product_flops(),
        "ratios": ratios(whole),
        "trainings": whole,
        "machine": machine("keras", "tensorflow", "scikit-learn", "numpy"),
    }
    chosen = "".join(f' --only "{name}"' for name in only or ())
    command = f"python -m benchmarks.recipes --data-dir DIR --seeds {seeds}{chosen} --write PAGE"
    write_page(facts, growth, command, write)


def write_page(facts: dict[str, Any], growth: str, command: str, write: Path | None) -> None:
    """Print what was measured, beside the recorded series, and write it to a page.

    Args:
        facts: The page's numbers.
        growth: What is said of cost against the number of images.
        command: What measures anew.
        write: The page, or ``None``.
    """
    whole, peak, here = facts["trainings"], facts["peak_flops"], facts["machine"]
    series = recorded_series()
    points = {
        name: [(row["seconds"], row["accuracy"]) for row in whole if row["name"] == name]
        for name in dict.fromkeys(row["name"] for row in whole)
    } | {
        f"{name}, recorded": list(zip(one["fit_seconds"], one["test_accuracies"], strict=True))
        for name, one in series.items()
    }
    pictures = ""
    if write is not None:
        images = write.parent / "images"
        images.mkdir(parents=True, exist_ok=True)
        accuracy_figure(points).savefig(images / "accuracy-against-time.png", dpi=150)
        pictures = "![accuracy against training time](images/accuracy-against-time.png)"
    header = ["training", "seconds, median (range)", "test accuracy", "worst seed", "seeds", "peak"]
    text = (
        f"{(__doc__ or '').split('    python')[0].strip()}\n\n"
        "## How far each recipe goes\n\n"
        "Recorded series, as `mnist recipes` tells them, each trained by the command beside it on "
        'all of MNIST. "Averaged" is the accuracy of all networks of the series together, their '
        "probabilities averaged, none chosen.\n\n"
        f"{table(STANDING, standing_rows())}\n\n## Beside their peers\n\n"
        f"{table(header, [*contender_rows(whole, peak), *recorded_rows(series)])}\n\n"
        f"All test images, on {here['processor']} with "
        f"{here['cores']} cores; Keras {here['keras']} on TensorFlow {here['tensorflow']}, "
        f'scikit-learn {here["scikit-learn"]}. "peak" is the share of the processor\'s peak, '
        f"{peak / 1e9:,.0f} GFLOP/s in a large float32 matrix product, that the training's "
        "multiplications and additions come to, taken as three times those of answering.\n\n"
        f"{pictures}\n\n## How many times as long a peer takes\n\n"
        "In the same turn, medians over turns.\n\n"
        f"{table(*ratio_table(facts['ratios']))}\n\n{GROWTH}{growth}"
    )
    report("Benchmarks: the recipes and their peers", text, facts, command, write)


def ratio_table(found: dict[str, float]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: a peer a row, a recipe a column."""
    pairs = {tuple(name.split(" / ")): ratio for name, ratio in found.items()}
    recipes = list(dict.fromkeys(recipe for _, recipe in pairs))
    peers = list(dict.fromkeys(peer for peer, _ in pairs))
    rows = [[peer, *(f"{pairs[peer, recipe]:.2f}" for recipe in recipes)] for peer in peers]
    return ["peer", *(f"of {recipe}" for recipe in recipes)], rows


if __name__ == "__main__":
    main()
