"""What tests of learning share: small splits, and the training of any recipe on them."""

import signal
from dataclasses import dataclass

import keras
import pytest
from rich.console import Console

from mnist_classifier.learn.data.dataset import prepare
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.networks.architectures import convolution
from mnist_classifier.learn.networks.layers import softmax_with_reject
from mnist_classifier.learn.recipes.reader import ReaderRecipe
from mnist_classifier.learn.runs.settings import Settings
from mnist_classifier.learn.screen import Screen
from mnist_classifier.learn.training.checkpoints import Checkpoints
from mnist_images_classification import learn_digits
from tests.conftest import write_idx_folder


@pytest.fixture(scope="session")
def splits(tmp_path_factory):
    """180 images to train, 20 to validate, 50 to test, one-hot encoded."""
    folder = write_idx_folder(tmp_path_factory.mktemp("images") / "small")
    return prepare(load_dataset(data_dir=folder), seed=0).one_hot()


@pytest.fixture(scope="session")
def compiled(splits):
    """Builds and compiles a recipe's network from a seed."""

    def make(recipe, seed=0):
        keras.utils.set_random_seed(seed)
        model = recipe.build()
        recipe.compile(model, len(splits.train))
        return model

    return make


@pytest.fixture(scope="session")
def trained(compiled, splits):
    """Trains a recipe from a seed, from the checkpoints in a folder on if there are any."""

    def train(recipe, images=splits, callbacks=(), folder=None, seed=0):
        model = compiled(recipe, seed)
        checkpoints = Checkpoints(folder) if folder else None
        return model, recipe.fit(model, images, seed, callbacks, checkpoints)

    return train


@pytest.fixture(scope="session")
def undisturbed(trained):
    """Trains a recipe from seed 0, each once; gives network, training and what was told of it.

    The network is not to be changed.
    """
    known = {}

    def train(recipe):
        if recipe not in known:
            told = Told()
            known[recipe] = (*trained(recipe, callbacks=[told]), told)
        return known[recipe]

    return train


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a run of one epoch on 200 images; to be copied, not changed."""
    folder = write_idx_folder(tmp_path_factory.mktemp("finished") / "small")
    settings = Settings(data_dir=folder, epochs=1, output=folder.parent / "run")
    learn_digits(settings, SILENT, show=False)
    return settings.output


def dense(pixels=784, classes=10):
    """A small network: two dense layers."""
    hidden = keras.layers.Dense(2 * 6 * 6, "relu")
    return [keras.layers.Input((pixels,)), hidden, keras.layers.Dense(classes, "softmax")]


@dataclass(frozen=True)
class SmallReader(ReaderRecipe):
    """The reader's recipe with a small network, which also has batch normalisation and dropout."""

    def build(self, pixels=784, classes=10):
        return keras.Sequential(
            [
                keras.layers.Input((pixels,)),
                keras.layers.Reshape((28, 28, 1)),
                *convolution(4, 4, strides=4),
                keras.layers.Flatten(),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(classes),
                keras.layers.Activation(softmax_with_reject),
            ]
        )


SMALL_READER = SmallReader(epochs=3, finishing_epochs=1, batch_size=20)
SILENT = Screen(Console(quiet=True))


class Told(keras.callbacks.Callback):
    """Remembers the epochs that it is told of, and cuts the training short after one of them."""

    def __init__(self, cut_after=None, error=KeyboardInterrupt):
        super().__init__()
        self.epochs = []
        self.losses = []
        self.cut_after = cut_after
        self.error = error

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        self.losses.append(logs["loss"])
        if epoch == self.cut_after:
            raise self.error


def same_weights(one, other):
    """Say whether two networks have the same weights, to the bit."""
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all((a == b).all() for a, b in pairs)


class CtrlCWhenCollected:
    """Presses Ctrl-C where exceptions are lost: as the garbage collector takes it away."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def ctrl_c_handler():
    """Python's own handler of Ctrl-C, which a process in the background lacks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler
