"""How the shipped network is trained: its rates, its epochs of images, its fit."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn import reader
from mnist_classifier.learn.datasets import Targets, load_dataset, one_hot, prepare

RECIPE = replace(reader.READER, epochs=3, finishing_epochs=1, batch_size=20)


@pytest.fixture
def splits(small_dir):
    return prepare(load_dataset(data_dir=small_dir), seed=0)


def test_the_rate_warms_up_falls_and_falls_again_from_lower():
    rates = [RECIPE.rate(epoch) for epoch in range(RECIPE.all_epochs)]
    assert max(rates) < RECIPE.learning_rate
    assert rates[1] > rates[0] > 0
    assert rates[1] > rates[2] > 0
    assert rates[3] == RECIPE.finishing_learning_rate


def test_a_wish_for_epochs_leaves_room_for_the_finish():
    assert reader.READER.adapted(1, None, None) == reader.READER
    chosen = reader.READER.adapted(1, 12, 7)
    assert (chosen.epochs, chosen.finishing_epochs, chosen.batch_size) == (10, 2, 7)
    assert reader.READER.adapted(1, 1, None).all_epochs == 1


def test_an_epochs_images_are_seeded_and_new_each_time(splits):
    def draw(seed, epoch):
        return reader.deformed_epoch(splits.train, RECIPE, seed, epoch)

    images, targets, order = drawn = draw(0, 0)
    assert all(map(np.array_equal, drawn, draw(0, 0)))
    assert not np.array_equal(images, draw(0, 1)[0])
    assert not np.array_equal(images, draw(1, 0)[0])
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    assert np.array_equal(np.sort(order), np.arange(len(images)))
    digits = len(splits.train)
    assert images.shape == (digits + round(RECIPE.nondigits * digits), 784)
    assert np.array_equal(targets.sum(axis=0), one_hot(splits.train.labels).sum(axis=0))


class InterruptAfter(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epochs:
            raise KeyboardInterrupt


def test_fewer_images_than_a_batch_are_learned_from(splits):
    recipe = replace(RECIPE, epochs=1, finishing_epochs=0, batch_size=1000)
    model = reader.build(recipe)
    reader.compile_model(model, recipe, len(splits.train))
    targets = Targets(one_hot(splits.train.labels), one_hot(splits.validation.labels))
    assert reader.fit(model, recipe, splits, targets).epochs == 1


@pytest.mark.parametrize("interrupted", [False, True])
def test_it_records_every_epoch_and_keeps_the_last_ones_weights(splits, interrupted):
    keras.utils.set_random_seed(0)
    model = reader.build(RECIPE)
    reader.compile_model(model, RECIPE, len(splits.train))
    targets = Targets(one_hot(splits.train.labels), one_hot(splits.validation.labels))
    callbacks = [InterruptAfter(2)] if interrupted else []
    training = reader.fit(model, RECIPE, splits, targets, callbacks)
    assert training.interrupted is interrupted
    assert training.epochs == training.best_epoch == (2 if interrupted else 4)
    assert set(map(len, training.history.values())) == {training.epochs}
    loss = model.evaluate(splits.validation.x, targets.validation, verbose=0)[0]
    assert loss == pytest.approx(training.history["val_loss"][-1], rel=1e-3)
