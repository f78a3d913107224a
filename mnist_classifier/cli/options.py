"""The options that several verbs take."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mnist_classifier.errors import require

Dataset = Annotated[
    str | None,
    typer.Option(help="mnist, fashion_mnist or sample.", show_default="the first that can be had"),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="MNIST_DATA_DIR", help="A folder with four IDX files, or Keras's mnist.npz."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")]


def prepare_keras(quiet: bool) -> None:
    """Import Keras and its back end, which takes seconds, and keep their chatter to themselves.

    TensorFlow writes notes on processors and drivers straight to the process's standard error;
    they are shown only if the import fails.

    Raises:
        MissingExtraError: What learning needs is not installed.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    require("train", "keras", backend, "sklearn", "matplotlib", "mlxtend")
    from rich.console import Console

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    status = Console(quiet=quiet).status(f"Starting Keras on {backend} …")
    with status, tempfile.TemporaryFile() as chatter:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
