"""Threads that do a worker's work: what runs in them, and what waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

Result = TypeVar("Result")

# How much the newest piece of work counts in the mean of seconds.
_NEWEST = 0.2


class Threads:
    """A fixed number of threads for coroutines, and about how long new work waits for one.

    Work that waits can be given up by cancelling: it is not begun. Python cannot stop a thread, so
    work under way goes on; until it ends it counts as given up.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._clock = count, clock
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="reader")
        self._lock = Lock()
        self._waiting: set[object] = set()
        self._began: dict[object, float] = {}
        self._given_up: set[object] = set()
        self._mean = 0.0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Call a function in a thread, when one is free."""
        piece = object()
        with self._lock:
            self._waiting.add(piece)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._do, piece, work)
        except asyncio.CancelledError:
            with self._lock:
                if piece in self._began:
                    self._given_up.add(piece)
            raise
        finally:
            with self._lock:
                self._waiting.discard(piece)

    @property
    def given_up(self) -> int:
        """The number of functions that run although nobody waits for them."""
        return len(self._given_up)

    def wait(self) -> float:
        """Return about how many seconds new work would wait.

        What runs is expected to run for as long again; what waits takes as long as that or as the
        work before it, whichever is more.
        """
        with self._lock:
            if len(self._began) + len(self._waiting) < self._count:
                return 0.0
            now = self._clock()
            first = min((now - began for began in self._began.values()), default=0.0)
            helping = max(1, self._count - len(self._given_up))
            return first + max(self._mean, first) * len(self._waiting) / helping

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _do(self, piece: object, work: Callable[[], Result]) -> Result:
        with self._lock:
            if piece not in self._waiting:  # given up just now
                raise asyncio.CancelledError
            self._waiting.remove(piece)
            self._began[piece] = self._clock()
        try:
            return work()
        finally:
            with self._lock:
                seconds = self._clock() - self._began.pop(piece)
                self._given_up.discard(piece)
                self._mean += _NEWEST * (seconds - self._mean) if self._mean else seconds
