"""What does each recipe cost, and what does it reach?

Writes `mnist_classifier/learn/recipes/recorded.json`, which `mnist recipes` shows: of every recipe
the weights and multiply-adds, counted from its layers; and of each series given, made by
`mnist train --recipe NAME --seeds N` on all of MNIST, accuracies, times and the machine. What was
recorded of other recipes before stays. The README's table of results is written anew.

    python -m benchmarks.record [SERIES...] [--together 1]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.measure import PATH, mean_and_deviation, table
from mnist_classifier.cli.recipes import duration, place
from mnist_classifier.errors import MnistError, RunError
from mnist_classifier.learn.data.dataset import MNIST_SHA256
from mnist_classifier.learn.evaluation.predictions import FILE, Predictions
from mnist_classifier.learn.networks.inspection import multiply_adds
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.runs.run import SERIES_FILE, Run
from mnist_classifier.learn.runs.settings import with_present_names

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MARKS = ("<!-- results: python -m benchmarks.record -->", "<!-- end of results -->")


def recorded(path: Path, together: int) -> dict[str, Any]:
    """Return what is worth recording of a series.

    Args:
        path: Its folder.
        together: How many trainings shared the machine.

    Raises:
        RunError: It is unfinished, or was not trained on all of MNIST as the recipe is now, on
            one machine with the same versions.
    """
    series = with_present_names(Run(path).load_json(SERIES_FILE))
    name, results = series["recipe"]["name"], series["runs"]
    configs = [Run(path / f"seed-{row['seed']}").load_json("config.json") for row in results]
    for refused, came, expected in (
        (len(results) < series["seeds"], f"{len(results)} finished seeds", f"{series['seeds']}"),
        (series["sha256"] != list(MNIST_SHA256), f"images of {series['dataset']}", "all of MNIST"),
        (
            series["epochs"] or series["batch_size"],
            "epochs or a batch size of a person's wish",
            "the recipe's own",
        ),
        (
            series["recipe"] != json.loads(json.dumps(registry.load(name).to_dict())),
            f"a recipe {name} that has changed since",
            "it as it is now",
        ),
        (
            any(config["versions"] != configs[0]["versions"] for config in configs),
            "runs of several machines or versions",
            "one machine and the same versions",
        ),
    ):
        if refused:
            raise RunError(f"{path} has {came}; expected {expected}: train a series of that kind")
    versions = dict(configs[0]["versions"])
    return {
        "seeds": [row["seed"] for row in results],
        "test_accuracies": [row["test_accuracy"] for row in results],
        "fit_seconds": [row["fit_seconds"] for row in results],
        **series["summary"],
        "averaged_accuracy": averaged_accuracy(
            [Predictions.load(path / f"seed-{row['seed']}" / FILE) for row in results]
        ),
        "machine": versions.pop("machine"),
        "together": together,
        "versions": versions,
        "recipe": series["recipe"],
    }


def averaged_accuracy(networks: list[Predictions]) -> float:
    """Return the share of test images that networks get right together.

    Args:
        networks: What each answered; their probabilities are averaged.
    """
    mean = np.mean([one.probabilities for one in networks], axis=0)
    return float(replace(networks[0], probabilities=mean).right.mean())


@click.command()
@click.argument("series", nargs=-1, type=PATH)
@click.option(
    "--together",
    type=click.IntRange(1),
    default=1,
    help="How many trainings shared the machine: their seconds tell of that.",
)
def main(series: tuple[Path, ...], together: int) -> None:
    """Count what every recipe costs, and record what the series reached."""
    before = registry.recorded()
    records = [recorded(path, together) for path in series]
    found = {record["recipe"]["name"]: record for record in records}
    after = {}
    for name in registry.RECIPES:
        model = registry.load(name).build()
        after[name] = {
            "parameters": model.count_params(),
            "multiply_adds": multiply_adds(model),
            "series": found.get(name, before.get(name, {}).get("series")),
        }
    text = json.dumps(after, indent=2, ensure_ascii=False) + "\n"
    registry.RECORDED.write_text(text, "utf-8")
    readme = README.read_text("utf-8")
    begin, end = (readme.index(mark) for mark in MARKS)
    head = readme[: begin + len(MARKS[0])]
    README.write_text(f"{head}\n\n{results(after)}\n\n{readme[end:]}", "utf-8")
    print(json.dumps(after, ensure_ascii=False))


def results(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the README's table of what the recorded recipes reached."""
    rows = [
        [
            f"`{name}`",
            f"{record['parameters']:,}",
            mean_and_deviation(record["series"]["test_accuracies"]),
            f"{record['series']['worst_accuracy']:.2%} of {record['series']['finished']}",
            duration(record["series"]["median_fit_seconds"]),
            place(record["series"]),
        ]
        for name, record in records.items()
        if record["series"]
    ]
    return table(["recipe", "weights", "test accuracy", "worst seed", "time to fit", "on"], rows)


if __name__ == "__main__":
    try:
        main()
    except MnistError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
