"""``mnist train --seeds``: a series, told a line a seed and summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from mnist_classifier.cli.options import LearnDigits
    from mnist_classifier.learn.runs.settings import Settings
    from mnist_classifier.learn.screen import Screen


def train_series(
    learn_digits: LearnDigits, settings: Settings, seeds: int, console: Console, quiet: bool
) -> bool:
    """Train the seeds that are not finished; print a line a seed and what they come to.

    Returns:
        Whether Ctrl-C cut it short.
    """
    import keras

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
        for seed in begun.all_seeds():
            if not begun.is_finished(seed):
                keras.backend.clear_session()
                bar = Screen(
                    console, steps=False, result=False, waiting=not quiet, what=f"Seed {seed}"
                )
                interrupted = learn_digits(begun.settings_of(seed), bar, False)
                begun.save()
                if interrupted:
                    how = f"to go on:  mnist train --resume {begun.path}"
                    screen.result("Interrupted", how)
                    return True
            result = begun.result(seed)
            screen.step(
                f"Seed {seed}",
                f"{result['test_accuracy']:.2%}, {result['epochs']} epochs in "
                f"{result['fit_seconds']:,.1f} s",
            )
        _tell_summary(screen, series.summary(begun.results()))
        screen.result("Saved in", str(begun.path))
        screen.note(dataset.note)
    return False


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
