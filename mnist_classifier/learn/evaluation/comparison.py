"""Whether networks judged on the same images differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, ttest_ind

from mnist_classifier.errors import RunError
from mnist_classifier.learn.evaluation.predictions import FILE, Predictions

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Pair:
    """Two networks, by their places in the list that was compared.

    Attributes:
        first: The one.
        second: The other.
        only_first: How many images only the one has right.
        only_second: How many images only the other has right.
        p_value: McNemar's exact test, two-sided, corrected for the number of pairs.
    """

    first: int
    second: int
    only_first: int
    only_second: int
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether chance alone would rarely, in under one case in twenty, differ so much."""
        return self.p_value < SIGNIFICANT


def common_predictions(runs: Sequence[Path]) -> list[Predictions]:
    """Load each run's predictions on a test set on which all of the runs were judged.

    Args:
        runs: Run folders, at least two. If they share several test sets, the first run's own is
            taken where it is among them.

    Raises:
        RunError: A run was not judged yet, there is no test set that all share, or its labels
            differ.
    """
    if len(runs) < 2:
        raise RunError(f"got {len(runs)} run; expected two or more to compare: name another")
    judged = [_test_sets(run) for run in runs]
    for shared in judged[0]:
        if all(shared in sets for sets in judged):
            found = [sets[shared] for sets in judged]
            _check_alike(runs, found)
            return found
    sets = "; ".join(
        f"{run} on {', '.join(found.dataset for found in sets.values())}"
        for run, sets in zip(runs, judged, strict=True)
    )
    raise RunError(
        f"the runs were judged on different test sets ({sets}); expected one that all share: "
        "judge each on it with  mnist evaluate RUN --dataset … or --data-dir …"
    )


def _check_alike(runs: Sequence[Path], predictions: Sequence[Predictions]) -> None:
    """Check that runs that name one test set have its labels.

    Raises:
        RunError: Some have others than the first.
    """
    for run, own in zip(runs, predictions, strict=True):
        if not np.array_equal(own.labels, predictions[0].labels):
            raise RunError(
                f"{run} and {runs[0]} have different labels of one test set, {own.dataset}; "
                "expected the same: judge both again with  mnist evaluate RUN"
            )


def _test_sets(run: Path) -> dict[tuple[str, str], Predictions]:
    """Return a run's predictions by test set, those on its own test set first."""
    others = sorted(run.glob(f"{Path(FILE).stem}-*.npz"))
    files = [path for path in (run / FILE, *others) if path.is_file()]
    if not files and not (run / "model.keras").is_file():
        raise RunError(
            f"{run} holds no {FILE} and no model.keras; expected a run folder that was judged: "
            "leave it out, or judge a run with  mnist evaluate RUN"
        )
    if not files:
        raise RunError(
            f"{run} holds no {FILE}; expected a run folder that was judged: "
            f"run  mnist evaluate {run}"
        )
    return {found.sha256: found for found in map(Predictions.load, files)}


def compare(right: Sequence[npt.NDArray[np.bool_]]) -> list[Pair]:
    """Test every pair of networks.

    McNemar's test (1947), exact: of the images that only one of two networks has right, each
    would have half if they were equally good. With several pairs, p-values are corrected by
    Holm's method (1979), so that the chance of even one false alarm stays below 5 %.

    Args:
        right: For each network which images it has right, all of shape (n,).
    """
    pairs = []
    for first, second in combinations(range(len(right)), 2):
        only_first = int(np.sum(right[first] & ~right[second]))
        only_second = int(np.sum(right[second] & ~right[first]))
        pairs.append((first, second, only_first, only_second, mcnemar(only_first, only_second)))
    corrected = holm([p for *_, p in pairs])
    return [Pair(*pair[:4], p_value) for pair, p_value in zip(pairs, corrected, strict=True)]


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test; 1 where the two never differ."""
    if not only_first + only_second:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the two-sided p-value of Welch's t-test (1947): whether two means differ.

    Args:
        one: At least two values, such as test accuracies of a recipe's seeds.
        other: At least two values of another recipe's.
    """
    if len({*one}) == len({*other}) == 1:  # without any deviation there is no t
        return float(one[0] == other[0])
    return float(ttest_ind(one, other, equal_var=False).pvalue)


def in_words(p_value: float) -> str:
    """Say a p-value."""
    return f"p = {p_value:.2g}" if p_value >= 1e-4 else "p < 0.0001"


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979), in the order given."""
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
