"""A recipe in a file: one of the registry's, and what is changed of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mnist_classifier.errors import SettingsError

_LARGEST = 1 << 20  # bytes


def read(path: Path) -> tuple[str, dict[str, Any] | None]:
    """Read which recipe a file names, and what it changes of it.

    Args:
        path: JSON such as ``{"recipe": {"name": "dnn"}, "changes": {"epochs": 9}}``; a run's
            ``config.json`` is such a file.

    Returns:
        The recipe's name; values by the settings' names, None where nothing is changed.

    Raises:
        SettingsError: It is no such file.
    """
    try:
        with path.open(encoding="utf-8") as file:
            values = json.loads(file.read(_LARGEST))
        name, changes = values["recipe"]["name"], values.get("changes")
        if not isinstance(name, str) or not isinstance(changes, dict | None):
            raise TypeError("recipe.name is no text, or changes is no object")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SettingsError(
            f"{path} cannot be read as a recipe ({error}); expected JSON such as "
            '{"recipe": {"name": "dnn"}, "changes": {"epochs": 9}}: '
            "name a run's config.json, or what mnist sweep wrote"
        ) from error
    return name, changes or None
