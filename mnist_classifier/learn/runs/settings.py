"""What one training is asked to do: flat, frozen, checked, and saved with its result."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_classifier.errors import RunError, SettingsError
from mnist_classifier.learn.recipes.registry import RECIPES
from mnist_classifier.learn.runs.files import LARGEST_BATCH, LARGEST_SEED, MOST_EPOCHS

if TYPE_CHECKING:
    from mnist_classifier.learn.data.dataset import Dataset
    from mnist_classifier.learn.recipes.base import Recipe

# What a run must have in common with what it is to go on as; the recipe and the images besides.
_FIXED = ("seed", "epochs", "batch_size", "tensorboard", "mlflow", "deterministic")
_BACKENDS = ("tensorflow", "jax", "torch")
# What earlier versions called the settings of a recipe.
_EARLIER_NAMES = {
    "averaging": "ema_epochs",
    "finish": "final_deformation",
    "taught": "teacher_weight",
    "folded": "initial",
}


@dataclass(frozen=True)
class Settings:
    """The settings of one run.

    Attributes:
        dataset: ``"mnist"``, ``"fashion_mnist"``, ``"sample"``, or ``None`` for the first that
            can be had.
        data_dir: A folder with IDX files, ``mnist.npz`` or pictures by class, or ``None``.
        output: The run folder to make, or ``None`` for one named after recipe and time.
        epochs: The most epochs to train, 1 to 10,000; ``None`` leaves it to the recipe.
        batch_size: Images a training step, 1 to 100,000; ``None`` leaves it to the recipe.
        recipe: One of ``RECIPES``.
        changes: Settings of the recipe that have other values, by name, or ``None``.
        seed: Decides split, first weights, shuffling and random assignment; 0 to 2³² − 1.
        tensorboard: Whether logs for TensorBoard are written in the run folder.
        mlflow: Whether the run is also kept in MLflow's store.
        deterministic: Whether only operations are used that give the same bits each time.
        resume: The folder of the run to go on with, or ``None`` for a new one.

    Raises:
        SettingsError: A number lies outside its range, or the recipe is unknown.
    """

    dataset: str | None = None
    data_dir: Path | None = None
    output: Path | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    recipe: str = "dnn"
    changes: Mapping[str, Any] | None = None
    tensorboard: bool = False
    mlflow: bool = False
    deterministic: bool = False
    resume: Path | None = None

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise SettingsError(
                f"unknown recipe {self.recipe!r}; expected one of {', '.join(RECIPES)}: "
                "mnist recipes tells of them"
            )
        for name, value, low, high in (
            ("epochs", self.epochs, 1, MOST_EPOCHS),
            ("batch size", self.batch_size, 1, LARGEST_BATCH),
            ("seed", self.seed, 0, LARGEST_SEED),
        ):
            if value is not None and not low <= value <= high:
                raise SettingsError(
                    f"{name} {value:,} makes no sense; expected {low} to {high:,}: "
                    f"give another --{name.replace(' ', '-')}"
                )

    @classmethod
    def from_run(cls, run: Path, config: Mapping[str, Any]) -> Settings:
        """Return the settings with which a run that was cut short goes on.

        Args:
            run: Its folder.
            config: What its ``config.json`` says, or a series's ``series.json``.

        Raises:
            RunError: A setting is missing or makes no sense.
        """
        if config.get("teacher"):
            raise RunError(
                f"{run} began with --teacher {config['teacher']}, an option that is no more; "
                "expected a run without: train anew"
            )
        try:
            return cls(
                # A folder's own data set has a name that no --dataset knows.
                dataset=None if config["data_dir"] else config["dataset"],
                data_dir=Path(config["data_dir"]) if config["data_dir"] else None,
                epochs=config["epochs"],
                batch_size=config["batch_size"],
                seed=config["seed"],
                recipe=config["recipe"]["name"],
                changes=config.get("changes"),
                tensorboard=config["tensorboard"],
                mlflow=config["mlflow"],
                deterministic=config["deterministic"],
                resume=run,
            )
        except (KeyError, TypeError, SettingsError) as error:
            raise RunError(
                f"{run} lacks a setting or has a wrong one ({error}); expected what mnist train "
                "wrote: train anew"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them; folders from the root."""
        return {
            name: str(value.absolute()) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
            if name != "resume" and (name, value) != ("changes", None)
        }


def configuration(settings: Settings, recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """Return what ``config.json`` holds: all that made a run what it is."""
    from mnist_classifier.learn.runs.environment import versions

    return {
        **settings.to_dict(),
        "recipe": recipe.to_dict(),
        "dataset": dataset.name,
        "source": dataset.source,
        "sha256": dataset.sha256(),
        "versions": versions(),
    }


def with_present_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the names that its recipe's settings have now."""
    recipe = config.get("recipe")
    return {**config, "recipe": _renamed(recipe)} if isinstance(recipe, Mapping) else dict(config)


def differences(run: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in what a run or a series began otherwise than it would go on, as a person reads it.

    Args:
        run: Its folder.
        before: Its ``config.json`` or ``series.json``.
        now: From `configuration`.

    Returns:
        Such as ``"epochs 3, now 5"``; where the recipe is another, that alone.

    Raises:
        RunError: Something is missing from the file or is of a wrong type.
    """
    try:
        was, asked = _facts(with_present_names(before)), _facts(json.loads(json.dumps(now)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"{run} lacks a setting or has a wrong one ({error}); expected what mnist train "
            "wrote: train anew, or name another --output"
        ) from error
    names = [name for name in {**was, **asked} if was.get(name) != asked.get(name)]
    if "recipe" in names:
        names = ["recipe"]
    return [f"{name} {_said(was.get(name))}, now {_said(asked.get(name))}" for name in names]


def training_command(config: Mapping[str, Any]) -> str:
    """Return the command that makes a run again from its ``config.json``."""
    backend = _backend(config)
    words = [f"KERAS_BACKEND={backend}"] if backend != "tensorflow" else []
    words += ["mnist", "train"]
    asked = {**config, "recipe": config["recipe"]["name"]}
    if asked.pop("changes", None):
        asked["recipe"] = None
        words += ["--recipe-file", "config.json"]
    if asked["dataset"] == "custom":
        asked["dataset"] = None  # what its folder holds
    for field in fields(Settings):
        value = asked.get(field.name)
        option = f"--{field.name.replace('_', '-')}"
        if field.name == "output" or value is None or value is False:
            continue
        words += [option] if value is True else [option, str(value)]
    return shlex.join(words)


def _facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must not change while a run goes on, by the names that a person reads."""
    recipe = dict(config["recipe"])
    return {
        "recipe": recipe.pop("name"),
        **{name.replace("_", " "): config[name] for name in _FIXED},
        "back end": _backend(config),
        "images": f"{config['dataset']} {' '.join(digest[:8] for digest in config['sha256'])}",
        **{f"the recipe's {name.replace('_', ' ')}": value for name, value in recipe.items()},
    }


def _backend(config: Mapping[str, Any]) -> str:
    return next((name for name in _BACKENDS if name in config["versions"]), "")


def _renamed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {
        _EARLIER_NAMES.get(name, name): _renamed(value) if isinstance(value, Mapping) else value
        for name, value in recipe.items()
    }
    if isinstance(recipe.get("folded"), Mapping):
        renamed["initial"]["name"] = "initial"
    return renamed


def _said(value: Any) -> str:
    return "the recipe's" if value is None else str(value)
