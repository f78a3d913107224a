"""Processes that read pictures; one that ends is replaced."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import IO, Any, cast

from mnist_classifier.errors import MnistError
from mnist_classifier.read import worker
from mnist_classifier.read.child import surroundings
from mnist_classifier.read.outcome import Outcome, Request
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.reader import DigitReader

_AHEAD = 16  # pictures for each process: read, being read, or waiting, ahead of the next outcome
_TOGETHER = 8  # pictures that a process is asked for at once, at most
_SOON = 0.02  # seconds in which it answers then


def read_in_processes(
    requests: Iterable[Request],
    count: int,
    make_reader: Callable[[], DigitReader],
    pattern: Pattern | None,
) -> Generator[Outcome, None, None]:
    """Read pictures in so many processes; yield their outcomes in order.

    Args:
        requests: The pictures; a bounded number of them is taken before the next outcome.
        count: How many processes.
        make_reader: Makes the reader of each; it is pickled.
        pattern: What each line is known to look like.

    Raises:
        MnistError: A process cannot start.
    """
    processes = Processes(count, make_reader, pattern)
    threads = ThreadPoolExecutor(count)
    waiting: deque[Future[tuple[list[Outcome], float]]] = deque()
    together, ahead = 1, 0

    def next_outcomes() -> list[Outcome]:
        nonlocal together, ahead
        outcomes, seconds = waiting.popleft().result()
        ahead -= len(outcomes)
        together = max(1, min(_TOGETHER, 2 * together, int(_SOON / seconds * len(outcomes))))
        return outcomes

    try:
        requests = iter(requests)
        while batch := list(islice(requests, together)):
            waiting.append(threads.submit(processes.read, batch))
            ahead += len(batch)
            while waiting and (ahead >= _AHEAD * count or waiting[0].done()):
                yield from next_outcomes()
        while waiting:
            yield from next_outcomes()
    finally:
        processes.end()
        threads.shutdown(cancel_futures=True)
        processes.close()


class _Process:
    """A process that reads pictures; ends when it is closed, or nobody asks any more."""

    def __init__(self, make_reader: Callable[[], DigitReader], pattern: Pattern | None) -> None:
        """Start it; `begin` waits until it can be asked."""
        self._first = (Path.cwd(), make_reader, pattern)
        # In a session of its own, Ctrl-C does not come to it: whoever began it ends it.
        self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 — a module of ours
            [sys.executable, "-m", worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **surroundings(),
        )

    def begin(self) -> None:
        """Load the networks.

        Raises:
            MnistError: It cannot.
        """
        try:
            self._send(self._first)
            self._answer()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise MnistError(
                f"a process that reads pictures {self._end()} before it began; expected memory "
                "for one a job: give fewer jobs"
            ) from error

    def read(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Read pictures; the last outcome has an error where one of them ended the process."""
        waiting = deque(requests)
        try:
            # Each in a pickle of its own: one may end the process that unpickles it.
            self._send(list(map(pickle.dumps, requests)))
            while waiting:
                yield self._answer()
                waiting.popleft()
        except (EOFError, OSError, pickle.UnpicklingError):
            name = waiting[0].name
            yield Outcome(
                name,
                None,
                f"{name}: the process that read it {self._end()}; expected a picture that "
                "can be read in the memory there is: give fewer jobs, or save it again",
            )

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, though nobody closed it."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """Free what is left of it, once nobody waits for its answer."""
        self.kill()
        with contextlib.suppress(OSError), self._process:  # what it did not take any more
            pass

    def _send(self, question: object) -> None:
        content = pickle.dumps(question)  # all of it, before any is sent
        stdin = cast("IO[bytes]", self._process.stdin)
        stdin.write(content)
        stdin.flush()

    def _answer(self) -> Any:
        stdout = cast("IO[bytes]", self._process.stdout)
        answer, error = pickle.load(stdout)  # noqa: S301 — from a process of ours
        if error is not None:
            raise error
        return answer

    def _end(self) -> str:
        """Wait for its end; return how it came."""
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        memory = ", as where memory runs out" if name == "SIGKILL" else ""
        return f"was ended by {name}{memory}"


class Processes:
    """Several processes, each asked by one thread at a time; one that ends is replaced."""

    def __init__(
        self, count: int, make_reader: Callable[[], DigitReader], pattern: Pattern | None
    ) -> None:
        self._start = partial(_Process, make_reader, pattern)
        self._lock = threading.Lock()
        self._all: set[_Process] = set()
        self._closed = False
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()  # None: not started yet
        for _ in range(count):
            self._idle.put(None)

    def read(self, requests: Sequence[Request]) -> tuple[list[Outcome], float]:
        """Read pictures in a process that has nothing to do; return how many seconds it took."""
        process = self._idle.get()
        outcomes: list[Outcome] = []
        began = perf_counter()
        try:
            while rest := requests[len(outcomes) :]:
                if process is None or process.has_ended:
                    process = self._begin_instead_of(process)
                outcomes += process.read(rest)
        finally:
            self._idle.put(process)
        return outcomes, perf_counter() - began

    def end(self) -> None:
        """End all processes at once; none starts any more."""
        with self._lock:
            self._closed = True
            for process in self._all:
                process.kill()

    def close(self) -> None:
        """Free what is left of them, once nobody waits for them."""
        for process in self._all:
            process.close()

    def _begin_instead_of(self, ended: _Process | None) -> _Process:
        with self._lock:
            if self._closed:
                raise MnistError("no picture is read any more")
            if ended is not None:
                self._all.remove(ended)
                ended.close()
            process = self._start()
            self._all.add(process)
        process.begin()
        return process
