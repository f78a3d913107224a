"""How much a worker has to do, and whether it takes more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from anyio import CancelScope

from mnist_classifier.web.lanes import Lanes
from mnist_classifier.web.problems import ProblemError
from mnist_classifier.web.threads import Threads

# The most seconds after which a client is asked to come again.
_LATEST = 30


class Load:
    """The requests in flight and the threads' work, against their limits."""

    def __init__(self, lanes: Lanes, most: int, seconds: float) -> None:
        """Begin with nothing in flight.

        Args:
            lanes: Their threads do the work.
            most: The most requests in flight. So does work that outlives its request.
            seconds: The longest that a request may wait for its answer.
        """
        self._lanes, self._most, self._seconds = lanes, most, seconds
        self._in_flight = 0
        self._arriving: dict[CancelScope, None] = {}  # the longest first

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a request as in flight; the body that has been arriving for longest makes room.

        Without that, clients that send a byte a second would keep all others out.
        """
        if self._is_full() and self._arriving:
            longest = next(iter(self._arriving))
            del self._arriving[longest]
            longest.cancel()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Receive a body.

        Raises:
            ProblemError: It had to make room.
        """
        with CancelScope() as scope:
            self._arriving[scope] = None
            try:
                yield
            finally:
                self._arriving.pop(scope, None)
        if scope.cancelled_caught:
            detail = f"{self._most} requests are in flight, and this one's body is the slowest"
            raise ProblemError(503, f"{detail}; come again", self.retry_after())

    def refusal(self) -> ProblemError | None:
        """Return why no new request is taken now; None if one is."""
        if self._is_full() and not self._arriving:
            detail = f"{self._most} requests are in flight, the most allowed; come again"
            return ProblemError(503, detail, self.retry_after())
        return self.long_wait()

    def long_wait(self, lane: Threads | None = None) -> ProblemError | None:
        """Return a problem if work would wait longer than it may in a lane; None otherwise."""
        wait = (lane or self._lanes.small).wait()
        if wait <= self._seconds:
            return None
        detail = f"all threads are busy: a picture would wait about {wait:.0f} seconds; come again"
        return ProblemError(503, detail, self.retry_after(lane))

    def retry_after(self, lane: Threads | None = None) -> int:
        """Return after how many seconds it makes sense to come again."""
        wait = (lane or self._lanes.small).wait()
        return min(_LATEST, max(1, math.ceil(wait - self._seconds)))

    def _is_full(self) -> bool:
        return self._in_flight + self._lanes.given_up >= self._most
