"""The pictures of items, and what else is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from mnist_classifier.read.picture import Fetched, Picture
from mnist_classifier.scale import files, storage, tables
from mnist_classifier.scale.containers import CONTAINERS
from mnist_classifier.scale.kinds import suffix_of
from mnist_classifier.scale.listing import Item


def pictures(items: Sequence[Item], column: str | None) -> Iterator[Picture]:
    """Yield a picture for each item, in order; one that cannot be had has an error.

    Args:
        items: Those of a part.
        column: Of tables, the column with the pictures; None for the only one that can be.
    """
    for (inside, error), group in groupby(items, key=lambda item: (item.inside, item.error)):
        together = list(group)
        if error is not None:
            yield from (Fetched(item.picture, b"", error) for item in together)
        elif inside is None:
            yield from files.fetch(together)
        else:
            yield from _contained(inside, together, column)


def _contained(inside: str, items: Sequence[Item], column: str | None) -> Iterator[Picture]:
    count = 0
    try:
        for picture in CONTAINERS[suffix_of(inside)].fetch(inside, items, column):
            yield picture
            count += 1
    except Exception as error:  # whatever a damaged file does to who reads it
        told = str(storage.reason(error)).splitlines()[0]
        for item in items[count:]:
            yield Fetched(
                item.picture,
                b"",
                f"{item.picture}: cannot read {inside}: {told}; expected the file as it was listed",
            )


def other_columns(items: Sequence[Item], column: str | None) -> list[dict[str, Any]]:
    """Return for each item what stands beside it in its table; nothing for other items."""
    told: list[dict[str, Any]] = []
    for inside, group in groupby(items, key=lambda item: item.inside):
        together = list(group)
        nothing: list[dict[str, Any]] = [{} for _ in together]
        if inside is None or suffix_of(inside) != ".parquet":
            told += nothing
            continue
        try:
            told += tables.other_columns(inside, together, column)
        except Exception:  # which the pictures' own rows tell
            told += nothing
    return told
