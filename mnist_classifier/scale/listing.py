"""The listing: which items an archive has, in parts that are read as a whole.

It is a Parquet file whose row group *n* is part *n*. It is written once, before anything is read:
what comes into a folder later belongs to no part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, NamedTuple

from mnist_classifier.scale import storage

LEAST, MOST = 4, 1_000
"""Pictures of the first parts, and of those that come late; the last one may have fewer."""

_DOUBLED_AFTER = 64  # parts


class Item(NamedTuple):
    """A picture, or a part of a source that is damaged."""

    picture: str
    """Its name in rows: a path, an address, or what holds it and its own name."""
    inside: str | None = None
    """The tar, zip or Parquet file that holds it; None for a file of its own."""
    place: int = 0
    """In a tar the byte where it begins, in a zip its number, in a table its row; from 0."""
    size: int = 0
    """Its bytes, where it lies in a tar."""
    error: str | None = None
    """Why there is no picture, in one line, or None."""


def part_size(number: int) -> int:
    """Return how many pictures a part has.

    The first ones are small, so that a hundred photos too are shared among all who read. Of
    those after the 200th, none has a fiftieth of what is before it: nobody waits long at the end.
    """
    return min(MOST, LEAST << min(number // _DOUBLED_AFTER, 16))


def write_listing(name: str, items: Iterable[Item]) -> None:
    """Write the items, part after part.

    Raises:
        OutputError: It cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    # Names of files are bytes: some are no UTF-8.
    schema = pyarrow.schema(
        [("picture", "binary"), ("inside", "binary"), ("place", "int64"), ("size", "int64")]
        + [("error", "string")]
    )
    sizes, waiting = map(part_size, count()), iter(items)
    with (
        storage.writing(name) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        while part := list(islice(waiting, next(sizes))):
            columns = [
                [os.fsencode(item.picture) for item in part],
                [None if item.inside is None else os.fsencode(item.inside) for item in part],
                [item.place for item in part],
                [item.size for item in part],
                [item.error for item in part],
            ]
            writer.write_table(pyarrow.table(columns, schema=schema), row_group_size=MOST)


class Listing:
    """A listing that was written; a context that closes it."""

    def __init__(self, name: str) -> None:
        from pyarrow import parquet

        self._file = storage.open_file(name)
        self._table = parquet.ParquetFile(self._file)

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sizes(self) -> list[int]:
        """Return how many pictures each part has."""
        groups: Any = self._table.metadata
        return [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]

    def item(self, place: int) -> Item:
        """Return the item at a place, from 0, among all."""
        number, sizes = 0, self.sizes()
        while place >= sizes[number]:
            place -= sizes[number]
            number += 1
        return self.part(number)[place]

    def part(self, number: int) -> Sequence[Item]:
        """Return a part's items."""
        return next(self.parts([number]))

    def parts(self, numbers: Sequence[int]) -> Iterator[Sequence[Item]]:
        """Yield the items of some parts, which is sooner than each part's alone."""
        # Threads of Arrow's that still free a Python file's buffers abort an interpreter that ends.
        table = self._table.read_row_groups(numbers, use_threads=False)
        items = (
            Item(os.fsdecode(picture), None if inside is None else os.fsdecode(inside), *rest)
            for picture, inside, *rest in zip(
                *(column.to_pylist() for column in table.columns), strict=True
            )
        )
        for number in numbers:
            yield list(islice(items, self._table.metadata.row_group(number).num_rows))
