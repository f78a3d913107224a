"""The records of MNIST, on a GPU: series of the recipes, several trainings at a time.

Each seed of each series is a task of a few processes that share the accelerator; so seconds to fit
are those beside others, see `benchmarks.speed` for the others. What is finished stays: a command
that was cut short goes on. `python -m benchmarks.record FOLDER/RECIPE...` then records the series.

    KERAS_BACKEND=jax python -m benchmarks.records --data-dir DIR --output FOLDER
        [--recipe NAME]... [--seeds 5] [--processes 8]
"""

from __future__ import annotations

import io
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

import click

from benchmarks.measure import PATH
from mnist_classifier.learn.recipes.registry import RECIPES

SERIES = ("ensemble", "cnn-best", "cnn-small")


def train(path: Path, seed: int) -> str:
    """Train a seed of a series, from its last epoch on; return what it came to."""
    import keras
    from rich.console import Console

    from mnist_classifier.learn.runs import series
    from mnist_classifier.learn.screen import Screen
    from mnist_images_classification import learn_digits

    begun = series.saved(path)
    keras.backend.clear_session()
    screen = Screen(Console(file=io.StringIO(), width=1000), steps=False, result=False)
    learn_digits(begun.settings_of(seed), screen, False)
    result = begun.result(seed)
    return (
        f"{path.name} seed {seed}: {result['test_accuracy']:.2%}, {result['epochs']} epochs in "
        f"{result['fit_seconds']:.1f} s"
    )


@click.command()
@click.option("--data-dir", type=PATH, required=True, help="MNIST's IDX files.")
@click.option("--output", type=PATH, required=True, help="A folder; made where it is missing.")
@click.option("--recipe", "recipes", multiple=True, type=click.Choice(list(RECIPES)))
@click.option("--seeds", type=click.IntRange(1), default=5)
@click.option("--processes", type=click.IntRange(1), default=8)
def main(
    data_dir: Path, output: Path, recipes: tuple[str, ...], seeds: int, processes: int
) -> None:
    """Train what is not finished yet, the longest first."""
    from mnist_classifier.learn.data.sources import load_dataset
    from mnist_classifier.learn.runs import series
    from mnist_classifier.learn.runs.settings import Settings

    output.mkdir(parents=True, exist_ok=True)
    dataset = load_dataset(None, data_dir)
    spawned = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        all_begun = [
            stack.enter_context(
                series.opened(
                    Settings(None, data_dir.absolute(), output / name, recipe=name),
                    seeds,
                    dataset,
                )
            )
            for name in recipes or SERIES
        ]
        pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=spawned))
        tasks = {
            pool.submit(train, begun.path, seed): begun
            for begun in all_begun
            for seed in begun.all_seeds()
            if not begun.is_finished(seed)
        }
        for task in as_completed(tasks):
            print(task.result(), flush=True)
            tasks[task].save()


if __name__ == "__main__":
    main()
