"""All recipes by name, without Keras: what each is, where it is, and what it is known to reach."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_classifier.learn.recipes.changes import changed

if TYPE_CHECKING:
    from mnist_classifier.learn.recipes.base import Recipe

RECORDED = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Entry:
    """A recipe that can be loaded.

    Attributes:
        summary: What it is, in a few words.
        module: The module of this package that it is in.
        constant: Its name there.
        task: What its network learns to do: ``"digits"`` or ``"lines"``.
    """

    summary: str
    module: str
    constant: str
    task: str = "digits"


RECIPES = {
    "dnn": Entry("the program's own: Dense layers", "standard", "DNN"),
    "dnn-best": Entry(
        "the best of Dense layers: initialised by convolutions, distilled", "distilled", "DNN_BEST"
    ),
    "cnn-fast": Entry("good in seconds: convolutions, one epoch", "standard", "CNN_FAST"),
    "cnn-small": Entry(
        "few weights: convolutions, half taught by cnn-best", "distilled", "CNN_SMALL_TAUGHT"
    ),
    "cnn-best": Entry(
        "the best single network: convolutions, test-time augmentation", "standard", "CNN_BEST"
    ),
    "ensemble": Entry("five networks like cnn-best, averaged", "ensemble", "ENSEMBLE"),
    "reader": Entry(
        "what mnist read ships: any handwriting, refuses what is no digit", "reader", "READER"
    ),
    "lines": Entry(
        "what mnist read ships for numbers: reads whole lines", "lines", "LINES", "lines"
    ),
}


def load(name: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Import and return the recipe of a name in ``RECIPES``.

    Args:
        name: The name.
        changes: Settings that are to have other values, see `changes.changed`.

    Raises:
        SettingsError: A change makes no sense.
    """
    entry = RECIPES[name]
    module = importlib.import_module(f"{__package__}.{entry.module}")
    recipe: Recipe = getattr(module, entry.constant)
    return changed(recipe, changes or {})


def recorded() -> dict[str, dict[str, Any]]:
    """Return for each recorded recipe its ``parameters``, ``multiply_adds`` and ``series``.

    ``multiply_adds`` are those of one image. ``series`` is None where none is recorded, else
    what ``python -m benchmarks.record`` wrote of it: seeds, test accuracies in [0, 1], their
    summary, that of all its networks averaged, seconds to fit, the machine, versions, and the
    recipe as it was.
    """
    records: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text("utf-8"))
    return records
