"""Sources: folders, patterns, lists, tables, tars and zips → the items in them, in order."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from mnist_classifier.errors import PictureError
from mnist_classifier.read.folder import pages_of, pictures_in
from mnist_classifier.read.picture import SUFFIXES
from mnist_classifier.scale import storage
from mnist_classifier.scale.containers import CONTAINERS
from mnist_classifier.scale.kinds import LIST, PACKED, WILD, is_pattern, suffix_of
from mnist_classifier.scale.listing import Item


def items_of(sources: Iterable[str], column: str | None) -> Iterator[Item]:
    """Yield the items of sources in order, each folder's by name.

    Args:
        sources: Paths, patterns and addresses.
        column: Of tables, the column with the pictures; None for the only one that can be.

    Raises:
        PictureError: A source is missing or holds no picture.
        SettingsError: A table has no such column, or several that can be.
    """
    for source in dict.fromkeys(sources):
        found = False
        for item in _items(source, column):
            found = True
            yield item
        if not found:
            raise PictureError(
                f"{source} holds no picture; expected files named {', '.join(sorted(SUFFIXES))}, "
                "or tar, zip or Parquet files with some: name another"
            )


def tables_of(sources: Iterable[str]) -> Iterator[str]:
    """Yield the Parquet files among sources."""
    for source in dict.fromkeys(sources):
        for file in _files(source):
            if suffix_of(file) == ".parquet":
                yield file
            elif suffix_of(file) not in CONTAINERS and not is_pattern(source):
                break  # a folder that holds pictures stands for no tables


def _items(source: str, column: str | None) -> Iterator[Item]:
    for file in _files(source):
        if suffix_of(file) in CONTAINERS:
            yield from CONTAINERS[suffix_of(file)].items(file, column)
        elif suffix_of(file) == LIST:
            yield from chain.from_iterable(_picture(name) for name in _lines(file))
        elif file.lower().endswith(PACKED):
            raise PictureError(
                f"{file} is packed as a whole; expected a tar in which each picture can be found: "
                "unpack it to .tar"
            )
        else:
            yield from _picture(file)


def _picture(name: str) -> Iterator[Item]:
    if storage.is_remote(name):
        yield Item(name)
    else:
        yield from map(Item, pages_of(name))


def _files(source: str) -> Iterator[str]:
    """Yield the files that a source stands for.

    In a folder these are the pictures, or where it holds none, the tars, zips and tables.
    """
    if is_pattern(source):
        yield from _matching(source)
    elif storage.is_folder(source):
        pictures = _pictures(source)
        first = next(pictures, None)
        if first is not None:
            yield from chain([first], pictures)
        else:
            yield from (file for file in storage.files_in(source) if suffix_of(file) in CONTAINERS)
    else:
        yield source


def _pictures(folder: str) -> Iterator[str]:
    if not storage.is_remote(folder):
        return pictures_in(folder)
    return (file for file in storage.files_in(folder) if suffix_of(file) in SUFFIXES)


def _matching(pattern: str) -> Iterator[str]:
    """Yield the files that match a pattern as in a shell; ``**`` stands for any folders."""
    if not storage.is_remote(pattern):
        # Path has no glob for a whole pattern.
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        yield from (name for name in found if Path(name).is_file())
        return
    fixed = pattern[: WILD.search(pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
    matches = re.compile(_regular(pattern), re.DOTALL).fullmatch
    yield from (name for name in storage.files_in(fixed) if matches(name))


def _regular(pattern: str) -> str:
    """Return a shell's pattern as a regular expression."""
    told = ""
    for part in re.findall(r"\*\*/|\*|\?|\[[^]]+\]|.", pattern, re.DOTALL):
        known = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part)
        told += known or (part.replace("[!", "[^") if len(part) > 1 else re.escape(part))
    return told


def _lines(file: str) -> Iterator[str]:
    """Yield the lines of a list of paths, whose file is named from here, as in ``xargs``."""
    try:
        with storage.open_file(file) as lines:
            for line in lines:
                if name := line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"):
                    yield name
    except OSError as error:
        raise PictureError(
            f"cannot read {file}: {storage.reason(error)}; expected a list, a path a line"
        ) from error
