"""Does a training that is killed again and again end as one that was left alone?

The embedded sample is learned with ``--deterministic``. One training is left alone; others are
killed (``kill -9``) at random moments, from starting Python to writing the report, and gone on with
by ``--resume`` until they end. All must have the same weights and the same curves, whose SHA-256
are compared. The cost of ``--deterministic`` is the fitting time of trainings in turns, medians of
five.

    python -m benchmarks.breaking [--kills 20] [--write docs/benchmarks/breaking.md]
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median

import click
from rich.console import Console

from benchmarks.measure import machine, report, table, write_option

EPOCHS = 25
TURNS = 5


def train(*arguments: object) -> subprocess.Popen:
    """Start a training."""
    command = [sys.executable, "-m", "mnist_classifier", "train", "--no-show", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen) -> None:
    """Wait until a training ends; it must end well."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}:\n{output}")


def new(folder: Path, *more: object) -> list[object]:
    """Return the options of a new run."""
    return ["--dataset", "sample", "--epochs", EPOCHS, "--output", folder, *more]


def digest(folder: Path) -> str:
    """Return the SHA-256 of a run's weights and curves."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        weights = archive.read("model.weights.h5")
    return hashlib.sha256(weights + (folder / "history.csv").read_bytes()).hexdigest()


def kill_until_done(folder: Path, kills: int, within: float) -> int:
    """Train to the end, killed at most so often; return how often it was."""
    for count in range(kills):
        started = (folder / "config.json").exists()
        if folder.exists() and not started:  # killed before there was anything to go on with
            shutil.rmtree(folder)
        process = train("--resume", folder) if started else train(*new(folder, "--deterministic"))
        try:
            process.communicate(timeout=random.uniform(0, within))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            return count
    if not (folder / "metrics.json").exists() or (folder / "checkpoints").exists():
        started = (folder / "config.json").exists()
        finish(train("--resume", folder) if started else train(*new(folder, "--deterministic")))
    return kills


def fit_seconds(folder: Path) -> float:
    """Return what fitting took."""
    return json.loads((folder / "metrics.json").read_text())["fit_seconds"]


@click.command(context_settings={"show_default": True})
@click.option("--kills", default=20, help="How often trainings are killed.")
@write_option
def main(kills: int, write: Path | None) -> None:
    """Print what was found and, last, one JSON object."""
    console = Console(stderr=True)
    random.seed(0)
    with tempfile.TemporaryDirectory() as temporary, console.status("Training …") as status:
        folder = Path(temporary)
        began = time.perf_counter()
        finish(train(*new(folder / "whole", "--deterministic")))
        whole = time.perf_counter() - began
        expected = digest(folder / "whole")
        runs = alike = killed = 0
        while killed < kills:
            status.update(f"Killed {killed} of {kills} times …")
            run = folder / f"killed{runs}"
            killed += kill_until_done(run, kills - killed, whole)
            runs += 1
            alike += digest(run) == expected
        plain, deterministic = [], []
        for turn in range(TURNS):
            status.update(f"Timing, turn {turn + 1} of {TURNS} …")
            for seconds, more in ((plain, []), (deterministic, ["--deterministic"])):
                run = folder / f"timed{turn}{len(more)}"
                finish(train(*new(run, *more)))
                seconds.append(fit_seconds(run))
        same_without = len({digest(folder / f"timed{turn}0") for turn in range(TURNS)}) == 1
    facts = {
        "machine": machine("keras", "tensorflow"),
        "kills": killed,
        "killed_runs": runs,
        "ended_alike": alike,
        "sha256": expected,
        "fit_seconds": median(plain),
        "fit_seconds_deterministic": median(deterministic),
        "alike_without_deterministic": same_without,
    }
    rows = [
        ["kills", str(killed)],
        ["trainings that were killed", str(runs)],
        ["of these, ended bit for bit as the one left alone", str(alike)],
        ["SHA-256 of weights and curves", f"{expected[:16]}…"],
        ["fitting, s", f"{median(plain):.2f}"],
        ["fitting with `--deterministic`, s", f"{median(deterministic):.2f}"],
        [f"{TURNS} trainings without it were alike", "yes" if same_without else "no"],
    ]
    text = f"{(__doc__ or '').split('    python')[0].strip()}\n\n{table(['what', 'found'], rows)}"
    command = "python -m benchmarks.breaking --write PAGE"
    report("Killed and gone on with", text, facts, command, write)
    if alike != runs:
        sys.exit(1)


if __name__ == "__main__":
    main()
