from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn import ensemble
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Targets, load_dataset, one_hot, prepare
from mnist_classifier.learn.ensemble import EnsembleRecipe
from mnist_classifier.learn.evaluation import predict
from mnist_classifier.learn.moments import MomentNormalization
from mnist_classifier.learn.recipes import DNN, dnn_layers


def upright(*sizes):
    first, *others = dnn_layers(*sizes)
    return [first, MomentNormalization(), *others]


MEMBER = replace(DNN, epochs=2, batch_size=16, patience=None)
RECIPE = EnsembleRecipe("ensemble", MEMBER, (dnn_layers, upright, dnn_layers))


@pytest.fixture
def splits(small_dir):
    return prepare(load_dataset(data_dir=small_dir), seed=0)


def trained(splits, callbacks=(), checkpoints=None):
    keras.utils.set_random_seed(0)
    model = ensemble.build(RECIPE)
    ensemble.compile_model(model, RECIPE, len(splits.train))
    targets = Targets(one_hot(splits.train.labels), one_hot(splits.validation.labels))
    return model, ensemble.fit(model, RECIPE, splits, targets, callbacks, checkpoints)


def members(model):
    return [model.get_layer(f"dnn-{number}") for number in (1, 2, 3)]


def interrupting(epoch_to_end, into):
    def end(epoch, logs):
        into.append(epoch)
        if epoch == epoch_to_end:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_epoch_end=end)


def test_its_answer_is_the_mean_of_members_that_differ(splits):
    told = []
    model, training = trained(splits, [interrupting(None, told)])
    x = splits.test.x[:50]
    answers = [predict(member, x) for member in members(model)]
    np.testing.assert_allclose(predict(model, x), np.mean(answers, axis=0), atol=1e-6)
    assert (answers[0] != answers[1]).any()
    assert (answers[1] != answers[2]).any()
    assert training.epochs == training.best_epoch == 6
    assert told == list(range(6))
    sees_upright = [isinstance(member.layers[0], MomentNormalization) for member in members(model)]
    assert sees_upright == [False, True, False]
    assert model.count_params() == 3 * members(model)[0].count_params()


def test_a_training_cut_short_goes_on_to_the_same_weights(splits, tmp_path):
    whole, _ = trained(splits)
    _, cut = trained(splits, [interrupting(2, [])], Checkpoints(tmp_path))
    assert cut.interrupted
    told = []
    resumed, training = trained(splits, [interrupting(None, told)], Checkpoints(tmp_path))
    assert not training.interrupted
    assert training.epochs == 6
    assert told == list(range(6))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_members_that_learned_nothing_have_no_say(splits):
    model, training = trained(splits, [interrupting(1, [])])
    assert training.interrupted
    x = splits.test.x[:50]
    first = predict(members(model)[0], x)
    np.testing.assert_allclose(predict(members(model)[2], x), first, atol=1e-6)  # alike
    np.testing.assert_allclose(predict(model, x), (2 * first + 0.1) / 3, atol=1e-6)


@pytest.mark.parametrize(("epochs", "members", "each"), [(2, 2, 1), (7, 3, 2), (None, 3, 2)])
def test_epochs_asked_for_are_those_of_all_members(epochs, members, each):
    recipe = RECIPE.adapted(1600, epochs, None)
    assert (len(recipe.members), recipe.member.epochs) == (members, each)


def test_its_settings_say_what_makes_each_member():
    settings = RECIPE.as_json()
    assert settings["members"] == ["dnn_layers", "upright", "dnn_layers"]
    assert (settings["name"], settings["member"]) == ("ensemble", "dnn")
    assert settings["label_smoothing"] == MEMBER.label_smoothing
