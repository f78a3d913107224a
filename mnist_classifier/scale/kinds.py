"""Kinds of sources, told by names; what a file holds is not looked at."""

from __future__ import annotations

import re
from pathlib import Path

from mnist_classifier.read.folder import pictures_in
from mnist_classifier.scale import storage
from mnist_classifier.scale.storage import is_remote

CONTAINERS = (".tar", ".zip", ".parquet")
"""So end the names of files that hold pictures."""
LIST = ".txt"
"""So ends the name of a file that lists pictures, a path or an address a line."""
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""So end the names of tars in which no picture can be found without unpacking those before it."""

WILD = re.compile(r"[*?\[]")
"""What a pattern has, and a path seldom."""


def suffix_of(name: str) -> str:
    """Return how a file's name ends, in small letters, with its dot; empty for no dot."""
    dot, suffix = name.rpartition("/")[2].rpartition(".")[1:]
    return dot + suffix.lower() if dot else ""


def is_pattern(source: str) -> bool:
    """Return whether a source stands for what matches it."""
    return WILD.search(source) is not None and (is_remote(source) or not _exists(source))


def is_archive(source: str) -> bool:
    """Return whether a source is more than a picture or a folder on this machine."""
    return (
        is_remote(source)
        or suffix_of(source) in (*CONTAINERS, LIST)
        or source.lower().endswith(PACKED)
        or is_pattern(source)
        or (_exists(source) and Path(source).is_dir() and _holds_containers_alone(source))
    )


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # such as of a name that is too long
        return False


def _holds_containers_alone(folder: str) -> bool:
    return next(pictures_in(folder), None) is None and any(
        suffix_of(file) in CONTAINERS for file in storage.files_in(folder)
    )
