"""What does each check of the report cost?

A network of the recipe ``dnn`` is trained for an epoch, which makes no difference to the cost, and
judged several times as ``mnist evaluate`` does; the seconds are ``judge_seconds`` of its
``metrics.json``.

    python -m benchmarks.judging --data-dir MNIST [--turns 5] [--write docs/benchmarks/judging.md]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure import machine, report, table


def main(
    data_dir: Annotated[Path, typer.Option(help="A folder with MNIST's four files.")],
    turns: Annotated[int, typer.Option(help="How often each is timed.")] = 5,
    write: Annotated[Path | None, typer.Option(help="A Markdown page to write.")] = None,
) -> None:
    """Time each check of the report."""
    times: dict[str, list[float]] = {}
    mnist = [sys.executable, "-m", "mnist_classifier"]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        train = ["train", "--quiet", "--no-show", "--epochs", "1", "--output", run]
        subprocess.run([*mnist, *train, "--data-dir", data_dir], check=True, capture_output=True)
        for _ in range(turns):
            subprocess.run([*mnist, "evaluate", "--quiet", run], check=True, capture_output=True)
            metrics = json.loads((run / "metrics.json").read_text())
            for name, seconds in metrics["judge_seconds"].items():
                times.setdefault(name, []).append(seconds)
    times["all"] = [sum(turn) for turn in zip(*times.values(), strict=True)]
    here = machine("keras", "tensorflow")
    rows = [
        [name.replace("_", " "), f"{statistics.median(v):.2f} ({min(v):.2f} to {max(v):.2f})"]
        for name, v in times.items()
    ]
    text = (
        f"The recipe dnn on {metrics['test_size']:,} test images of {metrics['dataset']}, damage "
        f"on {metrics['robustness']['size']:,} of them, on {here['processor']} with "
        f"{here['cores']} cores; Keras {here['keras']}, TensorFlow {here['tensorflow']}.\n\n"
        f"{table(['check', 'seconds, median (range)'], rows)}"
    )
    command = f"python -m benchmarks.judging --data-dir MNIST --turns {turns} --write PAGE"
    report("What each check of the report costs", text, {"seconds": times, **here}, command, write)


if __name__ == "__main__":
    typer.run(main)
