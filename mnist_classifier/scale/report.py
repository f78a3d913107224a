"""What is left beside rows: a summary of them, and the contact sheet of the least sure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mnist_classifier.native_output import native_lines_dropped
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import Picture
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.read.rows import RowFacts, to_path
from mnist_classifier.scale import storage
from mnist_classifier.scale.kinds import suffix_of
from mnist_classifier.scale.review import contact_sheet
from mnist_classifier.scale.summary import Summary


def beside(output: str, ending: str) -> str:
    """Return the name of a file beside rows: of ``rows.csv`` and ``.a``, ``rows.a``."""
    return output[: -len(suffix_of(output))] + ending


def write_report(
    output: str,
    begun: Mapping[str, Any],
    summary: Summary,
    least_sure: Iterable[tuple[RowFacts, Picture]],
    reader: DigitReader,
    pattern: Pattern | None,
) -> None:
    """Write ``….summary.json`` and ``….review.html`` beside rows.

    Args:
        output: The rows' name.
        begun: How they were read.
        summary: What they come to.
        least_sure: The pictures of the contact sheet, each with its row.
        reader: Read them.
        pattern: What each line was known to look like.

    Raises:
        OutputError: They cannot be written.
    """
    title = f"{output.rpartition('/')[2]}: least sure"
    with native_lines_dropped():
        sheet = contact_sheet(title, least_sure, reader, pattern)
    storage.write_file(beside(output, ".review.html"), sheet.encode())
    told = {**summary.to_dict(), "begun": begun}
    content = json.dumps(told, indent=2, ensure_ascii=True) + "\n"
    storage.write_file(beside(output, ".summary.json"), content.encode())


def report_on_files(
    output: str,
    begun: Mapping[str, Any],
    summary: Summary,
    reader: DigitReader,
    pattern: Pattern | None,
) -> None:
    """Write the report on rows whose pictures are files; all as in `write_report`."""
    least_sure = [(row, to_path(row.picture)) for _, row in summary.least_sure]
    write_report(output, begun, summary, least_sure, reader, pattern)
