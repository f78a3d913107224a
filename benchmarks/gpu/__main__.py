"""Measure what an accelerator brings; write docs/benchmarks/gpu.md.

    KERAS_BACKEND=jax python -m benchmarks.gpu [pilot] [series] [speed] --data-dir MNIST
        --output FOLDER [--write docs/benchmarks/gpu.md]

Without names, all parts. What is finished in FOLDER stays: a command that was cut short goes on.
`page` trains nothing and writes the page from what FOLDER holds. Then
`python -m benchmarks.record FOLDER/series/RECIPE --together 8` records a series.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from benchmarks.gpu import pilot, series
from benchmarks.measure import PATH, report, write_option
from mnist_classifier.learn.recipes.registry import RECIPES

PARTS = ("pilot", "series", "speed", "page")


@click.command(context_settings={"show_default": True})
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--data-dir", type=PATH, help="Folder with MNIST's files.")
@click.option("--output", type=PATH, required=True, help="A folder; made where it is missing.")
@click.option("--only", multiple=True, type=click.Choice(list(pilot.PILOTS)), help="A pilot.")
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    type=click.Choice(list(RECIPES)),
    default=("cnn-best", "cnn-small"),
)
@click.option("--seeds", type=click.IntRange(1), default=5, help="Of a series.")
@click.option("--processes", type=click.IntRange(1), default=8, help="Trainings at a time.")
@write_option
def main(
    parts: tuple[str, ...],
    data_dir: Path | None,
    output: Path,
    only: tuple[str, ...],
    recipes: tuple[str, ...],
    seeds: int,
    processes: int,
    write: Path | None,
) -> None:
    """Train what is left of the parts, then write the page."""
    asked = parts or PARTS
    if data_dir is None and set(asked) != {"page"}:
        raise click.UsageError("where are MNIST's files? Give --data-dir")
    # Else each process takes most of the card's memory for itself.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    output.mkdir(parents=True, exist_ok=True)
    speeds = output / "speed.json"
    if "pilot" in asked and data_dir:
        pilot.run(data_dir, output / "pilot", only, processes)
    if "series" in asked and data_dir:
        series.run(data_dir, output / "series", recipes, seeds, processes)
    if "speed" in asked and data_dir:
        from benchmarks.gpu import speed

        speed.run(data_dir, speeds, 10, recipes)
    if "page" in asked or write:
        _page(output, speeds, write)


def _page(output: Path, speeds: Path, write: Path | None) -> None:
    """Write what a folder holds."""
    from benchmarks.gpu import speed

    piloted = pilot.rows(output / "pilot")
    raced = json.loads(speeds.read_text("utf-8")) if speeds.exists() else None
    text = f"## On held-out images\n\n{pilot.section(piloted)}"
    if raced:
        own = raced["versions"]
        text += (
            f"\n\n## Seconds to an accuracy\n\n{speed.section(raced)}\n\nMeasured on "
            f"{own['machine']}; Keras {own['keras']} on JAX {own['jax']}."
        )
        if write:
            drawn = write.parent.parent / "images" / "seconds-on-a-gpu.png"
            drawn.parent.mkdir(parents=True, exist_ok=True)
            speed.figure(raced).savefig(drawn, dpi=150)
            text += "\n\n![test accuracy against seconds](../images/seconds-on-a-gpu.png)"
    facts = {"pilot": piloted, "speed": raced}
    command = "python -m benchmarks.gpu --data-dir MNIST --output FOLDER --write PAGE"
    report("On a GPU", text, facts, command, write)


if __name__ == "__main__":
    main()
