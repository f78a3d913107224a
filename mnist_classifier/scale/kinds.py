"""Kinds of sources, told by their names alone."""

from __future__ import annotations

import re
from pathlib import Path

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
    return WILD.search(source) is not None and (is_remote(source) or not Path(source).exists())


def is_archive(source: str) -> bool:
    """Return whether a source is more than a picture or a folder on this machine."""
    return (
        is_remote(source)
        or suffix_of(source) in (*CONTAINERS, LIST)
        or source.lower().endswith(PACKED)
        or is_pattern(source)
    )
