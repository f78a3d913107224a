"""Files that are written: ordinary ones alone, for a pipe blocks and a device keeps nothing."""

from __future__ import annotations

from pathlib import Path

from mnist_classifier.errors import OutputError


def check_ordinary(path: Path, option: str) -> None:
    """Check that a file can be written in place of what is there.

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
