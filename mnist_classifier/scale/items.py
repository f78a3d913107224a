"""Items: where each picture of an archive is, before it is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
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
