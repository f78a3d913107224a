"""A lack of memory, which OpenCV tells in its own way, as Python tells it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import cv2


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Raise MemoryError where OpenCV finds no memory; its other errors stay what they are."""
    try:
        yield
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        raise
