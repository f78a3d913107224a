"""Training by epochs; one that is cut short goes on as if it had not been, bit for bit."""

import gc
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.errors import RunError
from mnist_classifier.learn import reader, training
from mnist_classifier.learn.augmentation import Deformation
from mnist_classifier.learn.checkpoints import Checkpoints
from mnist_classifier.learn.datasets import Targets, load_dataset, one_hot, prepare
from mnist_classifier.learn.epochs import in_batches, judge
from mnist_classifier.learn.recipes import DNN

_SHORT = replace(DNN, epochs=6, batch_size=16, learning_rate=1e-3)
_AVERAGED = replace(_SHORT, patience=None, averaging=0.5, weight_decay=0.01)
RECIPES = {
    "dnn": (training, _SHORT),
    "averaged and deformed": (training, replace(_AVERAGED, deformation=Deformation())),
    "reader": (reader, replace(reader.READER, epochs=3, finishing_epochs=1, batch_size=20)),
}


@pytest.fixture
def splits(small_dir):
    return prepare(load_dataset(data_dir=small_dir), seed=0)


class CutAfter(keras.callbacks.Callback):
    """Ends the process, as far as the training can tell, when so many epochs were saved."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            raise SystemExit


class Epochs(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((epoch, logs["loss"]))


def train(recipe, splits, folder=None, callbacks=(), seed=0):
    module, settings = RECIPES[recipe] if isinstance(recipe, str) else recipe
    keras.utils.set_random_seed(seed)
    model = module.build(settings)
    module.compile_model(model, settings, len(splits.train))
    targets = Targets(one_hot(splits.train.labels), one_hot(splits.validation.labels))
    checkpoints = Checkpoints(folder) if folder else None
    outcome = module.fit(model, settings, splits, targets, callbacks, checkpoints)
    return outcome, model.get_weights()


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_end_is_that_of_an_uninterrupted_training(splits, tmp_path, recipe):
    whole, weights = train(recipe, splits)
    for cut in (1, 3):
        with pytest.raises(SystemExit):
            train(recipe, splits, tmp_path, [CutAfter(cut)])
        np.random.seed(99)  # another process has other numbers
    told = Epochs()
    outcome, resumed = train(recipe, splits, tmp_path, [told])
    assert outcome.history == whole.history
    assert outcome.best_epoch == whole.best_epoch
    assert told.seen == list(enumerate(whole.history["loss"]))
    for a, b in zip(weights, resumed, strict=True):
        assert np.array_equal(a, b)


def test_early_stopping_remembers_how_long_it_has_waited(splits, tmp_path):
    wrong = replace(
        splits, validation=replace(splits.validation, labels=9 - splits.validation.labels)
    )
    recipe = training, replace(RECIPES["dnn"][1], epochs=50, patience=3)
    whole, weights = train(recipe, wrong)
    assert whole.epochs < 50
    with pytest.raises(SystemExit):
        train(recipe, wrong, tmp_path, [CutAfter(whole.epochs - 1)])
    outcome, resumed = train(recipe, wrong, tmp_path)
    assert outcome.history == whole.history
    assert all(np.array_equal(a, b) for a, b in zip(weights, resumed, strict=True))
    again, unchanged = train(recipe, wrong, tmp_path)  # it had stopped: nothing is added
    assert again.history == whole.history
    assert all(np.array_equal(a, b) for a, b in zip(weights, unchanged, strict=True))


def test_a_damaged_checkpoint_costs_one_epoch_and_nothing_else(splits, tmp_path):
    whole, weights = train("dnn", splits)
    with pytest.raises(SystemExit):
        train("dnn", splits, tmp_path, [CutAfter(4)])
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    outcome, resumed = train("dnn", splits, tmp_path)
    assert outcome.history == whole.history
    assert all(np.array_equal(a, b) for a, b in zip(weights, resumed, strict=True))


def test_another_networks_checkpoint_is_refused(splits, tmp_path):
    with pytest.raises(SystemExit):
        train("dnn", splits, tmp_path, [CutAfter(1)])
    with pytest.raises(RunError, match="another network"):
        train("reader", splits, tmp_path)


def test_validation_is_judged_as_keras_would(splits):
    keras.utils.set_random_seed(0)
    model = training.build(_SHORT)
    training.compile_model(model, _SHORT, len(splits.train))
    x, y = splits.validation.x, one_hot(splits.validation.labels)
    judged = judge(model, x, y)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert judged["val_loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert judged["val_accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_other_ones(splits):
    short = training, replace(RECIPES["dnn"][1], epochs=1)
    first, again, other = (train(short, splits, seed=seed)[1] for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("size", [1, 7, 70, 1000])
def test_batches_hold_each_image_once_in_the_order_with_its_target(size):
    x, y = np.arange(160, dtype="float32").reshape(80, 2), np.arange(80, dtype="float32")[:, None]
    order = np.random.default_rng(0).permutation(80)[:71]
    batches = in_batches(x, y, order, size)["x"]
    if keras.config.backend() != "tensorflow":  # Keras makes batches of arrays itself
        assert np.array_equal(batches, x[order])
        return
    images, targets = zip(*batches.as_numpy_iterator(), strict=True)
    assert len(images) == len(batches) == -(-71 // size)
    assert {len(part) for part in images[:-1]} <= {size}
    assert np.array_equal(np.concatenate(images), x[order])
    assert np.array_equal(np.concatenate(targets), y[order])


def test_the_images_of_an_epoch_are_let_go_of_once_it_is_over(splits):
    model = training.build(_SHORT)
    training.compile_model(model, _SHORT, len(splits.train))
    x, y = splits.train.x.copy(), one_hot(splits.train.labels)
    images = weakref.ref(x)
    model.fit(**in_batches(x, y, np.arange(len(x)), 16), shuffle=False, verbose=0)
    del x
    gc.collect()
    assert images() is None
