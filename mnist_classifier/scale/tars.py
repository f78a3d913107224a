"""Pictures in tar files, as WebDataset's shards are."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence

from mnist_classifier.read.picture import MAX_BYTES, SUFFIXES, Fetched
from mnist_classifier.scale import storage
from mnist_classifier.scale.listing import Item

_BLOCK = 512  # bytes: a tar ends with two blocks of zeros
_TOGETHER = 10_000  # members, after which what the module remembers of them is dropped


def items(file: str, column: str | None) -> Iterator[Item]:
    """Yield the pictures in a tar; at the end an item with an error where it is damaged."""
    count = 0
    try:
        with storage.open_file(file) as content, tarfile.open(fileobj=content, mode="r:") as tar:
            for count_of_members, member in enumerate(tar, 1):
                name = member.name.rpartition("/")[2]
                suffix = "." + name.rpartition(".")[2].lower()
                if member.isreg() and suffix in SUFFIXES and not name.startswith("."):
                    count += 1
                    picture = f"{file}/{member.name}"
                    yield Item(picture, file, member.offset_data, member.size)
                if count_of_members % _TOGETHER == 0:
                    tar.members.clear()  # type: ignore[attr-defined]  # not in its annotations
            content.seek(tar.offset - _BLOCK if tar.offset else 0)
            if _BLOCK * b"\0" not in (content.read(_BLOCK), content.read(_BLOCK)):
                raise tarfile.ReadError("no end of the tar, or something else, where it should end")
    except (tarfile.TarError, OSError) as error:
        yield Item(
            file,
            error=f"{file}: damaged after {count:,} pictures: {storage.reason(error)}; expected a "
            "whole tar: make it again",
        )


def fetch(file: str, items: Sequence[Item], column: str | None) -> Iterator[Fetched]:
    """Yield some of a tar's pictures."""
    with storage.open_file(file) as content:
        for item in items:
            if item.size > MAX_BYTES:
                error = f"{item.picture} has {item.size:,} bytes; expected at most {MAX_BYTES:,}"
                yield Fetched(item.picture, b"", f"{error}: make it smaller")
                continue
            content.seek(item.place)
            yield Fetched(item.picture, content.read(item.size))
