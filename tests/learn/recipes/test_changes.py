import json

import pytest

from mnist_classifier.errors import SettingsError
from mnist_classifier.learn.recipes import recipe_file
from mnist_classifier.learn.recipes.changes import limits
from mnist_classifier.learn.recipes.registry import RECIPES, load


@pytest.mark.parametrize("name", RECIPES)
def test_each_setting_that_may_be_changed_can_be(name):
    recipe = load(name)
    for setting, limit in limits(recipe).items():
        value = limit.low if limit.whole else (limit.low + limit.high) / 2
        told = load(name, {setting: value}).to_dict()
        *objects, last = setting.split(".")
        for part in objects:
            told = told[part]
        assert told[last] == value, setting
    assert load(name) == recipe
    assert load(name, {"epochs": 3}).total_epochs != recipe.total_epochs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "no setting 'epoch' that can be changed; expected one such as epochs"),
        ({"layers": 3}, "the recipe dnn has no setting 'layers'"),
        ({"deformation.rotation": 3}, "the recipe dnn has no setting"),
        ({"epochs": 0}, "epochs is 0; expected a whole number from 1 to 10,000"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"epochs": True}, "epochs is true"),
        ({"learning_rate": "high"}, 'learning_rate is "high"; expected a number from'),
        ({"warmup": float("nan")}, "warmup is NaN"),
        ({"warmup": None}, "warmup is null"),
    ],
)
def test_changes_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        load("dnn", changes)


def test_a_recipe_file_is_read_and_so_is_a_configuration(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"recipe": {"name": "dnn", "epochs": 6}, "seed": 3}))
    assert recipe_file.read(path) == ("dnn", None)
    path.write_text(json.dumps({"recipe": {"name": "dnn"}, "changes": {"epochs": 9}}))
    assert recipe_file.read(path) == ("dnn", {"epochs": 9})


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "{}", '{"recipe": "dnn"}', '{"recipe": {"name": 7}}', "[" * 10**5]
    + ['{"recipe": {"name": "dnn"}, "changes": [1]}', '{"recipe": {"name": "dnn"}'],
)
def test_another_file_is_refused_with_a_line(tmp_path, text):
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="cannot be read as a recipe"):
        recipe_file.read(path)


def test_no_file_is_refused_with_a_line(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read as a recipe"):
        recipe_file.read(tmp_path / "none.json")
