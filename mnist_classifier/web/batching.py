"""Dynamic batching: images of concurrent requests go through the network as one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.read.model import Judgement
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.web.threads import Threads

Images = npt.NDArray[np.uint8]
Request: TypeAlias = "tuple[Images, asyncio.Future[Judgement]]"

# Images in a batch, unless one request alone has more.
_MAX_BATCH = 256


class Batcher:
    """Judges images for coroutines, in threads, so that the event loop is free.

    Pictures are not batched: each is read by one thread. The network takes only a fifth of a
    picture's time, so that a batch would save less than waiting for it costs.
    """

    def __init__(self, reader: DigitReader, threads: Threads) -> None:
        self._reader, self._threads = reader, threads
        self._queue: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None

    async def read_images(self, images: Images) -> Judgement:
        """Judge images, shape ``(n, 28, 28)``, in a batch with others that wait."""
        future: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        self._queue.append((images, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._empty_queue())
        return await future

    async def _empty_queue(self) -> None:
        while self._queue:
            batch: list[Request] = []
            try:
                judged = await self._threads.run(partial(self._judge, batch))
            except Exception as error:  # raised for each request that waits
                for _, future in batch or self._take():
                    if not future.done():
                        future.set_exception(error)
            else:
                _hand_out(judged, batch)

    def _judge(self, batch: list[Request]) -> Judgement | None:
        """Judge what waits, once a thread is free: the longer that takes, the larger the batch."""
        batch += self._take()
        if not batch:
            return None
        requests = [images for images, _ in batch]
        return self._reader.read_images(
            requests[0] if len(requests) == 1 else np.concatenate(requests)
        )

    def _take(self) -> list[Request]:
        """Take a batch from the queue, without the requests that have been given up."""
        batch: list[Request] = []
        size = 0
        while self._queue and (not batch or size + len(self._queue[0][0]) <= _MAX_BATCH):
            images, future = self._queue.popleft()
            if not future.done():
                batch.append((images, future))
                size += len(images)
        return batch


def _hand_out(judged: Judgement | None, batch: list[Request]) -> None:
    """Give each request of a batch its rows of the result."""
    start = 0
    for images, future in batch:
        rows = slice(start, start + len(images))
        start += len(images)
        if not future.done():  # a request that timed out has cancelled its future
            future.set_result(
                Judgement(**{name: values[rows] for name, values in vars(judged).items()})
            )
