"""Load a saved network as data; no code that a file carries is run."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Any

import h5py
import keras

from mnist_classifier.errors import RunError
from mnist_classifier.learn.networks import layers, losses
from mnist_classifier.normalisation import LINE_HEIGHT

# What files name that were saved before our layers and losses had the names they have now.
_EARLIER_NAMES = {
    "mnist_classifier>TurnedViews": layers.RotationTTA,
    "mnist_classifier>MeanOfViews": layers.MeanOverTTA,
    "mnist_classifier>softmax_or_nothing": layers.softmax_with_reject,
    "mnist_classifier>digit_or_nothing": losses.cross_entropy_with_reject,
    "mnist_classifier>accuracy": losses.accuracy_with_reject,
}

MOST_UNPACKED = 10  # times the file's size; Keras itself does not compress
MOST_VALUES = 1_000_000  # that a layer gives for an image; ours give 65,000 at most


def load_network(path: Path, task: str = "digits") -> keras.Model:
    """Load a ``.keras`` file in Keras's safe mode.

    Args:
        path: The file.
        task: What the network must read: ``"digits"`` or ``"lines"``.

    Raises:
        RunError: The file is missing or damaged, or its network reads something else.
    """
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise RunError(
            f"{path} is {'damaged' if path.exists() else 'missing'}; expected the model of a "
            "finished run: name another run, or train again"
        )
    try:
        _check_sizes(path, task)
        model = keras.models.load_model(path, custom_objects=_EARLIER_NAMES, safe_mode=True)
    except Exception as error:  # Keras raises errors of any class on a damaged file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunError(
            f"{path} cannot be loaded ({reason}); expected a model that this program saved: "
            "name another run, or train again"
        ) from error
    return model


def _check_sizes(path: Path, task: str) -> None:
    """Make sure that a network, its weights and what it computes, fits what its file holds.

    Keras would first make the weights, as large as they are said to be. Here it only counts them:
    in a stateless scope, whose variables are never initialised, and in a thread of its own.

    Raises:
        ValueError: The file is smaller than the network, or unpacks to far more than it is, or a
            member leads elsewhere, or the network is for another task.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MOST_UNPACKED * size:
            raise ValueError(f"{size:,} bytes that unpack to {unpacked:,}")
        for name in map(PurePath, archive.namelist()):
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"a member, {str(name)!r}, that leads elsewhere")
        config = json.loads(archive.read("config.json"))
        weights = io.BytesIO(archive.read("model.weights.h5"))
    config.pop("compile_config", None)
    # Keras remembers, thread by thread, what is not initialised yet, and makes up for it later.
    with ThreadPoolExecutor(1) as thread:
        model = thread.submit(_outline, config).result()
    if not isinstance(model, keras.Model):
        raise ValueError(f"a {type(model).__name__}, no network")
    if 4 * model.count_params() > unpacked:
        raise ValueError(f"{model.count_params():,} weights in {unpacked:,} bytes")
    reads, expected = _TASKS[task]
    if not reads(model):
        raise ValueError(f"it maps {model.input_shape} to {model.output_shape}, not {expected}")
    for layer in _all_layers(model):
        values = math.prod(side or 1 for side in layer.output.shape)
        if values > MOST_VALUES:
            raise ValueError(f"{layer.name} gives {values:,} values an image")
    _check_arrays(weights, unpacked)


def _outline(config: Any) -> Any:
    """Return what a configuration describes; the variables of a network have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return keras.saving.deserialize_keras_object(
            config, custom_objects=_EARLIER_NAMES, safe_mode=True
        )


def _reads_digits(model: keras.Model) -> bool:
    sides = model.input_shape[1:]
    return None not in sides and math.prod(sides) == 784 and model.output_shape[1:] == (10,)


def _reads_lines(model: keras.Model) -> bool:
    """Return whether a network maps lines of any width to columns."""
    columns = model.output_shape[1:]
    return model.input_shape[1:] == (LINE_HEIGHT, None, 1) and len(columns) == 2


_TASKS = {"digits": (_reads_digits, "784 to 10"), "lines": (_reads_lines, "lines to columns")}


def _all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield a network's layers, and those of the networks among them."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


def _check_arrays(weights: io.BytesIO, size: int) -> None:
    """Make sure that the arrays of a weights file, which need not be written whole, fit in it."""
    with h5py.File(weights) as file:
        sizes: list[int] = []
        file.visititems(
            lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None
        )
    if sum(sizes) > size:
        raise ValueError(f"arrays of {sum(sizes):,} bytes in {size:,}")
