"""A sweep on Ray Tune: Optuna proposes settings of a recipe, ASHA stops the worse early."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import click
import optuna
from optuna.samplers import TPESampler
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from mnist_classifier.errors import ClusterError, RunError, SettingsError
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.runs.files import LARGEST_SEED
from mnist_classifier.learn.runs.run import Run, make_folder
from mnist_classifier.learn.runs.settings import Settings, configuration, differences
from mnist_classifier.learn.scale.cluster import Share, joined, raise_in_a_line
from mnist_classifier.learn.scale.results import Row, row_of
from mnist_classifier.learn.scale.space import space_of
from mnist_classifier.learn.scale.trial import Trials, run_trial

SWEEP_FILE = "sweep.json"
"""What the folder of a sweep has."""

_FIRST_RUNG = 4  # percent of a trial, after which ASHA first stops some
_KEPT = 3  # of so many trials, one goes on at each rung
_RETRIES = 5  # of a trial, also where a mistake of ours ended it
_STATE = "tune"  # Ray's own folder in a sweep's
_TRIALS = "trials"


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder, and what was asked.

    Attributes:
        path: The folder.
        settings: What is asked of each trial; the seed is the first split's.
        tables: What may be tried, see `space.read`.
        trials: How many trials.
        splits: How many splits of the training images each is judged on.
    """

    path: Path
    settings: Settings
    tables: Mapping[str, Any]
    trials: int
    splits: int


def begun(settings: Settings, tables: Mapping[str, Any], trials: int, splits: int) -> Sweep:
    """Make a sweep's folder.

    Raises:
        SettingsError: The space makes no sense, or there are no such seeds.
        DataError: The images cannot be had.
        OutputError: The folder exists, or cannot be made.
    """
    if settings.seed + splits - 1 > LARGEST_SEED:
        raise SettingsError(
            f"{splits:,} splits from seed {settings.seed:,} make no sense; expected none above "
            f"{LARGEST_SEED:,}: give another --seed"
        )
    recipe = registry.load(settings.recipe)
    space_of(tables, recipe)
    dataset = load_dataset(settings.dataset, settings.data_dir)
    path = make_folder(settings.output, f"{settings.recipe}-sweep")
    told = configuration(settings, recipe, dataset)
    told |= {"space": dict(tables), "trials": trials, "splits": splits}
    Run(path).save_json(SWEEP_FILE, told)
    return resumed(path)


def resumed(path: Path) -> Sweep:
    """Return the sweep that a folder holds.

    Raises:
        RunError: It holds none.
    """
    needed = ("seed", "dataset", "sha256", "recipe.name", "space", "trials", "splits")
    config = Run(path).load_json(SWEEP_FILE, *needed)
    settings = replace(Settings.from_run(path, config), resume=None)
    return Sweep(path, settings, config["space"], config["trials"], config["splits"])


def run(
    sweep: Sweep, where: str, share: Share, watch: Callable[[int, float | None], None]
) -> list[Row] | None:
    """Run the trials that are left; one that was cut short goes on from its last epoch.

    Args:
        sweep: From `begun` or `resumed`; its folder and its images are where all machines find
            them.
        where: The cluster, as of `ray_runtime.joined`.
        share: What a trial takes of a machine.
        watch: Is told now and then how many trials are done, and the least loss so far.

    Returns:
        A row for each trial, best first; None where Ctrl-C cut the sweep short.

    Raises:
        MnistError: No trial came to its end, for a reason that one line explains.
    """
    recipe = registry.load(sweep.settings.recipe)
    dataset = load_dataset(sweep.settings.dataset, sweep.settings.data_dir)
    config = Run(sweep.path).load_json(SWEEP_FILE)
    if changes := differences(sweep.path, config, configuration(sweep.settings, recipe, dataset)):
        raise RunError(
            f"{sweep.path} began with {'; '.join(changes)}; expected the same, so that its trials "
            "can be compared: give them back, or begin anew"
        )
    path = sweep.path.absolute()
    trials = Trials(sweep.settings, path / _TRIALS, sweep.splits)
    # Tune writes files of its own for each trial, unless it is told not to.
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # the other one can be silent
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with joined(where, share), _stopping() as stopped, _watched(watch):
        trial = tune.with_resources(
            tune.with_parameters(run_trial, trials=trials),
            {"CPU": share.cpus, "GPU": share.gpus},
        )
        grid = _tuner(sweep, path, trial).fit()
    if stopped.is_set():
        return None
    if len(grid) != sweep.trials:
        raise ClusterError(
            f"{sweep.path}: Ray Tune knows of {len(grid)} trials; expected {sweep.trials}: remove "
            f"{sweep.path / _STATE}, then --resume begins the trials anew"
        )
    rows = sorted((row_of(result) for result in grid), key=lambda row: row.rank)
    if not rows[0].is_finished:
        failed = next((result.error for result in grid if result.error), None)
        if failed:
            raise_in_a_line("each trial failed, the first", failed)
        raise ClusterError(
            f"{sweep.path}: no trial came to its end; expected one or more: begin anew"
        )
    shutil.rmtree(path / _TRIALS, ignore_errors=True)
    return rows


def _tuner(sweep: Sweep, path: Path, trial: Any) -> tune.Tuner:
    """Return Tune's tuner, as it was left where there is one."""
    state = path / _STATE
    if is_whole(state):
        return tune.Tuner.restore(str(state), trial, resume_unfinished=True, restart_errored=True)
    if state.exists():
        click.echo(f"{state} was cut off as it was written: the trials begin anew", err=True)
        shutil.rmtree(state)
    space = space_of(sweep.tables, registry.load(sweep.settings.recipe))
    sampler = TPESampler(seed=sweep.settings.seed)
    return tune.Tuner(
        trial,
        tune_config=tune.TuneConfig(
            num_samples=sweep.trials,
            reuse_actors=True,  # importing Keras takes longer than many a trial
            search_alg=OptunaSearch(space, metric="loss", mode="min", sampler=sampler),
            scheduler=ASHAScheduler(
                time_attr="percent",
                metric="loss",
                mode="min",
                max_t=100,
                grace_period=_FIRST_RUNG,
                reduction_factor=_KEPT,
            ),
        ),
        run_config=tune.RunConfig(
            name=_STATE,
            storage_path=str(path),
            failure_config=tune.FailureConfig(max_failures=_RETRIES),
            callbacks=[_Watch()],
            verbose=0,
        ),
    )


def is_whole(state: Path) -> bool:
    """Tell whether Tune's newest state was written to its end.

    Tune does not write it aside; where a kill fell in between, it would silently begin anew, with
    too few trials.

    Args:
        state: Tune's folder.
    """
    newest = max(state.glob("experiment_state-*.json"), default=None)
    if newest is None:
        return False
    session = newest.stem.removeprefix("experiment_state-")
    try:
        json.loads(newest.read_text("utf-8"))
        for name in (f"searcher-state-{session}.pkl", f"search_gen_state-{session}.json"):
            with (state / name).open("rb") as file:
                pickle.load(file)  # noqa: S301 — as Tune itself will
    except Exception:  # what is cut off raises all kinds
        return False
    return True


_Told = Callable[[int, "float | None"], None]
_watching: ContextVar[_Told | None] = ContextVar("_watching", default=None)


class _Watch(tune.Callback):
    """Says how far a sweep is. Tune pickles it, so what it tells stands in `_watching`."""

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
    ) -> None:
        """Say how many trials are done, and the least loss of those that came to their end."""
        if told := _watching.get():
            ended = [one.last_result for one in trials if one.last_result.get("percent") == 100]
            done = sum(one.is_finished() for one in trials)
            told(done, min((one["loss"] for one in ended), default=None))


@contextlib.contextmanager
def _watched(watch: _Told) -> Iterator[None]:
    before = _watching.set(watch)
    try:
        yield
    finally:
        _watching.reset(before)


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM end Tune in order inside, its state saved; yield whether one did.

    A second one ends it at once.
    """
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set() or not hasattr(signal, "SIGUSR1"):
            raise KeyboardInterrupt
        asked.set()
        signal.raise_signal(signal.SIGUSR1)  # which Tune takes for the wish to end

    def too_early(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    handlers = {"SIGINT": stop, "SIGTERM": stop, "SIGHUP": stop, "SIGUSR1": too_early}
    numbers = {getattr(signal, name): of for name, of in handlers.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, of) for number, of in numbers.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
