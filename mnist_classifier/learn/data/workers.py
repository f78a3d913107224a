"""Lines composed by several processes, the same whatever their number."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.lines import Composer, encode

_CHUNK = 256  # lines that one process composes at a time


Encoded: TypeAlias = "tuple[Floats, Floats]"
"""Lines as `encode` returns them."""


class Begin(Protocol):
    """Begins to compose lines."""

    def __call__(self, count: int, seed: tuple[int, ...]) -> Callable[[], Encoded]:
        """Begin so many lines, the same for the same seed; return what waits for them."""


@contextmanager
def composing(composer: Composer, most: int) -> Iterator[Begin]:
    """Give what composes up to ``most`` lines at a time, on all cores but one.

    Few lines are composed in this process, when they are waited for.
    """
    chunks = -(-most // _CHUNK)
    workers = min(chunks, max(1, (os.cpu_count() or 1) - 1))
    if chunks == 1:
        yield lambda count, seed: lambda: _compose(composer, count, (*seed, 0))
        return
    # A process that is forked would inherit the locks of the training's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (composer,)) as pool:

        def begin(count: int, seed: tuple[int, ...]) -> Callable[[], Encoded]:
            counts = [min(_CHUNK, count - start) for start in range(0, count, _CHUNK)]
            parts = [pool.submit(_compose_here, size, (*seed, i)) for i, size in enumerate(counts)]
            return lambda: _joined([part.result() for part in parts])

        try:
            yield begin
        finally:
            pool.shutdown(cancel_futures=True)


def _joined(parts: list[Encoded]) -> Encoded:
    x, y = zip(*parts, strict=True)
    return np.concatenate(x), np.concatenate(y)


_here: list[Composer] = []  # a worker's


def _begin(composer: Composer) -> None:
    """Prepare a worker: Ctrl-C is the business of the process that began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # each core has a worker of its own
    _here.append(composer)


def _compose_here(count: int, seed: tuple[int, ...]) -> Encoded:
    return _compose(_here[0], count, seed)


def _compose(composer: Composer, count: int, seed: tuple[int, ...]) -> Encoded:
    return encode(composer.compose(count, np.random.default_rng(seed)))
