"""``mnist export``: a run's network as one file for `mnist read` and other programs."""

from __future__ import annotations

from pathlib import Path

import click

from mnist_classifier.cli import options
from mnist_classifier.errors import printable


@click.command()
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option(
    "--output",
    type=options.FILE,
    metavar="FILE",
    help="File to write.",
    show_default="in RUN, digits or lines with .onnx or .tflite",
)
@click.option(
    "--format",
    type=click.Choice(["onnx", "litert"]),
    default="onnx",
    help="litert only where Keras can.",
)
@options.data_dir
@options.quiet
def export(run: Path, output: Path | None, format: str, data_dir: Path | None, quiet: bool) -> None:
    """Write a run's network as one file, ONNX or LiteRT.

    RUN is a run folder. An ONNX file is written only if it gives the same
    probabilities as Keras, and with a model card beside it. Temperature and
    threshold are chosen on the run's validation images.
    """
    from mnist_classifier.errors import require

    options.import_learning(quiet)
    require("train", *(("onnx", "tf2onnx") if format == "onnx" else ()))

    from mnist_classifier.learn.export.run import export_run

    result = export_run(run, output, format, data_dir)
    path = printable(str(result.path))
    if quiet:
        click.echo(path)
        return
    click.echo(f"written: {path} ({result.path.stat().st_size:,} bytes)")
    if result.difference is not None:
        click.echo(f"proved:  Keras and ONNX differ by at most {result.difference:.1e}")
        click.echo(f"card:    {printable(str(result.path.with_suffix('.json')))}")
