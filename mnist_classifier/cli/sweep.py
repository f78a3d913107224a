"""``mnist sweep``: try settings of a recipe, and say which are best on validation images."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnist_classifier.cli import options
from mnist_classifier.cli.output import outlast
from mnist_classifier.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from mnist_classifier.learn.scale.results import Row
    from mnist_classifier.learn.scale.sweep import Sweep

TRIALS, SPLITS = 20, 3
_SHOWN = 10  # trials


@click.command()
@click.argument("recipe", required=False)
@click.option(
    "--space",
    type=options.FILE,
    metavar="FILE",
    help="TOML file with a range, or choices, for each setting to try.",
)
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="Trials.", show_default=str(TRIALS)
)
@click.option(
    "--splits",
    type=click.IntRange(min=1),
    metavar="N",
    help="Splits of the training images on which each trial is judged.",
    show_default=str(SPLITS),
)
@click.option("--dataset", metavar="NAME", help="As of mnist train.", show_default="mnist")
@options.data_dir
@click.option("--epochs", type=int, metavar="N", help="Most epochs.", show_default="the recipe's")
@click.option("--seed", type=int, metavar="N", help="Seed of the first split.", show_default="0")
@click.option(
    "--output",
    type=options.FILE,
    metavar="FOLDER",
    help="Folder to make.",
    show_default="a new one in runs/",
)
@click.option(
    "--resume", type=options.FILE, metavar="SWEEP", help="Go on with this interrupted sweep."
)
@options.ray("Train")
@options.cpus("1")
@options.gpus
@options.quiet
def sweep(
    space: Path | None,
    trials: int | None,
    splits: int | None,
    resume: Path | None,
    ray: str | None,
    cpus: int | None,
    gpus: float | None,
    quiet: bool,
    **given: Any,
) -> int:
    """Try settings of RECIPE on Ray, and keep the best.

    Optuna proposes settings out of --space; each trial trains on several splits
    of the training images, and trials that are worse than others are stopped
    early. Validation loss decides; no test image is used.

    The folder gets trials.csv, sweep.png and best.json, a recipe for
    mnist train --recipe-file.
    """
    from mnist_classifier.errors import require

    outlast()
    require("scale", "ray", "optuna")
    options.import_learning(quiet)
    from rich.console import Console

    from mnist_classifier.learn.scale.cluster import Share
    from mnist_classifier.learn.scale.sweep import run

    asked = {name: value for name, value in given.items() if value is not None}
    if resume is None:
        found = _begun(asked, space, trials or TRIALS, splits or SPLITS)
    else:
        found = _resumed(resume, asked, space, trials, splits)
    console = Console(highlight=False, markup=False)
    with _progress(console, found, quiet) as watch:
        rows = run(found, ray or "local", Share(cpus or 1, gpus or 0), watch)
    if rows is None:
        console.print(f"Interrupted; to go on:  mnist sweep --resume {found.path}", soft_wrap=True)
        return 130
    _save(found, rows)
    _tell(console, found, rows, quiet)
    return 0


def _begun(asked: dict[str, Any], space: Path | None, trials: int, splits: int) -> Sweep:
    from mnist_classifier.learn.runs.settings import Settings
    from mnist_classifier.learn.scale import space as spaces
    from mnist_classifier.learn.scale.sweep import begun

    if "recipe" not in asked or space is None:
        raise SettingsError(
            "got no recipe or no --space; expected both, or --resume: "
            "mnist recipes tells of recipes, docs/scale-training.md of spaces"
        )
    return begun(Settings(**asked), spaces.read(space), trials, splits)


def _resumed(
    path: Path, asked: dict[str, Any], space: Path | None, trials: int | None, splits: int | None
) -> Sweep:
    from mnist_classifier.learn.scale.sweep import resumed

    data_dir = asked.pop("data_dir", None)
    if asked or space or trials or splits:
        raise SettingsError(
            "got --resume with other settings; expected it alone, for a sweep goes on as it began: "
            "leave the others out"
        )
    found = resumed(path)
    if data_dir:
        settings = replace(found.settings, data_dir=data_dir.absolute())
        found = replace(found, settings=settings)
    return found


@contextlib.contextmanager
def _progress(
    console: Console, found: Sweep, quiet: bool
) -> Iterator[Callable[[int, float | None], None]]:
    """Show how many trials are done, and the least loss; yield what is told of it."""
    from rich import progress

    bar = progress.Progress(
        progress.TextColumn("Trials"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.description}"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    task = bar.add_task("starting Ray …", total=found.trials)

    def watch(done: int, least: float | None) -> None:
        said = "" if least is None else f"least validation loss {least:.5f}"
        bar.update(task, completed=done, description=said)

    with bar:
        yield watch


def _save(found: Sweep, rows: list[Row]) -> None:
    """Write the table, the figure and the best recipe into the sweep's folder."""
    from mnist_classifier.learn.data.dataset import SAMPLE_NOTE
    from mnist_classifier.learn.evaluation.figures import save_png
    from mnist_classifier.learn.recipes import registry
    from mnist_classifier.learn.runs.run import Run
    from mnist_classifier.learn.scale import results
    from mnist_classifier.learn.scale.figure import sweep_figure
    from mnist_classifier.learn.scale.space import space_of

    folder, recipe = Run(found.path), found.settings.recipe
    note = SAMPLE_NOTE if found.settings.dataset == "sample" else None
    space = space_of(found.tables, registry.load(recipe))
    title = f"{len(rows)} trials of {recipe}, grey where stopped early"
    drawn = sweep_figure(rows, space, title, note)
    folder.save("trials.csv", lambda path: results.write_table(path, rows))
    folder.save("sweep.png", lambda path: save_png(drawn, path))
    folder.save("best.json", lambda path: results.write_best(path, recipe, rows[0]))


def _tell(console: Console, found: Sweep, rows: list[Row], quiet: bool) -> None:
    from rich.table import Table

    if not quiet:
        names = list(rows[0].changes)
        table = Table(*names, "loss", "accuracy", "", box=None, header_style="bold")
        for row in rows[:_SHOWN]:
            values = (_short(row.changes.get(name)) for name in names)
            loss = f"{row.loss:.5f}" if math.isfinite(row.loss) else "none"
            table.add_row(*values, loss, f"{row.accuracy:.2%}", row.ended)
        console.print(table)
    ended = [row.ended for row in rows]
    counts = ", ".join(f"{ended.count(how)} {how}" for how in dict.fromkeys(ended))
    console.print(f"{len(rows)} trials: {counts}; on validation images")
    console.print(f"to train the best:  mnist train --recipe-file {found.path / 'best.json'}")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
