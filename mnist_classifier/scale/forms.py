"""Forms of rows: a part as the bytes of a file, and what of its rows a summary needs."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.row_file import FORMS
from mnist_classifier.read.rows import FACT_COLUMNS, KEYS, SETTINGS, RowFacts, facts_of, to_row


class Form(ABC):
    """How a part's rows are written and read."""

    def __init__(self, settings: Mapping[str, Any], others: Any) -> None:
        """Keep what all parts share.

        Args:
            settings: From `rows.settings_of`.
            others: The schema of the sources' other columns, as PyArrow has it.
        """
        self._settings = settings
        self._others = others
        own = (*KEYS, *SETTINGS)
        self._names = {name: f"source_{name}" if name in own else name for name in others.names}

    @abstractmethod
    def encode(
        self, outcomes: Sequence[Outcome], others: Sequence[Mapping[str, Any]]
    ) -> tuple[bytes, list[RowFacts]]:
        """Return rows as a file's bytes, and what each row tells a summary.

        Args:
            outcomes: What came of the part's pictures.
            others: For each, what stands in the sources' other columns.
        """

    @staticmethod
    @abstractmethod
    def facts(file: BinaryIO) -> Iterator[RowFacts]:
        """Return what the rows in a file of this form tell a summary, row by row."""

    @property
    def header(self) -> bytes:
        """What stands at the beginning of each part, and once in a file of all."""
        return b""

    def _beside(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """Return what stands beside an outcome in its row."""
        return {**self._settings, **{own: others.get(name) for name, own in self._names.items()}}


class _Text(Form):
    """JSON Lines or CSV, as `row_file` writes them."""

    suffix: str

    def encode(
        self, outcomes: Sequence[Outcome], others: Sequence[Mapping[str, Any]]
    ) -> tuple[bytes, list[RowFacts]]:
        """Return rows as a file's bytes, and what each row tells a summary."""
        row, none = FORMS[self.suffix].row, self._plain({})
        rows = [
            row(outcome, self._plain(beside) if beside else none)
            for outcome, beside in zip(outcomes, others, strict=True)
        ]
        return self.header + b"".join(row.content for row in rows), [row.facts for row in rows]

    def _plain(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """Return what stands beside an outcome, as values that JSON can hold."""
        told: dict[str, Any] = json.loads(json.dumps(self._beside(others), default=str))
        return told


class JsonLines(_Text):
    """An object a line."""

    suffix = ".jsonl"

    @staticmethod
    def facts(file: BinaryIO) -> Iterator[RowFacts]:
        """Return what the rows in a file of this form tell a summary, row by row."""
        return map(facts_of, map(json.loads, file))


class Csv(_Text):
    """A row a picture, below a header."""

    suffix = ".csv"

    @property
    def header(self) -> bytes:
        """The names of the columns."""
        line = io.StringIO(newline="")
        csv.writer(line).writerow(self._names.values())
        return FORMS[".csv"].header[:-2] + (
            b"," + line.getvalue().encode() if self._names else b"\r\n"
        )

    @staticmethod
    def facts(file: BinaryIO) -> Iterator[RowFacts]:
        """Return what the rows in a file of this form tell a summary, row by row."""
        return map(facts_of, csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")))


class Parquet(Form):
    """A table, with lists and structures as they are."""

    def encode(
        self, outcomes: Sequence[Outcome], others: Sequence[Mapping[str, Any]]
    ) -> tuple[bytes, list[RowFacts]]:
        """Return rows as a file's bytes, and what each row tells a summary."""
        import pyarrow
        from pyarrow import parquet

        rows = [
            {**to_row(outcome), **self._beside(beside)}
            for outcome, beside in zip(outcomes, others, strict=True)
        ]
        sink = pyarrow.BufferOutputStream()
        table = pyarrow.Table.from_pylist(rows, schema=self._schema())
        parquet.write_table(table, sink, compression="zstd")
        return bytes(sink.getvalue()), list(map(facts_of, rows))

    @staticmethod
    def facts(file: BinaryIO) -> Iterator[RowFacts]:
        """Return what the rows in a file of this form tell a summary, row by row."""
        from pyarrow import parquet

        columns = list(FACT_COLUMNS)
        # Without threads: see `Listing.parts`.
        rows = parquet.read_table(file, columns=columns, use_threads=False, pre_buffer=False)
        return map(facts_of, rows.to_pylist())

    def _schema(self) -> Any:
        import pyarrow as pa

        text, share = pa.string(), pa.float64()
        alternative = pa.struct([("text", text), ("probability", share)])
        line = pa.struct(
            [("text", text), ("probability", share), ("alternatives", pa.list_(alternative))]
        )
        digit = pa.struct(
            [("label", pa.int8()), ("confidence", share), ("probabilities", pa.list_(share))]
            + [("box", pa.list_(pa.int32()))]
        )
        kinds = {
            "confidence": share,
            "lines": pa.list_(line),
            "digits": pa.list_(digit),
            "threshold": share,
            "max_pixels": pa.int64(),
        }
        own = [(name, kinds.get(name, text)) for name in (*KEYS, *SETTINGS)]
        others = [(own, self._others.field(name).type) for name, own in self._names.items()]
        return pa.schema(own + others)


BY_SUFFIX: Mapping[str, type[Form]] = {".parquet": Parquet, ".jsonl": JsonLines, ".csv": Csv}
"""By how an output's name ends."""
