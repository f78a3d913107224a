"""``mnist train --seeds``: a series, told a line a seed and summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from mnist_classifier.learn.settings import Settings


def train_series(settings: Settings, seeds: int, console: Console, quiet: bool) -> bool:
    """Train the seeds that are not finished; print a line a seed and what they come to.

    Returns:
        Whether Ctrl-C cut it short.
    """
    import keras
    from rich.console import Console

    from mnist_classifier.learn import datasets, series
    from mnist_classifier.learn.telling import Telling, tell, warn_of_sample
    from mnist_images_classification import learn_digits

    details = Console(quiet=True) if quiet else console
    dataset = datasets.load_dataset(settings.dataset, settings.data_dir)
    with series.opened(settings, seeds, dataset) as begun:
        asked = f"seeds {settings.seed} to {begun.all_seeds()[-1]}"
        if seeds == 1:
            asked = f"seed {settings.seed}"
        tell(details, "Series", f"{settings.recipe}, {asked}")
        tell(details, "Images", f"{dataset.name}, from {dataset.source}")
        for seed in begun.all_seeds():
            if not begun.is_finished(seed):
                keras.backend.clear_session()
                member = begun.settings_of(seed)
                interrupted = learn_digits(member, details, Telling.BAR, show=False)
                begun.save()
                if interrupted:
                    how = f"to go on:  mnist train --resume {begun.path}"
                    tell(console, "Interrupted", how)
                    return True
            result = begun.result(seed)
            tell(
                details,
                f"Seed {seed}",
                f"{result['test_accuracy']:.2%}, {result['epochs']} epochs in "
                f"{result['fit_seconds']:,.1f} s",
            )
        _tell_summary(console, series.summary(begun.results()))
        tell(console, "Saved in", str(begun.path))
        warn_of_sample(console, dataset.note)
    return False


def _tell_summary(console: Console, summary: Mapping[str, Any]) -> None:
    from mnist_classifier.learn.telling import tell

    mean, seeds = summary["mean_accuracy"], summary["finished"]
    if seeds == 1:
        tell(console, "Test accuracy", f"{mean:.2%}, a single seed")
    else:
        low, high = summary["mean_interval"]
        deviation = summary["standard_deviation"]
        tell(console, "Test accuracy", f"{mean:.3%} ± {deviation:.3%}, mean of {seeds} seeds")
        tell(console, "95 % interval", f"{low:.3%} to {high:.3%} for the mean (Student's t)")
        tell(console, "Worst", f"{summary['worst_accuracy']:.2%}, seed {summary['worst_seed']}")
    shortest, longest = summary["fit_seconds_range"]
    tell(
        console,
        "Fit time",
        f"{summary['median_fit_seconds']:,.1f} s, median ({shortest:,.1f} to {longest:,.1f})",
    )
