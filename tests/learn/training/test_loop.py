"""Training by epochs; one that is cut short goes on as if it had not been, bit for bit."""

import copy
import gc
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_classifier.errors import RunError
from mnist_classifier.learn.data.augmentation import Deformation
from mnist_classifier.learn.data.dataset import Split, Splits
from mnist_classifier.learn.recipes.standard import DNN
from mnist_classifier.learn.training.batches import in_batches
from mnist_classifier.learn.training.checkpoints import Checkpoints
from mnist_classifier.learn.training.loop import judge
from tests.learn.conftest import SMALL_READER, Told, dense, same_weights

_SHORT = replace(DNN, layers=dense, epochs=6, batch_size=16, learning_rate=1e-3)
_AVERAGED = replace(_SHORT, patience=None, ema_epochs=0.5, weight_decay=0.01)
RECIPES = {
    "dnn": _SHORT,
    "averaged and deformed": replace(_AVERAGED, deformation=Deformation()),
    "reader": SMALL_READER,
}


@pytest.fixture
def cut_off(trained):
    """Trains until the process ends, as far as the training can tell, after so many epochs."""

    def train(recipe, folder, epochs, *images):
        with pytest.raises(SystemExit):
            trained(recipe, *images, callbacks=[Told(epochs - 1, SystemExit)], folder=folder)

    return train


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_end_is_that_of_an_uninterrupted_training(
    trained, undisturbed, cut_off, tmp_path, recipe
):
    model, whole, _ = undisturbed(recipe)
    for cut in (1, 3):
        cut_off(recipe, tmp_path, cut)
        np.random.seed(99)  # another process has other numbers
    told = Told()
    resumed, training = trained(recipe, callbacks=[told], folder=tmp_path)
    assert training.history == whole.history
    assert training.best_epoch == whole.best_epoch
    assert told.losses == whole.history["loss"]
    assert told.epochs == list(range(whole.epochs))
    assert same_weights(model, resumed)


def test_early_stopping_remembers_how_long_it_has_waited(splits, trained, cut_off, tmp_path):
    validation = Split(splits.validation.x, 9 - splits.validation.labels)
    wrong = Splits(splits.train, validation.one_hot(), splits.test)
    recipe = replace(_SHORT, epochs=50, patience=3)
    model, whole = trained(recipe, wrong)
    assert whole.epochs < 50
    cut_off(recipe, tmp_path, whole.epochs - 1, wrong)
    resumed, training = trained(recipe, wrong, folder=tmp_path)
    assert training.history == whole.history
    assert same_weights(model, resumed)
    unchanged, again = trained(recipe, wrong, folder=tmp_path)  # it had stopped: nothing is added
    assert again.history == whole.history
    assert same_weights(model, unchanged)


def test_a_damaged_checkpoint_costs_one_epoch_and_nothing_else(
    trained, undisturbed, cut_off, tmp_path
):
    model, whole, _ = undisturbed(_SHORT)
    cut_off(_SHORT, tmp_path, 4)
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed, training = trained(_SHORT, folder=tmp_path)
    assert training.history == whole.history
    assert same_weights(model, resumed)


def test_another_networks_checkpoint_is_refused(trained, cut_off, tmp_path):
    cut_off(_SHORT, tmp_path, 1)
    with pytest.raises(RunError, match="another network"):
        trained(RECIPES["reader"], folder=tmp_path)


@pytest.fixture(scope="module")
def checkpoint(trained, tmp_path_factory):
    """The checkpoint of a training after its first epoch."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.raises(SystemExit):
        trained(_SHORT, callbacks=[Told(0, SystemExit)], folder=folder)
    return Checkpoints(folder).load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "a"),
        ("seed", -1),
        ("seconds", None),
        ("stopped", 1),
        ("history", []),
        ("history", {}),
        ("history.loss", [0.1] * 7),
        ("history.loss", ["a"]),
        ("history.val_loss", []),
        ("history.accuracy", 0.5),
        ("stopping", {}),
        ("stopping.best_epoch", 1),
        ("stopping.best", "low"),
        ("stopping.wait", 0.5),
    ],
)
def test_a_state_that_no_training_leaves_is_refused(trained, checkpoint, tmp_path, name, value):
    state = inner = copy.deepcopy(checkpoint.state)
    *way, last = name.split(".")
    for part in way:
        inner = inner[part]
    assert last in inner
    inner[last] = value
    Checkpoints(tmp_path).save(1, replace(checkpoint, state=state))
    with pytest.raises(RunError, match="tells of no training"):
        trained(_SHORT, folder=tmp_path)


@pytest.mark.parametrize("part", ["variables", "kept"])
@pytest.mark.parametrize("change", [lambda a: a.astype("U9"), lambda a: a[:1], lambda a: a.T])
def test_arrays_that_do_not_fit_are_refused(trained, checkpoint, tmp_path, part, change):
    first, *others = getattr(checkpoint, part)
    Checkpoints(tmp_path).save(1, replace(checkpoint, **{part: [change(first), *others]}))
    with pytest.raises(RunError, match="another network"):
        trained(_SHORT, folder=tmp_path)


def test_validation_is_judged_as_keras_would(splits, compiled):
    model = compiled(_SHORT)
    x, y = splits.validation.x, splits.validation.targets
    judged = judge(model, x, y)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert judged["val_loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert judged["val_accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_other_ones(trained):
    short = replace(_SHORT, epochs=1)
    first, again, other = (trained(short, seed=seed)[0] for seed in (0, 0, 1))
    assert same_weights(first, again)
    assert not same_weights(first, other)


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


def test_the_images_of_an_epoch_are_let_go_of_once_it_is_over(splits, compiled):
    model = compiled(_SHORT)
    x, y = splits.train.x.copy(), splits.train.targets
    images = weakref.ref(x)
    model.fit(**in_batches(x, y, np.arange(len(x)), 16), shuffle=False, verbose=0)
    del x
    gc.collect()
    assert images() is None
