"""What a user would train instead, each as its authors publish it, written anew here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.dataset import Split, Splits, one_hot
from mnist_classifier.learn.networks.inspection import multiply_adds, predict
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.training.batches import in_batches, shuffled

ENOUGH = 0.99  # of the test images
PIXEL_MEAN, PIXEL_DEVIATION = np.float32(0.1307), np.float32(0.3081)  # of MNIST's training images


@dataclass(frozen=True)
class Fitted:
    """A contender that has learned.

    Attributes:
        seconds: From images in memory to a fitted network: building, tracing and fitting.
        accuracy: On all test images, 0 to 1.
        multiply_adds: Of all training, taken as three times those of answering each image: the way
            forward, and that back for weights and for inputs. ``None`` where it has no network.
        enough: Seconds until 99 % of the test images were right for the first time, where that
            was looked for after each epoch, the clock standing; ``None`` elsewhere or if never.
    """

    seconds: float
    accuracy: float
    multiply_adds: float | None
    enough: float | None = None


Contender = Callable[[Splits, int], Fitted]


def plain_script(splits: Splits, seed: int) -> Fitted:
    """Train Dense 128, 64, 10, batch 32, adam and early stopping, as the usual script does."""
    keras.utils.set_random_seed(seed)
    began = time.perf_counter()
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    record = model.fit(
        splits.train.x,
        one_hot(splits.train.labels),
        batch_size=32,
        epochs=100,
        validation_data=(splits.validation.x, one_hot(splits.validation.labels)),
        callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
        verbose=0,
    )
    seconds = time.perf_counter() - began
    return _judged(model, splits, seconds, len(record.epoch) * len(splits.train))


def keras_convnet(splits: Splits, seed: int) -> Fitted:
    """Train "Simple MNIST convnet" of Keras's code examples (keras.io, 2015, revised 2020).

    Convolutions of 32 and 64 filters, 3×3, each with a 2×2 max-pool, dropout 0.5, Dense 10; adam,
    batch 128, 15 epochs, a tenth of the images for validation.
    """
    keras.utils.set_random_seed(seed)
    clock = _Clock(splits.test)
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(
        _pictures(splits.train),
        one_hot(splits.train.labels),
        batch_size=128,
        epochs=15,
        validation_data=(_pictures(splits.validation), one_hot(splits.validation.labels)),
        callbacks=[clock],
        verbose=0,
    )
    return _judged(model, splits, clock.seconds(), 15 * len(splits.train), clock.enough)


def train_mnist_fast(splits: Splits, seed: int) -> Fitted:
    """Train the network of github.com/tuomaso/train_mnist_fast (2021), its last notebook's.

    Convolutions of 24 filters, 5×5, and of 32, 3×3, each with a max-pool and relu, Dense 256 and
    10; Adam with betas 0.7 and 0.9, one epoch of all images in batches of 256, pixels standardised,
    and, as PyTorch does where nothing else is said, its first weights and its one cycle. It gets
    its batches as our recipes do, which saves it what Keras's data set of arrays takes.
    """
    keras.utils.set_random_seed(seed)
    together, labels = _together(splits)
    x = (together.reshape(-1, 28, 28, 1) - PIXEL_MEAN) / PIXEL_DEVIATION
    y = one_hot(labels)
    began = time.perf_counter()
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(24, 5, **_as_pytorch(25)),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Conv2D(32, 3, **_as_pytorch(9 * 24)),
            layers.MaxPooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(256, activation="relu", **_as_pytorch(800)),
            layers.Dense(10, **_as_pytorch(256)),
        ]
    )
    rate = _OneCycle(0.01, math.ceil(len(x) / 256))
    model.compile(
        keras.optimizers.Adam(rate, beta_1=0.7, beta_2=0.9, epsilon=1e-8),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        steps_per_execution=32,
    )
    model.fit(**in_batches(x, y, shuffled(len(x), seed, 0), 256), shuffle=False, verbose=0)
    seconds = time.perf_counter() - began
    test = Split((splits.test.x - PIXEL_MEAN) / PIXEL_DEVIATION, splits.test.labels)
    return _judged(model, replace(splits, test=test), seconds, len(x))


def mlp_classifier(splits: Splits, seed: int) -> Fitted:
    """Train scikit-learn's ``MLPClassifier``: 256 hidden units, its own early stopping.

    It keeps a tenth of the images for validation itself; all else is its default.
    """
    x, labels = _together(splits)
    began = time.perf_counter()
    network = MLPClassifier((256,), early_stopping=True, random_state=seed).fit(x, labels)
    seconds = time.perf_counter() - began
    work = sum(weights.size for weights in network.coefs_) * network.n_iter_ * 0.9 * len(x)
    right = network.predict(splits.test.x) == splits.test.labels
    return Fitted(seconds, float(np.mean(right)), 3 * work)


def support_vectors(splits: Splits, seed: int) -> Fitted:
    """Train scikit-learn's ``SVC`` with its radial kernel, C = 10; ``seed`` makes no difference.

    Cost and kernel width as they do well on MNIST by the usual search: C = 10, gamma "scale".
    """
    x, labels = _together(splits)
    began = time.perf_counter()
    machine = SVC(C=10, cache_size=2000).fit(x, labels)
    seconds = time.perf_counter() - began
    return Fitted(
        seconds, float(np.mean(machine.predict(splits.test.x) == splits.test.labels)), None
    )


def ours(name: str) -> Contender:
    """Return what trains a recipe of this project, as ``mnist train`` does."""

    def train(splits: Splits, seed: int) -> Fitted:
        keras.utils.set_random_seed(seed)
        recipe = registry.load(name).scaled(len(splits.train))
        encoded = splits.one_hot()
        began = time.perf_counter()
        model = recipe.build()
        recipe.compile(model, len(splits.train))
        training = recipe.fit(model, encoded, seed)
        seconds = time.perf_counter() - began
        return _judged(model, splits, seconds, training.epochs * len(splits.train))

    return train


PEERS: dict[str, Contender] = {
    "plain script": plain_script,
    "Keras's convnet": keras_convnet,
    "train_mnist_fast": train_mnist_fast,
    "MLPClassifier": mlp_classifier,
    "SVC": support_vectors,
}


class _OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """PyTorch's ``OneCycleLR`` as it is unless told otherwise: two halves of a cosine.

    Up from a 25th of the highest rate in three tenths of all steps, then down to next to nothing.
    """

    def __init__(self, highest: float, steps: int) -> None:
        self._highest = highest
        self._steps = steps

    def __call__(self, step: Any) -> Any:
        step, top = keras.ops.cast(step, "float32"), 0.3 * self._steps - 1
        low, end = self._highest / 25, self._highest / 25e4
        up = self._between(low, self._highest, step / top)
        down = self._between(self._highest, end, (step - top) / (self._steps - 1 - top))
        return keras.ops.where(step <= top, up, down)

    @staticmethod
    def _between(begin: float, end: float, share: Any) -> Any:
        return end + (begin - end) * (1 + keras.ops.cos(math.pi * share)) / 2

    def get_config(self) -> dict[str, Any]:
        return {"highest": self._highest, "steps": self._steps}


class _Clock(keras.callbacks.Callback):
    """Counts seconds, but not those in which it looks at the test images after each epoch."""

    def __init__(self, test: Split) -> None:
        super().__init__()
        self._test = test
        self._began = time.perf_counter()
        self.enough: float | None = None

    def seconds(self) -> float:
        """Return what has passed, looking left out."""
        return time.perf_counter() - self._began

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note when the network is good enough for the first time."""
        if self.enough is None:
            before = self.seconds()
            if _accuracy(self.model, self._test) >= ENOUGH:
                self.enough = before
            self._began += self.seconds() - before


def _as_pytorch(inputs: int) -> dict[str, keras.initializers.Initializer]:
    """Return how PyTorch draws the weights and biases of a layer with so many inputs a unit."""
    most = 1 / math.sqrt(inputs)
    return {
        name: keras.initializers.RandomUniform(-most, most)
        for name in ("kernel_initializer", "bias_initializer")
    }


def _pictures(split: Split) -> Floats:
    return split.x.reshape(-1, 28, 28, 1)


def _together(splits: Splits) -> tuple[Floats, npt.NDArray[np.integer[Any]]]:
    return (
        np.concatenate([splits.train.x, splits.validation.x]),
        np.concatenate([splits.train.labels, splits.validation.labels]),
    )


def _accuracy(model: keras.Model, split: Split) -> float:
    x = split.x.reshape(-1, *model.input_shape[1:])
    return float(np.mean(predict(model, x).argmax(axis=1) == split.labels))


def _judged(
    model: keras.Model, splits: Splits, seconds: float, images: int, enough: float | None = None
) -> Fitted:
    work = 3.0 * multiply_adds(model) * images
    return Fitted(seconds, _accuracy(model, splits.test), work, enough)
