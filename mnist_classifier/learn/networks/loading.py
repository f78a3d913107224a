"""Load a saved network as data; no code that a file carries is run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras

from mnist_classifier.errors import RunError
from mnist_classifier.learn.networks import layers, losses

# What files name that were saved before our layers and losses had the names they have now.
_EARLIER_NAMES = {
    "mnist_classifier>TurnedViews": layers.RotationTTA,
    "mnist_classifier>MeanOfViews": layers.MeanOverTTA,
    "mnist_classifier>softmax_or_nothing": layers.softmax_with_reject,
    "mnist_classifier>digit_or_nothing": losses.cross_entropy_with_reject,
    "mnist_classifier>accuracy": losses.accuracy_with_reject,
}


def load_network(path: Path) -> keras.Model:
    """Load a ``.keras`` file in Keras's safe mode.

    Raises:
        RunError: The file is missing or damaged.
    """
    if not zipfile.is_zipfile(path):
        raise RunError(
            f"{path} is {'damaged' if path.exists() else 'missing'}; expected the model of a "
            "finished run: name another run, or train again"
        )
    try:
        with keras.saving.custom_object_scope(_EARLIER_NAMES):  # for layers within layers too
            return keras.models.load_model(path, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"{path} cannot be loaded ({reason}); expected a model that this program saved: "
            "name another run, or train again"
        ) from error
