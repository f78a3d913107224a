"""How the shipped network is trained: its rates, its epochs of images, its fit."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_classifier.learn.data.dataset import Split, one_hot, scale
from mnist_classifier.learn.recipes.reader import READER
from tests.learn.conftest import SMALL_READER as RECIPE
from tests.learn.conftest import Told


def test_the_rate_warms_up_falls_and_falls_again_from_lower():
    rates = [RECIPE.rate(epoch) for epoch in range(RECIPE.total_epochs)]
    assert max(rates) < RECIPE.learning_rate
    assert rates[1] > rates[0] > 0
    assert rates[1] > rates[2] > 0
    assert rates[3] == RECIPE.finishing_learning_rate


def test_a_wish_for_epochs_leaves_room_for_the_finish():
    assert READER.scaled(1) == READER
    chosen = READER.scaled(1, 12, 7)
    assert (chosen.epochs, chosen.finishing_epochs, chosen.batch_size) == (10, 2, 7)
    assert READER.scaled(1, 1).total_epochs == 1


def test_an_epochs_images_are_seeded_and_new_each_time(splits):
    def draw(seed, epoch):
        return RECIPE.drawn_epoch(splits.train, seed, epoch)

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


def test_digits_are_deformed_in_their_order_anew_each_epoch(sample):
    split = Split(scale(sample.train_images[:50]), sample.train_labels[:50])
    first, again, later = (READER.augment(split, 1, epoch) for epoch in (0, 0, 1))
    assert first.shape == (50, 784)
    assert 0 <= first.min() < first.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert (first != later).any()
    # Each is most like its own original: the order is kept.
    likeness = np.corrcoef(first, split.x)[:50, 50:]
    assert (likeness.argmax(axis=1) == np.arange(50)).mean() > 0.5  # by chance 0.02


def test_fewer_images_than_a_batch_are_learned_from(trained):
    recipe = replace(READER, epochs=1, finishing_epochs=0, batch_size=1000)
    assert trained(recipe)[1].epochs == 1


@pytest.mark.parametrize("interrupted", [False, True])
def test_it_records_every_epoch_and_keeps_the_last_ones_weights(splits, trained, interrupted):
    model, training = trained(RECIPE, callbacks=[Told(1)] if interrupted else [])
    assert training.interrupted is interrupted
    assert training.epochs == training.best_epoch == (2 if interrupted else 4)
    assert set(map(len, training.history.values())) == {training.epochs}
    loss = model.evaluate(splits.validation.x, splits.validation.targets, verbose=0)[0]
    assert loss == pytest.approx(training.history["val_loss"][-1], rel=1e-3)
