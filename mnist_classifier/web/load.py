"""How much a worker has to do, and whether it takes more."""

from __future__ import annotations

import math

from mnist_classifier.web.problems import ProblemError
from mnist_classifier.web.threads import Threads

# The most seconds after which a client is asked to come again.
_LATEST = 30


class Load:
    """The requests in flight and the threads' work, against their limits."""

    def __init__(self, threads: Threads, most: int, seconds: float) -> None:
        """Begin with nothing in flight.

        Args:
            threads: They do the work.
            most: The most requests in flight. So does work that outlives its request.
            seconds: The longest that a request may wait for its answer.
        """
        self._threads, self._most, self._seconds = threads, most, seconds
        self.in_flight = 0

    def refusal(self) -> ProblemError | None:
        """Return why no new request is taken now; None if one is."""
        if self.in_flight + self._threads.given_up >= self._most:
            detail = f"{self._most} requests are in flight, the most allowed; come again"
            return ProblemError(503, detail, self.retry_after)
        return self.long_wait()

    def long_wait(self) -> ProblemError | None:
        """Return a problem if new work would wait longer than it may; None otherwise."""
        wait = self._threads.wait()
        if wait <= self._seconds:
            return None
        detail = f"all threads are busy: a picture would wait about {wait:.0f} seconds; come again"
        return ProblemError(503, detail, self.retry_after)

    @property
    def retry_after(self) -> int:
        """Seconds after which it makes sense to come again."""
        return min(_LATEST, max(1, math.ceil(self._threads.wait() - self._seconds)))
