"""A file of rows, JSON Lines or CSV, that grows row by row and goes on where it was cut off.

Each row says with which settings it was read, and is written at once. So a kill at any moment
leaves rows that stand, and at most one half row at the end, which is cut off.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mnist_classifier.errors import OutputError, SettingsError
from mnist_classifier.outputs import check_ordinary
from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.rows import (
    CSV_COLUMNS,
    KEYS,
    SETTINGS,
    RowFacts,
    facts_of,
    to_csv,
    to_name,
    to_row,
)

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` makes one for each row


class PictureRow(NamedTuple):
    """A picture's row."""

    content: bytes
    """With its end."""
    facts: RowFacts

    @property
    def kind(self) -> str:
        """As `Outcome.kind`."""
        if self.facts.error is not None:
            return "error"
        return "read" if self.facts.refused is None else "refused"


class _Form(ABC):
    """How rows are written."""

    header = b""
    """What stands before the first row."""
    beginning: bytes
    """What each file of this form begins with."""

    @abstractmethod
    def row(self, outcome: Outcome, settings: Mapping[str, Any]) -> PictureRow:
        """Return a picture's row."""

    @abstractmethod
    def parse(self, row: bytes) -> dict[str, Any]:
        """Return what a row says; raise a ValueError where it is none of ours."""

    def is_whole(self, row: bytes) -> bool:
        """Return whether what there is of a row is all of it."""
        return row.endswith(b"\n")

    @abstractmethod
    def is_half(self, row: bytes) -> bool:
        """Return whether this, which is not whole, may be what a kill left of a row."""


class _JsonLines(_Form):
    beginning = b'{"picture": '

    def row(self, outcome: Outcome, settings: Mapping[str, Any]) -> PictureRow:
        told = {**to_row(outcome), **settings}
        return PictureRow((_ENCODE(told) + "\n").encode(), facts_of(told))

    def parse(self, row: bytes) -> dict[str, Any]:
        said = json.loads(row)
        if not isinstance(said, dict) or tuple(said) != (*KEYS, *SETTINGS):
            raise ValueError
        return said

    def is_half(self, row: bytes) -> bool:
        """Return whether it begins as each row does."""
        return self.beginning.startswith(row[: len(self.beginning)])


class _Csv(_Form):
    header = beginning = (",".join([*CSV_COLUMNS, *SETTINGS]) + "\r\n").encode()

    def row(self, outcome: Outcome, settings: Mapping[str, Any]) -> PictureRow:
        line, told = io.StringIO(newline=""), to_csv(outcome)
        csv.writer(line).writerow([*told, *map(_told, settings.values())])
        facts = facts_of(dict(zip(CSV_COLUMNS, told, strict=True)))
        return PictureRow(line.getvalue().encode(), facts)

    def parse(self, row: bytes) -> dict[str, Any]:
        (values,) = csv.reader(io.StringIO(row.decode(), newline=""))
        return dict(zip([*CSV_COLUMNS, *SETTINGS], values, strict=True))

    def is_whole(self, row: bytes) -> bool:
        """Return whether it ends with a newline that stands in no quotes."""
        return row.endswith(b"\n") and row.count(b'"') % 2 == 0

    def is_half(self, row: bytes) -> bool:
        """Return whether it is one row, and not several with a quote that somebody put in."""
        text = io.StringIO(row.decode(errors="replace"), newline="")
        return sum(1 for _ in csv.reader(text)) == 1


FORMS: Mapping[str, _Form] = {".jsonl": _JsonLines(), ".csv": _Csv()}
"""By how a file's name ends."""


class RowFile:
    """A file of rows, open for more; a context that closes it.

    Attributes:
        row: Makes a row of an outcome, here or in another process.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], count: Callable[[RowFacts], None]
    ) -> None:
        """Open a file, or make it; cut off half a row at its end.

        Args:
            path: Its name ends with one of `FORMS`.
            settings: From `rows.settings_of`: those its rows have and will have.
            count: Is told of each row in order: those it holds, then those that are written.

        Raises:
            SettingsError: Its name ends otherwise, or its rows were read with other settings.
            OutputError: It holds something else, another process writes it, or it cannot be
                written.
        """
        if path.suffix.lower() not in FORMS:
            raise SettingsError(
                f"got the name {path} for rows; expected one that ends with {' or '.join(FORMS)}"
            )
        check_ordinary(path, "--output")
        self._path, self._settings = path, settings
        self._form = FORMS[path.suffix.lower()]
        self._pictures: set[str] = set()
        self._rows, self._count = 0, count
        self.row: Callable[[Outcome], PictureRow] = partial(self._form.row, settings=settings)
        with contextlib.ExitStack() as opened:
            try:
                self._file = opened.enter_context(path.open("ab", buffering=0))
                self._lock()
                end = self._end_of_rows()
                self._file.truncate(end)
            except OSError as error:
                raise self._unwritable(error) from error
            if end == 0:
                self._append(self._form.header)
            opened.pop_all()

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def missing(self, pictures: Iterable[str]) -> Iterator[str]:
        """Yield the pictures that have no row and were not yielded before."""
        for picture in pictures:
            if (name := to_name(picture)) not in self._pictures:
                self._pictures.add(name)
                yield picture

    def write(self, row: PictureRow) -> None:
        """Write a row.

        Raises:
            OutputError: It cannot be written; the rows before it stand.
        """
        self._append(row.content)
        self._count(row.facts)

    def _append(self, content: bytes) -> None:
        try:
            while content:
                content = content[self._file.write(content) :]
        except OSError as error:
            raise self._unwritable(error) from error

    def _lock(self) -> None:
        """Keep other processes of this program from writing to it, where the system can."""
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputError(
                    f"{self._path}: another process writes to it; expected to be the only one: "
                    "wait for it, or name another file"
                ) from error

    def _end_of_rows(self) -> int:
        """Return where the last whole row ends; remember which pictures have one."""
        header, beginning = self._form.header, self._form.beginning
        with self._path.open("rb") as file:
            head = file.read(len(beginning))
            if not beginning.startswith(head):
                raise self._foreign(1)
            file.seek(len(header))
            end = len(header) if len(head) >= len(header) else 0
            row = b""
            for line in file:
                row += line
                if self._form.is_whole(row):
                    self._remember(row)
                    end += len(row)
                    row = b""
        if row and not self._form.is_half(row):
            raise self._foreign(self._rows + 1)
        return end

    def _remember(self, row: bytes) -> None:
        self._rows += 1
        try:
            said = self._form.parse(row)
            facts = facts_of(said)
        except (ValueError, TypeError, OverflowError, RecursionError, csv.Error) as error:
            raise self._foreign(self._rows) from error
        for name, value in self._settings.items():
            if _told(said[name]) != _told(value):
                raise SettingsError(
                    f"{self._path} was begun with {name} {_told(said[name]) or 'none'}, and now it "
                    f"is {_told(value) or 'none'}; expected the same: set it so, or name another "
                    "file"
                )
        self._pictures.add(facts.picture)
        self._count(facts)

    def _foreign(self, row: int) -> OutputError:
        return OutputError(
            f"{self._path} exists, and its row {row} is none of this program's; expected a file "
            "that it began, or a new name: name another"
        )

    def _unwritable(self, error: OSError) -> OutputError:
        reason = (error.strerror or type(error).__name__).lower()
        return OutputError(
            f"cannot write {self._path}: {reason}; expected a place with room for rows: free "
            "some, or name another file"
        )


def _told(value: object) -> str:
    return "" if value is None else str(value)
