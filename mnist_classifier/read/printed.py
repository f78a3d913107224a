"""What is printed of a picture: text for people, JSON, or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import NamedTuple

from mnist_classifier.errors import printable
from mnist_classifier.read.certainty import percent
from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.rows import CSV_COLUMNS, to_csv, to_row


class Printed(NamedTuple):
    """What is printed of an outcome."""

    kind: str
    """The outcome's."""
    text: str
    """With its end."""
    to_stderr: bool = False


def as_text(outcome: Outcome, many: bool) -> Printed:
    """Return its lines and how sure they are.

    Args:
        outcome: What came of a picture.
        many: Whether it is one of several: each line then begins with its name.
    """
    prefix = f"{printable(outcome.picture)}: " if many else ""
    reading = outcome.reading
    if reading is None:
        return Printed(outcome.kind, f"error: {outcome.error}\n", to_stderr=True)
    if reading.refused:
        return Printed(outcome.kind, f"{prefix}refused: {reading.refused}\n", to_stderr=not many)
    lines = reading.text.split("\n")
    lines[-1] += f"  ({percent(reading.confidence)} sure)"
    return Printed(outcome.kind, "".join(f"{prefix}{line}\n" for line in lines))


def as_json(outcome: Outcome, is_ascii: bool) -> Printed:
    """Return an object in a line; where ``is_ascii``, all other characters are escaped."""
    return Printed(outcome.kind, json.dumps(to_row(outcome), ensure_ascii=is_ascii) + "\n")


def as_csv(outcome: Outcome) -> Printed:
    """Return a row below `CSV_HEADER`."""
    return Printed(outcome.kind, _csv_line(to_csv(outcome)))


def _csv_line(values: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(values)
    return line.getvalue()


CSV_HEADER = _csv_line(CSV_COLUMNS)
