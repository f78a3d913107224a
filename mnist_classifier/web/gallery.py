"""The network's worst mistakes and its confusions on MNIST's test set, from its card."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from mnist_classifier.idx import load_test_split

_FROM_CARD = ("test_size", "test_accuracy", "test_accuracy_interval", "confusions")


def gallery(card: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    """Return what the card knows of the test set; None for what it lacks.

    Args:
        card: A model's card.
        data_dir: A folder with MNIST's files, whose images are shown; without it, or where they
            are not the images that the card speaks of, mistakes have no images.

    Raises:
        DataError: The folder is no such folder.
    """
    mistakes = [dict(mistake, image=None) for mistake in card.get("mistakes", ())]
    if data_dir is not None and mistakes:
        images, labels = load_test_split(data_dir)
        if len(labels) == card.get("test_size"):
            for mistake in mistakes:
                index = mistake["index"]
                if int(labels[index]) == mistake["label"]:
                    image = images[index].tobytes()
                    mistake["image"] = base64.b64encode(image).decode()
    return {**{key: card.get(key) for key in _FROM_CARD}, "mistakes": mistakes}
