"""A run's JSON files: read, and held against what they must hold, at this one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_classifier.errors import RunError

MOST_EPOCHS = 10_000
LARGEST_BATCH = 100_000
LARGEST_SEED = 2**32 - 1

_LARGEST = 2**23  # bytes; the history of 50,000 epochs has half of it
_DEEPEST = 20  # objects and lists within each other; ours have five
_MISSING = object()


@dataclass(frozen=True)
class Kind:
    """A kind of value: what it is in words, and the test of it."""

    expected: str
    fits: Callable[[Any], bool]


def _whole(low: int, high: int = 10**12) -> Kind:
    return Kind(
        f"a whole number from {low:,} to {high:,}",
        lambda value: type(value) is int and low <= value <= high,
    )


def _number(low: float, high: float) -> Kind:
    return Kind(
        f"a number from {low:g} to {high:g}",
        lambda value: type(value) in (int, float) and low <= value <= high,
    )


def _or_null(kind: Kind) -> Kind:
    return Kind(f"{kind.expected}, or null", lambda value: value is None or kind.fits(value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _are_hashes(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_text, value))


_TEXT = Kind("a text", _is_text)
_FLAG = Kind("true or false", lambda value: isinstance(value, bool))
_OBJECT = Kind("an object", lambda value: isinstance(value, dict))

# Each value that is used, by its name; a dot leads into an object.
_CONFIG = {
    "dataset": _TEXT,
    "data_dir": _or_null(_TEXT),
    "source": _TEXT,
    "sha256": Kind("four texts", _are_hashes),
    "seed": _whole(0, LARGEST_SEED),
    "seeds": _whole(1, LARGEST_SEED + 1),
    "epochs": _or_null(_whole(1, MOST_EPOCHS)),
    "batch_size": _or_null(_whole(1, LARGEST_BATCH)),
    "tensorboard": _FLAG,
    "mlflow": _FLAG,
    "deterministic": _FLAG,
    "versions": Kind("an object of texts", _are_texts),
    "recipe": _OBJECT,
    "changes": _or_null(_OBJECT),
    "recipe.name": _TEXT,
    "recipe.validation_share": _number(1e-6, 0.5),
    "recipe.label_smoothing": _or_null(_number(0, 1)),
    "recipe.patience": _or_null(_whole(0)),
}
_METRICS = {
    "seed": _whole(0, LARGEST_SEED),
    "epochs": _whole(0),
    "best_epoch": _or_null(_whole(1)),
    "interrupted": _FLAG,
    "fit_seconds": _number(0, 1e12),
    "train_size": _whole(1),
    "validation_size": _whole(1),
    "test_size": _whole(1),
    "test_accuracy": _number(0, 1),
    # A network whose weights have overflowed has a loss that is no number.
    "test_loss": Kind("a number", lambda value: type(value) in (int, float)),
    "calibration": _OBJECT,
    "calibration.temperature": _number(0.01, 100),
}
_SWEEP = {**_CONFIG, "space": _OBJECT, "trials": _whole(1), "splits": _whole(1)}
_FILES = {
    "config.json": _CONFIG,
    "series.json": _CONFIG,
    "sweep.json": _SWEEP,
    "metrics.json": _METRICS,
}


def read_json(path: Path, *needed: str) -> dict[str, Any]:
    """Read ``config.json``, ``series.json``, ``sweep.json`` or ``metrics.json``.

    Args:
        path: The file.
        needed: What it must hold besides being sound, such as ``"recipe.name"``.

    Raises:
        RunError: The file is missing, is no JSON object, or something in it is missing or wrong.
    """
    values = _parsed(path)
    for name, kind in _FILES[path.name].items():
        value = _at(values, name)
        if value is _MISSING:
            if name in needed:
                raise _wrong(path, f"{name} is missing", kind)
        elif not kind.fits(value):
            shown = json.dumps(value)
            shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
            raise _wrong(path, f"{name} is {shown}", kind)
    return values


def _parsed(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise RunError(
            f"{path} does not exist, or is no ordinary file; expected a run folder made by "
            "mnist train: name another"
        )
    try:
        check_length(path)
        values = json.loads(path.read_text("utf-8"))
        _check_form(values)
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{path} cannot be read ({error}); expected a run folder made by mnist train: "
            "name another"
        ) from error
    if not isinstance(values, dict):
        raise RunError(f"{path} holds no JSON object; expected one: name another run")
    return values


def check_length(path: Path) -> None:
    """Check that a file of a run is no longer than any that this program writes.

    Raises:
        ValueError: It is.
    """
    if (size := path.stat().st_size) > _LARGEST:
        raise ValueError(f"{size:,} bytes; at most {_LARGEST:,}")


def _check_form(values: Any) -> None:
    """Check what every later step relies on: no deep nesting, and text that can be written.

    Raises:
        ValueError: It is otherwise.
    """
    level = [values]
    for _ in range(_DEEPEST):
        texts = [value for value in level if isinstance(value, str)]
        texts += [key for value in level if isinstance(value, dict) for key in value]
        for text in texts:
            text.encode()  # half a surrogate pair cannot be
            if "\0" in text:
                raise ValueError("a text with a null character")
        level = [
            part
            for value in level
            if isinstance(value, dict | list)
            for part in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"more than {_DEEPEST} objects or lists within each other")


def _at(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a name, or `_MISSING`."""
    value: Any = values
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _wrong(path: Path, what: str, kind: Kind) -> RunError:
    return RunError(
        f"{path} lacks a setting or has a wrong one: {what}; expected {kind.expected}, as "
        "mnist train writes it: name another run, or train anew"
    )
