"""Rows: what is told of each picture, as JSON and CSV have it. They are made here alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mnist_classifier.errors import escaped
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

# What no parser of UTF-8 takes; and a backslash that would be taken for how `to_name` tells it.
_TOLD_OTHERWISE = re.compile("[\ud800-\udfff]" r"|\\(?=x[89a-f][0-9a-f]|x5c|ud[89a-f][0-9a-f]{2})")
_TOLD = re.compile(r"\\x([89a-f][0-9a-f]|5c)|\\u(d[89a-f][0-9a-f]{2})")


class RowFacts(NamedTuple):
    """What of a row counts in a sum of all."""

    picture: str
    text: str
    confidence: float
    refused: str | None
    error: str | None
    digits: tuple[bytes, ...] = ()
    """The images of its digits, 28×28, as PNG files, where they are kept beside the row."""


FACT_COLUMNS = tuple(name for name in RowFacts._fields if name != "digits")
"""Those of `RowFacts` that a row itself has."""


def to_name(picture: str) -> str:
    r"""Return a picture's path as rows tell it: text that every parser takes, each path its own.

    A byte that is no UTF-8 becomes ``\xff``, half a surrogate pair, as in names on Windows,
    ``\ud800``, and a backslash that would be taken for the beginning of these ``\x5c``. All other
    paths stay as they are.

    >>> print(to_name("b\udcffd.png"))
    b\xffd.png
    """
    return _TOLD_OTHERWISE.sub(
        lambda found: r"\x5c" if found[0] == "\\" else escaped(found[0]), picture
    )


def to_path(name: str) -> str:
    """Return the path that `to_name` made a name of."""

    def meant(found: re.Match[str]) -> str:
        byte, half = found.groups()
        if half:
            return chr(int(half, 16))
        return "\\" if byte == "5c" else chr(0xDC00 + int(byte, 16))

    return _TOLD.sub(meant, name)


def to_row(outcome: Outcome) -> dict[str, Any]:
    """Return all that is known of a picture, as values that JSON can hold."""
    reading = outcome.reading or _NOTHING
    return {"picture": to_name(outcome.picture), **reading.to_dict(), "error": outcome.error}


def to_csv(outcome: Outcome) -> list[str]:
    """Return what stands below each of `CSV_COLUMNS`; nothing where there is nothing."""
    reading = outcome.reading or _NOTHING
    return [
        to_name(outcome.picture),
        reading.text,
        reading.number,
        f"{reading.confidence:.4f}" if reading.lines else "",
        reading.refused or "",
        outcome.error or "",
    ]


def facts_of(row: Mapping[str, Any]) -> RowFacts:
    """Return what of a row, of JSON or CSV, counts in a sum of all.

    Raises:
        TypeError, ValueError, OverflowError: It is no row of this program's.
    """
    confidence = float(row["confidence"] or 0)
    if not 0 <= confidence <= 1:
        raise ValueError(confidence)
    refused, error = (str(row[name]) if row[name] else None for name in ("refused", "error"))
    return RowFacts(str(row["picture"]), str(row["text"]), confidence, refused, error)


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
