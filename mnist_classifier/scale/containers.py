"""Files that hold pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from mnist_classifier.read.picture import Picture
from mnist_classifier.scale import kinds, tables, tars, zips
from mnist_classifier.scale.listing import Item


class Container(Protocol):
    """How the pictures in a file are listed, and fetched later on."""

    def items(self, file: str, column: str | None) -> Iterator[Item]:
        """Yield the pictures in it; at the end an item with an error where it is damaged."""

    def fetch(self, file: str, items: Sequence[Item], column: str | None) -> Iterator[Picture]:
        """Yield some of its pictures, which follow each other."""


CONTAINERS: Mapping[str, Container] = dict(zip(kinds.CONTAINERS, (tars, zips, tables), strict=True))
"""By how their names end."""
