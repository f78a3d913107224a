"""The seeds of a series as tasks of Ray; an ensemble's members are tasks of their own."""

from __future__ import annotations

import io
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import keras
import ray
from rich.console import Console

from mnist_classifier.errors import DataError
from mnist_classifier.learn.data.dataset import Dataset, prepare
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.runs import series
from mnist_classifier.learn.runs.environment import make_deterministic
from mnist_classifier.learn.runs.run import Run
from mnist_classifier.learn.runs.series import Series
from mnist_classifier.learn.runs.settings import Settings, configuration
from mnist_classifier.learn.scale.cluster import RETRIES, Share, is_offered, joined, raise_in_a_line
from mnist_classifier.learn.screen import Screen
from mnist_classifier.learn.training.checkpoints import Checkpoints

LearnDigits: TypeAlias = Callable[[Settings, Screen, bool], bool]

_LOOKS = 1.0  # seconds between two looks at how far the seeds are


@dataclass(frozen=True)
class _Seed:
    """A seed of a series, as a task finds it: in the folder that all machines share.

    Attributes:
        path: The series' folder, from the root.
        data_dir: Where its images lie now, from the root, or ``None``.
        seed: The seed.
    """

    path: Path
    data_dir: Path | None
    seed: int

    @property
    def series(self) -> Series:
        """The series, as its folder says it is."""
        found = series.saved(self.path)
        settings = found.settings
        return replace(
            found, settings=replace(settings, data_dir=self.data_dir or settings.data_dir)
        )


def train_on_ray(
    learn_digits: LearnDigits,
    begun: Series,
    where: str,
    share: Share,
    screen: Screen,
    watch: Callable[[Mapping[int, int], int], None],
) -> Iterator[int]:
    """Train the seeds of a series that are not finished, each a task; yield them as they end.

    A task goes on from a seed's last epoch, if there is one: so does one that Ray begins again
    when a worker or a machine was lost.

    Args:
        learn_digits: Trains a run.
        begun: The series; its folder and its images are where all machines find them.
        where: The cluster, as of `ray_runtime.joined`.
        share: What a seed, or a member of an ensemble, takes of a machine.
        screen: What a person sees.
        watch: Is told now and then how many epochs of each unfinished seed are saved, and of how
            many at most.

    Yields:
        The finished seeds.

    Raises:
        KeyboardInterrupt: Ctrl-C came, here or to a worker; checkpoints stay.
        MnistError: A seed failed, for a reason that one line explains.
    """
    recipe = registry.load(begun.settings.recipe, begun.settings.changes)
    recipe = recipe.scaled(1, begun.settings.epochs)
    members = recipe.independent_stages if recipe.independent_stages > 1 else 0
    with joined(where, share):
        if not is_offered(share):
            screen.warning("Waiting", f"no machine of the cluster has {share} yet")
        resources = {"num_cpus": share.cpus, "num_gpus": share.gpus, "max_retries": RETRIES}
        begin, learn, finish = (
            ray.remote(function).options(**resources)
            for function in (_begin, _learn_member, _finish)
        )
        data_dir = begun.settings.data_dir
        waiting = {}
        for seed in begun.all_seeds():
            if begun.is_finished(seed):
                yield seed
                continue
            task = _Seed(begun.path.absolute(), data_dir and data_dir.absolute(), seed)
            ready = [begin.remote(task)] if members else []
            learned = [learn.remote(task, member, *ready) for member in range(members)]
            waiting[finish.remote(learn_digits, task, *learned)] = seed
        while waiting:
            done, _ = ray.wait(list(waiting), timeout=_LOOKS)
            saved = {n: Checkpoints(begun.run(n).path).epochs() for n in waiting.values()}
            watch(saved, recipe.total_epochs)
            for ref in done:
                seed = waiting.pop(ref)
                try:
                    interrupted, warnings = ray.get(ref)
                except ray.exceptions.RayError as error:
                    raise_in_a_line(f"seed {seed}", error)
                if warnings:
                    screen.warning(f"Seed {seed}", warnings)
                if interrupted:
                    raise KeyboardInterrupt
                yield seed


def _finish(learn_digits: LearnDigits, task: _Seed, *_: None) -> tuple[bool, str]:
    """Train a seed, from its last epoch on; return whether it was cut short, and what to say."""
    found = task.series
    if found.is_finished(task.seed):  # by a worker that was lost just then
        return False, ""
    keras.backend.clear_session()
    _load(found)
    said = io.StringIO()
    screen = Screen(Console(file=said, width=1000), steps=False, result=False, waiting=False)
    interrupted = learn_digits(found.settings_of(task.seed), screen, False)
    return interrupted, " ".join(said.getvalue().split())


def _begin(task: _Seed) -> None:
    """Make a seed's run folder, so that it is one to go on with."""
    found = task.series
    settings = found.settings_of(task.seed)
    if settings.resume is None and settings.output:
        dataset = _load(found)
        recipe = registry.load(settings.recipe, settings.changes)
        size = len(prepare(dataset, task.seed, recipe.validation_share).train)
        recipe = recipe.scaled(size, settings.epochs, settings.batch_size)
        run = Run(settings.output)
        run.make()
        run.save_json("config.json", configuration(settings, recipe, dataset))


def _learn_member(task: _Seed, number: int, ready: None) -> None:
    """Train a member of a seed's ensemble, up to its last checkpoint."""
    found = task.series
    if found.is_finished(task.seed):
        return
    settings = found.settings_of(task.seed)
    keras.backend.clear_session()
    keras.utils.set_random_seed(task.seed)
    if settings.deterministic:
        make_deterministic()
    dataset = _load(found)
    recipe = registry.load(settings.recipe, settings.changes)
    splits = prepare(dataset, task.seed, recipe.validation_share).one_hot()
    recipe = recipe.scaled(len(splits.train), settings.epochs, settings.batch_size)
    model = recipe.build()
    recipe.compile(model, len(splits.train))
    checkpoints = Checkpoints(found.run(task.seed).path)
    recipe.fit_stage(number, model, splits, task.seed, checkpoints)


def _load(found: Series) -> Dataset:
    """Load a series' images.

    Raises:
        DataError: They are others than it began with, or cannot be had.
    """
    dataset = load_dataset(found.settings.dataset, found.settings.data_dir)
    if list(dataset.sha256()) != found.config["sha256"]:
        raise DataError(
            f"{dataset.source} on {platform.node()} holds other images than {found.path} began "
            "with; expected the same on all machines: share the folder, or copy it"
        )
    return dataset
