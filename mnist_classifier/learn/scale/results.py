"""What came of a sweep: a row for each trial, as a table and a recipe file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_classifier.learn.scale.trial import DIVERGED

FINISHED, STOPPED, FAILED = "finished", "stopped early", "failed"


@dataclass(frozen=True)
class Row:
    """A trial.

    Attributes:
        changes: The settings that it tried.
        ended: ``"finished"``, ``"stopped early"`` or ``"failed"``.
        loss: On the validation images, mean of the splits so far; infinite where it is no number.
        accuracy: Likewise, 0 to 1.
        percent: How much of the trial was done.
        seconds: That it took.
    """

    changes: Mapping[str, Any]
    ended: str
    loss: float
    accuracy: float
    percent: int
    seconds: float

    @property
    def is_finished(self) -> bool:
        """Whether the trial came to its end."""
        return self.ended == FINISHED

    @property
    def rank(self) -> tuple[bool, int, float]:
        """What rows are sorted by: those that came to their end, then those that came further."""
        return not self.is_finished, -self.percent, self.loss


def row_of(result: Any) -> Row:
    """Return the row of a ``ray.tune.Result``."""
    last = result.metrics or {}
    loss, percent = last.get("loss", math.inf), last.get("percent", 0)
    ended = FAILED if result.error else FINISHED if percent == 100 else STOPPED
    return Row(
        result.config or {},
        ended,
        loss if loss < DIVERGED else math.inf,
        last.get("accuracy", 0.0),
        percent,
        last.get("time_total_s", 0.0),
    )


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV: what was tried, and what came of it."""
    names = list(dict.fromkeys(name for row in rows for name in row.changes))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*names, "ended", "loss", "accuracy", "percent", "seconds"])
        table.writerows(
            [
                *(row.changes.get(name, "") for name in names),
                *(row.ended, row.loss, row.accuracy, row.percent, round(row.seconds, 1)),
            ]
            for row in rows
        )


def write_best(path: Path, recipe: str, best: Row) -> None:
    """Write the recipe file of the best row, see `recipe_file.read`."""
    told = {
        "recipe": {"name": recipe},
        "changes": dict(best.changes),
        "validation": {"loss": best.loss, "accuracy": best.accuracy},
    }
    path.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
