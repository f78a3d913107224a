"""An epoch's images in their order and in batches, as Keras's ``fit`` takes them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import keras
import numpy as np
import numpy.typing as npt

from mnist_classifier.learn.arrays import Floats

Order: TypeAlias = npt.NDArray[np.int64]
_Made = TypeVar("_Made")
_TOGETHER = 16  # batches copied at a time


def in_batches(x: Floats, y: Floats, order: Order, size: int) -> dict[str, Any]:
    """Return images and targets, in an order, as what ``fit`` takes.

    TensorFlow gets its own data set: the one that Keras would make of arrays tunes itself, and
    where that happens to be under way as an epoch ends, the next waits up to two seconds for it.
    It copies some batches at a time, or all if there are no more: where memory is slow to be had,
    whole copies take longer. It can be gone through once: TensorFlow (2.21) never lets go of a
    generator's function, so that one may not hold the images.

    Args:
        x: Images, shape ``(n, …)``.
        y: Targets, shape ``(n, classes)``.
        order: Which image comes when, shape ``(n,)``.
        size: Images a step; the last step may have fewer.
    """
    if keras.config.backend() != "tensorflow":
        return {"x": x[order], "y": y[order], "batch_size": size}
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    most = _TOGETHER * size
    if len(order) <= most:  # a generator takes longer to set up than to learn from so few
        few = tf.data.Dataset.from_tensor_slices((x[order], y[order])).batch(size)
        return {"x": few.with_options(options)}

    spec = tuple(tf.TensorSpec((None, None, *part.shape[1:]), part.dtype) for part in (x, y))
    steps = math.ceil(len(order) / size)
    held = [((x, y), order)]

    def stacks() -> Iterator[tuple[Floats, ...]]:
        """Yield images and targets, shapes ``(batches, images a step, …)``."""
        parts, left = held.pop()
        whole = len(left) // size * size
        for piece in (left[:whole][begin : begin + most] for begin in range(0, whole, most)):
            yield tuple(part[piece].reshape(-1, size, *part.shape[1:]) for part in parts)
        if whole < len(left):
            yield tuple(part[left[whole:]][None] for part in parts)

    stacked = tf.data.Dataset.from_generator(stacks, output_signature=spec)
    batches = stacked.flat_map(lambda *parts: tf.data.Dataset.from_tensor_slices(parts))
    counted = tf.data.experimental.assert_cardinality(steps)
    return {"x": batches.apply(counted).prefetch(2).with_options(options)}


def shuffled(size: int, seed: int, epoch: int) -> Order:
    """Return the order of an epoch's images, the same for the same seed and epoch."""
    return np.random.default_rng((seed, epoch)).permutation(size)


def ahead(make: Callable[[int], _Made], numbers: range) -> Generator[_Made, None, None]:
    """Yield what ``make`` makes of each number; the next is made while one is used.

    To close it waits for the one that is being made.
    """
    with ThreadPoolExecutor(1) as pool:
        pending = [pool.submit(make, number) for number in itertools.islice(numbers, 1)]
        for number in numbers:
            made = pending.pop().result()
            if number + 1 < numbers.stop:
                pending.append(pool.submit(make, number + 1))
            yield made
