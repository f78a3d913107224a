"""``mnist compare`` of series: whether their recipes differ by more than seeds do."""

from __future__ import annotations

import statistics
from itertools import combinations
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mnist_classifier.errors import RunError, printable
from mnist_classifier.learn.evaluation.comparison import SIGNIFICANT, holm, in_words, welch
from mnist_classifier.learn.runs import series
from mnist_classifier.learn.runs.series import Series


def compare_series(folders: list[Path]) -> None:
    """Print the series as a table, and for each pair whether their means differ.

    Raises:
        RunError: There is one series alone, or one has fewer than two finished seeds, or they
            were tested on different images.
    """
    found = [series.saved(folder) for folder in folders]
    accuracies = [[row["test_accuracy"] for row in one.results()] for one in found]
    _check(found, accuracies)
    console = Console(highlight=False, markup=False)
    dataset = printable(found[0].config["dataset"])
    console.print(f"Test accuracies on {dataset}, the same images for all")
    table = Table("", "series", "recipe", "seeds", "mean", "worst", box=None, header_style="bold")
    table.columns[1].overflow = "fold"
    for column in table.columns[3:]:
        column.justify, column.no_wrap = "right", True
    for number, (one, values) in enumerate(zip(found, accuracies, strict=True), 1):
        mean, deviation = statistics.mean(values), statistics.stdev(values)
        table.add_row(
            str(number),
            printable(str(one.path)),
            one.settings.recipe,
            str(len(values)),
            f"{mean:.2%} ± {deviation:.2%}",
            f"{min(values):.2%}",
        )
    console.print(table)
    pairs = list(combinations(range(len(found)), 2))
    p_values = holm([welch(*(accuracies[place] for place in pair)) for pair in pairs])
    for pair, p_value in zip(pairs, p_values, strict=True):
        console.print(f"\n{_sentence(*pair, accuracies, p_value)}")
    corrected = f", corrected for {len(pairs)} pairs by Holm's method" if len(pairs) > 1 else ""
    console.print(
        f"\nWelch's t-test over the seeds, two-sided{corrected}; below 0.05 counts as a "
        "difference. It compares recipes: what other seeds would bring, on these test images."
    )


def _check(found: list[Series], accuracies: list[list[float]]) -> None:
    if len(found) < 2:
        raise RunError("got 1 series; expected two or more to compare: name another")
    for one, values in zip(found, accuracies, strict=True):
        if len(values) < 2:
            raise RunError(
                f"{one.path} has {len(values)} finished seeds; expected two or more, as one says "
                f"nothing of chance: run  mnist train --resume {one.path} --seeds 5"
            )
        if one.config["sha256"][2:] != found[0].config["sha256"][2:]:
            raise RunError(
                f"{found[0].path} was tested on {found[0].config['dataset']} and {one.path} on "
                f"{one.config['dataset']}, other images; expected the same: name another series"
            )


def _sentence(one: int, other: int, accuracies: list[list[float]], p_value: float) -> str:
    """Say in plain words whether two series differ."""
    gain = statistics.mean(accuracies[one]) - statistics.mean(accuracies[other])
    names = f"series {one + 1}", f"series {other + 1}"
    if p_value >= SIGNIFICANT:
        return (
            f"{' and '.join(names)}: no difference is shown; chance in the seeds alone explains it "
            f"({in_words(p_value)})."
        )
    better, worse = names if gain > 0 else reversed(names)
    return (
        f"{' and '.join(names)}: {better} reads better than {worse}, by {100 * abs(gain):.2f} "
        f"points on average; chance in the seeds alone would hardly explain it "
        f"({in_words(p_value)})."
    )
