"""How quickly digits are read, beside ``keras.Model.predict`` on the same network.

    python benchmarks/reading.py RUN [--repeats 30]

RUN is the run folder of the shipped network. One process, in turns, after a warm-up; medians
and the spread between the 10 % and 90 % quantiles. The processor's peak is that of one large
float32 matrix product in NumPy on all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mnist_classifier import DigitReader

BATCH = 10_000


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


def multiply_adds(model: object) -> int:
    """Count the multiplications for one image."""
    total = 0
    for layer in model.layers:  # type: ignore[attr-defined]
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            shape = layer.output.shape
            places = int(np.prod(shape[1:-1])) if len(shape) > 2 else 1
            total += int(np.prod(kernel.shape)) * places
    return total


def main() -> None:
    """Print a table and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import onnxruntime

    import mnist_classifier.learn.reader  # noqa: F401  registers its activation with Keras
    from mnist_classifier.learn.datasets import load_sample
    from mnist_classifier.learn.runs import Run

    cores = len(os.sched_getaffinity(0))
    model = Run(arguments.run).load_model()
    work = 2 * multiply_adds(model)
    images = load_sample().test_images
    batch = np.resize(images, (BATCH, 28, 28)).astype(np.float32) / 255
    flat, one, one_flat = batch.reshape(BATCH, -1), batch[:1], batch[:1].reshape(1, -1)
    reader = DigitReader(threads=cores)
    side = 2048
    a, b = (np.random.default_rng(i).random((side, side), np.float32) for i in (0, 1))
    photo = photo_of_digits(images, np.random.default_rng(0))
    found = len(reader.read(photo).digits)

    single = in_turns(
        {
            "one image, Keras predict": lambda: model.predict(one_flat, verbose=0),
            "one image, reader": lambda: reader.read_images(one),
        },
        10 * arguments.repeats,
    )
    many = in_turns(
        {
            "10,000 images, Keras predict": lambda: model.predict(flat, batch_size=1000, verbose=0),
            "10,000 images, reader": lambda: reader.read_images(batch),
            "matrix product": lambda: a @ b,
        },
        arguments.repeats,
    )
    pictures = in_turns({"12-megapixel photo": lambda: reader.read(photo)}, arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.png"
        cv2.imwrite(str(path), 255 - images[0])
        command = [sys.executable, "-m", "mnist_classifier", "read", str(path)]
        process = in_turns(
            {"process: mnist read one.png": lambda: subprocess.run(
                command, check=True, capture_output=True)},
            max(5, arguments.repeats // 3),
        )  # fmt: skip
    seconds = {**single, **many, **pictures, **process}
    print(f"{platform.processor() or platform.machine()}, {cores} cores, "
          f"Python {platform.python_version()}, keras {keras.__version__}, "
          f"onnxruntime {onnxruntime.__version__}, OpenCV {cv2.__version__}")  # fmt: skip
    for name, values in seconds.items():
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9]) * 1000
        print(f"{name:32}{middle:11.3f} ms   ({low:.3f} – {high:.3f})")
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    peak = 2 * side**3 / median["matrix product"]
    rate = BATCH / median["10,000 images, reader"]
    summary = {
        "cores": cores,
        "one_image_ratio": median["one image, Keras predict"] / median["one image, reader"],
        "images_per_second": rate,
        "keras_images_per_second": BATCH / median["10,000 images, Keras predict"],
        "multiply_adds_per_image": work // 2,
        "peak_gflops": peak / 1e9,
        "share_of_peak": rate * work / peak,
        "photo_seconds": median["12-megapixel photo"],
        "photo_digits_found": found,
        "process_seconds": median["process: mnist read one.png"],
        "medians": median,
    }
    print(f"one image: Keras's time / reader's  {summary['one_image_ratio']:.0f}")
    print(f"images a second                     {rate:,.0f}  "
          f"({summary['share_of_peak']:.0%} of {peak / 1e9:.0f} GFLOP/s)")  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
