import json

import pytest

from mnist_classifier.learn.networks.inspection import multiply_adds
from mnist_classifier.learn.recipes.base import Recipe
from mnist_classifier.learn.recipes.registry import RECIPES, load, recorded


@pytest.mark.parametrize("name", RECIPES)
def test_every_name_loads_the_recipe_of_that_name(name):
    recipe = load(name)
    assert isinstance(recipe, Recipe)
    assert recipe.name == name


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_recorded_is_of_the_recipe_as_it_is(name):
    record, recipe = recorded()[name], load(name)
    again = "recorded anew: python -m benchmarks.record"
    model = recipe.build()
    assert record["parameters"] == model.count_params(), again
    assert record["multiply_adds"] == multiply_adds(model), again
    if record["series"]:
        now = json.loads(json.dumps(recipe.to_dict()))
        assert record["series"]["recipe"].items() <= now.items(), again


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_scales_to_few_images_and_keeps_its_kind(name):
    recipe = load(name)
    few = recipe.scaled(1000)
    assert type(few) is type(recipe)
    assert few.total_epochs == recipe.total_epochs
    assert few.validation_share == recipe.validation_share
