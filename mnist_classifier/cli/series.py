"""``mnist train --seeds``: a series, told a line a seed and summed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from mnist_classifier.cli.options import LearnDigits
    from mnist_classifier.learn.runs.series import Series
    from mnist_classifier.learn.runs.settings import Settings
    from mnist_classifier.learn.scale.cluster import Share
    from mnist_classifier.learn.screen import Screen


@dataclass(frozen=True)
class Elsewhere:
    """Where the seeds of a series are trained at the same time.

    Attributes:
        where: The Ray cluster, as ``--ray`` names it.
        share: What a seed takes of a machine.
    """

    where: str
    share: Share


def train_series(
    learn_digits: LearnDigits,
    settings: Settings,
    seeds: int,
    console: Console,
    quiet: bool,
    elsewhere: Elsewhere | None = None,
) -> bool:
    """Train the seeds that are not finished; print a line a seed and what they come to.

    Args:
        learn_digits: Trains a run.
        settings: What is asked of each.
        seeds: How many.
        console: Where to print.
        quiet: Whether to print the result alone.
        elsewhere: Where they are trained; ``None``: here, one after the other.

    Returns:
        Whether Ctrl-C cut it short.
    """
    from mnist_classifier.learn.data.sources import load_dataset
    from mnist_classifier.learn.runs import series
    from mnist_classifier.learn.screen import Screen

    screen = Screen(console, steps=not quiet)
    dataset = load_dataset(settings.dataset, settings.data_dir)
    with series.opened(settings, seeds, dataset) as begun:
        asked = f"seeds {settings.seed} to {begun.all_seeds()[-1]}"
        if seeds == 1:
            asked = f"seed {settings.seed}"
        screen.step("Series", f"{settings.recipe}, {asked}")
        screen.step("Images", f"{dataset.name}, from {dataset.source}")
        if elsewhere:
            trained = _elsewhere(learn_digits, begun, elsewhere, screen, console, quiet)
        else:
            trained = _here(learn_digits, begun, console, quiet)
        try:
            for seed in trained:
                begun.save()
                result = begun.result(seed)
                screen.step(
                    f"Seed {seed}",
                    f"{result['test_accuracy']:.2%}, {result['epochs']} epochs in "
                    f"{result['fit_seconds']:,.1f} s",
                )
        except KeyboardInterrupt:
            begun.save()
            screen.result("Interrupted", f"to go on:  mnist train --resume {begun.path}")
            return True
        _tell_summary(screen, series.summary(begun.results()))
        screen.result("Saved in", str(begun.path))
        screen.note(dataset.note)
    return False


def _here(learn_digits: LearnDigits, begun: Series, console: Console, quiet: bool) -> Iterator[int]:
    """Train what is left, one seed after the other; yield each that is finished.

    Raises:
        KeyboardInterrupt: Ctrl-C cut a training short, which is saved.
    """
    import keras

    from mnist_classifier.learn.screen import Screen

    for seed in begun.all_seeds():
        if not begun.is_finished(seed):
            keras.backend.clear_session()
            bar = Screen(console, steps=False, result=False, waiting=not quiet, what=f"Seed {seed}")
            if learn_digits(begun.settings_of(seed), bar, False):
                raise KeyboardInterrupt
        yield seed


def _elsewhere(
    learn_digits: LearnDigits,
    begun: Series,
    elsewhere: Elsewhere,
    screen: Screen,
    console: Console,
    quiet: bool,
) -> Iterator[int]:
    """Train what is left on Ray; yield each seed that is finished, with a bar for all the others.

    Raises:
        KeyboardInterrupt: Ctrl-C cut the trainings short; their checkpoints stay.
    """
    from rich import progress

    from mnist_classifier.learn.scale.seeds import train_on_ray

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("epochs"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    task = bar.add_task("Starting Ray …", total=None)

    def watch(epochs: Mapping[int, int], most: int) -> None:
        under_way = [str(seed) for seed, saved in epochs.items() if saved]
        bar.update(
            task,
            description=f"Seeds {', '.join(under_way)}" if under_way else "Starting",
            total=most * len(epochs),
            completed=sum(epochs.values()),
        )

    with bar:
        yield from train_on_ray(
            learn_digits, begun, elsewhere.where, elsewhere.share, screen, watch
        )


def _tell_summary(screen: Screen, summary: Mapping[str, Any]) -> None:
    mean, seeds = summary["mean_accuracy"], summary["finished"]
    if seeds == 1:
        screen.result("Test accuracy", f"{mean:.2%}, a single seed")
    else:
        low, high = summary["mean_interval"]
        deviation = summary["standard_deviation"]
        screen.result("Test accuracy", f"{mean:.3%} ± {deviation:.3%}, mean of {seeds} seeds")
        screen.result("95 % interval", f"{low:.3%} to {high:.3%} for the mean (Student's t)")
        screen.result("Worst", f"{summary['worst_accuracy']:.2%}, seed {summary['worst_seed']}")
    shortest, longest = summary["fit_seconds_range"]
    screen.result(
        "Fit time",
        f"{summary['median_fit_seconds']:,.1f} s, median ({shortest:,.1f} to {longest:,.1f})",
    )
