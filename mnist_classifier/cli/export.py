"""``mnist export``: a run's network as one file for `mnist read` and other programs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from mnist_classifier.cli import options


class Format(str, Enum):
    """The formats that a network can be exported in."""

    ONNX = "onnx"
    LITERT = "litert"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write.",
            show_default="in RUN, digits or lines with .onnx or .tflite",
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="litert only where Keras can.")] = Format.ONNX,
    data_dir: options.DataDir = None,
    quiet: options.Quiet = False,
) -> None:
    """Write a run's network as one file: ONNX with a model card, or LiteRT.

    Temperature and threshold are chosen on the run's validation images. An
    ONNX file is written only if it gives the same probabilities as Keras.
    """
    from mnist_classifier.errors import require

    options.import_learning(quiet)
    require("train", *(("onnx", "tf2onnx") if format is Format.ONNX else ()))

    from mnist_classifier.learn.export.run import export_run

    result = export_run(run, output, format.value, data_dir)
    if quiet:
        typer.echo(result.path)
        return
    typer.echo(f"written: {result.path} ({result.path.stat().st_size:,} bytes)")
    if result.difference is not None:
        typer.echo(f"proved:  Keras and ONNX differ by at most {result.difference:.1e}")
        typer.echo(f"card:    {result.path.with_suffix('.json')}")
