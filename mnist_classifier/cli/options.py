"""The options that several verbs take."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import click

from mnist_classifier.errors import MissingExtraError, SettingsError, require

if TYPE_CHECKING:
    from mnist_classifier.learn.runs.settings import Settings
    from mnist_classifier.learn.screen import Screen

LearnDigits: TypeAlias = "Callable[[Settings, Screen, bool], bool]"
"""Learns digits as the settings say; returns whether Ctrl-C cut the training short."""
_Function = TypeVar("_Function", bound="Callable[..., Any]")
BACKENDS = ("tensorflow", "jax", "torch")

FILE = click.Path(path_type=Path)
"""A file or a folder; whoever opens it says what is wrong with it."""

data_dir = click.option(
    "--data-dir",
    type=FILE,
    envvar="MNIST_DATA_DIR",
    show_envvar=True,
    metavar="FOLDER",
    help="Folder with the images: four IDX files, Keras's mnist.npz, or pictures in folders 0 to 9 "
    "(or these in train and test).",
)
model = click.option(
    "--model",
    type=FILE,
    metavar="FILE",
    help="Network to read with, from mnist export.",
    show_default="the shipped one",
)
line_model = click.option(
    "--line-model",
    type=FILE,
    metavar="FILE",
    help="Network to read whole lines with, from mnist export of the recipe lines.",
    show_default="the shipped ones",
)
threshold = click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="T",
    help="Marks that score below are refused as no digit; 0 refuses none.",
    show_default="the model's own",
)
gpus = click.option(
    "--gpus",
    type=click.FloatRange(min=0),
    metavar="N",
    help="On Ray: graphics processors of each training; 0.5 is half of one.",
    show_default="0",
)
quiet = click.option("--quiet", "-q", is_flag=True, help="Print only the result.")


def ray(does: str) -> Callable[[_Function], _Function]:
    """Return the option for where Ray does what the verb does, such as "Read"."""
    return click.option(
        "--ray",
        metavar="WHERE",
        help=f"{does} on Ray: local for this machine, auto for its cluster, or an address.",
    )


def cpus(default: str) -> Callable[[_Function], _Function]:
    """Return the option for processors; the verb decides what happens without it."""
    return click.option(
        "--cpus",
        type=click.IntRange(min=1),
        metavar="N",
        help="On Ray: processors, and threads, of each training.",
        show_default=default,
    )


@dataclass(frozen=True)
class AskedOfRay:
    """What is asked of Ray.

    Attributes:
        where: The cluster, as ``--ray`` names it.
        cpus: Processors of each training; ``None``: as many as fit.
        gpus: Graphics processors of each training.
    """

    where: str
    cpus: int | None
    gpus: float


def asked_of_ray(where: str | None, cpus: int | None, gpus: float | None) -> AskedOfRay | None:
    """Return what is asked of Ray; None where nothing is.

    Raises:
        SettingsError: Processors are asked for, but not Ray.
        MissingExtraError: Ray is not installed.
    """
    if where is None:
        if cpus is not None or gpus is not None:
            raise SettingsError(
                "got --cpus or --gpus without --ray; expected it, since Ray gives them out: "
                "add --ray local, or leave them out"
            )
        return None
    require("scale", "ray")
    return AskedOfRay(where, cpus, gpus or 0.0)


def import_learning(quiet: bool) -> None:
    """Import Keras, its back end and what learns with them: seconds, so a person is told.

    Raises:
        SettingsError: The variable ``KERAS_BACKEND`` names no back end.
        MissingExtraError: What learning needs is not installed.
        KeyboardInterrupt: Ctrl-C came, even if an import swallowed it.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend not in BACKENDS:
        raise SettingsError(
            f"KERAS_BACKEND is {backend!r}; expected one of {', '.join(BACKENDS)}, or nothing: "
            "set or unset it"
        )
    needed = ("tensorflow",) if backend == "tensorflow" else ()
    require("train", "keras", *needed, "sklearn", "matplotlib", "mlxtend")
    if importlib.util.find_spec(backend) is None:
        raise MissingExtraError(
            f"KERAS_BACKEND is {backend}, which is not installed; expected it to be: "
            f"run  pip install {backend}  or unset the variable"
        )
    if "mnist_classifier.learn.steps" in sys.modules:  # hidden anew, real garbage would stay
        return
    from rich.console import Console

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    interrupts: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        interrupts.append(number)
        raise KeyboardInterrupt

    status = Console(quiet=quiet).status(f"Starting Keras on {backend} …")
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with status, _chatter_kept_back(), _hidden_from_garbage_collection():
            import mnist_classifier.learn.steps  # noqa: F401 — for the seconds that it takes
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _hidden_from_garbage_collection() -> Iterator[None]:
    """Keep Python's garbage collector from looking through what is made inside, then or later.

    For libraries, whose objects stay until the process ends: each look through TensorFlow's takes
    about half a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def _chatter_kept_back() -> Iterator[None]:
    """Keep what libraries write straight to the process's standard error, unless they fail.

    TensorFlow writes notes on processors and drivers there before it can be told not to.
    """
    import tempfile

    with tempfile.TemporaryFile() as chatter:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except Exception:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
