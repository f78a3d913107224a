"""``mnist compare``: runs or series side by side, and whether their difference means anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnist_classifier.cli import options
from mnist_classifier.errors import RunError, printable, require

if TYPE_CHECKING:
    from mnist_classifier.learn.evaluation.comparison import Pair


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=options.FILE)
def compare(runs: tuple[Path, ...]) -> None:
    """Compare runs, or series of seeds, tested on the same images.

    RUN is the folder of a run or of a series; two or more of one kind. Runs,
    which are trained networks, are compared by McNemar's exact test; series,
    which stand for recipes, by Welch's t-test.
    """
    require("train", "scipy", "sklearn")
    from mnist_classifier.learn.runs.run import SERIES_FILE

    series = [run for run in runs if (run / SERIES_FILE).is_file()]
    if len(series) == len(runs):
        from mnist_classifier.cli.compare_series import compare_series

        compare_series(series)
    elif series:
        raise RunError(
            f"{series[0]} is a series, and not all others are; expected runs alone or series "
            f"alone: name one of its runs, such as {series[0]}/seed-0, or leave the others out"
        )
    else:
        _compare_runs(list(runs))


def _compare_runs(runs: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mnist_classifier.learn.evaluation import comparison
    from mnist_classifier.learn.evaluation.intervals import wilson_interval

    predictions = comparison.common_predictions(runs)
    console = Console(highlight=False, markup=False)
    console.print(
        f"{len(predictions[0].labels):,} test images of {printable(predictions[0].dataset)}, "
        "the same for all runs"
    )
    table = Table("", "run", "wrong", "accuracy", "95 % interval", box=None, header_style="bold")
    table.columns[1].overflow = "fold"
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "right", True
    for number, (run, found) in enumerate(zip(runs, predictions, strict=True), 1):
        correct, size = int(found.right.sum()), len(found.right)
        low, high = wilson_interval(correct, size)
        table.add_row(
            str(number),
            printable(str(run)),
            f"{size - correct:,}",
            f"{correct / size:.2%}",
            f"{low:.2%} to {high:.2%}",
        )
    console.print(table)
    pairs = comparison.compare([found.right for found in predictions])
    for pair in pairs:
        console.print(f"\n{_sentence(pair)}")
    corrected = f", corrected for {len(pairs)} pairs by Holm's method" if len(pairs) > 1 else ""
    console.print(
        f"\nMcNemar's exact test, two-sided{corrected}; below 0.05 counts as a difference. It "
        "compares these trained networks, not their recipes: for those, train several seeds."
    )


def _sentence(pair: Pair) -> str:
    """Say in plain words whether two runs differ."""
    from mnist_classifier.learn.evaluation import comparison

    one, other = f"run {pair.first + 1}", f"run {pair.second + 1}"
    counts = (
        f"{pair.only_first:,} images only {one} has right, {pair.only_second:,} only {other}; "
        f"{comparison.in_words(pair.p_value)}"
    )
    if not pair.significant:
        return f"{one} and {other}: no difference is shown; chance alone explains it ({counts})."
    better, worse = (one, other) if pair.only_first > pair.only_second else (other, one)
    return (
        f"{one} and {other}: {better} reads better than {worse}; chance alone would hardly "
        f"explain it ({counts})."
    )
