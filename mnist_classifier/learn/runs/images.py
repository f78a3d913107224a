"""The images of a run: loaded and split again as its ``config.json`` says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_classifier.learn.data.dataset import VALIDATION_SHARE, Dataset, Splits, prepare
from mnist_classifier.learn.data.pictures import Tell
from mnist_classifier.learn.data.sources import NAMES, load_dataset


def load_again(
    config: Mapping[str, Any], data_dir: Path | None = None, tell: Tell = lambda _: None
) -> Dataset:
    """Load the data set that a run learned from.

    Args:
        config: The run's ``config.json``.
        data_dir: Where it lies now; ``None`` for where the run had it from.
        tell: Is told how far it is, for a person who waits.

    Raises:
        DataError: The images cannot be had.
    """
    name, before = config.get("dataset"), config.get("data_dir")
    folder = data_dir or (Path(before) if before else None)
    return load_dataset(name if name in NAMES else None, folder, tell)


def split_again(config: Mapping[str, Any], dataset: Dataset) -> Splits:
    """Split a run's data set into the images that trained, validated and tested it.

    Where the recipe in ``config.json`` names no share that validates, it is the usual one.

    Raises:
        DataError: There are too few images.
    """
    share = config.get("recipe", {}).get("validation_share", VALIDATION_SHARE)
    return prepare(dataset, int(config["seed"]), float(share))
