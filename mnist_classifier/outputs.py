"""Files that are written: ordinary ones alone, and whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mnist_classifier.errors import OutputError


def check_ordinary(path: Path, option: str) -> None:
    """Check that a file can be written in place of what is there.

    A pipe blocks, and a device keeps nothing.

    Args:
        path: Where it goes; a folder there is told by who writes.
        option: Of the command line, to name another place with.

    Raises:
        OutputError: There is a pipe, a device or a socket.
    """
    try:
        special = path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, ValueError):  # such as of a name that is too long: told when it is opened
        return
    if special:
        raise OutputError(
            f"cannot write {path}: no ordinary file; expected a new name, or a file of this "
            f"program's: name another with {option}"
        )


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path to write to, then rename it to ``path``: a reader finds a whole file or none.

    A link that lies there is replaced, and nothing is written through it.
    """
    aside = path.with_name(f".{path.name}")
    aside.unlink(missing_ok=True)  # a link, or what blocks when it is opened
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
