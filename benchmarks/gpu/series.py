"""Series of recipes, several seeds at a time on one accelerator."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path


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
        f"{path.name}, seed {seed}: {result['test_accuracy']:.2%}, {result['epochs']} epochs in "
        f"{result['fit_seconds']:.1f} s"
    )


def run(data_dir: Path, folder: Path, recipes: Sequence[str], seeds: int, processes: int) -> None:
    """Train what is not finished yet, recipes in their order."""
    from mnist_classifier.learn.data.sources import load_dataset
    from mnist_classifier.learn.runs import series
    from mnist_classifier.learn.runs.settings import Settings

    folder.mkdir(parents=True, exist_ok=True)
    dataset = load_dataset(None, data_dir)
    spawned = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        asked = [
            Settings(None, data_dir.absolute(), folder / name, recipe=name) for name in recipes
        ]
        begun = [stack.enter_context(series.opened(one, seeds, dataset)) for one in asked]
        pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=spawned))
        tasks = {
            pool.submit(train, one.path, seed): one
            for one in begun
            for seed in one.all_seeds()
            if not one.is_finished(seed)
        }
        for task in as_completed(tasks):
            print(task.result(), flush=True)
            tasks[task].save()
