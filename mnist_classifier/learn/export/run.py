"""Export the network of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_classifier.errors import OutputError
from mnist_classifier.learn.export import digits, lines
from mnist_classifier.learn.export.onnx_file import write_litert, write_model
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.runs.images import load_again, split_again
from mnist_classifier.learn.runs.run import Run

_SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}


@dataclass(frozen=True)
class Export:
    """What `export_run` wrote."""

    path: Path
    difference: float | None
    """The largest difference between Keras's and ONNX's probabilities; None for LiteRT."""


def export_run(
    folder: Path, output: Path | None = None, form: str = "onnx", data_dir: Path | None = None
) -> Export:
    """Export a run's network, calibrated on the run's own validation images.

    Args:
        folder: A run folder.
        output: The file to write; when left out, ``digits.onnx`` or ``digits.tflite`` in the run,
            of a network that reads lines ``lines.onnx`` or ``lines.tflite``.
        form: ``"onnx"`` or ``"litert"``.
        data_dir: Where the run's data set lies; where the run found it when left out.

    Raises:
        RunError: The run folder is incomplete or damaged.
        DataError: The run's images cannot be had again.
        ModelError: The network is not one that reads digits or lines, or cannot be converted.
        OutputError: The file cannot be written, or would replace what is no earlier export.
    """
    if output is not None:
        _check_replaceable(output, _SUFFIXES[form])
    run = Run(folder)
    config, metrics = run.load_json("config.json", "seed"), run.load_json("metrics.json")
    entry = registry.RECIPES.get(config.get("recipe", {}).get("name", ""))
    task = entry.task if entry else "digits"
    model = run.load_model(task)
    network, knows_nondigits = (model, True) if task == "lines" else digits.logits_network(model)
    if form == "litert":
        path = output or folder / f"{task}.tflite"
        write_litert(path, network)
        return Export(path, None)
    splits = split_again(config, load_again(config, data_dir))
    if task == "lines":
        content, card, difference = lines.export(network, config, metrics, splits)
    else:
        content, card, difference = digits.export(network, knows_nondigits, config, metrics, splits)
    path = output or folder / f"{task}.onnx"
    write_model(path, content, card)
    return Export(path, difference)


def _check_replaceable(output: Path, suffix: str) -> None:
    """Check that nothing is replaced but an earlier export.

    Raises:
        OutputError: There is something else.
    """
    is_earlier = output.suffix == suffix and output.is_file()
    card = [output.with_suffix(".json")] if suffix == _SUFFIXES["onnx"] else []
    for path in [output, *card]:
        if path.exists() and not (is_earlier and path.is_file()):
            raise OutputError(
                f"{path} exists and is no earlier export; expected a new name, or an earlier "
                f"export's, which ends with {suffix}: name another with --output"
            )
