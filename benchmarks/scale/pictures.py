"""The pictures that are read."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mnist_classifier.idx import load_folder
from tests.read.drawing import write as drawn


def of_mnist(data_dir: Path) -> Callable[[int], np.ndarray]:
    """Return the function that gives MNIST's images by number, from the first again after all."""
    (images, _), _ = load_folder(data_dir)
    return lambda number: images[number % len(images)]


def photo(number: int) -> np.ndarray:
    """Draw a number of four digits on a megapixel of grainy, unevenly lit paper."""
    rng = np.random.default_rng(number)
    light = np.linspace(0.7, 1, 1200)[:, None] * np.ones((1, 900))
    page = np.repeat((230 * light)[:, :, None], 3, axis=2)
    ink = drawn(f"{number % 10_000:04}", scale=1.2)
    page[300 : 300 + ink.shape[0], 100 : 100 + ink.shape[1]] *= ink / 255
    return np.clip(page + rng.normal(0, 4, page.shape), 0, 255).astype(np.uint8)


def scan(number: int) -> np.ndarray:
    """Draw a number of up to three digits, small."""
    return cv2.resize(drawn(f"{number % 1000}"), None, fx=0.3, fy=0.3)


def fill(folder: Path, count: int, draw: Callable[[int], np.ndarray]) -> None:
    """Fill a folder, a thousand PNGs in each folder of it."""
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number:06}.png"), draw(number))


def fill_shards(folder: Path, shards: int, in_each: int, draw: Callable[[int], np.ndarray]) -> None:
    """Fill a folder with tars of PNGs."""
    folder.mkdir()
    for shard in range(shards):
        with tarfile.open(folder / f"{shard:03}.tar", "w") as tar:
            for number in range(shard * in_each, (shard + 1) * in_each):
                content = cv2.imencode(".png", draw(number))[1].tobytes()
                member = tarfile.TarInfo(f"{number:06}.png")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
