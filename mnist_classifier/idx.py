"""Folders of images in MNIST's form: four IDX files, packed or not, or a Keras ``mnist.npz``.

The IDX format (LeCun, http://yann.lecun.com/exdb/mnist): two zero bytes, a type code, the
number of dimensions, each dimension as a big-endian 32-bit integer, then the values.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import DataError
from mnist_classifier.npz import read_npz

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
}
_LARGEST = 2**31  # bytes; EMNIST's largest file holds 0.6e9
_DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)

Array = npt.NDArray[Any]


def load_folder(path: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load training and test images and labels from a folder or a ``.npz``.

    File names follow MNIST or its relatives (``train-images-idx3-ubyte.gz``,
    ``emnist-digits-test-labels-idx1-ubyte``, ``qmnist-train-labels-idx2-int.gz``). EMNIST's
    images, which its makers stored transposed, are turned upright; of QMNIST's labels the
    first column is the digit.

    Args:
        path: The folder, or a Keras ``mnist.npz``.

    Returns:
        ``(train_images, train_labels), (test_images, test_labels)``; images of shape
        (n, 28, 28), labels of shape (n,).

    Raises:
        DataError: Something is missing, damaged or not in this form.
    """
    if npz := _npz(path):
        return _load_npz(npz)
    train = _load_part(path, "training", ("train",))
    test = _load_part(path, "test", ("t10k", "test"))
    return train, test


def load_test_split(path: Path) -> tuple[Array, Array]:
    """Load the test images and labels alone; see `load_folder`."""
    if _npz(path):
        return load_folder(path)[1]
    return _load_part(path, "test", ("t10k", "test"))


def has_files(path: Path) -> bool:
    """Tell whether a path is a file, or a folder with something that is named like MNIST's files.

    Raises:
        DataError: It does not exist, or cannot be read.
    """
    return _npz(path) is not None or any("idx" in entry.name for entry in entries(path))


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, by name; nothing where it is a file.

    Raises:
        DataError: It does not exist, or cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except NotADirectoryError:
        return []
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} does not exist; expected a folder with MNIST's four IDX files"
        ) from error
    except (OSError, ValueError) as error:  # such as of a name with a null character
        raise DataError(
            f"{folder} cannot be read ({getattr(error, 'strerror', None) or error}); expected a "
            "folder of images: make it readable, or name another"
        ) from error


def read_idx(path: Path) -> Array:
    """Read one IDX file of integers, gzip-packed or not.

    Raises:
        DataError: The file is damaged, cut short, longer than its header says, or no IDX file.
    """
    _check_ordinary(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
                raise DataError(
                    f"{path} begins with the bytes {magic.hex(' ') or 'of an empty file'}; "
                    "expected an IDX file of integers (00 00 08 …): get the file again"
                )
            header = file.read(4 * magic[3])
            shape = tuple(int(n) for n in np.frombuffer(header, ">u4", len(header) // 4))
            dtype = _TYPES[magic[2]]
            size = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
            body = file.read(min(size, _LARGEST) + 1)  # one more byte shows a file too long
    except _DAMAGED_GZIP as error:
        raise DataError(
            f"{path} is a damaged or cut gzip file ({error}); expected a whole one: get it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): make it readable") from error
    if len(header) != 4 * magic[3] or len(body) != size:
        raise DataError(
            f"{path} holds {'more' if len(body) > size else 'fewer'} bytes than its header says: "
            f"expected {size:,} after the header for the shape {shape}; get the file again"
        )
    values: Array = np.frombuffer(body, dtype)
    return values.reshape(shape)


def _load_part(folder: Path, part: str, words: tuple[str, ...]) -> tuple[Array, Array]:
    images_path = _find(folder, f"{part} images", words, "images")
    labels_path = _find(folder, f"{part} labels", words, "labels")
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images_path.name.startswith("emnist"):
        images = images.swapaxes(1, 2) if images.ndim == 3 else images
    if labels.ndim == 2:  # QMNIST: the digit, then who wrote it and where
        labels = labels[:, 0]
    return images, labels


def _find(folder: Path, what: str, words: tuple[str, ...], kind: str) -> Path:
    """Return the one file whose name says ``kind`` and one of ``words``; unpacked first."""
    found = [
        path
        for path in entries(folder)
        if kind in path.name and "idx" in path.name and any(word in path.name for word in words)
    ]
    unpacked = [path for path in found if path.suffix != ".gz"]
    chosen = unpacked or found
    example = f"{words[0]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    if not chosen:
        raise DataError(
            f"{folder} has no {what}; expected a file such as {example} or {example}.gz: "
            "put all four IDX files (or mnist.npz) there"
        )
    if len(chosen) > 1:
        raise DataError(
            f"{folder} has {len(chosen)} files for the {what} "
            f"({', '.join(path.name for path in chosen[:3])}, …); expected one: "
            "put the four files of one data set in a folder of their own"
        )
    return chosen[0]


def _npz(path: Path) -> Path | None:
    """Return the ``mnist.npz`` that a path is or that a folder holds; None if there is none."""
    held = [entry for entry in entries(path) if entry.name == "mnist.npz"]
    if held or path.is_dir():
        return held[0] if held else None
    return path


def _load_npz(path: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    _check_ordinary(path)
    try:
        arrays = read_npz(path, 2 * _LARGEST)
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as Keras's mnist.npz ({error}); expected the arrays x_train, "
            "y_train, x_test and y_test: get the file again"
        ) from error


def _check_ordinary(path: Path) -> None:
    """Make sure that opening a file does not wait for somebody to write to it.

    Raises:
        DataError: It is a folder, a pipe, a device, or a link that leads nowhere.
    """
    if not path.is_file():
        raise DataError(
            f"{path} is no ordinary file; expected one of MNIST's files: put it there, or take "
            "this away"
        )
