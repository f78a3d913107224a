"""What does the whole program cost beyond importing TensorFlow and fitting?

The main job, with no network and no data, is run as a person runs it, from the command to its
exit, in turns with a process that imports Keras on TensorFlow and nothing else. What is left of
the first after the second and the fitting (``fit_seconds`` in ``metrics.json``) is overhead:
reading the sample, splitting, figures, evaluation, saving.

    python -m benchmarks.whole_program [--turns 5] [--write docs/benchmarks/whole_program.md]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks.measure import (
    machine,
    mean_and_deviation,
    median_and_range,
    report,
    table,
    write_option,
)

SCRIPT = Path(__file__).parent.parent / "mnist_images_classification.py"


def seconds(*command: str) -> float:
    """Run a command out of reach of any network and return the seconds that it took."""
    unreachable = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, **unreachable, "KERAS_HOME": cache}
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True)
        return time.perf_counter() - began


@click.command(context_settings={"show_default": True})
@click.option("--turns", default=5, help="How often each is timed.")
@write_option
def main(turns: int, write: Path | None) -> None:
    """Time the main job and the import alone in turns."""
    times: dict[str, list[float]] = {"import": [], "program": [], "fit": [], "overhead": []}
    accuracies: list[float] = []
    for turn in range(-1, turns):  # the turn before the first warms up
        seed = max(0, turn)
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "run")
            imported = seconds("-c", "import keras")
            whole = seconds(str(SCRIPT), "--output", str(output), "--seed", str(seed))
            metrics = json.loads((output / "metrics.json").read_text())
        if turn < 0:
            continue
        overhead = whole - imported - metrics["fit_seconds"]
        row = (imported, whole, metrics["fit_seconds"], overhead)
        for name, value in zip(times, row, strict=True):
            times[name].append(value)
        accuracies.append(metrics["test_accuracy"])
    here = machine("keras", "tensorflow")
    rows = [[name, median_and_range(values)] for name, values in times.items()]
    text = (
        f"The program with no network and no data, seeds 0 to {turns - 1}, on {here['processor']} "
        f"with {here['cores']} cores; Keras {here['keras']}, TensorFlow {here['tensorflow']}.\n\n"
        f"{table(['what', 'seconds, median (range)'], rows)}\n\n"
        f"Overhead is program less import less fit; its median is "
        f"{statistics.median(times['overhead']):.1f} s. Test accuracy on the sample's 1,000 test "
        f"images: {mean_and_deviation(accuracies)}, worst {min(accuracies):.2%}."
    )
    facts = {"seconds": times, "accuracy": accuracies, "machine": here}
    command = f"python -m benchmarks.whole_program --turns {turns} --write PAGE"
    report("The whole program on the embedded sample", text, facts, command, write)


if __name__ == "__main__":
    main()
