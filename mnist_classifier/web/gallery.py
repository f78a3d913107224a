"""The network's confusion matrix and worst mistakes on MNIST's test set, from its card."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from mnist_classifier.idx import load_test_split

_FROM_CARD = ("test_size", "test_accuracy", "test_accuracy_interval", "confusions")


def gallery(card: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    """Return the card's facts about the test set; None for those it lacks.

    Args:
        card: A model's card.
        data_dir: A folder with MNIST's files, for the images of the mistakes. A mistake has no
            image without the folder, or if its test set is not the card's.

    Raises:
        DataError: The folder does not hold MNIST's files.
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
