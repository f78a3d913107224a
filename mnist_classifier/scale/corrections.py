"""Corrections: what a person said on a contact sheet → labelled images by class."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import DataError, OutputError
from mnist_classifier.normalisation import SIDE

COLUMNS = ("picture", "text", "read", "digits")
"""Of the file that a contact sheet saves."""


@dataclass
class Saved:
    """What came of corrections."""

    images: int = 0
    """Images of digits that were written, or were there already."""
    left_out: int = 0
    """Pictures in which other marks were found than there are digits."""


def save_corrections(file: Path, folder: Path) -> Saved:
    """Write each digit of checked pictures into a folder by class, ``0`` to ``9``.

    An image is the 28×28 that the network was given, named after its SHA-256: the same corrections
    twice write nothing new, and those of several archives go into one folder.

    Args:
        file: What a contact sheet saved.
        folder: Is made, or added to.

    Raises:
        DataError: The file is missing, damaged, or another one.
        OutputError: The folder cannot be written.
    """
    saved = Saved()
    for text, images in list(_checked(file)):
        labels = [character for character in text if character in "0123456789"]
        if len(labels) != len(images):
            saved.left_out += 1
            continue
        for label, image in zip(labels, images, strict=True):
            _write(folder / label, image)
            saved.images += 1
    return saved


def _checked(file: Path) -> Iterator[tuple[str, list[npt.NDArray[np.uint8]]]]:
    """Yield each picture's true text and the images of what was taken for its digits."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise _unusable(
                    file, f"its columns are {', '.join(rows.fieldnames or ()) or 'none'}"
                )
            for row in rows:
                yield row["text"] or "", [_image(code) for code in (row["digits"] or "").split()]
    except OSError as error:
        raise _unusable(file, (error.strerror or str(error)).lower()) from error
    except (ValueError, csv.Error, cv2.error) as error:
        raise _unusable(file, "it is damaged") from error


def _image(code: str) -> npt.NDArray[np.uint8]:
    try:
        content = base64.b64decode(code, validate=True)
    except binascii.Error as error:
        raise ValueError from error
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape != (SIDE, SIDE):
        raise ValueError
    return np.asarray(image, np.uint8)


def _write(folder: Path, image: npt.NDArray[np.uint8]) -> None:
    content = cv2.imencode(".png", image)[1].tobytes()
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {(error.strerror or str(error)).lower()}; expected a place with "
            "room: name another"
        ) from error


def _unusable(file: Path, reason: str) -> DataError:
    return DataError(
        f"{file} cannot be used: {reason}; expected the file that a contact sheet saves, with the "
        f"columns {', '.join(COLUMNS)}"
    )
