from dataclasses import replace

import numpy as np
import pytest

from mnist_classifier.learn.networks.inspection import predict, shape
from mnist_classifier.learn.networks.layers import MomentNormalization
from mnist_classifier.learn.recipes.ensemble import EnsembleRecipe
from mnist_classifier.learn.recipes.standard import DNN
from mnist_classifier.learn.training.checkpoints import Checkpoints
from tests.learn.conftest import Told, dense, same_weights


def upright(*sizes):
    first, *others = dense(*sizes)
    return [first, MomentNormalization(), *others]


MEMBER = replace(DNN, epochs=2, batch_size=16, patience=None)
RECIPE = EnsembleRecipe("ensemble", MEMBER, (dense, upright, dense))


def members(model):
    return [model.get_layer(f"dnn-{number}") for number in (1, 2, 3)]


def test_its_answer_is_the_mean_of_members_that_differ(splits, undisturbed):
    model, training, told = undisturbed(RECIPE)
    x = splits.test.x[:50]
    answers = [predict(member, x) for member in members(model)]
    np.testing.assert_allclose(predict(model, x), np.mean(answers, axis=0), atol=1e-6)
    assert (answers[0] != answers[1]).any()
    assert (answers[1] != answers[2]).any()
    assert training.epochs == training.best_epoch == RECIPE.total_epochs == 6
    assert told.epochs == list(range(6))
    sees_upright = [isinstance(member.layers[0], MomentNormalization) for member in members(model)]
    assert sees_upright == [False, True, False]
    assert model.count_params() == 3 * members(model)[0].count_params()
    assert shape(model) == "3 times 784 → 72 → 10"


def test_a_training_cut_short_goes_on_to_the_same_weights(tmp_path, trained, undisturbed):
    whole, _, _ = undisturbed(RECIPE)
    _, cut = trained(RECIPE, callbacks=[Told(2)], folder=tmp_path)
    assert cut.interrupted
    told = Told()
    resumed, training = trained(RECIPE, callbacks=[told], folder=tmp_path)
    assert not training.interrupted
    assert training.epochs == 6
    assert told.epochs == list(range(6))
    assert same_weights(whole, resumed)


def test_members_can_learn_apart_from_each_other(tmp_path, compiled, splits, trained, undisturbed):
    whole, one_by_one, _ = undisturbed(RECIPE)
    for number in reversed(range(RECIPE.independent_stages)):
        RECIPE.fit_stage(number, compiled(RECIPE), splits, 0, Checkpoints(tmp_path))
    assert Checkpoints(tmp_path).epochs() == RECIPE.total_epochs
    told = Told()
    joined, training = trained(RECIPE, callbacks=[told], folder=tmp_path)
    assert training.history == one_by_one.history
    assert told.epochs == list(range(6))
    assert same_weights(whole, joined)


def test_members_that_learned_nothing_change_no_answer(splits, trained):
    model, training = trained(RECIPE, callbacks=[Told(1)])
    assert training.interrupted
    x = splits.test.x[:50]
    first = predict(members(model)[0], x)
    np.testing.assert_allclose(predict(members(model)[2], x), first, atol=1e-6)  # alike
    np.testing.assert_allclose(predict(model, x), (2 * first + 0.1) / 3, atol=1e-6)


@pytest.mark.parametrize(("epochs", "members", "each"), [(2, 2, 1), (7, 3, 2), (None, 3, 2)])
def test_epochs_asked_for_are_those_of_all_members(epochs, members, each):
    recipe = RECIPE.scaled(1600, epochs)
    assert (len(recipe.members), recipe.member.epochs) == (members, each)


def test_its_settings_say_what_makes_each_member():
    settings = RECIPE.to_dict()
    assert settings["members"] == ["dense", "upright", "dense"]
    assert (settings["name"], settings["member"]) == ("ensemble", "dnn")
    assert settings["label_smoothing"] == MEMBER.label_smoothing
