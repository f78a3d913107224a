"""The fifteen corruptions that MNIST-C names, the same for the same seed.

The kinds are those of Mu and Gilmer, "MNIST-C: a robustness benchmark for computer vision"
(2019); the strengths follow its defaults where they can. The images are made here, so accuracies
on them do not compare with those published for MNIST-C's files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.learn.arrays import Floats, Images
from mnist_classifier.learn.data.dataset import SIDE, Dataset, scale
from mnist_classifier.learn.evaluation.intervals import wilson_interval
from mnist_classifier.learn.networks.inspection import predict

_CENTRE = (SIDE - 1) / 2
MOST_IMAGES = 2000  # of a test set, on which robustness is measured
_SUBPIXEL = 4  # bits of a coordinate behind the point, for OpenCV's lines


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        name: MNIST-C's name for it.
        strength: How much of it, in words.
        apply: Takes images, float32 (n, 28, 28) in [0, 1], and a source of chance; returns
            corrupted ones of the same shape, which may leave that range.
    """

    name: str
    strength: str
    apply: Callable[[Floats, np.random.Generator], Floats]


def corrupt(kind: Corruption, images: Images, seed: int) -> Images:
    """Return corrupted copies of images, uint8 (n, 28, 28); kind and seed decide chance."""
    generator = np.random.default_rng((seed, *kind.name.encode()))
    result = kind.apply(images.astype(np.float32) / np.float32(255), generator)
    return np.rint(np.clip(result, 0, 1) * 255).astype(np.uint8)


def _shot_noise(images: Floats, generator: np.random.Generator) -> Floats:
    return (generator.poisson(images * 3) / 3).astype(np.float32)


def _impulse_noise(images: Floats, generator: np.random.Generator) -> Floats:
    chance = generator.random(images.shape, np.float32)
    return np.where(chance < 0.17, np.float32(chance < 0.085), images)


def _blurred(images: Floats, sigma: float) -> Floats:
    result = np.empty_like(images)
    for i, image in enumerate(images):
        result[i] = cv2.GaussianBlur(image, (0, 0), sigma)
    return result


def _glass_blur(images: Floats, generator: np.random.Generator) -> Floats:
    shuffled = _blurred(images, 0.7)
    n = np.arange(len(images))[:, None, None]
    rows, columns = np.arange(SIDE)[:, None], np.arange(SIDE)
    for _ in range(2):
        down, right = generator.integers(-1, 2, (2, *images.shape), dtype=np.int8)
        shuffled = shuffled[
            n, np.clip(rows + down, 0, SIDE - 1), np.clip(columns + right, 0, SIDE - 1)
        ]
    return _blurred(shuffled, 0.7)


def _motion_blur(images: Floats, generator: np.random.Generator) -> Floats:
    result = np.empty_like(images)
    for i, angle in enumerate(generator.uniform(-45, 45, len(images))):
        turn = cv2.getRotationMatrix2D((4, 4), angle, 1)
        line = np.zeros((9, 9), np.float32)
        line[4] = 1
        line = cv2.warpAffine(line, turn, (9, 9)).astype(np.float32)
        result[i] = cv2.filter2D(images[i], -1, line / line.sum(), borderType=cv2.BORDER_CONSTANT)
    return result


def _warped(images: Floats, matrices: npt.NDArray[np.float64], shift: float = 0) -> Floats:
    """Move every pixel about the centre by its image's 2×2 matrix, then by a shift in pixels."""
    centre = np.full(2, _CENTRE)
    result = np.empty_like(images)
    for i, matrix in enumerate(matrices):
        offset = centre - matrix @ centre + shift
        result[i] = cv2.warpAffine(images[i], np.column_stack([matrix, offset]), (SIDE, SIDE))
    return result


def _signs(shape: int | tuple[int, int], generator: np.random.Generator) -> npt.NDArray[np.float64]:
    return generator.choice([-1.0, 1.0], shape)


def _shear(images: Floats, generator: np.random.Generator) -> Floats:
    slant = 0.4 * _signs(len(images), generator)
    return _warped(images, np.array([[[1, s], [0, 1]] for s in slant]))


def _scale(images: Floats, _: np.random.Generator) -> Floats:
    return _warped(images, np.broadcast_to(0.7 * np.eye(2), (len(images), 2, 2)))


def _rotate(images: Floats, generator: np.random.Generator) -> Floats:
    angles = np.radians(25) * _signs(len(images), generator)
    cosines, sines = np.cos(angles), np.sin(angles)
    return _warped(images, np.array([[cosines, -sines], [sines, cosines]]).transpose(2, 0, 1))


def _translate(images: Floats, generator: np.random.Generator) -> Floats:
    result = np.zeros_like(images)
    for i, (down, right) in enumerate(3 * _signs((len(images), 2), generator).astype(int)):
        result[i] = cv2.warpAffine(
            images[i], np.array([[1.0, 0, right], [0, 1, down]]), (SIDE, SIDE)
        )
    return result


def _brightness(images: Floats, _: np.random.Generator) -> Floats:
    brighter: Floats = images + np.float32(0.5)
    return brighter


def _stripe(images: Floats, _: np.random.Generator) -> Floats:
    striped: Floats = images.copy()
    for part in (striped[:, :, :7], striped[:, :, 21:]):
        part[:] = 1 - part
    return striped


def _fog(images: Floats, generator: np.random.Generator) -> Floats:
    result = np.empty_like(images)
    for i, image in enumerate(images):
        clouds = np.zeros_like(image)
        for cells in (3, 6, 12):
            grid = generator.random((cells, cells), np.float32) / cells
            clouds += cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        clouds = (clouds - clouds.min()) / np.ptp(clouds)
        result[i] = (image + 1.5 * clouds) / 2.5
    return result


def _spatter(images: Floats, generator: np.random.Generator) -> Floats:
    mud = _blurred(generator.standard_normal(images.shape, np.float32), 1.5)
    depth = np.quantile(mud, 0.75, axis=(1, 2), keepdims=True)
    return np.where(mud > depth, np.float32(0.25), images)


def _drawn(image: Floats, strokes: list[npt.NDArray[np.float64]]) -> Floats:
    """Draw lines through points (x, y), in pixels, at full ink, one pixel wide."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    points = [np.rint(stroke * 2**_SUBPIXEL).astype(np.int32) for stroke in strokes]
    cv2.polylines(canvas, points, False, 255, 1, cv2.LINE_AA, _SUBPIXEL)
    drawn: Floats = np.maximum(image, canvas.astype(np.float32) / np.float32(255))
    return drawn


def _dotted_line(images: Floats, generator: np.random.Generator) -> Floats:
    result = np.empty_like(images)
    for i, ends in enumerate(generator.uniform(0, SIDE - 1, (len(images), 2))):
        starts = np.arange(0, SIDE, 4)
        x = np.stack([starts, starts + 1.5], axis=1)
        y = np.interp(x, [0, SIDE - 1], ends)
        result[i] = _drawn(images[i], list(np.stack([x, y], axis=2)))
    return result


def _zigzag(images: Floats, generator: np.random.Generator) -> Floats:
    x = np.arange(2.0, SIDE - 1, 2)
    teeth = 2 * (-1.0) ** np.arange(len(x))
    result = np.empty_like(images)
    for i, (begin, rise) in enumerate(generator.uniform((2, -5), (25, 5), (len(images), 2))):
        y = begin + rise * np.linspace(0, 1, len(x)) + teeth
        result[i] = _drawn(images[i], [np.stack([x, y], axis=1)])
    return result


def _canny_edges(images: Floats, _: np.random.Generator) -> Floats:
    smooth = np.rint(_blurred(images, 1) * 255).astype(np.uint8)
    edges = [cv2.Canny(image, 50, 150) for image in smooth]
    drawn: Floats = np.stack(edges).astype(np.float32) / np.float32(255)
    return drawn


CORRUPTIONS = (
    Corruption("shot noise", "Poisson noise, 3 grains at full ink", _shot_noise),
    Corruption("impulse noise", "17 % of the pixels black or white", _impulse_noise),
    Corruption(
        "glass blur", "pixels shuffled by 1, twice, between blurs of 0.7 pixels", _glass_blur
    ),
    Corruption("motion blur", "over 9 pixels, along −45° to 45°", _motion_blur),
    Corruption("shear", "0.4 pixels for each pixel of height, either way", _shear),
    Corruption("scale", "to 70 % of the size", _scale),
    Corruption("rotate", "by 25°, either way", _rotate),
    Corruption("brightness", "half of full ink added everywhere", _brightness),
    Corruption("translate", "by 3 pixels down or up and 3 left or right", _translate),
    Corruption("stripe", "ink and paper exchanged in the 7 columns at either side", _stripe),
    Corruption("fog", "clouds of 1.5 times full ink, contrast to 40 %", _fog),
    Corruption("spatter", "a quarter of the picture under mud of quarter ink", _spatter),
    Corruption("dotted line", "from side to side, any slope", _dotted_line),
    Corruption("zigzag", "from side to side, teeth of 4 pixels", _zigzag),
    Corruption("canny edges", "only edges (blur 1 pixel, thresholds 50 and 150)", _canny_edges),
)


def examples(image: Images, seed: int) -> Images:
    """Return one image, uint8 (28, 28), under each corruption: uint8 (15, 28, 28)."""
    return np.concatenate([corrupt(kind, image[None], seed) for kind in CORRUPTIONS])


def robustness(
    model: keras.Model, dataset: Dataset, seed: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Return the accuracy under each corruption, on all test images or a seeded part."""
    size = min(MOST_IMAGES, len(dataset.test_labels))
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(len(dataset.test_labels), size, replace=False))
    images, labels = dataset.test_images[chosen], dataset.test_labels[chosen]

    def accuracy(pictures: Images) -> dict[str, Any]:
        answers = predict(model, scale(pictures)).argmax(axis=1)
        correct = int(np.sum(answers == labels))
        return {"accuracy": correct / size, "interval": wilson_interval(correct, size)}

    kinds = []
    for number, kind in enumerate(CORRUPTIONS, 1):
        tell(f"corruption {number} of {len(CORRUPTIONS)}, {kind.name}")
        measured = accuracy(corrupt(kind, images, seed))
        kinds.append({"name": kind.name, "strength": kind.strength, **measured})
    return {
        "size": size,
        "seed": seed,
        "undamaged": accuracy(images),
        "mean_accuracy": float(np.mean([kind["accuracy"] for kind in kinds])),
        "kinds": kinds,
    }
