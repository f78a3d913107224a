"""``mnist recipes``: what can be trained, what it costs, and what it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 22  # of what a recipe is, so that a line has 80 columns
NOT_RECORDED = "–"
HEADINGS = ("weights", "multiply-adds", "test accuracy", "fit time")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def recipes(as_json: bool) -> None:
    """List the recipes of mnist train: cost, test accuracy and time.

    Accuracy is on MNIST's 10,000 test images: mean ± standard deviation over
    the seeds of a recorded series, and its worst seed. Time is the median.
    """
    import json

    from rich.console import Console

    from mnist_classifier.learn.recipes.registry import RECIPES, recorded

    known = recorded()
    if as_json:
        unknown = {"parameters": None, "multiply_adds": None, "series": None}
        click.echo(
            json.dumps(
                {
                    name: {"what": entry.summary, **known.get(name, unknown)}
                    for name, entry in RECIPES.items()
                }
            )
        )
        return
    machines: dict[str, list[str]] = {}
    rows: dict[str, list[str]] = {}
    for name, entry in RECIPES.items():
        record = known.get(name, {})
        series = record.get("series")
        if series:
            machines.setdefault(_machine(series), []).append(name)
        rows[name] = [
            entry.summary,
            *(
                f"{record[kind]:,}" if kind in record else NOT_RECORDED
                for kind in ("parameters", "multiply_adds")
            ),
            _accuracy(series) if series else NOT_RECORDED,
            duration(series["median_fit_seconds"]) if series else NOT_RECORDED,
        ]
    console = Console(highlight=False, markup=False)
    table = _table(rows)
    wide = console.options.update(max_width=1000)
    if console.measure(table, options=wide).minimum <= console.width:
        console.print(table)
    else:
        _print_below_each_other(console, rows)
    if len(known) < len(RECIPES) or not all(record["series"] for record in known.values()):
        console.print(f"\n{NOT_RECORDED}  not recorded")
    for machine, names in machines.items():
        console.print(f"\n{', '.join(names)}: recorded on {machine}")


def _table(rows: Mapping[str, Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading.replace("-", "-\n"), justify="right", no_wrap=True)
    for name, (summary, *cells) in rows.items():
        table.add_row(f"{name}\n{indent(fill(summary, WIDTH), '  ')}", *cells)
    return table


def _print_below_each_other(console: Console, rows: Mapping[str, Sequence[str]]) -> None:
    """Print the recipes on a narrow terminal: a figure a line."""
    for name, (summary, *cells) in rows.items():
        console.print(name, style="bold")
        console.print(indent(fill(summary, max(20, console.width - 2)), "  "))
        for heading, cell in zip(HEADINGS, cells, strict=True):
            console.print(f"  {heading}: " + "\n    ".join(cell.splitlines()))


def _accuracy(series: dict[str, Any]) -> str:
    """Say a mean and a deviation, and on a second line the worst of how many seeds."""
    mean, count = series["mean_accuracy"], series["finished"]
    if count == 1:
        return f"{mean:.2%}\nof one seed"
    return (
        f"{mean:.2%} ± {series['standard_deviation']:.2%}\n"
        f"worst of {count}: {series['worst_accuracy']:.2%}"
    )


def _machine(series: dict[str, Any]) -> str:
    versions = series["versions"]
    backend = next(name for name in ("tensorflow", "jax", "torch") if name in versions)
    return f"{place(series)}; Keras {versions['keras']} on {backend} {versions[backend]}"


def place(series: Mapping[str, Any]) -> str:
    """Name the machine of a recorded series, and how many trainings shared it."""
    machine = ", ".join(series["machine"].split(", ")[:2])  # without its system
    together = series.get("together", 1)
    return f"{machine}, {together} trainings at a time" if together > 1 else machine


def duration(seconds: float) -> str:
    """Say a time in the unit that a person would."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
