from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn.data.augmentation import Deformation
from mnist_classifier.learn.networks.architectures import convolution
from mnist_classifier.learn.recipes.distilled import DNN_BEST, DistilledRecipe
from mnist_classifier.learn.recipes.standard import DNN
from tests.learn.conftest import Told, dense, same_weights


def convolutions(pixels=784, classes=10):
    first, last = keras.layers.Input((pixels,)), keras.layers.Dense(classes, "softmax")
    between = [keras.layers.Reshape((28, 28, 1)), *convolution(2, 5, strides=4)]  # 6 × 6
    return [first, *between, keras.layers.Flatten(), last]


def only_threes(pixels=784, classes=10):
    """A network that takes everything for a 3."""
    bias = keras.initializers.Constant(100 * np.eye(classes)[3])
    last = keras.layers.Dense(classes, "softmax", kernel_initializer="zeros", bias_initializer=bias)
    return [keras.layers.Input((pixels,)), last]


PLAIN = replace(DNN, layers=dense, epochs=2, batch_size=16, patience=None, learning_rate=1e-3)
STUDENT = replace(PLAIN, name="student", epochs=3, deformation=Deformation())
RECIPE = DistilledRecipe("distilled", STUDENT, PLAIN, 0.5, reuse=2)
THREES = replace(PLAIN, layers=only_threes, learning_rate=0.0)  # which learns nothing else
WITH_INITIAL = replace(
    RECIPE,
    teacher_weight=1.0,
    initial=replace(PLAIN, layers=convolutions, learning_rate=0.05),
)


def test_the_student_learns_what_the_teacher_answers(splits, trained):
    student = replace(STUDENT, epochs=12)
    recipe = replace(RECIPE, student=student, teacher=THREES, teacher_weight=1.0)
    model, training = trained(recipe)
    assert (model.predict(splits.validation.x, verbose=0).argmax(axis=1) == 3).all()
    assert training.epochs == 14

    labelled, _ = trained(replace(recipe, teacher_weight=0.0))
    answers = labelled.predict(splits.validation.x, verbose=0).argmax(axis=1)
    assert (answers == splits.validation.labels).mean() > 0.9


def test_the_teacher_is_trained_first(undisturbed):
    model, training, told = undisturbed(RECIPE)
    assert told.epochs == list(range(5))
    assert training.epochs == training.best_epoch == RECIPE.total_epochs == 5
    assert model.count_params() == PLAIN.build().count_params()
    assert RECIPE.count_weights(model) == 2 * model.count_params()


def test_dense_layers_begin_with_what_convolutions_learned(splits, trained):
    told = Told()
    still = replace(WITH_INITIAL.student, learning_rate=0.0)
    recipe = replace(WITH_INITIAL, student=still, teacher=THREES)
    model, training = trained(recipe, callbacks=[told])
    assert told.epochs == list(range(7))
    assert training.epochs == 7
    first = next(layer for layer in model.layers if layer.weights).get_weights()[0]
    assert np.count_nonzero(first) == 25 * 72  # of 784 for each of 72 units
    assert (model.predict(splits.validation.x, verbose=0).argmax(axis=1) == 3).all()


@pytest.mark.parametrize(
    ("recipe", "epoch"),
    [(RECIPE, 0), (RECIPE, 1), (RECIPE, 3), (WITH_INITIAL, 2), (WITH_INITIAL, 5)],
)
def test_a_training_cut_short_goes_on_to_the_same_weights(
    tmp_path, trained, undisturbed, recipe, epoch
):
    whole, _, _ = undisturbed(recipe)
    _, cut = trained(recipe, callbacks=[Told(epoch)], folder=tmp_path)
    assert cut.interrupted
    before = recipe.total_epochs - recipe.student.epochs
    assert cut.epochs == (0 if epoch < before else epoch + 1)
    told = Told()
    resumed, training = trained(recipe, callbacks=[told], folder=tmp_path)
    assert not training.interrupted
    assert told.epochs == list(range(before + 3))
    assert same_weights(whole, resumed)


def test_where_the_student_has_learned_nothing_there_is_no_history(trained):
    _, training = trained(RECIPE, callbacks=[Told(0)])
    assert training.interrupted
    assert training.best_epoch is None
    assert set(map(len, training.history.values())) == {0}


def test_all_networks_are_judged_on_images_that_none_has_learned():
    networks = (DNN_BEST.student, DNN_BEST.teacher, DNN_BEST.initial)
    assert {network.validation_share for network in networks} == {DNN_BEST.validation_share}


def test_what_the_student_learns_from_stays_for_as_many_epochs_as_are_asked(splits):
    recipe = replace(RECIPE, student=replace(STUDENT, final_deformation=Deformation(rotation=1)))
    epochs = [recipe.augment(splits.train, 0, epoch) for epoch in range(3)]
    assert (epochs[0] == epochs[1]).all()
    assert (epochs[1] != epochs[2]).any()
