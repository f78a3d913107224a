"""The pictures in a folder, and the pages of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mnist_classifier.errors import PictureError
from mnist_classifier.read.picture import SUFFIXES, page_names


def pictures_in(folder: Path) -> Iterator[Path]:
    """Yield the pictures in a folder and in those in it, by name; one folder is listed at a time.

    Links to folders are not followed, and folders that may not be listed are passed over.
    """
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        return
    for entry in inside:
        path = folder / entry.name
        if path.suffix.lower() in SUFFIXES and (
            entry.is_file(follow_symlinks=False) or path.is_file()
        ):
            yield path
        elif entry.is_dir(follow_symlinks=False):
            yield from pictures_in(path)


def pages_of(name: str) -> list[str]:
    """Return the names of a file's pages, as `page_names`; its own where they cannot be counted."""
    try:
        return page_names(name)
    except PictureError:
        return [name]  # what is wrong is said when it is read
