"""Dynamic batching: images of concurrent requests go through the network as one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mnist_classifier.read.model import Judgement
from mnist_classifier.read.reader import DigitReader, Reading

Images = npt.NDArray[np.uint8]
Result = TypeVar("Result")

# Images in a batch, unless one request alone has more.
_MAX_BATCH = 256


class Batcher:
    """A `DigitReader` for coroutines: its threads do the work, so that the event loop is free.

    Images are batched. Pictures are not: each is read by one thread. The network takes only a
    fifth of a picture's time, so that a batch would save less than waiting for it costs.
    """

    def __init__(self, reader: DigitReader, threads: int) -> None:
        self.reader = reader
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._queue: deque[tuple[Images, asyncio.Future[Judgement]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Call a function in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def read(self, picture: bytes) -> Reading:
        """Read a picture.

        Raises:
            PictureError: It is no picture, is damaged or too large.
        """
        return await self.run(lambda: self.reader.read(picture))

    async def read_images(self, images: Images) -> Judgement:
        """Judge images, shape ``(n, 28, 28)``, in a batch with others that wait."""
        future: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        self._queue.append((images, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._empty_queue())
        return await future

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    async def _empty_queue(self) -> None:
        while self._queue:
            batch = [self._queue.popleft()]
            size = len(batch[0][0])
            while self._queue and size + len(self._queue[0][0]) <= _MAX_BATCH:
                batch.append(self._queue.popleft())
                size += len(batch[-1][0])
            await self._judge(batch)

    async def _judge(self, batch: list[tuple[Images, asyncio.Future[Judgement]]]) -> None:
        """Judge a batch; give each request its rows of the result, or the error."""
        requests = [images for images, _ in batch]
        images = requests[0] if len(requests) == 1 else np.concatenate(requests)
        try:
            judged = await self.run(lambda: self.reader.read_images(images))
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        start = 0
        for own, future in batch:
            rows = slice(start, start + len(own))
            start += len(own)
            if not future.done():  # a request that timed out has cancelled its future
                future.set_result(
                    Judgement(**{name: values[rows] for name, values in vars(judged).items()})
                )
