"""A job: what reads a part and writes its rows, here or in another process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.read.rows import RowFacts
from mnist_classifier.scale import fetching, storage
from mnist_classifier.scale.forms import Form
from mnist_classifier.scale.listing import Item
from mnist_classifier.scale.parts import Parts
from mnist_classifier.scale.unsure import Unsure


@dataclass(frozen=True)
class Done:
    """A part that is read and written."""

    number: int
    facts: list[RowFacts]
    """What its rows tell a summary, in order."""


@dataclass(frozen=True)
class Job:
    """All that a process needs to read parts of an archive; it can be pickled."""

    make_reader: Callable[[], DigitReader]
    pattern: Pattern | None
    parts: Parts
    form: Form
    column: str | None
    """Of tables, the column with the pictures; None for the only one that can be."""
    folder: str
    """The folder in which paths begin."""

    def enter_folder(self) -> None:
        """Go where paths begin, if this machine has such a folder."""
        with contextlib.suppress(OSError):
            os.chdir(self.folder)

    def write(
        self, number: int, items: Sequence[Item], outcomes: Iterable[Outcome], unsure: Unsure
    ) -> Done:
        """Write what came of a part's pictures.

        Args:
            number: The part's.
            items: Its items.
            outcomes: What came of each.
            unsure: Of the process that this is called in.

        Raises:
            OutputError: It cannot be written.
        """
        rows = list(outcomes)
        others = fetching.other_columns(items, self.column)
        content, facts = self.form.encode(rows, others)
        storage.write_file(self.parts.part(number), content)
        return Done(number, list(map(unsure.with_digits, rows, facts)))
