"""A recipe's own settings, changed: which may be, and within which limits."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnist_classifier.errors import SettingsError

if TYPE_CHECKING:
    from mnist_classifier.learn.recipes.base import Recipe


@dataclass(frozen=True)
class Limits:
    """Which values a setting may have.

    Attributes:
        low: The least.
        high: The greatest.
        whole: Whether only whole numbers make sense.
    """

    low: float
    high: float
    whole: bool = False

    def __contains__(self, value: object) -> bool:
        """Tell whether a value is one of these; true and false are no numbers."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low <= value <= self.high

    def __str__(self) -> str:
        """Say which, as a person reads it."""
        return f"a {'whole ' if self.whole else ''}number from {self.low:,} to {self.high:,}"


_SHARE = Limits(0, 1)
_RATE = Limits(1e-9, 10)
_LIMITS = {
    "epochs": Limits(1, 10_000, whole=True),
    "finishing_epochs": Limits(0, 10_000, whole=True),
    "batch_size": Limits(1, 100_000, whole=True),
    "patience": Limits(0, 10_000, whole=True),
    "reuse": Limits(1, 10_000, whole=True),
    "learning_rate": _RATE,
    "finishing_learning_rate": _RATE,
    "warmup": _SHARE,
    "label_smoothing": _SHARE,
    "weight_decay": _SHARE,
    "ema_epochs": Limits(1e-3, 10_000),
    "teacher_weight": _SHARE,
    "nondigits": Limits(0, 10),
    "drawn": _SHARE,
    "coarse": _SHARE,
}
_DEFORMATION = Limits(0, 100)


def limits(recipe: Recipe) -> dict[str, Limits]:
    """Return the settings of a recipe that may be changed, and within which limits.

    Returns:
        By name, as in ``Recipe.to_dict``; a dot leads into an object, as in
        ``"deformation.rotation"``.
    """
    return {
        name: limit
        for name in _flat(recipe.to_dict())
        if (limit := _limits_of(name.split("."))) is not None
    }


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some of its settings changed.

    Args:
        recipe: As it is in the registry.
        changes: Values by name, see `limits`.

    Raises:
        SettingsError: The recipe has no such setting, or a value lies outside its limits.
    """
    known = limits(recipe)
    for name, value in changes.items():
        check_name(recipe.name, name, known)
        if value not in known[name]:
            raise SettingsError(
                f"{name} is {json.dumps(value)}; expected {known[name]}: give it such a value"
            )
        recipe = recipe.with_setting(name, value)
    return recipe


def check_name(recipe: str, name: str, known: Mapping[str, Limits]) -> None:
    """Check that a recipe has a setting.

    Raises:
        SettingsError: It has none of that name; the message names those that it has.
    """
    if name not in known:
        close = difflib.get_close_matches(name, known) or list(known)
        raise SettingsError(
            f"the recipe {recipe} has no setting {name!r} that can be changed; expected one such "
            f"as {', '.join(close)}: mend its name, or leave it out"
        )


def _flat(settings: Mapping[str, Any], before: str = "") -> list[str]:
    """Return the names of all settings that are no objects."""
    names = []
    for name, value in settings.items():
        inside = _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else None
        names += [f"{before}{name}"] if inside is None else inside
    return names


def _limits_of(parts: list[str]) -> Limits | None:
    if len(parts) > 1 and parts[-2].endswith("deformation"):
        return _DEFORMATION
    return _LIMITS.get(parts[-1])
