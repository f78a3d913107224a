"""Which values a sweep tries: ranges and choices for a recipe's settings, from a TOML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from mnist_classifier.errors import SettingsError
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.recipes.changes import Limits, check_name, limits

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Space: TypeAlias = "dict[str, BaseDistribution]"
"""What may be tried, by the settings' names."""

_EXPECTED = "expected low and high, if you like with log = true, or choices"


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file such as ``learning_rate = {low = 1e-3, high = 1e-2, log = true}``.

    Returns:
        Its tables by the settings' names; a dot leads into an object.

    Raises:
        SettingsError: It is missing or is no TOML.
    """
    try:
        return _flat(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}); expected TOML such as "
            "learning_rate = {low = 1e-3, high = 1e-2, log = true}: mend it, or name another"
        ) from error


def space_of(tables: Mapping[str, Any], recipe: Recipe) -> Space:
    """Return what may be tried.

    Args:
        tables: From `read`.
        recipe: Whose settings they are.

    Raises:
        SettingsError: There is no setting, or one that the recipe lacks, or a value that makes no
            sense for it.
    """
    if not tables:
        raise SettingsError("the space is empty; expected a setting or more: add some to --space")
    known = limits(recipe)
    space = {}
    for name, table in tables.items():
        check_name(recipe.name, name, known)
        space[name] = _distribution(name, table, known[name])
    return space


def _distribution(name: str, table: Any, limit: Limits) -> BaseDistribution:
    """Return the distribution that a table describes.

    Raises:
        SettingsError: It describes none, or values outside the limits.
    """
    if not isinstance(table, Mapping):
        raise _wrong(name, f"is {table!r}", _EXPECTED)
    keys = set(table)
    if keys == {"choices"} and isinstance(table["choices"], list) and len(table["choices"]) > 1:
        values = table["choices"]
    elif {"low", "high"} <= keys <= {"low", "high", "log"}:
        values = [table["low"], table["high"]]
    else:
        raise _wrong(name, f"has {', '.join(sorted(keys)) or 'nothing'}", _EXPECTED)
    for value in values:
        if value not in limit:
            raise _wrong(name, f"is {value!r}", f"expected {limit}")
    if "choices" in table:
        return CategoricalDistribution(values)
    low, high = values
    log = table.get("log", False)
    if not isinstance(log, bool) or low >= high or (log and low <= 0):
        raise _wrong(
            name, f"goes from {low} to {high}, log = {log}", "expected low < high; above 0 with log"
        )
    if limit.whole:
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _wrong(name: str, what: str, expected: str) -> SettingsError:
    return SettingsError(f"{name} in the space {what}; {expected}: mend the file of --space")


def _flat(tables: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the innermost tables, by names with dots."""
    found: dict[str, Any] = {}
    for name, table in tables.items():
        inner = isinstance(table, Mapping) and any(isinstance(t, Mapping) for t in table.values())
        found |= _flat(table, f"{before}{name}.") if inner else {f"{before}{name}": table}
    return found
