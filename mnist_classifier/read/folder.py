"""The pictures in a folder, and the pages of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mnist_classifier.errors import PictureError
from mnist_classifier.read.picture import SUFFIXES, page_names

_ENDINGS = tuple(SUFFIXES)
_HERE = os.curdir + os.sep


def pictures_in(folder: str) -> Iterator[str]:
    """Yield the paths of pictures in a folder and in those in it, by name.

    One folder is listed at a time.

    Links to folders are not followed, and folders that may not be listed are passed over.
    """
    try:
        with os.scandir(Path(folder)) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        return
    for entry in inside:
        # A Path for each of a million pictures takes long.
        if entry.name.lower().endswith(_ENDINGS) and (
            entry.is_file(follow_symlinks=False) or Path(entry.path).is_file()
        ):
            yield entry.path.removeprefix(_HERE)
        elif entry.is_dir(follow_symlinks=False):
            yield from pictures_in(entry.path)


def pages_of(name: str) -> list[str]:
    """Return the names of a file's pages, as `page_names`; its own where they cannot be counted."""
    try:
        return page_names(name)
    except PictureError:
        return [name]  # what is wrong is said when it is read
