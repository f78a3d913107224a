"""What `test_device` looks at, in a process whose Keras runs on JAX: prints one JSON object.

The accelerator's way of training is tried on the processor, as where TensorFlow is not installed.
"""

import gc
import json
import signal
import sys

sys.modules["tensorflow"] = None

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn import accelerator
from mnist_classifier.learn.data import dataset as data
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.networks.architectures import convolution
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.networks.layers import MeanOverTTA, RotationTTA
from mnist_classifier.learn.networks.precision import in_mixed_precision
from mnist_classifier.learn.recipes.ensemble import EnsembleRecipe
from mnist_classifier.learn.recipes.standard import CNN_FAST, CNN_SMALL
from mnist_classifier.learn.training import device
from mnist_classifier.learn.training.checkpoints import Checkpoints


def small_layers(pixels=784, classes=10):
    return [
        layers.Input((pixels,)),
        layers.Reshape((28, 28, 1)),
        layers.MaxPooling2D(4),
        *convolution(8),
        layers.Flatten(),
        layers.Dense(classes),
        layers.Softmax(),
    ]


def rotating_layers(pixels=784, classes=10):
    first, *others, dense, softmax = small_layers(pixels, classes)
    return [first, RotationTTA(7), *others, layers.Dropout(0.1), dense, MeanOverTTA(), softmax]


def cut(split, count):
    return data.Split(split.x[:count], split.labels[:count], split.targets[:count])


SPLITS = data.prepare(load_dataset("sample"), 0).one_hot()
SPLITS = data.Splits(cut(SPLITS.train, 700), cut(SPLITS.validation, 100), cut(SPLITS.test, 100))
FAST = replace(CNN_FAST, layers=small_layers, epochs=3, batch_size=50, ema_epochs=1)
AVERAGED = replace(CNN_SMALL, layers=rotating_layers, epochs=3, batch_size=100)


def trained(recipe, on_device, folder=None, stop_after=None, seed=0):
    """Train; return the network and its history."""
    accelerator.is_used = lambda: on_device
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = recipe.build()
    recipe.compile(model, len(SPLITS.train))

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 == stop_after:
                signal.raise_signal(signal.SIGINT)

    checkpoints = None
    if folder:
        Path(folder).mkdir(exist_ok=True)
        checkpoints = Checkpoints(Path(folder))
    return model, recipe.fit(model, SPLITS, seed, [Stop()], checkpoints)


def distance(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return float(max(np.abs(a - b).max() for a, b in pairs))


def trained_on_device(recipe):
    """Train; return also the first weights of a network that is built after it."""
    return *trained(recipe, True), recipe.build().get_weights()[1]


def main(folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background has none
    gc.freeze()  # or each session that is cleared looks through the libraries
    found = {}
    keras.utils.set_random_seed(0)
    first = FAST.build()
    by_fit, as_fit = trained(FAST, False)
    found["averaged_moved"] = distance(first, by_fit)
    _, on_device, built_then = trained_on_device(FAST)
    histories = as_fit.history, on_device.history
    found["losses"] = [history["loss"] for history in histories]
    found["last_validation"] = [history["val_accuracy"][-1] for history in histories]
    *_, built_again = trained_on_device(FAST)  # whose function is compiled already
    found["drawn_by_compiling"] = float(np.abs(built_then - built_again).max())

    compiled_before = device._compiled.cache_info().misses
    whole, history = trained(AVERAGED, True)
    again, _ = trained(AVERAGED, True)
    found["same_seed"] = distance(whole, again)
    found["other_seed"] = distance(whole, trained(AVERAGED, True, seed=1)[0])
    found["compiled"] = device._compiled.cache_info().misses - compiled_before
    found["averaged_losses"] = history.history["loss"]

    trained(AVERAGED, True, folder, stop_after=2)
    found["saved_epochs"] = Checkpoints(Path(folder)).epochs()
    found["resumed"] = distance(whole, trained(AVERAGED, True, folder)[0])

    ensemble = EnsembleRecipe("ensemble", AVERAGED, (rotating_layers, rotating_layers))
    for name, network in (("network", whole), ("ensemble", ensemble.build())):
        accelerator.is_used = lambda: True
        compiled = predict(network, SPLITS.test.x, 64)
        accelerator.is_used = lambda: False
        found[f"predictions_{name}"] = float(
            np.abs(compiled - predict(network, SPLITS.test.x)).max()
        )

    mixed = in_mixed_precision(whole)
    mixed.set_weights(whole.get_weights())
    found["dtypes"] = {type(layer).__name__: layer.compute_dtype for layer in mixed.layers}
    found["weight_dtypes"] = sorted({weight.dtype for weight in mixed.weights})
    found["mixed"] = float(
        np.abs(predict(mixed, SPLITS.test.x) - predict(whole, SPLITS.test.x)).max()
    )
    print(json.dumps(found))


main(sys.argv[1])
