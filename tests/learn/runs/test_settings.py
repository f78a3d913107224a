import shlex
from pathlib import Path

import pytest

from mnist_classifier.errors import RunError, SettingsError
from mnist_classifier.learn.recipes.registry import load
from mnist_classifier.learn.runs.settings import (
    Settings,
    differences,
    training_command,
    with_present_names,
)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"epochs": 0}, "epochs 0 makes no sense; expected 1 to 10,000: give another --epochs"),
        ({"epochs": -3}, "epochs -3"),
        ({"epochs": 10**9}, "epochs 1,000,000,000"),
        ({"batch_size": 0}, "batch size 0 .*--batch-size"),
        ({"batch_size": 10**7}, "batch size 10,000,000"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**32}, "seed 4,294,967,296"),
        (
            {"recipe": "cake"},
            "unknown recipe 'cake'; expected one of dnn, .*lines: mnist recipes tells",
        ),
    ],
)
def test_senseless_numbers_are_refused(wish, message):
    with pytest.raises(SettingsError, match=message):
        Settings(**wish)


def test_settings_can_be_saved():
    assert Settings(data_dir=Path("d"), epochs=3).to_dict() == {
        "dataset": None,
        "data_dir": str(Path("d").absolute()),
        "output": None,
        "epochs": 3,
        "batch_size": None,
        "seed": 0,
        "recipe": "dnn",
        "tensorboard": False,
        "mlflow": False,
        "deterministic": False,
    }


CONFIG = {
    **Settings().to_dict(),
    "recipe": {"name": "dnn", "epochs": 7},
    "dataset": "sample",
    "sha256": ["a", "b", "c", "d"],
    "versions": {"keras": "3", "tensorflow": "2"},
}


def test_the_command_repeats_the_run():
    assert training_command(CONFIG) == "mnist train --dataset sample --seed 0 --recipe dnn"
    config = {**CONFIG, "dataset": "custom", "data_dir": "my data", "epochs": 3, "batch_size": 7}
    config["versions"] = {"jax": "0.4"}
    assert shlex.split(training_command(config)) == (
        ["KERAS_BACKEND=jax", "mnist", "train", "--data-dir"]
        + ["my data", *["--epochs", "3", "--batch-size", "7", "--seed", "0", "--recipe", "dnn"]]
    )


def test_changes_of_the_recipe_are_kept_and_repeated():
    settings = Settings(recipe="cnn-fast", changes={"epochs": 2})
    config = {**CONFIG, **settings.to_dict(), "recipe": {"name": "cnn-fast", "epochs": 2}}
    config["dataset"] = "sample"
    assert Settings.from_run(Path("run"), config).changes == {"epochs": 2}
    assert training_command(config) == (
        "mnist train --recipe-file config.json --dataset sample --seed 0"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"data_dir": "elsewhere", "output": "other"}, []),
        ({"epochs": 3}, ["epochs the recipe's, now 3"]),
        ({"sha256": ["e", "b", "c", "d"]}, ["images sample a b c d, now sample e b c d"]),
        ({"versions": {"jax": "0.4"}}, ["back end tensorflow, now jax"]),
        ({"recipe": {"name": "dnn", "epochs": 8}}, ["the recipe's epochs 7, now 8"]),
        ({"recipe": {"name": "reader"}, "epochs": 3}, ["recipe dnn, now reader"]),
    ],
)
def test_what_began_otherwise_is_said(change, said):
    assert differences(Path("run"), CONFIG, {**CONFIG, **change}) == said


@pytest.mark.parametrize(
    "damaged", [{}, {"recipe": "dnn"}, {**CONFIG, "sha256": 7}, {**CONFIG, "versions": None}]
)
def test_a_damaged_configuration_is_refused(damaged):
    with pytest.raises(RunError, match="lacks a setting or has a wrong one"):
        differences(Path("run"), damaged, CONFIG)


def test_a_run_of_an_earlier_version_is_read_by_the_names_of_today():
    now = load("dnn-best").to_dict()
    earlier = {"averaging": "ema_epochs", "finish": "final_deformation"}
    earlier |= {"taught": "teacher_weight", "folded": "initial"}

    def as_it_was(settings):
        names = {new: old for old, new in earlier.items()}
        return {
            names.get(name, name): as_it_was(value)
            if name in ("teacher", "initial") and value
            else value
            for name, value in settings.items()
        }

    before = as_it_was(now)
    before["folded"]["name"] = "folded"
    assert set(earlier) <= set(before)
    assert with_present_names({"recipe": before}) == {"recipe": now}


def test_a_run_that_had_a_teacher_given_is_refused_with_a_line():
    with pytest.raises(RunError, match="an option that is no more"):
        Settings.from_run(Path("run"), {**CONFIG, "teacher": "other"})
    assert Settings.from_run(Path("run"), {**CONFIG, "teacher": None}).resume == Path("run")
