"""The errors a person can cause and mend: what came, what was expected, what to do."""

from __future__ import annotations

import importlib.util


def printable(text: str) -> str:
    """Return text in one line: what does not print, such as a newline in a file's name, escaped."""
    return "".join(
        character if character.isprintable() else escaped(character) for character in text
    )


def escaped(character: str) -> str:
    r"""Return what stands for a character: ``\n``, ``\x1b``, or ``\xff`` for a byte alone."""
    if "\udc80" <= character <= "\udcff":  # as Python has such bytes
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


class MnistError(Exception):
    """A mistake its message explains in one line; the command line ends with exit code 2."""

    exit_code = 2

    def __str__(self) -> str:
        """Return the message; what a file or its name brings into it stays in the line, escaped."""
        return printable(super().__str__())


class DataError(MnistError):
    """Images or labels are missing, damaged, or not what they should be."""


class OutputError(MnistError):
    """What was made cannot be written where it should go."""


class RunError(MnistError):
    """A run folder, or a file in it, is missing or damaged."""


class SettingsError(MnistError):
    """A setting lies outside what makes sense."""


class PictureError(MnistError):
    """A picture or array cannot be read as one."""


class PictureTooLargeError(PictureError):
    """A picture has more pixels than are allowed."""


class ModelError(MnistError):
    """A model file is damaged, or is not one that reads digits."""


class ClusterError(MnistError):
    """A cluster of machines does not do what it is asked."""


class MissingExtraError(MnistError):
    """A library that comes with an optional extra is not installed."""


def require(extra: str, *modules: str) -> None:
    """Check, without importing them, that an extra's modules are installed.

    Args:
        extra: The name of the extra in ``pyproject.toml``; empty for the base install.
        modules: Names as one imports them, such as ``"keras"``.

    Raises:
        MissingExtraError: One or more are missing; the message names the command that helps.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        target = f'".[{extra}]"' if extra else "."
        raise MissingExtraError(
            f"not installed: {', '.join(missing)}; "
            f"expected an install with them: run  pip install {target}  in the project's folder"
        )
