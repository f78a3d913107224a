"""Formats that need the extra [formats]: a PDF's pages, and HEIC, in which phones store photos.

A small file of these can ask for hours of work or all memory. So each is decoded in a process of
its own, which ends when it takes more than any page does (`decoder`).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import PictureError
from mnist_classifier.headers import check_pixels
from mnist_classifier.read import decoder
from mnist_classifier.read.child import surroundings

_SECONDS = 10  # of one core, for a page
_MOST_MEMORY = 1 << 30  # bytes
_LONGEST_WAIT = 60  # seconds by the clock, as other work may hold the core
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@dataclass(frozen=True)
class ExtraFormat:
    """A format that an extra decodes."""

    name: str
    library: str
    """The module that decodes it."""
    conversion: str
    """How a person makes a picture of another format of it."""


PDF = ExtraFormat("PDF", "pypdfium2", "convert its pages: pdftoppm -r 200 -png FILE.pdf page")
HEIC = ExtraFormat("HEIC", "pi_heif", "save it as JPEG")


def format_of(content: bytes) -> ExtraFormat | None:
    """Return which of these formats a file has; None for another."""
    if content.startswith(b"%PDF-"):
        return PDF
    return HEIC if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS else None


def decode(
    content: bytes, own: ExtraFormat, page: int | None, name: str, max_pixels: int
) -> tuple[npt.NDArray[np.uint8], float]:
    """Decode a page.

    Args:
        content: The file.
        own: Its format.
        page: From 1; None for the only one.
        name: The file's, for errors.
        max_pixels: A larger page is refused before it is drawn; a PDF's has 200 pixels an inch.

    Returns:
        The picture, shape ``(height, width, channels)``, uint8, BGR or BGRA; and how many pixels
        of the page lie along one of its pixels.

    Raises:
        PictureError: The library is not installed, the file is damaged or locked, or has no such
            page, or several and none is named, or cannot be decoded within the limits.
    """
    about, pixels = _run(content, own, 1 if page is None else page, name, max_pixels)
    pages = about["pages"]
    if page is None and pages > 1:
        raise PictureError(
            f"{name}: a PDF of {pages:,} pages; expected one: name one, as in FILE.pdf#page=2"
        )
    if "too_large" in about:
        width, height = about["too_large"]
        check_pixels(width, height, max_pixels, name)
    if "shape" not in about:
        raise PictureError(f"{name}: no page {page}; expected 1 to {pages:,}: name another")
    height, width, channels = about["shape"]
    rows = np.frombuffer(pixels, np.uint8).reshape(height, about["stride"])
    return rows[:, : width * channels].reshape(height, width, channels), float(about["scale"])


def count_pages(content: bytes, name: str) -> int:
    """Return how many pages a PDF has.

    Raises:
        PictureError: The library is not installed, or the file is damaged or locked.
    """
    pages: int = _run(content, PDF, 0, name, 0)[0]["pages"]
    return pages


def _run(
    content: bytes, own: ExtraFormat, page: int, name: str, max_pixels: int
) -> tuple[dict[str, Any], bytes]:
    """Run the process; return what it says of the file, and its pixels."""
    import subprocess  # most readers never need it

    if importlib.util.find_spec(own.library) is None:
        raise PictureError(
            f"{name}: {own.name}, which needs the library {own.library}; expected it to be "
            f'installed: run  pip install ".[formats]"  in the project\'s folder, or '
            f"{own.conversion}"
        )
    command = [sys.executable, "-m", decoder.__name__, own.name]
    limits = [page, max_pixels, _SECONDS, _MOST_MEMORY]
    try:
        done = subprocess.run(  # noqa: S603 — the command is ours
            [*command, *map(str, limits)],
            input=content,
            capture_output=True,
            timeout=_LONGEST_WAIT,
            check=True,
            **surroundings(),
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise PictureError(
            f"{name}: damaged, or takes more than {_SECONDS} seconds or "
            f"{_MOST_MEMORY >> 20:,} MiB to decode; expected a {own.name} of pictures: "
            f"{own.conversion}"
        ) from error
    head, _, pixels = done.stdout.partition(b"\n")
    about: dict[str, Any] = json.loads(head)
    if "locked" in about:
        raise PictureError(f"{name}: locked by a password; expected an open PDF: save it without")
    return about, pixels
