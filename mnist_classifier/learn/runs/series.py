"""A recipe trained from several seeds, in one folder: begun, gone on with, summed up."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scipy import stats

from mnist_classifier.errors import RunError, SettingsError
from mnist_classifier.learn.data.dataset import Dataset
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.runs.files import LARGEST_SEED
from mnist_classifier.learn.runs.run import SERIES_FILE, Run, make_folder
from mnist_classifier.learn.runs.settings import (
    Settings,
    configuration,
    differences,
    with_present_names,
)

_RESULTS = ("seed", "test_accuracy", "test_loss", "epochs", "fit_seconds")

Result = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """A folder of runs, ``seed-0``, ``seed-1``, …, alike in all but their seeds.

    Attributes:
        path: The folder.
        settings: What was asked; its seed is the first.
        seeds: How many seeds.
        config: What every run has in common, as ``config.json`` of a run says it.
    """

    path: Path
    settings: Settings
    seeds: int
    config: Mapping[str, Any]

    def run(self, seed: int) -> Run:
        """Return the run folder of a seed; it may not be there yet."""
        return Run(self.path / f"seed-{seed}")

    def all_seeds(self) -> range:
        """Return all seeds, trained or not."""
        return range(self.settings.seed, self.settings.seed + self.seeds)

    def is_finished(self, seed: int) -> bool:
        """Tell whether a seed's run is trained and judged."""
        return not self.run(seed).can_go_on()

    def result(self, seed: int) -> Result:
        """Return the test accuracy and loss, the epochs and the seconds of a finished run."""
        metrics = self.run(seed).load_json("metrics.json", *_RESULTS)
        return {name: metrics[name] for name in _RESULTS}

    def results(self) -> list[Result]:
        """Return the results of all finished runs."""
        names = {path.name for path in self.path.glob("seed-*")}
        begun = {int(name[5:]) for name in names if name[5:].isdecimal()}
        seeds = self.all_seeds()
        return [self.result(n) for n in sorted(begun) if n in seeds and self.is_finished(n)]

    def settings_of(self, seed: int) -> Settings:
        """Return the settings with which a seed's run begins, or goes on.

        Raises:
            RunError: The run's folder is a link.
        """
        path = self.run(seed).path
        settings = replace(self.settings, seed=seed)
        if path.is_symlink():
            raise RunError(
                f"{path} is a link, and the run would be written elsewhere; expected a folder of "
                "the series' own: copy there what it leads to"
            )
        if (path / "config.json").exists():
            return replace(settings, output=None, resume=path)
        # A process that was killed may have made the folder and learned nothing.
        shutil.rmtree(path, ignore_errors=True)
        return replace(settings, output=path, resume=None)

    def save(self) -> None:
        """Write ``series.json``: settings, a row for each finished seed, and their summary."""
        results = self.results()
        Run(self.path).save_json(
            SERIES_FILE,
            {
                **self.config,
                "seeds": self.seeds,
                "runs": results,
                "summary": summary(results) if results else None,
            },
        )


@contextlib.contextmanager
def opened(settings: Settings, seeds: int, dataset: Dataset) -> Iterator[Series]:
    """Begin a series, or go on with one where its folder is; ``series.json`` is kept up to date.

    More seeds than it began with extend it.

    Args:
        settings: What is asked: ``resume``, or an ``output`` that is a series, goes on with it.
        seeds: How many seeds, from the settings' own.
        dataset: The images.

    Raises:
        SettingsError: There are no such seeds, or the series began with other settings.
        OutputError: The folder exists and is no series, or cannot be made.
    """
    last = settings.seed + seeds - 1
    if seeds < 1 or last > LARGEST_SEED:
        raise SettingsError(
            f"{seeds:,} seeds from {settings.seed:,} make no sense; expected at least 1, "
            f"and none above {LARGEST_SEED:,}: give another --seeds"
        )
    config = configuration(settings, registry.load(settings.recipe, settings.changes), dataset)
    config = json.loads(json.dumps(config))  # as it is when it is read again
    path = folder_of(settings)
    if path:
        config = _begun(path, config, seeds)
    else:
        path = make_folder(settings.output, f"{settings.recipe}-series")
    series = Series(path, settings, seeds, config)
    series.save()
    try:
        yield series
    except BaseException:
        if not list(path.glob("seed-*")):
            shutil.rmtree(path, ignore_errors=True)
        raise


def saved(path: Path) -> Series:
    """Return the series that a folder holds.

    Raises:
        RunError: Its ``series.json`` is missing, damaged, or lacks something.
    """
    needed = ("seeds", "dataset", "sha256", "recipe.name")
    config = Run(path).load_json(SERIES_FILE, *needed)
    return Series(path, Settings.from_run(path, config), config["seeds"], config)


def folder_of(settings: Settings) -> Path | None:
    """Return the folder of the series that the settings go on with; None for a new one."""
    path = settings.resume or settings.output
    return path if path and (path / SERIES_FILE).exists() else None


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Sum up one or more runs that differ in nothing but their seeds.

    Returns:
        Mean, standard deviation and worst of the test accuracies, in [0, 1]; Student's 95 %
        interval of the mean; the median and the range of the seconds. Of a single run there is
        neither a deviation nor an interval; the interval of a share ends at 0 and at 1.
    """
    accuracies = [result["test_accuracy"] for result in results]
    seconds = [result["fit_seconds"] for result in results]
    mean, deviation, interval = statistics.mean(accuracies), None, None
    if len(results) > 1:
        deviation = statistics.stdev(accuracies)
        margin = stats.t.ppf(0.975, len(results) - 1) * deviation / math.sqrt(len(results))
        interval = [max(0.0, float(mean - margin)), min(1.0, float(mean + margin))]
    worst = min(results, key=lambda result: float(result["test_accuracy"]))
    return {
        "finished": len(results),
        "mean_accuracy": mean,
        "standard_deviation": deviation,
        "mean_interval": interval,
        "worst_accuracy": worst["test_accuracy"],
        "worst_seed": worst["seed"],
        "median_fit_seconds": statistics.median(seconds),
        "fit_seconds_range": [min(seconds), max(seconds)],
    }


def _begun(path: Path, now: Mapping[str, Any], seeds: int) -> dict[str, Any]:
    """Return what a series began with, which is what is asked now, but for added seeds.

    Raises:
        SettingsError: It began with other settings.
        RunError: Its ``series.json`` is damaged.
    """
    config = Run(path).load_json(SERIES_FILE, "seeds")
    changes = differences(path / SERIES_FILE, config, now)
    if seeds < config["seeds"]:
        changes.append(f"{config['seeds']} seeds, now {seeds}")
    if changes:
        raise SettingsError(
            f"{path} began with {'; '.join(changes)}; expected the same, so that its seeds can "
            "be compared: give them again, or name another --output"
        )
    return with_present_names(config)
