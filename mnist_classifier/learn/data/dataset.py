"""A data set, its splits, and how images and labels become numbers for a network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import DataError
from mnist_classifier.learn.arrays import Floats, Images, Labels

SIDE = 28  # pixels; every image is SIDE × SIDE
CLASSES = 10
VALIDATION_SHARE = 0.1  # of the training images, where nothing else is said
SAMPLE_NOTE = "a sample: 5,000 of MNIST's 60,000 training images"

# SHA-256 of MNIST's unpacked IDX files: training images and labels, test images and labels.
MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)


@dataclass(frozen=True)
class Dataset:
    """Images and labels of ten classes, training and test kept apart.

    Attributes:
        name: ``"mnist"``, ``"fashion_mnist"``, ``"sample"``, or ``"custom"`` for IDX files
            that are not MNIST's own.
        source: One phrase that says where the images came from.
        train_images: uint8, shape (n, 28, 28), 0 background to 255 ink.
        train_labels: uint8, shape (n,), 0 to 9.
        test_images: uint8, shape (m, 28, 28).
        test_labels: uint8, shape (m,).
    """

    name: str
    source: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels

    @classmethod
    def checked(
        cls,
        name: str,
        source: str,
        train: tuple[npt.NDArray[Any], npt.NDArray[Any]],
        test: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    ) -> Dataset:
        """Make a data set of two pairs of images and labels, after checking them.

        Raises:
            DataError: Images are not 28×28 uint8, labels not 0 to 9, or their counts differ.
        """
        parts: list[npt.NDArray[np.uint8]] = []
        for part, (images, labels) in (("training", train), ("test", test)):
            whence = f"{source}: the {part} part"
            parts += [_as_images(images, whence), _as_labels(labels, len(images), whence)]
        return cls(name, source, *parts)

    @property
    def note(self) -> str | None:
        """What a reader of any result must know about the data, or ``None``."""
        return SAMPLE_NOTE if self.name == "sample" else None

    def sha256(self) -> tuple[str, str, str, str]:
        """Return the SHA-256 of each of the four arrays, written as an IDX file."""
        return (
            idx_sha256(self.train_images),
            idx_sha256(self.train_labels),
            idx_sha256(self.test_images),
            idx_sha256(self.test_labels),
        )


@dataclass(frozen=True)
class Split:
    """One part of the images, ready for a network.

    Attributes:
        x: float32, shape (n, 784), 0 background to 1 ink.
        labels: uint8, shape (n,), 0 to 9.
        encoded: The labels one-hot, float32, shape (n, classes); ``None`` before `one_hot`.
    """

    x: Floats
    labels: Labels
    encoded: Floats | None = None

    def __len__(self) -> int:
        """How many images the split has."""
        return len(self.labels)

    def one_hot(self, classes: int = CLASSES) -> Split:
        """Return the split with its labels one-hot encoded too."""
        return replace(self, encoded=one_hot(self.labels, classes))

    @property
    def targets(self) -> Floats:
        """The labels one-hot, shape (n, classes).

        Raises:
            ValueError: They are not encoded yet.
        """
        if self.encoded is None:
            raise ValueError("the labels are not one-hot encoded; call one_hot() before")
        return self.encoded


@dataclass(frozen=True)
class Splits:
    """Training, validation and test images; no image is in two of them."""

    train: Split
    validation: Split
    test: Split

    def one_hot(self, classes: int = CLASSES) -> Splits:
        """Return the splits with all labels one-hot encoded too."""
        return Splits(*(s.one_hot(classes) for s in (self.train, self.validation, self.test)))


def prepare(dataset: Dataset, seed: int, validation_share: float = VALIDATION_SHARE) -> Splits:
    """Split the training images in two, and scale and flatten them and the test images.

    The split is stratified (each digit keeps its share) and depends on the seed alone; the
    test set is taken as it is.

    Args:
        dataset: Images and labels.
        seed: Decides which training images validate.
        validation_share: The share of the training images kept for validation, 0 to 1.

    Raises:
        DataError: There are too few images to put each digit into both splits.
    """
    # Processes that compose lines begin without scikit-learn, which takes a second or two.
    from sklearn.model_selection import train_test_split

    try:
        train, validation, train_labels, validation_labels = train_test_split(
            dataset.train_images,
            dataset.train_labels,
            test_size=validation_share,
            stratify=dataset.train_labels,
            random_state=seed,
        )
    except ValueError as error:
        digits, counts = np.unique(dataset.train_labels, return_counts=True)
        raise DataError(
            f"{dataset.source}: {len(dataset.train_labels):,} training images are too few to "
            f"split, {counts.min()} of the rarest digit; expected at least 2 of each and "
            f"{int((len(digits) - 1) / validation_share) + 1} in all, so that each digit is in "
            "both splits: add images"
        ) from error
    return Splits(
        Split(scale(train), train_labels),
        Split(scale(validation), validation_labels),
        Split(scale(dataset.test_images), dataset.test_labels),
    )


def scale(images: Images) -> Floats:
    """Flatten (n, 28, 28) uint8 images to (n, 784) float32 in [0, 1]."""
    scaled: Floats = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return scaled


def one_hot(labels: npt.NDArray[np.integer[Any]], classes: int = CLASSES) -> Floats:
    """Encode labels 0 to classes − 1, shape (n,), as float32 rows (n, classes) with a single 1."""
    encoded: Floats = np.eye(classes, dtype=np.float32)[labels]
    return encoded


def idx_sha256(array: npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 that the array has when written as an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return hashlib.sha256(header + array.tobytes()).hexdigest()


def _as_images(images: npt.NDArray[Any], whence: str) -> Images:
    """Check that images are uint8 of shape (n, 28, 28) with n > 0."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"{whence} holds images of shape {images.shape} and type {images.dtype}; "
            f"expected (n, {SIDE}, {SIDE}) and uint8, as in MNIST: convert them, or get others"
        )
    if not len(images):
        raise DataError(f"{whence} holds no image; expected at least one: get the files again")
    return np.ascontiguousarray(images)


def _as_labels(labels: npt.NDArray[Any], count: int, whence: str) -> Labels:
    """Check that labels are integers 0 to 9, one for each of ``count`` images."""
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{whence} holds labels of shape {labels.shape} and type {labels.dtype}; "
            "expected (n,) integers, as in MNIST: convert them, or get others"
        )
    if len(labels) != count:
        raise DataError(
            f"{whence} holds {count:,} images but {len(labels):,} labels; expected as many "
            "labels as images: check that the files belong together"
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise DataError(
            f"{whence} holds labels from {labels.min()} to {labels.max()}; expected 0 to 9: "
            "choose a data set of ten classes, such as EMNIST's digits"
        )
    return labels.astype(np.uint8)
