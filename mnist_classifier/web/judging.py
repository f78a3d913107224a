"""Reading away from the event loop; images that arrive together are judged together."""

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

_TOGETHER = 256


class Judge:
    """A `DigitReader` for coroutines.

    Pictures are read one a thread: in one, the network takes a fifth of the time, and judging
    several together would win less than waiting for each other loses. Images are all network.
    """

    def __init__(self, reader: DigitReader, threads: int) -> None:
        self.reader = reader
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="judge")
        self._waiting: deque[tuple[Images, asyncio.Future[Judgement]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do something in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def read(self, picture: bytes) -> Reading:
        """Read a picture.

        Raises:
            PictureError: It is none, is damaged or too large.
        """
        return await self.run(lambda: self.reader.read(picture))

    async def judge(self, images: Images) -> Judgement:
        """Judge images, shape ``(n, 28, 28)``, with those that wait at the same time."""
        future: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        self._waiting.append((images, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._judge_waiting())
        return await future

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    async def _judge_waiting(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft()]
            size = len(batch[0][0])
            while self._waiting and size + len(self._waiting[0][0]) <= _TOGETHER:
                batch.append(self._waiting.popleft())
                size += len(batch[-1][0])
            await self._judge_batch(batch)

    async def _judge_batch(self, batch: list[tuple[Images, asyncio.Future[Judgement]]]) -> None:
        images = [images for images, _ in batch]
        together = images[0] if len(images) == 1 else np.concatenate(images)
        try:
            judged = await self.run(lambda: self.reader.read_images(together))
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        start = 0
        for part, future in batch:
            rows = slice(start, start + len(part))
            start += len(part)
            if not future.done():  # done already where its request was given up
                future.set_result(
                    Judgement(
                        judged.labels[rows],
                        judged.probabilities[rows],
                        judged.confidences[rows],
                        judged.accepted[rows],
                        judged.scores[rows],
                    )
                )
