"""Rows: what is told of each picture, as JSON and CSV have it. They are made here alone."""

from __future__ import annotations

from typing import Any

from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.read.reading import Reading
from mnist_classifier.version import __version__

CSV_COLUMNS = ("picture", "text", "number", "confidence", "refused", "error")
_NOTHING = Reading("", (), None)

KEYS = ("picture", *_NOTHING.to_dict(), "error")
"""What `to_row` tells."""

SETTINGS = ("version", "model", "line_model", "threshold", "max_pixels", "pattern")
"""What `settings_of` tells."""


def to_row(outcome: Outcome) -> dict[str, Any]:
    """Return all that is known of a picture, as values that JSON can hold."""
    reading = outcome.reading or _NOTHING
    return {"picture": outcome.picture, **reading.to_dict(), "error": outcome.error}


def to_csv(outcome: Outcome) -> list[str]:
    """Return what stands below each of `CSV_COLUMNS`; nothing where there is nothing."""
    reading = outcome.reading or _NOTHING
    return [
        outcome.picture,
        reading.text,
        reading.number,
        f"{reading.confidence:.4f}" if reading.lines else "",
        reading.refused or "",
        outcome.error or "",
    ]


def settings_of(reader: DigitReader, pattern: Pattern | None) -> dict[str, Any]:
    """Return what decides how pictures are read: rows with the same settings are comparable.

    Returns:
        ``version`` of this program, ``model`` and ``line_model`` (the files' SHA-256),
        ``threshold``, ``max_pixels`` and ``pattern`` (None without one).
    """
    values = (
        __version__,
        reader.model.sha256,
        reader.line_model.sha256,
        reader.threshold,
        reader.max_pixels,
        None if pattern is None else pattern.text,
    )
    return dict(zip(SETTINGS, values, strict=True))
