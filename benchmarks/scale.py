"""How many pictures a second does an archive read, in a loop, on all cores and on Ray?

Each way is a process of its own, in turns (A B A B …). A process that reads one picture says what
starting costs; that is taken off before pictures are counted by second. Memory is the most that a
process and all that it started had at a time (proportional set size), sampled.

    python -m benchmarks.scale [--small 100000] [--photos 500] [--repeats 3]
        [--write docs/benchmarks/scale.md]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import click
import cv2
import numpy as np
import psutil

from benchmarks.measure import PATH, machine, median_and_range, report, table, write_option
from tests.read.drawing import write as drawn

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
_SAMPLED_EVERY = 0.2  # seconds


def small(number: int) -> np.ndarray:
    """Draw a digit of 28×28 pixels, light on dark."""
    picture = cv2.resize(drawn(str(number % 10)), (28, 28), interpolation=cv2.INTER_AREA)
    return 255 - cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def photo(number: int) -> np.ndarray:
    """Draw a number of four digits on a megapixel of grainy, unevenly lit paper."""
    rng = np.random.default_rng(number)
    light = np.linspace(0.7, 1, 1200)[:, None] * np.ones((1, 900))
    page = np.repeat((230 * light)[:, :, None], 3, axis=2)
    ink = drawn(f"{number % 10_000:04}", scale=1.2)
    page[300 : 300 + ink.shape[0], 100 : 100 + ink.shape[1]] *= ink / 255
    return np.clip(page + rng.normal(0, 4, page.shape), 0, 255).astype(np.uint8)


def make(folder: Path, count: int, draw: Callable[[int], np.ndarray]) -> None:
    """Fill a folder, a thousand pictures in each folder of it."""
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number:06}.png"), draw(number))


def ways(folder: Path, output: Path) -> dict[str, Callable[[int], list[str]]]:
    """Return each way's command that reads so many pictures."""
    read = ["-m", "mnist_classifier", "read", str(folder), "--output", str(output), "--limit"]

    def on_ray(workers: int) -> Callable[[int], list[str]]:
        return lambda count: [*read, str(count), "--ray", "local", "--jobs", str(workers)]

    return {
        "a loop": lambda count: ["-c", _LOOP, str(folder), str(count)],
        "mnist read": lambda count: [*read, str(count)],
        "on Ray, 1 worker": on_ray(1),
        "on Ray, 2 workers": on_ray(2),
    }


def run(command: list[str], output: Path) -> tuple[float, float]:
    """Run a command; return its seconds, and its and its children's most memory in MiB."""
    for rest in output.parent.glob(f"{output.stem}.*"):
        rest.unlink()
    began = perf_counter()
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL)
    most, ended = [0.0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, most, ended))
    sampler.start()
    code = process.wait()
    seconds = perf_counter() - began
    ended.set()
    sampler.join()
    if code:
        raise click.ClickException(f"{' '.join(command[:3])} … ended with exit code {code}")
    return seconds, most[0]


def _sample(pid: int, most: list[float], ended: threading.Event) -> None:
    while not ended.wait(_SAMPLED_EVERY):
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            most[0] = max(most[0], sum(map(_proportional, family)))
        except psutil.Error:
            continue  # one has ended meanwhile


def _proportional(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 2**20


def measured(folder: Path, count: int, repeats: int, work: Path) -> dict[str, dict[str, object]]:
    """Measure each way in turns; return by its name what it costs."""
    output = work / "rows.jsonl"
    told: dict[str, dict[str, list[float]]] = {}
    for _ in range(repeats):
        for name, command in ways(folder, output).items():
            start, _ = run(command(1), output)
            _, fewer = run(command(count // 10), output)
            seconds, memory = run(command(count), output)
            own = told.setdefault(name, {"start": [], "rate": [], "fewer": [], "memory": []})
            own["start"].append(start)
            if seconds <= start:
                raise click.ClickException(
                    f"{name} took no longer for {count} pictures than for one; expected more "
                    "pictures than start-up's own chance hides: give more"
                )
            own["rate"].append((count - 1) / (seconds - start))
            own["fewer"].append(fewer)
            own["memory"].append(memory)
    return told  # type: ignore[return-value]


@click.command()
@click.option("--small", "small_count", default=100_000, help="Pictures of 28×28 pixels.")
@click.option("--photos", "photo_count", default=500, help="Photos of a megapixel.")
@click.option("--repeats", default=3, help="Turns.")
@click.option(
    "--folder", type=PATH, help="Where pictures are made; a temporary folder if left out."
)
@write_option
def main(
    small_count: int, photo_count: int, repeats: int, folder: Path | None, write: Path | None
) -> None:
    """Measure how archives are read."""
    facts: dict[str, object] = dict(machine("ray", "pyarrow", "onnxruntime"))
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as made:
        work = Path(made)
        for kind, count, draw in (
            ("28×28", small_count, small),
            ("photo", photo_count, photo),
        ):
            if count < 10:
                continue
            make(work / kind, count, draw)
            facts[kind] = told = measured(work / kind, count, repeats, work)
            for name, values in told.items():
                numbers = [median_and_range(values[key]) for key in values]  # type: ignore[arg-type]
                rows.append([f"{count:,} × {kind}", name, *numbers])
    header = ["pictures", "way", "start, s", "pictures a second"]
    header += ["MiB at a tenth of them", "MiB at all"]
    text = f"{__doc__.splitlines()[0]}\n\n{table(header, rows)}"
    command = f"python -m benchmarks.scale --small {small_count} --photos {photo_count}"
    report("Archives", text, facts, f"{command} --repeats {repeats}", write)


if __name__ == "__main__":
    main()
