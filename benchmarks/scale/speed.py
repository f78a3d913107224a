"""Pictures a second: a loop, all cores, and Ray.

Each way is a process of its own, in turns (A B A B …). A process that reads one picture says what
starting costs; that is taken off before pictures are counted by second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from benchmarks.measure import median_and_range, table
from benchmarks.scale import pictures

LOOP, HERE = "a loop over `DigitReader.read`", "`mnist read FOLDER`"
RAY_1, RAY_2 = "on Ray, 1 worker", "on Ray, 2 workers"

_LOOP = """
import sys
from pathlib import Path
import cv2
from mnist_classifier import DigitReader
cv2.setNumThreads(1)
reader = DigitReader(threads=1)
for path in sorted(Path(sys.argv[1]).rglob("*.png"))[: int(sys.argv[2])]:
    reader.read(path)
"""


def ways(folder: Path, output: Path) -> dict[str, Callable[[int], list[str]]]:
    """Return each way's command that reads so many pictures."""
    read = ["-m", "mnist_classifier", "read", str(folder), "--output", str(output), "--limit"]

    def on_ray(workers: int) -> Callable[[int], list[str]]:
        return lambda count: [*read, str(count), "--ray", "local", "--jobs", str(workers)]

    return {
        LOOP: lambda count: ["-c", _LOOP, str(folder), str(count)],
        HERE: lambda count: [*read, str(count)],
        RAY_1: on_ray(1),
        RAY_2: on_ray(2),
    }


def started(command: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a command that writes rows; there are none before."""
    for rest in output.parent.glob(f"{output.stem}.*"):
        rest.unlink()
    return subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE)


def checked(process: subprocess.Popen[bytes], count: int, output: Path) -> None:
    """Wait for a command, and check that it did what it should."""
    told = process.communicate()[1].decode()
    if process.returncode:
        raise click.ClickException(f"{process.args} ended with {process.returncode}: {told}")
    if output.exists() and (rows := output.read_bytes().count(b"\n")) != count:
        raise click.ClickException(f"{process.args} wrote {rows} rows for {count} pictures")


def _seconds(command: list[str], count: int, output: Path) -> float:
    began = perf_counter()
    process = started(command, output)
    process.wait()
    seconds = perf_counter() - began
    checked(process, count, output)
    return seconds


def measure(work: Path, data_dir: Path, counts: dict[str, int], repeats: int) -> dict[str, Any]:
    """Return by kind of picture and way the seconds of start-up, and pictures a second."""
    kinds = {"28×28": pictures.of_mnist(data_dir), "photo": pictures.photo}
    told: dict[str, Any] = {}
    for kind, count in counts.items():
        pictures.fill(work / kind, count, kinds[kind])
        output = work / "rows.jsonl"
        of_kind: dict[str, dict[str, list[float]]] = {}
        for _ in range(repeats):
            for name, command in ways(work / kind, output).items():
                start = _seconds(command(1), 1, output)
                seconds = _seconds(command(count), count, output)
                if seconds <= start:
                    raise click.ClickException(
                        f"{name} took no longer for {count} pictures than for one; expected more "
                        "pictures than start-up's own chance hides: give more"
                    )
                own = of_kind.setdefault(name, {"start": [], "rate": []})
                own["start"].append(start)
                own["rate"].append((count - 1) / (seconds - start))
        told[kind] = {"pictures": count, "ways": of_kind}
    return told


def rate(told: dict[str, Any], kind: str, way: str) -> float:
    """Return the median of a way's pictures a second."""
    return statistics.median(told[kind]["ways"][way]["rate"])


def section(told: dict[str, Any]) -> str:
    """Write what was measured."""
    rows, sums = [], []
    for kind, of_kind in told.items():
        for way, values in of_kind["ways"].items():
            numbers = [median_and_range(values["start"]), median_and_range(values["rate"])]
            rows.append([f"{of_kind['pictures']:,} × {kind}", way, *numbers])
        one, two = rate(told, kind, RAY_1), rate(told, kind, RAY_2)
        loop, here = rate(told, kind, LOOP), rate(told, kind, HERE)
        sums.append(
            f"{kind}: two workers read {two / one:.2f} times what one reads, `mnist read FOLDER` "
            f"{here / loop:.2f} times what a loop reads; a worker on Ray takes "
            f"{loop / one - 1:+.0%} of a loop's time a picture."
        )
    header = ["pictures", "way", "start-up, s", "pictures a second"]
    return "\n\n".join([__doc__.partition("\n\n")[2].strip(), table(header, rows), *sums])
