"""Train one network epoch by epoch, so that every epoch can be shown, saved and resumed from."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras

from mnist_classifier.errors import RunError
from mnist_classifier.learn import accelerator
from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.training import allocator
from mnist_classifier.learn.training.batches import Order, ahead, in_batches
from mnist_classifier.learn.training.checkpoints import Arrays, Checkpoint, Checkpoints
from mnist_classifier.learn.training.signals import SignalsDeferred
from mnist_classifier.learn.training.stages import (
    QUANTITIES,
    History,
    Plan,
    Training,
    likeliest_class_right,
)

_JUDGED_TOGETHER = 2000  # images
_SAVED_EVERY = 5.0  # seconds, on an accelerator, where saving takes as long as an epoch
_STOPPING = ("wait", "best", "best_epoch", "stopped_epoch")  # what early stopping remembers


def fit(
    model: keras.Model,
    plan: Plan,
    seed: int,
    callbacks: keras.callbacks.CallbackList,
    checkpoints: Checkpoints | None = None,
    epochs_before: int = 0,
) -> Training:
    """Train a network as planned, from its last checkpoint if it has one.

    Ctrl-C ends the training early but in order: the best weights so far, or the last finished
    epoch's, are restored and what was recorded is returned. It waits for Keras to look at callbacks
    or for the end of validation; where an epoch is one call, for the epoch's end. A second Ctrl-C,
    half a second later or more, does not wait. From here on the process keeps freed memory, see
    `allocator.keep_freed`.

    Args:
        model: A compiled network.
        plan: The images, and how long.
        seed: Decides the images and their order; a checkpoint's own goes first.
        callbacks: Are told of each epoch and batch; of epochs finished in an earlier sitting too.
        checkpoints: Where finished epochs are saved: each, or on an accelerator the last of every
            few seconds; ``None`` saves none.
        epochs_before: How many epochs the stages before this one had: callbacks count through.

    Raises:
        OutputError: A checkpoint cannot be written.
        RunError: A checkpoint is another network's, or all are damaged.
        KeyboardInterrupt: Ctrl-C came again while the training was being ended.
    """
    allocator.keep_freed()
    loop = _Loop(model, plan, seed)
    if checkpoints and (checkpoint := checkpoints.load()):
        loop.restore(checkpoint)
        for epoch in range(loop.finished):
            callbacks.on_epoch_begin(epochs_before + epoch)
            callbacks.on_epoch_end(
                epochs_before + epoch, {name: of[epoch] for name, of in loop.history.items()}
            )
    signals = SignalsDeferred()

    def batch_ended(batch: int, logs: Any) -> None:
        callbacks.on_train_batch_end(batch, logs)
        signals.handle()

    batch_end = keras.callbacks.LambdaCallback(on_train_batch_end=batch_ended)
    left = range(plan.epochs if loop.stopped else loop.finished, plan.epochs)
    interrupted, unsaved, saved = False, None, time.perf_counter()
    made = ahead(lambda epoch: plan.images(loop.seed, epoch), left)
    try:
        for epoch, (x, y, order) in zip(left, made, strict=True):
            with signals:
                callbacks.on_epoch_begin(epochs_before + epoch)
                logs = loop.run_epoch(epoch, x, y, order, batch_end)
                if checkpoints:
                    unsaved = epoch + 1, loop.checkpoint()
                    ended = loop.stopped or epoch + 1 == plan.epochs
                    if not plan.on_device or ended or time.perf_counter() - saved > _SAVED_EVERY:
                        checkpoints.save(*unsaved)
                        unsaved, saved = None, time.perf_counter()
                callbacks.on_epoch_end(epochs_before + epoch, logs)
                if loop.stopped:
                    break
    except KeyboardInterrupt:
        interrupted = True
        if checkpoints and unsaved:
            checkpoints.save(*unsaved)
    finally:
        made.close()  # else what is raised while its thread ends is lost
    return loop.finish(interrupted)


class _Loop:
    """A training between two epochs: what a checkpoint saves and restores.

    Args:
        model: A compiled network.
        plan: The images, and how long.
        seed: Decides the images and their order.
    """

    def __init__(self, model: keras.Model, plan: Plan, seed: int) -> None:
        self._model = model
        self._plan = plan
        self.seed = seed
        self.stopped = False
        """Whether early stopping ended the training."""
        self.history: History = {name: [] for name in QUANTITIES}
        self._seconds_before = 0.0  # of earlier sittings
        self._stopping = keras.callbacks.EarlyStopping(
            monitor="val_loss",
            patience=plan.epochs if plan.patience is None else plan.patience,
            restore_best_weights=plan.patience is not None,
        )
        self._stopping.set_model(model)
        self._stopping.on_train_begin()
        _make_variables(model, *plan.validation)
        self._kept: Arrays = model.get_weights()
        self._began = time.perf_counter()

    @property
    def finished(self) -> int:
        """How many epochs are finished: Ctrl-C may come between two of their quantities."""
        return min(map(len, self.history.values()))

    @property
    def seconds(self) -> float:
        """Seconds spent, in earlier sittings too."""
        return self._seconds_before + time.perf_counter() - self._began

    def run_epoch(
        self, epoch: int, x: Floats, y: Floats, order: Order, callback: keras.callbacks.Callback
    ) -> dict[str, float]:
        """Train for an epoch and validate; return loss and accuracy of both."""
        if self._plan.rate:
            self._model.optimizer.learning_rate = self._plan.rate(epoch)
        logs = self._train(x, y, order, callback)
        logs |= judge(self._model, *self._plan.validation, self._plan.right)
        self._stopping.on_epoch_end(epoch, logs)
        best = self._plan.patience is not None
        self._kept = self._stopping.best_weights if best else self._model.get_weights()
        for name, value in logs.items():
            self.history[name].append(value)
        self.stopped = bool(self._stopping.stopped_epoch)
        return logs

    def _train(
        self, x: Floats, y: Floats, order: Order, callback: keras.callbacks.Callback
    ) -> dict[str, float]:
        """Train for an epoch; return its loss and accuracy."""
        if self._plan.on_device:
            from mnist_classifier.learn.training import device

            return device.run_epoch(self._model, x, y, order, self._plan.batch_size)
        record = self._model.fit(
            **in_batches(x, y, order, self._plan.batch_size),
            shuffle=False,
            verbose=0,
            callbacks=[callback],
        )
        if self._model.optimizer.use_ema and keras.config.backend() == "jax":
            # Weights and their averages are now the same arrays, and the next step gives both away.
            self._model.set_weights(self._model.get_weights())
        return {name: float(record.history[name][0]) for name in ("loss", "accuracy")}

    def checkpoint(self) -> Checkpoint:
        """Return all that is needed to go on from here."""
        remembered = {name: getattr(self._stopping, name) for name in _STOPPING}
        if remembered["best"] is not None:
            remembered["best"] = float(remembered["best"])
        return Checkpoint(
            [self._value(variable) for variable in _variables(self._model)],
            self._kept,
            {
                "seed": self.seed,
                "seconds": self.seconds,
                "stopped": self.stopped,
                "history": {name: list(values) for name, values in self.history.items()},
                "stopping": remembered,
            },
        )

    def _value(self, variable: Any) -> Any:
        """Return what a variable holds now: on an accelerator its array, which never changes."""
        return variable.value if self._plan.on_device else keras.ops.convert_to_numpy(variable)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was made.

        Raises:
            RunError: It is another network's, or tells of what no training of this plan can.
        """
        state = checkpoint.state
        if not _is_sound(state, self._plan.epochs):
            raise RunError(
                "the run's checkpoint tells of no training that its config.json asks for; expected "
                "one that this program saved: train anew"
            )
        _check_fits(self._kept, checkpoint.kept)
        variables = _variables(self._model)
        _check_fits([keras.ops.convert_to_numpy(v) for v in variables], checkpoint.variables)
        for variable, value in zip(variables, checkpoint.variables, strict=True):
            variable.assign(value)
        self.seed, self.stopped = state["seed"], state["stopped"]
        self._seconds_before = float(state["seconds"])
        self.history = {name: list(state["history"][name]) for name in QUANTITIES}
        for name in _STOPPING:
            setattr(self._stopping, name, state["stopping"][name])
        self._kept = checkpoint.kept
        self._stopping.best_weights = self._kept if self._plan.patience is not None else None

    def finish(self, interrupted: bool) -> Training:
        """Give the network the weights that are kept, and say what the training did."""
        self._model.set_weights(self._kept)
        finished = self.finished
        best = finished if self._plan.patience is None else self._stopping.best_epoch + 1
        return Training(
            history={name: values[:finished] for name, values in self.history.items()},
            best_epoch=best if finished else None,
            interrupted=interrupted,
            seconds=self.seconds,
        )


def judge(
    model: keras.Model,
    x: Floats,
    y: Floats,
    is_right: Callable[[Floats, Floats], Any] = likeliest_class_right,
) -> dict[str, float]:
    """Return ``val_loss`` and ``val_accuracy``: the share of answers that are right.

    On TensorFlow, Keras's own evaluation would first trace a function for it, which takes longer;
    on JAX without an accelerator, what has no function of its own is compiled at each call.

    Args:
        model: A compiled network.
        x: Images, shape ``(n, …)``.
        y: Targets, shape ``(n, …)``, such as one-hot labels.
        is_right: As a plan's ``right``.
    """
    if keras.config.backend() == "jax" and not accelerator.is_used():
        judged = model.evaluate(x, y, batch_size=_JUDGED_TOGETHER, verbose=0, return_dict=True)
        return {f"val_{name}": float(judged[name]) for name in ("loss", "accuracy")}
    answers = predict(model, x)
    loss = model.compute_loss(x, y, answers, training=False)
    right = keras.ops.convert_to_numpy(is_right(y, answers))
    return {
        "val_loss": float(keras.ops.convert_to_numpy(loss)),
        "val_accuracy": float(right.mean()),
    }


def _make_variables(model: keras.Model, x: Floats, y: Floats) -> None:
    """Make what the optimizer and, except on JAX, the metrics remember: else the first step would.

    On TensorFlow, a step that makes variables is traced twice. On JAX, the answer that the metrics
    need would compile each operation alone.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if keras.config.backend() == "jax":
        return
    model.compute_metrics(x[:1], y[:1], predict(model, x[:1]))
    model.reset_metrics()


def _variables(model: keras.Model) -> list[Any]:
    """Return all that training changes: weights, seeds of dropout, and the optimizer's own."""
    return [*model.variables, *model.optimizer.variables]


def _check_fits(own: Arrays, values: Arrays) -> None:
    """Make sure that arrays can take the place of a network's own.

    Raises:
        RunError: They are another network's.
    """
    if [(a.shape, a.dtype) for a in own] != [(a.shape, a.dtype) for a in values]:
        raise RunError(
            "the run's checkpoint is another network's; expected the one that its config.json "
            "names: train anew"
        )


def _is_sound(state: Any, epochs: int) -> bool:
    """Tell whether a checkpoint's state is one that `_Loop.checkpoint` gives."""
    try:
        stopping = state["stopping"]
        curves = [state["history"][name] for name in QUANTITIES]
        wholes = [state["seed"], *(stopping[name] for name in _STOPPING if name != "best")]
        best = [] if stopping["best"] is None else [stopping["best"]]
        numbers = [state["seconds"], *best, *(value for curve in curves for value in curve)]
        return (
            all(type(value) is int and 0 <= value < 2**32 for value in wholes)
            and all(type(value) is float for value in numbers)
            and type(state["stopped"]) is bool
            and 0 < len(curves[0]) <= epochs
            and {len(curve) for curve in curves} == {len(curves[0])}
            and stopping["best_epoch"] < len(curves[0])
        )
    except (KeyError, TypeError):
        return False
