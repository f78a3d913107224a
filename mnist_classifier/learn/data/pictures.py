"""Folders of pictures by class: ``0/`` to ``9/``, or these in ``train/`` and in ``test/``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import DataError
from mnist_classifier.headers import SUFFIXES, HeaderError, picture_size, without_rest
from mnist_classifier.idx import entries
from mnist_classifier.learn.arrays import Images, Labels
from mnist_classifier.learn.data.dataset import CLASSES, SIDE
from mnist_classifier.native_output import native_lines_dropped
from mnist_classifier.normalisation import is_light_paper, normalise

Part: TypeAlias = tuple[Images, Labels]
Tell: TypeAlias = Callable[[str], None]

TEST_SHARE = 7
"""One in so many pictures is kept for the test, as of MNIST's 70,000."""

_MOST_PIXELS = 1_000_000
_MOST_BYTES = 2**24  # of a file: a million pixels of 16 bits in four channels, and more
_LONGEST_SIDE = 200  # pixels; what more would show, 28 do not
_FAINTEST_INK = 28  # of 255 levels
_TOLD_EVERY = 250  # pictures


@dataclass(frozen=True)
class _Picture:
    image: npt.NDArray[np.uint8]
    """Shape (28, 28), in [0, 255]."""
    label: int
    normalised: bool
    """Whether it was of another size, and is light on dark now."""
    on_light: bool
    """Whether its background was light."""
    tests: bool
    """Whether it belongs to the test where no folder says so."""


def load_pictures(folder: Path, tell: Tell = lambda _: None) -> tuple[Part, Part]:
    """Load pictures of ten classes.

    Those of 28×28 pixels are taken as they are, or all inverted where most of them have a light
    background. Others are normalised as MNIST's makers did: they show one digit on plain paper.

    Without ``train`` and ``test``, the SHA-256 of a file says whether it belongs to the test: it
    stays there, whatever it is called and whatever is added.

    Args:
        folder: Holds ``0`` to ``9``; or ``train`` and ``test``, or ``training`` and ``testing``,
            which do.
        tell: Is told how many pictures were read, for a person who waits.

    Returns:
        ``(train_images, train_labels), (test_images, test_labels)``: images of shape (n, 28, 28),
        0 background to 255 ink, by class and name; labels of shape (n,), 0 to 9; all uint8.

    Raises:
        DataError: A class has no picture, a picture cannot be read or is too large, or they are too
            few for a test.
    """
    train, test = _named(folder, "train", "training"), _named(folder, "test", "testing")
    if train and test:
        first, second = _files(train), _files(test)
        pictures = _read([*first, *second], tell)
        tests = np.arange(len(pictures)) >= len(first)
    elif alone := train or test:
        raise DataError(
            f"{folder} has {alone.name} alone; expected train and test, each with folders 0 to 9: "
            "add the other, or put all pictures into 0 to 9"
        )
    else:
        pictures = _read(_files(folder), tell)
        tests = np.array([picture.tests for picture in pictures])
    if tests.all() or not tests.any():
        raise DataError(
            f"{folder} has {len(pictures):,} pictures, too few to keep one in {TEST_SHARE} for the "
            "test; expected dozens: add pictures, or part them into folders train and test"
        )
    images, labels = _arrays(pictures)
    return (images[~tests], labels[~tests]), (images[tests], labels[tests])


def _named(folder: Path, *names: str) -> Path | None:
    """Return the folder of one of the names that lies in a folder."""
    return next((path for path in entries(folder) if path.name in names and path.is_dir()), None)


def _files(folder: Path) -> list[Path]:
    """Return the pictures in a folder's folders ``0`` to ``9``.

    Raises:
        DataError: One is missing, or has none.
    """
    classes = [folder / str(label) for label in range(CLASSES)]
    missing = [path.name for path in classes if not path.is_dir()]
    if len(missing) == CLASSES:
        raise DataError(
            f"{folder} holds no images; expected MNIST's four IDX files, Keras's mnist.npz, or "
            "pictures in folders 0 to 9: put them there, or name another folder"
        )
    if missing:
        raise DataError(
            f"{folder} has no folder {', '.join(missing)}; expected 0 to 9, with the pictures of "
            "each class: add what is missing"
        )
    found = []
    for path in classes:
        pictures = [entry for entry in entries(path) if _is_named_as_picture(entry)]
        if not pictures:
            raise DataError(
                f"{path} holds no picture; expected PNG, JPEG, WebP, BMP, GIF or TIFF files: "
                "put some there"
            )
        found += pictures
    return found


def _is_named_as_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _read(files: Sequence[Path], tell: Tell) -> list[_Picture]:
    pictures = []
    with native_lines_dropped():
        for place, path in enumerate(files):
            if place % _TOLD_EVERY == 0:
                tell(f"{place:,} of {len(files):,} pictures")
            pictures.append(_picture(path))
    return pictures


def _arrays(pictures: Sequence[_Picture]) -> Part:
    """Return the images, all light on dark, and the labels of pictures."""
    images = np.stack([picture.image for picture in pictures])
    plain = np.array([not picture.normalised for picture in pictures])
    on_light = np.array([picture.on_light for picture in pictures])
    if plain.any() and on_light[plain].mean() > 0.5:
        images[plain] = 255 - images[plain]
    return images, np.array([picture.label for picture in pictures], np.uint8)


def _picture(path: Path) -> _Picture:
    content = _content(path)
    grey = _grey(path, content)
    on_light = _is_on_light(grey)
    normalised = grey.shape != (SIDE, SIDE)
    return _Picture(
        _normalised(path, grey, on_light) if normalised else grey,
        int(path.parent.name),
        normalised,
        on_light,
        int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % TEST_SHARE == 0,
    )


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _unreadable(path, "it is no ordinary file")
        if path.stat().st_size > _MOST_BYTES:
            raise _unreadable(path, f"it has more than {_MOST_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error


def _grey(path: Path, content: bytes) -> npt.NDArray[np.uint8]:
    """Decode a picture that is small enough by its header; shape (height, width)."""
    try:
        width, height = picture_size(content)
    except HeaderError as error:
        raise _unreadable(path, "it is no picture, or is damaged") from error
    if width * height > _MOST_PIXELS:
        raise DataError(
            f"{path} has {width:,} × {height:,} pixels; expected at most {_MOST_PIXELS:,} in all: "
            "crop it to its digit, or make it smaller"
        )
    is_jpeg = content.startswith(b"\xff\xd8")  # which may be turned by EXIF, and has no alpha
    flags = cv2.IMREAD_GRAYSCALE if is_jpeg else cv2.IMREAD_UNCHANGED
    try:
        decoded = cv2.imdecode(np.frombuffer(without_rest(content), np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise _unreadable(path, "it is damaged") from error
    if decoded is None or sorted(decoded.shape[:2]) != sorted((height, width)):
        raise _unreadable(path, "it is damaged")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise _unreadable(path, f"its pixels are {decoded.dtype}, not 8 or 16 bits")
    return _without_colour(decoded)


def _without_colour(decoded: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return greys of 8 bits; where a picture is transparent, its background is laid under it.

    That is white under dark ink, and black under light ink.
    """
    values = decoded.astype(np.float32) / (257 if decoded.dtype == np.uint16 else 1)
    if values.ndim == 2:
        return np.asarray(np.round(values), np.uint8)
    grey = cv2.cvtColor(np.ascontiguousarray(values[:, :, :3]), cv2.COLOR_BGR2GRAY)
    if values.shape[2] == 4:
        opacity = values[:, :, 3] / 255
        under = 255.0 if (grey * opacity).sum() < 128 * opacity.sum() else 0.0
        grey = opacity * grey + (1 - opacity) * under
    return np.asarray(np.round(grey), np.uint8)


def _is_on_light(grey: npt.NDArray[np.uint8]) -> bool:
    """Tell whether the lighter of a picture's two tones is its background, as it is for `read`."""
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    return is_light_paper(grey > threshold)


def _normalised(path: Path, grey: npt.NDArray[np.uint8], on_light: bool) -> npt.NDArray[np.uint8]:
    """Return a picture of one digit on plain paper as MNIST's makers would have stored it."""
    scale = _LONGEST_SIDE / max(grey.shape)
    if scale < 1:
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    dark = (255 - grey if on_light else grey).astype(np.float32)
    threshold, _ = cv2.threshold(dark.astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    is_ink = dark > threshold
    if not is_ink.any() or is_ink.all():
        raise _unreadable(path, "it shows nothing")
    paper, firm = float(np.median(dark[~is_ink])), float(np.percentile(dark[is_ink], 85))
    if firm - paper < _FAINTEST_INK:
        raise _unreadable(path, "it shows nothing")
    ink = np.clip((dark - paper) / (firm - paper), 0, 1).astype(np.float32)
    return np.asarray(np.round(255 * normalise(ink)), np.uint8)


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path} cannot be used: {reason}; expected a picture of one digit, as PNG, JPEG, WebP, "
        "BMP, GIF or TIFF: open it in a viewer and save it again, or take it away"
    )
