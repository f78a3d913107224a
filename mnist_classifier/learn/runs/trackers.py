"""What is told to the tools that follow trainings: TensorBoard and MLflow."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import keras

from mnist_classifier.errors import SettingsError
from mnist_classifier.learn.runs.settings import Settings

Values = Mapping[str, Any]

_FIGURES = ("accuracy.png", "augmentation.png", "example.png", "loss.png")


class TensorBoard(keras.callbacks.Callback):
    """Writes ``tensorboard/`` in the run folder: settings, curves, test figures, pictures.

    Training, validation and test are three TensorBoard runs, whose curves share a chart.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        import tensorflow as tf

        self._summary = tf.summary
        self._folder = folder
        self._writers = {
            part: tf.summary.create_file_writer(str(folder / "tensorboard" / part))
            for part in ("train", "validation", "test")
        }

    def log_settings(self, config: Values) -> None:
        """Write what ``config.json`` says, as a table."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in _flat(config).items())
        with self._writers["train"].as_default(step=0):
            self._summary.text("settings", f"| setting | value |\n|---|---|\n{rows}")

    def on_epoch_end(self, epoch: int, logs: Values | None = None) -> None:
        """Write a point of each curve, so that it can be watched while the network trains."""
        for name, value in (logs or {}).items():
            part = "validation" if name.startswith("val_") else "train"
            with self._writers[part].as_default(step=epoch + 1):
                self._summary.scalar(name.removeprefix("val_"), value)
                self._writers[part].flush()

    def finish(self, metrics: Values) -> str:
        """Write what ``metrics.json`` says of the test, and the figures; say where they are."""
        import matplotlib.image

        with self._writers["test"].as_default(step=metrics["epochs"]):
            for name in ("loss", "accuracy"):
                self._summary.scalar(name, metrics[f"test_{name}"])
            for path in filter(Path.is_file, (self._folder / name for name in _FIGURES)):
                picture = matplotlib.image.imread(path)  # (height, width, 4), in [0, 1]
                self._summary.image(f"figures/{path.stem}", picture[None])
        self.abandon()
        return f"tensorboard --logdir {self._folder / 'tensorboard'}"

    def abandon(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()


class MLflow(keras.callbacks.Callback):
    """Keeps a run in MLflow's store: settings, curves, test figures, the run folder's files.

    The store is the one that ``MLFLOW_TRACKING_URI`` names, or MLflow's own choice: a local file.
    The experiment is ``MLFLOW_EXPERIMENT_NAME``, or ``mnist``. A store that fails while a network
    trains does not stop it: nothing more is sent, and `finish` says so.

    Args:
        folder: The run folder, after which MLflow's run is named.

    Raises:
        SettingsError: The store cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        # Of itself, MLflow asks a server that does not answer for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # of making its tables
        self._folder = folder
        self._failure: str | None = None
        self._store = mlflow.get_tracking_uri()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "mnist")
        try:
            self._client = mlflow.MlflowClient()
            known = self._client.get_experiment_by_name(name)
            experiment = known.experiment_id if known else self._client.create_experiment(name)
            run = self._client.create_run(experiment, run_name=folder.name)
        except Exception as error:  # each kind of store has errors of its own
            raise SettingsError(
                f"MLflow's store {self._store} cannot be used ({_one_line(error)}); "
                "expected one that can: set or unset MLFLOW_TRACKING_URI"
            ) from error
        self._run = run.info.run_id

    def log_settings(self, config: Values) -> None:
        """Send what ``config.json`` says, as parameters."""
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in _flat(config).items()]
        self._send("log_batch", params=params)

    def on_epoch_end(self, epoch: int, logs: Values | None = None) -> None:
        """Send the epoch's figures."""
        self._log_metrics(logs or {}, epoch + 1)

    def finish(self, metrics: Values) -> str:
        """Send what ``metrics.json`` says, and the run folder's files; say where they are."""
        self._log_metrics(metrics, metrics["epochs"])
        for path in sorted(self._folder.iterdir()):
            if path.is_file():
                self._send("log_artifact", str(path))
        self._send("set_terminated", "KILLED" if metrics["interrupted"] else "FINISHED")
        if self._failure:
            return f"{self._store} failed ({self._failure}); the run folder has everything"
        return f"run {self._folder.name} in {self._store}"

    def abandon(self) -> None:
        """Mark the run as failed."""
        self._send("set_terminated", "FAILED")

    def _log_metrics(self, values: Values, step: int) -> None:
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self._send("log_metric", name, float(value), step=step)

    def _send(self, method: str, *values: Any, **named: Any) -> None:
        """Call a method of MLflow's client on the run; after a failure, no more."""
        if self._failure is None:
            try:
                getattr(self._client, method)(self._run, *values, **named)
            except Exception as error:  # each kind of store has errors of its own
                self._failure = _one_line(error)


Tracker: TypeAlias = TensorBoard | MLflow


@contextlib.contextmanager
def opened(
    settings: Settings, folder: Path, loading: Callable[[str], AbstractContextManager[object]]
) -> Iterator[list[Tracker]]:
    """Open the trackers that the settings ask for; an error leaves none of them open.

    Args:
        settings: What was asked.
        folder: The run folder.
        loading: Shows that MLflow's store is being opened, which takes seconds.

    Raises:
        SettingsError: MLflow's store cannot be used.
    """
    begun: list[Tracker] = []
    try:
        if settings.tensorboard:
            begun.append(TensorBoard(folder))
        if settings.mlflow:
            with loading("Opening MLflow's store"):
                begun.append(MLflow(folder))
        yield begun
    except BaseException:
        for tracker in begun:
            tracker.abandon()
        raise


def _flat(config: Values) -> dict[str, Any]:
    """Return nested settings as flat ones, such as ``recipe.epochs``."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        inner = _flat(value) if isinstance(value, Mapping) else None
        flat |= {f"{name}.{key}": deep for key, deep in inner.items()} if inner else {name: value}
    return flat


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
