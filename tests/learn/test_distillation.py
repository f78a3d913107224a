from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.errors import RunError
from mnist_classifier.learn import distillation
from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Targets, load_dataset, one_hot, prepare
from mnist_classifier.learn.distillation import DistilledRecipe, Teacher, load_teacher
from mnist_classifier.learn.recipes import DNN, convolution
from mnist_classifier.learn.runs import Run

PLAIN = replace(DNN, epochs=2, batch_size=16, patience=None, learning_rate=1e-3)
STUDENT = replace(PLAIN, name="student", epochs=3, deformation=Deformation())
RECIPE = DistilledRecipe("taught", STUDENT, PLAIN, 0.5, reuse=2)


def convolutions(pixels=784, classes=10):
    first, last = keras.layers.Input((pixels,)), keras.layers.Dense(classes, "softmax")
    between = [keras.layers.Reshape((28, 28, 1)), *convolution(2, 5, strides=4)]  # 6 × 6
    return [first, *between, keras.layers.Flatten(), last]


def unfolded(pixels=784, classes=10):
    hidden = keras.layers.Dense(2 * 6 * 6, "relu")
    return [keras.layers.Input((pixels,)), hidden, keras.layers.Dense(classes, "softmax")]


FOLDED = replace(
    RECIPE,
    student=replace(STUDENT, layers=unfolded),
    taught=1.0,
    folded=replace(PLAIN, layers=convolutions, learning_rate=0.05),
)


@pytest.fixture
def dataset(small_dir):
    return load_dataset(data_dir=small_dir)


@pytest.fixture
def splits(dataset):
    return prepare(dataset, seed=0)


def trained(splits, recipe=RECIPE, callbacks=(), checkpoints=None, teacher=None):
    keras.utils.set_random_seed(0)
    model = distillation.build(recipe)
    distillation.compile_model(model, recipe, len(splits.train))
    targets = Targets(one_hot(splits.train.labels), one_hot(splits.validation.labels))
    return model, distillation.fit(model, recipe, splits, targets, callbacks, checkpoints, teacher)


def counting(told, epoch_to_end=None):
    def end(epoch, logs):
        told.append(epoch)
        if epoch == epoch_to_end:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_epoch_end=end)


def always(digit):
    """A teacher that takes everything for one digit."""
    model = keras.Sequential([keras.layers.Input((784,)), keras.layers.Dense(10, "softmax")])
    model.layers[0].set_weights([np.zeros((784, 10)), 100 * np.eye(10)[digit]])
    return Teacher(model, 7.0)


def test_it_goes_for_what_the_teacher_answers(splits):
    recipe = replace(RECIPE, taught=1.0)
    model, training = trained(splits, recipe, teacher=always(3))
    assert (model.predict(splits.validation.x, verbose=0).argmax(axis=1) == 3).all()
    assert training.epochs == 3
    assert training.seconds > 7

    untaught, _ = trained(splits, replace(RECIPE, taught=0.0), teacher=always(3))
    right = untaught.predict(splits.validation.x, verbose=0).argmax(axis=1)
    assert (right == splits.validation.labels).mean() > 0.9


def test_without_a_teacher_one_is_trained_first(splits):
    told = []
    model, training = trained(splits, callbacks=[counting(told)])
    assert told == list(range(5))
    assert training.epochs == training.best_epoch == 5
    assert model.count_params() == keras.Sequential(DNN.layers()).count_params()


def test_dense_layers_begin_with_what_convolutions_learned(splits):
    told = []
    still = replace(FOLDED, student=replace(FOLDED.student, learning_rate=0.0))
    model, training = trained(splits, still, [counting(told)], teacher=always(3))
    assert told == list(range(5))
    assert training.epochs == 5
    first = next(layer for layer in model.layers if layer.weights).get_weights()[0]
    assert np.count_nonzero(first) == 25 * 72  # of 784 for each of 72 units
    assert (model.predict(splits.validation.x, verbose=0).argmax(axis=1) == 3).all()


@pytest.mark.parametrize(
    ("recipe", "epoch"), [(RECIPE, 0), (RECIPE, 1), (RECIPE, 3), (FOLDED, 2), (FOLDED, 5)]
)
def test_a_training_cut_short_goes_on_to_the_same_weights(splits, tmp_path, recipe, epoch):
    whole, _ = trained(splits, recipe)
    checkpoints = Checkpoints(tmp_path)
    _, cut = trained(splits, recipe, [counting([], epoch)], checkpoints)
    assert cut.interrupted
    before = sum(one.epochs for one in recipe.before(taught=False).values())
    assert cut.epochs == (0 if epoch < before else epoch + 1)
    told = []
    resumed, training = trained(splits, recipe, [counting(told)], checkpoints)
    assert not training.interrupted
    assert told == list(range(before + 3))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_of_the_teachers_recipe_can_teach(dataset, tmp_path):
    run = Run(tmp_path)
    model = keras.Sequential(DNN.layers())
    run.save_model(model)
    config = {"recipe": PLAIN.as_json(), "sha256": dataset.sha256(), "seed": 4}
    run.save_json("config.json", config)
    with pytest.raises(RunError, match="not finished"):
        load_teacher(tmp_path, RECIPE, dataset, 4)
    run.save_json("metrics.json", {"fit_seconds": 5.0, "interrupted": False})
    teacher = load_teacher(tmp_path, RECIPE, dataset, 4)
    assert teacher.seconds == 5
    np.testing.assert_array_equal(teacher.model.get_weights()[0], model.get_weights()[0])

    with pytest.raises(RunError, match="has seed 4; expected 5"):
        load_teacher(tmp_path, RECIPE, dataset, 5)
    for change, message in (
        ({"sha256": ["0"]}, "has images"),
        ({"recipe": {**PLAIN.as_json(), "name": "cnn-fast"}}, "has the recipe cnn-fast; exp"),
        ({"recipe": {**PLAIN.as_json(), "epochs": 9}}, "has epochs 9; expected 2"),
        ({"recipe": None}, "has the recipe None"),
    ):
        run.save_json("config.json", {**config, **change})
        with pytest.raises(RunError, match=message):
            load_teacher(tmp_path, RECIPE, dataset, 4)
