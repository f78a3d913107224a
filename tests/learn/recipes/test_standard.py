from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn.data.augmentation import Deformation
from mnist_classifier.learn.data.dataset import Split, Splits
from mnist_classifier.learn.recipes.standard import DNN
from mnist_classifier.learn.training import loop
from tests.learn.conftest import CtrlCWhenCollected

RECIPE = replace(DNN, epochs=6, batch_size=16, learning_rate=1e-3)


@pytest.fixture(scope="module")
def wrong(splits):
    """Splits with validation labels that training contradicts: each epoch is worse than before."""
    validation = Split(splits.validation.x, (splits.validation.labels + 1) % 10)
    return Splits(splits.train, validation.one_hot(), splits.test)


def fit_plan(model, plan):
    return loop.fit(model, plan, 0, keras.callbacks.CallbackList([]))


def test_it_learns_and_records_every_epoch(trained):
    _, training = trained(RECIPE)
    assert set(training.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == training.epochs == 6 for values in training.history.values())
    assert training.history["val_accuracy"][-1] > 0.9
    assert not training.interrupted


def test_reported_loss_is_of_the_softmaxs_probabilities(splits, undisturbed):
    model, training, _ = undisturbed(replace(RECIPE, epochs=1))
    p = model.predict(splits.validation.x, verbose=0).astype(np.float64)
    y = splits.validation.targets
    by_hand = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert training.history["val_loss"][0] == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize(
    ("backend", "train_size", "steps"),
    [("tensorflow", 16 * 32, 32), ("tensorflow", 16 * 31, 1), ("torch", 16 * 32, 1)],
)
def test_steps_an_execution_are_one_on_pytorch_and_where_an_epoch_has_few(
    monkeypatch, backend, train_size, steps
):
    monkeypatch.setattr(keras.config, "backend", lambda: backend)
    model = RECIPE.build()
    RECIPE.compile(model, train_size)
    assert model.steps_per_execution == steps


def test_reported_accuracy_is_argmaxs(splits, undisturbed):
    model, training, _ = undisturbed(replace(RECIPE, epochs=1))
    answers = model.predict(splits.validation.x, verbose=0).argmax(axis=1)
    assert training.history["val_accuracy"][0] == pytest.approx(
        np.mean(answers == splits.validation.labels), abs=1e-6
    )


def test_smoothed_targets_are_what_training_goes_for(splits, wrong, compiled):
    smoothed = replace(RECIPE, epochs=1, learning_rate=0.0, label_smoothing=0.5)
    model = compiled(smoothed)
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    training = smoothed.fit(model, splits, 0)
    right, wrong = 0.5 + 0.05, 0.05  # half of each target is spread over ten classes
    by_hand = -sum(y * np.log(0.1) + (1 - y) * np.log(0.9) for y in [right, *[wrong] * 9]) / 10
    assert training.history["loss"][0] == pytest.approx(by_hand, rel=1e-4)
    assert training.history["val_loss"][0] == pytest.approx(
        -(np.log(0.1) + 9 * np.log(0.9)) / 10, rel=1e-4
    )


def test_early_stopping_keeps_the_best_epoch(wrong, trained):
    recipe = replace(RECIPE, epochs=50, patience=2)
    model, training = trained(recipe, wrong)
    losses = training.history["val_loss"]
    assert training.epochs < 50
    assert training.best_epoch == int(np.argmin(losses)) + 1
    assert training.epochs == training.best_epoch + 2
    kept, _ = model.evaluate(wrong.validation.x, wrong.validation.targets, verbose=0)
    assert kept == pytest.approx(min(losses), rel=1e-4)


class CtrlC(keras.callbacks.Callback):
    """Interrupts in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            assert batch <= 1, "training went on"
            if batch == 1:
                CtrlCWhenCollected()


@pytest.mark.parametrize("epoch", [0, 3])
def test_ctrl_c_keeps_what_was_learned(splits, epoch, trained, ctrl_c_handler):
    model, training = trained(RECIPE, callbacks=[CtrlC(epoch)])
    assert training.interrupted
    assert training.epochs == epoch
    if epoch == 0:
        assert training.best_epoch is None
        return
    assert all(len(values) == epoch for values in training.history.values())
    kept, _ = model.evaluate(splits.validation.x, splits.validation.targets, verbose=0)
    assert kept == pytest.approx(min(training.history["val_loss"]), rel=1e-4)


def test_the_learning_rate_rises_and_falls_to_a_hundredth(splits, compiled):
    model = compiled(replace(RECIPE, warmup=0.25))
    steps = 6 * -(-len(splits.train) // 16)
    rates = [float(model.optimizer._learning_rate(step)) for step in range(steps + 1)]
    assert np.argmax(rates) == round(0.25 * steps)
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(1e-5, rel=1e-3)


def test_without_patience_the_last_epoch_is_kept(wrong, trained):
    recipe = replace(RECIPE, epochs=3, patience=None)
    _, training = trained(recipe, wrong)
    assert training.epochs == training.best_epoch == 3


def test_averaged_weights_lag_behind_adams(splits, compiled):
    def moved(ema_epochs):
        recipe = replace(RECIPE, epochs=1, ema_epochs=ema_epochs)
        model = compiled(recipe)
        first = model.get_weights()[0]
        recipe.fit(model, splits, 0)
        return np.abs(model.get_weights()[0] - first).mean()

    assert 0 < moved(10.0) < moved(None) / 2


def test_the_last_sixth_of_the_epochs_is_deformed_as_the_final_deformation_says():
    recipe = replace(
        RECIPE, epochs=13, deformation=Deformation(), final_deformation=Deformation(rotation=1)
    )
    assert [recipe.deformation_in(epoch).rotation for epoch in (0, 10, 11, 12)] == [12, 12, 1, 1]
    assert replace(recipe, final_deformation=None).deformation_in(12) == Deformation()
    assert RECIPE.deformation_in(0) is None


def test_a_deformation_gives_other_images_to_learn_from(trained):
    def loss(deformation):
        recipe = replace(RECIPE, epochs=1, learning_rate=0.0, deformation=deformation)
        return trained(recipe)[1].history["loss"][0]

    assert loss(None) == pytest.approx(loss(Deformation(0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)), rel=1e-5)
    assert loss(None) != pytest.approx(loss(Deformation()), rel=1e-5)


def test_images_for_several_epochs_are_deformed_as_the_last_of_them(splits, compiled):
    seen = []

    def teach(x, y):
        seen.append((x == splits.train.x).all())
        return y

    recipe = replace(RECIPE, epochs=6, patience=None, final_deformation=Deformation())
    fit_plan(compiled(recipe), recipe.plan(splits, teach, reuse=3))
    assert seen == [True, False]


def test_deformed_images_are_taught_once_for_the_epochs_that_reuse_them(splits, compiled):
    taught = []

    def teach(x, y):
        taught.append(x.copy())
        return y

    recipe = replace(RECIPE, epochs=5, patience=None, deformation=Deformation())
    training = fit_plan(compiled(recipe), recipe.plan(splits, teach, reuse=2))
    assert training.epochs == 5
    assert len(taught) == 3
    assert (taught[0] != taught[1]).any()


def test_few_images_get_smaller_batches_and_a_lower_learning_rate():
    full, few = DNN.scaled(54_000), DNN.scaled(3_600)
    assert full == DNN
    assert few.batch_size == 32
    assert few.learning_rate < full.learning_rate


def test_a_persons_wishes_go_first():
    recipe = DNN.scaled(3_600, epochs=3, batch_size=1000)
    assert (recipe.epochs, recipe.batch_size) == (3, 1000)


def test_a_single_image_still_makes_a_batch():
    assert DNN.scaled(1).batch_size == 1
