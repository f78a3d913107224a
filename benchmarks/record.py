"""What does each recipe cost, and what does it reach?

Writes `mnist_classifier/learn/recorded.json`, which `mnist recipes` shows: of every recipe the
weights and multiply-adds, counted from its layers; and of each series given, made by
`mnist train --recipe NAME --seeds N` on all of MNIST, accuracies, times and the machine. What was
recorded of other recipes before stays.

    python -m benchmarks.record [SERIES...]
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from mnist_classifier.errors import MnistError, RunError
from mnist_classifier.learn import answers, catalogue, records
from mnist_classifier.learn.datasets import MNIST_SHA256
from mnist_classifier.learn.runs import SERIES_FILE, Run
from mnist_classifier.learn.settings import RECIPES


def recorded(path: Path) -> dict[str, Any]:
    """Return what is worth recording of a series.

    Raises:
        RunError: It is unfinished, or was not trained on all of MNIST as the recipe is now, on
            one machine with the same versions.
    """
    series = Run(path).load_json(SERIES_FILE)
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
            series["recipe"] != json.loads(json.dumps(catalogue.BY_NAME[name].as_json())),
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
            [answers.Answers.load(path / f"seed-{row['seed']}" / answers.FILE) for row in results]
        ),
        "machine": versions.pop("machine"),
        "versions": versions,
        "recipe": series["recipe"],
    }


def averaged_accuracy(networks: list[answers.Answers]) -> float:
    """Return the share of test images that networks get right together.

    Args:
        networks: What each answered; their probabilities are averaged.
    """
    mean = np.mean([one.probabilities for one in networks], axis=0)
    return float(replace(networks[0], probabilities=mean).right.mean())


def main(
    series: Annotated[
        list[Path] | None, typer.Argument(help="Folders of finished series.", show_default=False)
    ] = None,
) -> None:
    """Count what every recipe costs, and record what the series reached."""
    before = records.load()
    found = {record["recipe"]["name"]: record for record in map(recorded, series or [])}
    after = {
        name: {
            **catalogue.cost(catalogue.BY_NAME[name]),
            "series": found.get(name, before.get(name, {}).get("series")),
        }
        for name in RECIPES
    }
    records.PATH.write_text(json.dumps(after, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(after, ensure_ascii=False))


if __name__ == "__main__":
    try:
        typer.run(main)
    except MnistError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
