"""Memory: does it grow with the archive?

The most that a process and all that it started had at a time (proportional set size), sampled.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import table
from benchmarks.scale import pictures
from benchmarks.scale.speed import HERE, RAY_2, checked, started, ways

_SAMPLED_EVERY = 0.5  # seconds


def measure(work: Path, data_dir: Path, counts: list[int]) -> dict[str, Any]:
    """Return by way and number of pictures the most memory in MiB."""
    pictures.fill(work / "pictures", max(counts), pictures.of_mnist(data_dir))
    output = work / "rows.jsonl"
    commands = ways(work / "pictures", output)
    return {
        way: {str(count): _most(commands[way](count), count, output) for count in counts}
        for way in (HERE, RAY_2)
    }


def _most(command: list[str], count: int, output: Path) -> float:
    process = started(command, output)
    most, ended = [0.0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, most, ended))
    sampler.start()
    process.wait()
    ended.set()
    sampler.join()
    checked(process, count, output)
    return most[0]


def _sample(pid: int, most: list[float], ended: threading.Event) -> None:
    while not ended.wait(_SAMPLED_EVERY):
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            most[0] = max(most[0], sum(map(_proportional, family)))
        except psutil.Error:
            continue  # one has ended meanwhile


def _proportional(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 2**20


def section(told: dict[str, Any]) -> str:
    """Write what was measured."""
    counts = list(next(iter(told.values())))
    rows = [
        [way, *(f"{values[count]:.0f}" for count in counts), _growth(values, counts)]
        for way, values in told.items()
    ]
    header = ["way", *(f"{int(count):,} pictures, MiB" for count in counts), "growth"]
    return f"{__doc__.partition(chr(10))[2].strip()}\n\n{table(header, rows)}"


def _growth(values: dict[str, float], counts: list[str]) -> str:
    return f"{values[counts[-1]] / values[counts[0]] - 1:+.1%}"
