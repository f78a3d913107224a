"""What one training is asked to do: flat, frozen, checked, and saved with its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_classifier.errors import RunError, SettingsError

MOST_EPOCHS = 10_000
LARGEST_BATCH = 100_000
LARGEST_SEED = 2**32 - 1
RECIPES = {
    "dnn": "the program's own: Dense layers",
    "dnn-best": "as far as Dense layers go: begun as convolutions, taught",
    "cnn-fast": "good in seconds: convolutions, one epoch",
    "cnn-small": "few weights: convolutions, deformed images",
    "cnn-best": "as far as one network goes: convolutions, three views",
    "ensemble": "five of cnn-best's kind, two for upright digits, averaged",
    "reader": "what mnist read ships: other people's hands, and no digit",
}
"""Each recipe's name and what it is; `catalogue` has the recipes themselves."""
TAUGHT = ("dnn-best",)
"""The recipes that learn from a teacher."""


@dataclass(frozen=True)
class Settings:
    """The settings of one run.

    Attributes:
        dataset: ``"mnist"``, ``"fashion_mnist"``, ``"sample"``, or ``None`` for the first that
            can be had.
        data_dir: A folder with IDX files or ``mnist.npz``, or ``None``.
        output: The run folder to make, or ``None`` for one named after recipe and time.
        epochs: The most epochs to train, 1 to 10,000; ``None`` leaves it to the recipe.
        batch_size: Images a training step, 1 to 100,000; ``None`` leaves it to the recipe.
        recipe: One of ``RECIPES``.
        seed: Decides split, first weights, shuffling and random assignment; 0 to 2³² − 1.
        tensorboard: Whether logs for TensorBoard are written in the run folder.
        mlflow: Whether the run is also kept in MLflow's store.
        deterministic: Whether only operations are used that give the same bits each time.
        teacher: Of a recipe that has one, a finished run, or of a series one for each seed, to
            learn from; ``None`` trains one first.
        resume: The folder of the run to go on with, or ``None`` for a new one.

    Raises:
        SettingsError: A number lies outside its range, the recipe is unknown or has no teacher.
    """

    dataset: str | None = None
    data_dir: Path | None = None
    output: Path | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    recipe: str = "dnn"
    tensorboard: bool = False
    mlflow: bool = False
    deterministic: bool = False
    teacher: Path | None = None
    resume: Path | None = None

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise SettingsError(
                f"unknown recipe {self.recipe!r}; expected one of {', '.join(RECIPES)}: "
                "mnist recipes tells of them"
            )
        if self.teacher and self.recipe not in TAUGHT:
            raise SettingsError(
                f"the recipe {self.recipe} has no teacher; expected --teacher with "
                f"{' or '.join(TAUGHT)}: leave it out"
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
    def of_run(cls, run: Path, config: Mapping[str, Any]) -> Settings:
        """Return the settings with which a run that was cut short goes on.

        Args:
            run: Its folder.
            config: What its ``config.json`` says, or a series's ``series.json``.

        Raises:
            RunError: A setting is missing or makes no sense.
        """
        try:
            return cls(
                # A folder's own data set has a name that no --dataset knows.
                dataset=None if config["data_dir"] else config["dataset"],
                data_dir=Path(config["data_dir"]) if config["data_dir"] else None,
                epochs=config["epochs"],
                batch_size=config["batch_size"],
                seed=config["seed"],
                recipe=config["recipe"]["name"],
                tensorboard=config["tensorboard"],
                mlflow=config["mlflow"],
                deterministic=config["deterministic"],
                teacher=Path(config["teacher"]) if config["teacher"] else None,
                resume=run,
            )
        except (KeyError, TypeError, SettingsError) as error:
            raise RunError(
                f"{run} lacks a setting or has a wrong one ({error}); expected what mnist train "
                "wrote: train anew"
            ) from error

    def as_json(self) -> dict[str, str | int | None]:
        """Return the settings as JSON can hold them; folders from the root."""
        return {
            name: str(value.absolute()) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
            if name != "resume"
        }
