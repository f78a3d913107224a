import json

import keras
import numpy as np
import pytest
from keras import layers

from mnist_classifier.learn import catalogue, records
from mnist_classifier.learn.datasets import Part, scale, validation_share_of
from mnist_classifier.learn.distillation import DistilledRecipe
from mnist_classifier.learn.settings import RECIPES, TAUGHT


def test_every_recipe_is_known_without_keras_too():
    assert list(catalogue.BY_NAME) == list(RECIPES)
    taught = [name for name, one in catalogue.BY_NAME.items() if isinstance(one, DistilledRecipe)]
    assert taught == list(TAUGHT)


def test_multiply_adds_are_those_counted_by_hand():
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(8, 3),  # 26 × 26
            layers.BatchNormalization(),
            layers.MaxPooling2D(),  # 13 × 13
            layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2),
            layers.SeparableConv2D(4, 3, strides=2),  # 6 × 6
            layers.Conv2D(6, 1, groups=2),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    by_hand = (
        26 * 26 * 8 * 3 * 3 * 1
        + 13 * 13 * 16 * 5 * 5
        + 6 * 6 * (16 * 3 * 3 + 16 * 4)
        + 6 * 6 * 6 * 2
        + 6 * 6 * 6 * 10
    )
    assert catalogue.multiply_adds(model) == by_hand
    nested = keras.Sequential([layers.Input((784,)), model, layers.Dense(3)])
    assert catalogue.multiply_adds(nested) == by_hand + 10 * 3


def test_a_layer_that_cannot_be_counted_is_not_passed_over():
    model = keras.Sequential([layers.Input((28, 28)), layers.SimpleRNN(3)])
    with pytest.raises(TypeError, match="SimpleRNN"):
        catalogue.multiply_adds(model)


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_recorded_is_of_the_recipe_as_it_is(name):
    record, recipe = records.load()[name], catalogue.BY_NAME[name]
    again = "recorded anew: python -m benchmarks.record"
    assert catalogue.cost(recipe).items() <= record.items(), again
    if record["series"]:
        now = json.loads(json.dumps(recipe.as_json()))
        assert record["series"]["recipe"].items() <= now.items(), again


@pytest.mark.parametrize("name", RECIPES)
def test_a_runs_config_says_which_share_validated(name):
    recipe = catalogue.BY_NAME[name]
    config = json.loads(json.dumps({"recipe": recipe.as_json()}))
    assert validation_share_of(config) == recipe.validation_share
    for network in ("teacher", "folded", "student"):  # what one has learned none may be judged on
        own = getattr(recipe, network, recipe)
        assert own.validation_share == recipe.validation_share


def test_reader_deforms_digits_in_their_order_anew_each_epoch(sample):
    part = Part(scale(sample.train_images[:50]), sample.train_labels[:50])
    recipe = catalogue.BY_NAME["reader"]
    first, again, later = (catalogue.augmented(recipe, part, 1, epoch) for epoch in (0, 0, 1))
    assert first.shape == (50, 28, 28)
    assert 0 <= first.min() < first.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert (first != later).any()
    # Each is most like its own original: the order is kept.
    likeness = np.corrcoef(first.reshape(50, -1), part.x)[:50, 50:]
    assert (likeness.argmax(axis=1) == np.arange(50)).mean() > 0.5  # by chance 0.02
