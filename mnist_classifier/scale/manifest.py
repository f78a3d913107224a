"""The manifest: how an archive began, so that it goes on only so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mnist_classifier.errors import OutputError, SettingsError
from mnist_classifier.scale import storage


def load_manifest(name: str) -> dict[str, Any] | None:
    """Return what a manifest says; None where there is none.

    Raises:
        OutputError: It is damaged.
    """
    try:
        said = json.loads(storage.read_file(name, 2**24))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(name) from error
    if not isinstance(said, dict):
        raise _damaged(name)
    return said


def save_manifest(name: str, begun: Mapping[str, Any]) -> None:
    """Write how an archive began."""
    storage.write_file(name, (json.dumps(begun, indent=2, ensure_ascii=True) + "\n").encode())


def check_same(output: str, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that an archive goes on as it began.

    Raises:
        SettingsError: Something differs.
    """
    for name, value in json.loads(json.dumps(now)).items():
        if begun.get(name) != value:
            raise SettingsError(
                f"{output} was begun with {name} {_told(begun.get(name))}, and now it is "
                f"{_told(value)}; expected the same: set it so, or name another output"
            )


def _told(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _damaged(name: str) -> OutputError:
    return OutputError(
        f"{name} is damaged; expected how the archive began: name another output, or remove its "
        "folder"
    )
