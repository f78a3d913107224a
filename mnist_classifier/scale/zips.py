"""Pictures in zip files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence

from mnist_classifier.read.picture import MAX_BYTES, SUFFIXES, Fetched
from mnist_classifier.scale import storage
from mnist_classifier.scale.listing import Item

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def items(file: str, column: str | None) -> Iterator[Item]:
    """Yield the pictures in a zip, or an item with an error where it is damaged."""
    try:
        with storage.open_file(file) as content, zipfile.ZipFile(content) as archive:
            members = archive.infolist()
    except (*_DAMAGE, OSError) as error:
        message = f"{file}: damaged: {storage.reason(error)}; expected a whole zip: make it again"
        yield Item(file, error=message)
        return
    for place, member in enumerate(members):
        name = member.filename.rpartition("/")[2]
        suffix = "." + name.rpartition(".")[2].lower()
        if suffix in SUFFIXES and not name.startswith("."):
            yield Item(f"{file}/{member.filename}", file, place)


def fetch(file: str, items: Sequence[Item], column: str | None) -> Iterator[Fetched]:
    """Yield some of a zip's pictures; one that is damaged has an error."""
    with storage.open_file(file) as content, zipfile.ZipFile(content) as archive:
        members = archive.infolist()
        for item in items:
            try:
                yield Fetched(item.picture, _unpacked(archive, members[item.place]))
            except _DAMAGE as error:
                yield Fetched(
                    item.picture,
                    b"",
                    f"{item.picture}: damaged in its zip: {storage.reason(error)}; expected a "
                    "whole one: make it again",
                )


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as packed:
        content = packed.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise zipfile.BadZipFile(f"more than {MAX_BYTES:,} bytes")
    return content
