"""The named recipes: an architecture as one visible list, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.datasets import VALIDATION_SHARE
from mnist_classifier.learn.moments import MomentNormalization
from mnist_classifier.learn.views import MeanOfViews, TurnedViews

FEWEST_STEPS = 100  # an epoch, where a recipe chooses its own batch size


def dnn_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the default network: 784 pixels in, ``Dense`` layers, ten probabilities out."""
    return [
        layers.Input((pixels,)),
        layers.Dense(512, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(classes, activation="softmax"),
    ]


def convolution(
    filters: int, size: int = 3, strides: int = 1, padding: str = "valid"
) -> list[keras.layers.Layer]:
    """Return a convolution, its normalisation over the batch, and relu."""
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]


def dnn_best_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return three hidden ``Dense`` layers for upright digits.

    The first two have as many units as the convolutions of `dnn_best_folded_layers` have outputs.
    Once trained, they see each image turned to both sides too.
    """
    side = math.isqrt(pixels)
    first = (side - 3) // 2  # what a 5×5 patch in steps of two leaves of a side
    second = (first - 3) // 2
    return [
        layers.Input((pixels,)),
        TurnedViews(7),
        MomentNormalization(),
        layers.Dense(16 * first**2, activation="relu"),  # 12 × 12 × 16
        layers.Dense(64 * second**2, activation="relu"),  # 4 × 4 × 64
        layers.Dense(512, activation="relu"),
        layers.Dense(classes),
        MeanOfViews(),
        layers.Softmax(),
    ]


def dnn_best_folded_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return what the layers of `dnn_best_layers` begin as, normalised: square images in."""
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        TurnedViews(7),
        MomentNormalization(),
        layers.Reshape((side, side, 1)),
        *convolution(16, 5, strides=2),  # 12 × 12
        *convolution(64, 5, strides=2),  # 4 × 4
        layers.Flatten(),
        layers.Dense(512, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dense(classes),
        MeanOfViews(),
        layers.Softmax(),
    ]


def cnn_small_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return four convolutions that soon work on few pixels: square images in.

    The first sees all pixels; it is cheap, for it is not normalised. Pooling, not strides, halves
    the sides: what moves by a pixel then changes the answer less.
    """
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        layers.Reshape((side, side, 1)),
        layers.Conv2D(24, 5, activation="relu"),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *convolution(64),  # 10 × 10
        *convolution(72),  # 8 × 8
        layers.MaxPooling2D(),  # 4 × 4
        *convolution(128),  # 2 × 2
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(classes, activation="softmax"),
    ]


def cnn_best_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return six convolutions and the means of what the last one answers: square images in.

    The deep ones are padded, so that they may be many, and each feature counts the same wherever
    in the image it is (Lin and others, Network in network, 2014). Once trained, they see each
    image turned to both sides too.
    """
    side = math.isqrt(pixels)
    return [
        layers.Input((pixels,)),
        TurnedViews(7),
        layers.Reshape((side, side, 1)),
        layers.Conv2D(24, 5, activation="relu"),  # 24 × 24
        layers.MaxPooling2D(),  # 12 × 12
        *convolution(64, padding="same"),
        *convolution(64, padding="same"),
        *convolution(64, padding="same"),
        layers.MaxPooling2D(),  # 6 × 6
        *convolution(128, padding="same"),
        *convolution(128, padding="same"),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.2),
        layers.Dense(classes),
        MeanOfViews(),
        layers.Softmax(),
    ]


def cnn_upright_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return the layers of `cnn_best_layers`, for upright digits."""
    pixels_in, views, *others = cnn_best_layers(pixels, classes)
    return [pixels_in, views, MomentNormalization(), *others]


def cosine_filters(size: int) -> npt.NDArray[np.float32]:
    """Return the coarser patterns of the discrete cosine transform (Ahmed and others, 1974).

    Each has its opposite beside it, for a relu would lose what that one answers to. So as many
    patterns as a patch has pixels hold the coarser half of what a patch can show.

    Args:
        size: Pixels along a side, odd.

    Returns:
        Unit patterns, shape ``(size, size, 1, size²)``: the even patch, which needs no opposite,
        then pairs from coarse to fine.
    """
    wave = np.cos(np.pi * np.outer(np.arange(size), np.arange(size) + 0.5) / size)
    pairs = sorted(np.ndindex(size, size), key=lambda pair: (sum(pair), pair))
    patterns = [np.outer(wave[i], wave[j]) for i, j in pairs]
    patterns = [pattern / np.linalg.norm(pattern) for pattern in patterns]
    half = patterns[1 : (len(patterns) + 1) // 2]
    signed = [patterns[0], *(sign * pattern for pattern in half for sign in (1, -1))]
    return np.stack(signed, axis=-1)[:, :, None].astype(np.float32)


def cnn_fast_layers(pixels: int = 784, classes: int = 10) -> list[keras.layers.Layer]:
    """Return two convolutions, the first fixed: what does not learn needs no way back.

    Nor are there weights that others make up for: each set of them costs every step time.
    """
    side = math.isqrt(pixels)
    filters = cosine_filters(5)
    return [
        layers.Input((pixels,)),
        layers.Reshape((side, side, 1)),
        layers.Cropping2D(1),  # 26 × 26: MNIST's digits lie in the middle 20 × 20
        layers.Conv2D(
            filters.shape[-1],
            5,
            strides=2,
            activation="relu",
            use_bias=False,
            kernel_initializer=keras.initializers.Constant(filters),
            trainable=False,
        ),  # 11 × 11
        layers.Conv2D(64, 3, strides=2, activation="relu", use_bias=False),  # 5 × 5
        layers.Flatten(),
        layers.Dense(128, use_bias=False),
        layers.BatchNormalization(momentum=0.9, scale=False),  # the last layer scales
        layers.ReLU(),
        layers.Dense(classes, activation="softmax"),
    ]


@dataclass(frozen=True)
class Recipe:
    """An architecture and its training settings.

    Attributes:
        name: What the recipe is called on the command line and in run folders.
        layers: Makes the layers for a number of pixels and of classes, 784 and 10 unless said
            otherwise: first the input, last the softmax.
        epochs: The most epochs; the learning rate's schedule ends with them.
        patience: Epochs without a lower validation loss after which training stops and takes the
            best epoch's weights; ``None`` trains to the end and keeps the last ones.
        batch_size: Images a training step.
        learning_rate: Adam's highest, reached after ``warmup`` of all steps, then falling
            along a cosine (Loshchilov and Hutter, SGDR, 2017).
        warmup: Share of all steps, 0 to 1.
        steps_per_execution: Training steps that Keras runs between two looks at callbacks.
        label_smoothing: Share of each training target, 0 to 1, that is spread evenly over all
            classes (Szegedy, Rethinking the Inception architecture, 2016).
        betas: What Adam keeps in each step of its means of gradients and of their squares, 0 to 1.
        weight_decay: Share of each weight, times the learning rate, that a step takes away
            (Loshchilov and Hutter, Decoupled weight decay, 2019); ``None``: nothing.
        averaging: Over how many epochs weights are averaged, the latest most; after each epoch the
            averages become the weights (Polyak and Juditsky, Acceleration of stochastic
            approximation by averaging, 1992). ``None``: no average.
        deformation: How far the images of each epoch are deformed anew; ``None``: not at all.
        finish: How far in the last sixth of the epochs, where that differs: less, so that the
            network ends on images as they are (He and others, Data augmentation revisited, 2019).
        validation_share: Share of the images, 0 to 1, that validate instead of training. Where
            they choose no epoch, they serve the temperature alone, and a few do.
    """

    name: str
    layers: Callable[..., list[keras.layers.Layer]]
    epochs: int
    patience: int | None
    batch_size: int
    learning_rate: float
    warmup: float
    steps_per_execution: int
    label_smoothing: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float | None = None
    averaging: float | None = None
    deformation: Deformation | None = None
    finish: Deformation | None = None
    validation_share: float = VALIDATION_SHARE

    def deformation_in(self, epoch: int) -> Deformation | None:
        """Return how far the images of an epoch, counted from 0, are deformed."""
        finishing = epoch >= self.epochs - self.epochs // 6
        return self.finish if self.finish and finishing else self.deformation

    def adapted(self, train_size: int, epochs: int | None, batch_size: int | None) -> Recipe:
        """Return the recipe for a number of training images and a person's wishes.

        Where images are few, the batch shrinks until an epoch has about a hundred steps. With
        the batch, Adam's learning rate changes by the square root of the ratio (Krizhevsky,
        One weird trick for parallelizing convolutional neural networks, 2014).

        Args:
            train_size: How many images an epoch has.
            epochs: The most epochs; ``None`` keeps the recipe's.
            batch_size: Images a step; ``None`` leaves it to the recipe.
        """
        hundredth = 2 ** round(math.log2(max(1, train_size / FEWEST_STEPS)))
        batch = batch_size or min(self.batch_size, hundredth)
        return replace(
            self,
            epochs=epochs or self.epochs,
            batch_size=batch,
            learning_rate=self.learning_rate * math.sqrt(batch / self.batch_size),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the training settings as JSON can hold them; the layers are in the model."""
        return {name: value for name, value in asdict(self).items() if name != "layers"}


DNN = Recipe(
    name="dnn",
    layers=dnn_layers,
    epochs=6,
    patience=5,
    batch_size=128,
    learning_rate=3e-3,
    warmup=0.1,
    steps_per_execution=32,
    label_smoothing=0.02,
)

CNN_FAST = Recipe(
    name="cnn-fast",
    layers=cnn_fast_layers,
    epochs=1,
    patience=None,
    batch_size=256,
    learning_rate=1.8e-2,
    warmup=0.2,
    steps_per_execution=1,
    label_smoothing=0.1,
    betas=(0.7, 0.9),
)

_MNIST_HANDS = Deformation(
    rotation=10,
    scale=0.1,
    stretch=0.1,
    shear=0.2,
    shift=1.5,
    elastic=1.0,
    stroke=0.3,
    blur=0,
    contrast=0,
    noise=0,
)

_FINISH = replace(
    _MNIST_HANDS,
    rotation=6,
    scale=0.06,
    stretch=0.06,
    shear=0.1,
    shift=1.0,
    elastic=0.6,
    stroke=0.15,
)

CNN_SMALL = Recipe(
    name="cnn-small",
    layers=cnn_small_layers,
    epochs=64,
    patience=None,
    batch_size=128,
    learning_rate=3e-3,
    warmup=0.03,
    steps_per_execution=16,
    label_smoothing=0.02,
    weight_decay=0.01,
    averaging=1.2,
    deformation=_MNIST_HANDS,
    finish=_FINISH,
)

CNN_BEST = replace(
    CNN_SMALL,
    name="cnn-best",
    layers=cnn_best_layers,
    epochs=20,
    batch_size=32,
    learning_rate=1.5e-3,
    averaging=0.3,
    validation_share=1 / 30,
)
