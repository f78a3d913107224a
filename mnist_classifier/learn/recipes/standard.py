"""Recipes of a single network: how it is built, compiled and trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np

from mnist_classifier.learn import accelerator
from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.augmentation import Deformation, deform
from mnist_classifier.learn.data.dataset import VALIDATION_SHARE, Split, Splits
from mnist_classifier.learn.networks import architectures
from mnist_classifier.learn.networks.architectures import Architecture
from mnist_classifier.learn.networks.losses import binary_cross_entropy
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.training.batches import Order, shuffled
from mnist_classifier.learn.training.stages import Plan, Stage

FEWEST_STEPS = 100  # an epoch, where a recipe chooses its own batch size


@dataclass(frozen=True)
class StandardRecipe(Recipe):
    """An architecture and its training settings.

    Attributes:
        name: What the recipe is called on the command line and in run folders.
        layers: Makes the layers: first the input, last the softmax.
        epochs: The most epochs; the learning rate's schedule ends with them.
        patience: Epochs without a lower validation loss after which training stops and takes the
            best epoch's weights; ``None`` trains to the end and keeps the last ones.
        batch_size: Images a training step.
        learning_rate: Adam's highest, reached after ``warmup`` of all steps, then falling
            along a cosine (Loshchilov and Hutter, SGDR, 2017).
        warmup: Share of all steps, 0 to 1.
        steps_per_execution: Training steps that Keras runs between two looks at callbacks, where
            an epoch has as many.
        label_smoothing: Share of each training target, 0 to 1, that is spread evenly over all
            classes (Szegedy, Rethinking the Inception architecture, 2016).
        betas: What Adam keeps in each step of its means of gradients and of their squares, 0 to 1.
        weight_decay: Share of each weight, times the learning rate, that a step takes away
            (Loshchilov and Hutter, Decoupled weight decay, 2019); ``None``: nothing.
        ema_epochs: Over how many epochs weights are averaged, the latest most; after each epoch the
            averages become the weights (Polyak and Juditsky, Acceleration of stochastic
            approximation by averaging, 1992). ``None``: no average.
        deformation: How far the images of each epoch are deformed anew; ``None``: not at all.
        final_deformation: How far in the last sixth of the epochs, where that differs: less, so
            that the network ends on images as they are (He and others, Data augmentation
            revisited, 2019).
        validation_share: Share of the images, 0 to 1, that validate instead of training. Where
            they choose no epoch, they serve the temperature alone, and a few do.
    """

    name: str
    layers: Architecture
    epochs: int
    patience: int | None
    batch_size: int
    learning_rate: float
    warmup: float
    steps_per_execution: int
    label_smoothing: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float | None = None
    ema_epochs: float | None = None
    deformation: Deformation | None = None
    final_deformation: Deformation | None = None
    validation_share: float = VALIDATION_SHARE

    @property
    def total_epochs(self) -> int:
        """The most epochs."""
        return self.epochs

    @property
    def deforms(self) -> bool:
        """Whether images are deformed anew in each epoch."""
        return self.deformation is not None

    def scaled(
        self, train_size: int, epochs: int | None = None, batch_size: int | None = None
    ) -> StandardRecipe:
        """Return the recipe for a number of training images and a person's wishes.

        Where images are few, the batch shrinks until an epoch has about a hundred steps. With
        the batch, Adam's learning rate changes by the square root of the ratio (Krizhevsky,
        One weird trick for parallelizing convolutional neural networks, 2014).
        """
        hundredth = 2 ** round(math.log2(max(1, train_size / FEWEST_STEPS)))
        batch = batch_size or min(self.batch_size, hundredth)
        return replace(
            self,
            epochs=epochs or self.epochs,
            batch_size=batch,
            learning_rate=self.learning_rate * math.sqrt(batch / self.batch_size),
        )

    def build(self, pixels: int = 784, classes: int = 10) -> keras.Sequential:
        """Build the network."""
        return keras.Sequential(self.layers(pixels, classes), name=self.name)

    def compile(self, model: keras.Model, train_size: int) -> None:
        """Compile for adam, binary cross-entropy and accuracy.

        With one-hot labels and ten outputs, Keras takes ``"accuracy"`` for the share of images
        whose most probable class is right, not for element-wise binary accuracy. The learning
        rate's schedule ends with the last epoch.
        """
        steps_an_epoch = math.ceil(train_size / self.batch_size)
        steps = self.epochs * steps_an_epoch
        warmup_steps = round(self.warmup * steps)
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=self.learning_rate / 10,
            warmup_target=self.learning_rate,
            warmup_steps=warmup_steps,
            decay_steps=max(1, steps - warmup_steps),
            alpha=0.01,  # of the highest
        )
        on_torch = keras.config.backend() == "torch"  # where Keras (3.15) refuses more than one
        # A loop over few steps takes longer to trace than it saves.
        alone = on_torch or steps_an_epoch < self.steps_per_execution
        model.compile(
            # With a weight decay, Keras's Adam is AdamW.
            optimizer=keras.optimizers.Adam(
                schedule,
                *self.betas,
                weight_decay=self.weight_decay,
                use_ema=self.ema_epochs is not None,
                ema_momentum=1 - 1 / max(1, (self.ema_epochs or 1) * steps_an_epoch),
            ),
            loss=binary_cross_entropy(),
            metrics=["accuracy"],
            steps_per_execution=1 if alone else self.steps_per_execution,
        )

    def stages(self, model: keras.Model, splits: Splits) -> Iterator[Stage]:
        """Yield the one training."""
        yield Stage("", model, self.plan(splits))

    def plan(
        self,
        splits: Splits,
        teach: Callable[[Floats, Floats], Floats] | None = None,
        reuse: int = 1,
    ) -> Plan:
        """Plan the training, on images deformed anew in each epoch where the recipe deforms.

        With a patience, training stops early on validation loss and the best epoch's weights are
        restored; without one, the last epoch's are kept and validation chooses nothing. The loss
        in training is measured against smoothed targets, that in validation against plain ones.

        Args:
            splits: The images, one-hot encoded; those of the test are not touched.
            teach: Makes the targets, shape ``(n, classes)``, of an epoch's images, shape
                ``(n, pixels)``, as they were deformed, and of their smoothed labels; ``None``:
                these.
            reuse: How many epochs learn from the same deformed images, each in another order.
        """
        plain = splits.train.targets
        smoothed = (1 - self.label_smoothing) * plain + self.label_smoothing / plain.shape[1]
        on_device = accelerator.is_used()
        augment = (
            self._device_images(splits.train) if on_device else partial(self.augment, splits.train)
        )

        @lru_cache(maxsize=1)
        def made(seed: int, epoch: int) -> tuple[Floats, Floats]:
            x = augment(seed, epoch, reuse)
            return x, teach(x, smoothed) if teach else smoothed

        def images(seed: int, epoch: int) -> tuple[Floats, Floats, Order]:
            x, y = made(seed, epoch - epoch % reuse)
            return x, y, shuffled(len(x), seed, epoch)

        return Plan(
            images=images,
            validation=(splits.validation.x, splits.validation.targets),
            epochs=self.epochs,
            steps=math.ceil(len(splits.train) / self.batch_size),
            batch_size=self.batch_size,
            patience=self.patience,
            on_device=on_device,
        )

    def augment(self, split: Split, seed: int, epoch: int, reuse: int = 1) -> Floats:
        """Return the images of a split as ``reuse`` epochs, from this one on, learn from them."""
        deformation = self.deformation_in(epoch + reuse - 1)  # in the last that they are for
        if deformation is None:
            return split.x
        side = math.isqrt(split.x.shape[1])
        generator = np.random.default_rng((seed, epoch, 1))
        return deform(split.x.reshape(-1, side, side), generator, deformation).reshape(
            split.x.shape
        )

    def _device_images(self, split: Split) -> Callable[[int, int, int], Any]:
        """Return what makes an epoch's images on the accelerator, of `augment`'s distribution."""
        from mnist_classifier.learn.data.device_augmentation import DeviceImages

        own = DeviceImages(split.x, [d for d in (self.deformation, self.final_deformation) if d])
        return lambda seed, epoch, reuse: own.deformed(
            self.deformation_in(epoch + reuse - 1), seed, epoch
        )

    def deformation_in(self, epoch: int) -> Deformation | None:
        """Return how far the images of an epoch, counted from 0, are deformed."""
        final = epoch >= self.epochs - self.epochs // 6
        return self.final_deformation if self.final_deformation and final else self.deformation

    def to_dict(self) -> dict[str, Any]:
        """Return the training settings as JSON can hold them; the layers are in the model."""
        return {name: value for name, value in asdict(self).items() if name != "layers"}


DNN = StandardRecipe(
    name="dnn",
    layers=architectures.dnn_layers,
    epochs=6,
    patience=5,
    batch_size=128,
    learning_rate=3e-3,
    warmup=0.1,
    steps_per_execution=32,
    label_smoothing=0.02,
)

CNN_FAST = StandardRecipe(
    name="cnn-fast",
    layers=architectures.cnn_fast_layers,
    epochs=1,
    patience=None,
    batch_size=256,
    learning_rate=1.8e-2,
    warmup=0.2,
    steps_per_execution=1,
    label_smoothing=0.1,
    betas=(0.7, 0.9),
)

_DEFORMATION = Deformation(
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

_FINAL_DEFORMATION = replace(
    _DEFORMATION,
    rotation=6,
    scale=0.06,
    stretch=0.06,
    shear=0.1,
    shift=1.0,
    elastic=0.6,
    stroke=0.15,
)

CNN_SMALL = StandardRecipe(
    name="cnn-small",
    layers=architectures.cnn_small_layers,
    epochs=60,
    patience=None,
    batch_size=256,
    learning_rate=3e-3,
    warmup=0.03,
    steps_per_execution=16,
    label_smoothing=0.02,
    weight_decay=0.01,
    ema_epochs=1.2,
    deformation=_DEFORMATION,
    final_deformation=_FINAL_DEFORMATION,
    validation_share=1 / 30,
)

CNN_BEST = replace(
    CNN_SMALL,
    name="cnn-best",
    layers=architectures.cnn_best_layers,
)
