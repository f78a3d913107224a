"""What comes of a picture among many: a reading, or why there is none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mnist_classifier.errors import MnistError, printable
from mnist_classifier.read.memory import memory_errors
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import Fetched, Picture
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.read.reading import Reading

NAMELESS = "-"
"""Stands for a picture that has no path, as for standard input."""


@dataclass(frozen=True)
class Outcome:
    """What came of one picture."""

    picture: str
    """Its path; ``-`` for a picture that has none."""
    reading: Reading | None
    """What was read, or why it was refused; None where the picture could not be read."""
    error: str | None
    """Why it could not be read, in one line, or None."""

    @property
    def kind(self) -> str:
        """``"read"``, ``"refused"`` or ``"error"``."""
        if self.reading is None:
            return "error"
        return "read" if self.reading.refused is None else "refused"


@dataclass(frozen=True)
class Request:
    """A picture that is to be read."""

    picture: Picture
    copy: Path | None = None
    """Where its annotated copy goes; None for no copy."""

    @property
    def name(self) -> str:
        """The picture's path; ``-`` for a picture that has none."""
        if isinstance(self.picture, Fetched):
            return self.picture.name
        named = isinstance(self.picture, (str, os.PathLike))
        return str(self.picture) if named else NAMELESS


def read_one(reader: DigitReader, request: Request, pattern: Pattern | None) -> Outcome:
    """Read a picture, and draw its annotated copy if there is to be one."""
    try:
        reading = reader.read(request.picture, pattern)
        if request.copy is not None:
            from mnist_classifier.read.annotate import save_annotated

            with memory_errors():
                save_annotated(request.copy, request.picture, reading, reader.max_pixels)
    except MnistError as error:
        return Outcome(request.name, None, str(error))
    except MemoryError:
        message = "needs more memory than there is; expected a smaller picture: make it smaller"
        return Outcome(request.name, None, printable(f"{request.name}: {message}"))
    return Outcome(request.name, reading, None)
