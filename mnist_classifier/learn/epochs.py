"""Train epoch by epoch, so that every epoch can be shown, saved and gone on from."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import RunError
from mnist_classifier.learn import memory
from mnist_classifier.learn.checkpoints import Arrays, Checkpoint, Checkpoints
from mnist_classifier.learn.evaluation import predict
from mnist_classifier.learn.runs import History

Floats = npt.NDArray[np.float32]
Order = npt.NDArray[np.int64]
QUANTITIES = ("loss", "accuracy", "val_loss", "val_accuracy")
_TOGETHER = 16  # batches copied at a time


@dataclass(frozen=True)
class Training:
    """What a training did.

    Attributes:
        history: For ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` a value for each
            finished epoch.
        best_epoch: The epoch whose weights the network now has, counted from 1; ``None`` when
            none was finished.
        interrupted: Whether Ctrl-C ended it.
        seconds: What it took, compiling included; of all sittings, if it was gone on with.
    """

    history: History
    best_epoch: int | None
    interrupted: bool
    seconds: float

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.history.get("val_loss", []))


@dataclass(frozen=True)
class Plan:
    """How a training goes.

    Attributes:
        images: Makes the images and targets of an epoch, counted from 0, and their order, from the
            training's own seed; the same for the same seed and epoch.
        validation: The validation images and their targets.
        epochs: The most epochs.
        steps: Training steps an epoch.
        batch_size: Images a step.
        patience: Epochs without a lower validation loss after which training stops, the best
            epoch's weights restored; ``None`` trains to the end and keeps the last ones.
        rate: The learning rate of an epoch, counted from 0; ``None`` leaves it to the optimizer.
    """

    images: Callable[[int, int], tuple[Floats, Floats, Order]]
    validation: tuple[Floats, Floats]
    epochs: int
    steps: int
    batch_size: int
    patience: int | None = None
    rate: Callable[[int], float] | None = None


def fit(
    model: keras.Model,
    plan: Plan,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train a network as planned, from its last checkpoint if it has one.

    Ctrl-C ends the training early but in order: the best weights so far, or the last finished
    epoch's, are restored and what was recorded is returned. From here on the process keeps freed
    memory, see `memory.keep_freed`.

    Args:
        model: A compiled network.
        plan: The images, and how long.
        callbacks: Further Keras callbacks, such as one that shows progress; they are told of
            epochs finished in an earlier sitting too.
        checkpoints: Where each finished epoch is saved; ``None`` saves none.

    Raises:
        OutputError: A checkpoint cannot be written.
        RunError: A checkpoint is another network's.
    """
    memory.keep_freed()
    # The training's own seed: drawn from Keras's global one, which the run's seed set.
    state: dict[str, Any] = {"seed": int(np.random.randint(2**31)), "seconds": 0.0}
    history: History = {name: [] for name in QUANTITIES}
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss",
        patience=plan.epochs if plan.patience is None else plan.patience,
        restore_best_weights=plan.patience is not None,
    )
    stopping.set_model(model)
    stopping.on_train_begin()
    for callback in callbacks:
        callback.set_params({"epochs": plan.epochs, "steps": plan.steps})
        callback.set_model(model)
        callback.on_train_begin()
    _make_variables(model, *plan.validation)
    kept = model.get_weights()
    checkpoint = checkpoints.load() if checkpoints else None
    if checkpoint:
        _assign(_variables(model), checkpoint.variables)
        kept, state = checkpoint.kept, dict(checkpoint.state)
        history = {name: list(values) for name, values in state.pop("history").items()}
        for name, value in state.pop("stopping").items():
            setattr(stopping, name, value)
        stopping.best_weights = kept if plan.patience is not None else None
        for epoch, values in enumerate(zip(*history.values(), strict=True)):
            _tell(callbacks, epoch, dict(zip(history, values, strict=True)))
    told = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: [
            callback.on_train_batch_end(batch, logs) for callback in callbacks
        ]
    )
    interrupted = False
    spent, began = float(state["seconds"]), time.perf_counter()
    first = plan.epochs if state.get("stopped") else len(history["loss"])
    try:
        made = _ahead(lambda epoch: plan.images(state["seed"], epoch), range(first, plan.epochs))
        for epoch, (x, y, order) in zip(range(first, plan.epochs), made, strict=True):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            if plan.rate:
                model.optimizer.learning_rate = plan.rate(epoch)
            record = model.fit(
                **in_batches(x, y, order, plan.batch_size),
                shuffle=False,
                verbose=0,
                callbacks=[told],
            )
            logs = {name: float(record.history[name][0]) for name in ("loss", "accuracy")}
            logs |= judge(model, *plan.validation)
            stopping.on_epoch_end(epoch, logs)
            kept = model.get_weights() if plan.patience is None else stopping.best_weights
            for name, value in logs.items():
                history[name].append(value)
            state["stopped"] = bool(stopping.stopped_epoch)
            state["seconds"] = spent + time.perf_counter() - began
            if checkpoints:
                checkpoints.save(
                    epoch + 1,
                    Checkpoint(
                        [keras.ops.convert_to_numpy(v) for v in _variables(model)],
                        kept,
                        {**state, "history": history, "stopping": _stopping_state(stopping)},
                    ),
                )
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
            if state["stopped"]:
                break
    except KeyboardInterrupt:
        interrupted = True
    for callback in callbacks:
        callback.on_train_end()
    model.set_weights(kept)
    finished = min(map(len, history.values()))  # Ctrl-C may come between two of them
    best = finished if plan.patience is None else stopping.best_epoch + 1
    return Training(
        history={name: values[:finished] for name, values in history.items()},
        best_epoch=best if finished else None,
        interrupted=interrupted,
        seconds=spent + time.perf_counter() - began,
    )


def judge(model: keras.Model, x: Floats, y: Floats) -> dict[str, float]:
    """Return ``val_loss`` and ``val_accuracy``: the share of images whose likeliest class is right.

    Keras's own evaluation would first trace a function for it, which takes longer.

    Args:
        model: A compiled network.
        x: Images, shape ``(n, pixels)``.
        y: One-hot targets, shape ``(n, classes)``.
    """
    answers = predict(model, x)
    loss = model.compute_loss(x, y, answers, training=False)
    right = answers.argmax(axis=1) == y.argmax(axis=1)
    return {
        "val_loss": float(keras.ops.convert_to_numpy(loss)),
        "val_accuracy": float(right.mean()),
    }


def in_batches(x: Floats, y: Floats, order: Order, size: int) -> dict[str, Any]:
    """Return images and targets, in an order, as what ``fit`` takes.

    TensorFlow gets its own data set: the one that Keras would make of arrays tunes itself, and
    where that happens to be under way as an epoch ends, the next waits up to two seconds for it.
    It copies some batches at a time: where memory is slow to be had, whole copies take longer. It
    can be gone through once: TensorFlow (2.21) never lets go of a generator's function, so that one
    may not hold the images.

    Args:
        x: Images, shape ``(n, …)``.
        y: Targets, shape ``(n, classes)``.
        order: Which image comes when, shape ``(n,)``.
        size: Images a step; the last step may have fewer.
    """
    if keras.config.backend() != "tensorflow":
        return {"x": x[order], "y": y[order], "batch_size": size}
    import tensorflow as tf

    spec = tuple(tf.TensorSpec((None, None, *part.shape[1:]), part.dtype) for part in (x, y))
    steps = math.ceil(len(order) / size)
    held = [((x, y), order)]

    def stacks() -> Iterator[tuple[Floats, ...]]:
        """Yield images and targets, shapes ``(batches, images a step, …)``."""
        parts, left = held.pop()
        whole = len(left) // size * size
        most = _TOGETHER * size
        for piece in (left[:whole][begin : begin + most] for begin in range(0, whole, most)):
            yield tuple(part[piece].reshape(-1, size, *part.shape[1:]) for part in parts)
        if whole < len(left):
            yield tuple(part[left[whole:]][None] for part in parts)

    stacked = tf.data.Dataset.from_generator(stacks, output_signature=spec)
    batches = stacked.flat_map(lambda *parts: tf.data.Dataset.from_tensor_slices(parts))
    options = tf.data.Options()
    options.autotune.enabled = False
    counted = tf.data.experimental.assert_cardinality(steps)
    return {"x": batches.apply(counted).prefetch(2).with_options(options)}


def shuffled(size: int, seed: int, epoch: int) -> Order:
    """Return the order of an epoch's images, the same for the same seed and epoch."""
    return np.random.default_rng((seed, epoch)).permutation(size)


class Stage(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells callbacks of one training as a stage of several.

    Args:
        callbacks: Whom to tell.
        before: How many epochs the stages before it have.
        whole: How many all stages have.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], before: int, whole: int
    ) -> None:
        super().__init__()
        self._callbacks = callbacks
        self._before = before
        self._whole = whole

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Say how long the whole takes, once."""
        if self._before == 0:
            for callback in self._callbacks:
                callback.set_params({**self.params, "epochs": self._whole})
                callback.set_model(self.model)
                callback.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epochs of the stages before."""
        for callback in self._callbacks:
            callback.on_epoch_begin(self._before + epoch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        for callback in self._callbacks:
            callback.on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epochs of the stages before."""
        for callback in self._callbacks:
            callback.on_epoch_end(self._before + epoch, logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Pass on the last stage's."""
        if self._before + self.params["epochs"] == self._whole:
            for callback in self._callbacks:
                callback.on_train_end(logs)


def _tell(
    callbacks: Sequence[keras.callbacks.Callback], epoch: int, logs: dict[str, float]
) -> None:
    for callback in callbacks:
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, logs)


def _stopping_state(stopping: keras.callbacks.EarlyStopping) -> dict[str, Any]:
    return {
        "wait": stopping.wait,
        "best": None if stopping.best is None else float(stopping.best),
        "best_epoch": stopping.best_epoch,
        "stopped_epoch": stopping.stopped_epoch,
    }


def _make_variables(model: keras.Model, x: Floats, y: Floats) -> None:
    """Make what the optimizer and the metrics remember, which else the first step would.

    On TensorFlow, a step that makes variables is traced twice.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    model.compute_metrics(x[:1], y[:1], y[:1])
    model.reset_metrics()


def _variables(model: keras.Model) -> list[Any]:
    """Return all that training changes: weights, seeds of dropout, and the optimizer's own."""
    return [*model.variables, *model.optimizer.variables]


def _assign(variables: list[Any], values: Arrays) -> None:
    if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
        raise RunError(
            "the run's checkpoint is another network's; expected the one that its config.json "
            "names: train anew"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _ahead(make: Callable[[int], Any], numbers: range) -> Iterator[Any]:
    """Yield what ``make`` makes of each number; the next is made while one is used."""
    with ThreadPoolExecutor(1) as pool:
        pending = [pool.submit(make, number) for number in itertools.islice(numbers, 1)]
        for number in numbers:
            made = pending.pop().result()
            if number + 1 < numbers.stop:
                pending.append(pool.submit(make, number + 1))
            yield made
