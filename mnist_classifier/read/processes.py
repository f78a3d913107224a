"""Processes that read pictures; one that ends is replaced."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import IO, Any, Generic, TypeVar, cast

from mnist_classifier.errors import MnistError
from mnist_classifier.read import worker
from mnist_classifier.read.child import surroundings
from mnist_classifier.read.outcome import Outcome, Request
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.reader import DigitReader

Made = TypeVar("Made")

_AHEAD = 32  # pictures for each process: read, being read, or waiting, ahead of the next outcome
_TOGETHER = 16  # pictures that a process is asked for at once, at most
_SOON = 0.02  # seconds in which it answers then


def read_in_processes(
    requests: Iterable[Request],
    count: int,
    make_reader: Callable[[], DigitReader],
    pattern: Pattern | None,
    then: Callable[[Outcome], Made],
) -> Generator[Made, None, None]:
    """Read pictures in so many processes; yield what is made of their outcomes, in order.

    Args:
        requests: The pictures; a bounded number of them is taken before the next outcome.
        count: How many processes.
        make_reader: Makes the reader of each; it is pickled.
        pattern: What each line is known to look like.
        then: Called with each outcome, in the process that read it; it is pickled.

    Raises:
        MnistError: A process cannot start.
    """
    processes = Processes(make_reader, pattern, then)
    threads = ThreadPoolExecutor(count)
    waiting: deque[Future[tuple[list[Made], float]]] = deque()
    together, ahead = 1, 0

    def next_ones() -> list[Made]:
        nonlocal together, ahead
        made, seconds = waiting.popleft().result()
        ahead -= len(made)
        together = max(1, min(_TOGETHER, 2 * together, int(_SOON / seconds * len(made))))
        return made

    try:
        requests = iter(requests)
        while batch := list(islice(requests, together)):
            waiting.append(threads.submit(processes.read, batch))
            ahead += len(batch)
            while waiting and (ahead >= _AHEAD * count or waiting[0].done()):
                yield from next_ones()
        while waiting:
            yield from next_ones()
    finally:
        processes.end()
        threads.shutdown(cancel_futures=True)
        processes.close()


class _Process(Generic[Made]):
    """A process that reads pictures; ends when it is closed, or nobody asks any more."""

    def __init__(
        self,
        make_reader: Callable[[], DigitReader],
        pattern: Pattern | None,
        then: Callable[[Outcome], Made],
    ) -> None:
        """Start it; `begin` waits until it can be asked."""
        self._first = (Path.cwd(), make_reader, pattern, then)
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
                f"a process that reads pictures {self.how_it_ended()} before it began; expected "
                "memory for one a job: give fewer jobs"
            ) from error

    def read(self, requests: Sequence[Request]) -> list[Made] | None:
        """Return what is made of pictures' outcomes; None where one of them ended the process."""
        try:
            self._send(requests)
            made: list[Made] = self._answer()
        except (EOFError, OSError, pickle.UnpicklingError):
            self._process.wait()
            return None
        return made

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, though nobody closed it."""
        return self._process.poll() is not None

    def how_it_ended(self) -> str:
        """Wait for its end; return how it came."""
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        memory = ", as where memory runs out" if name == "SIGKILL" else ""
        return f"was ended by {name}{memory}"

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


class Processes(Generic[Made]):
    """Processes that read pictures, one for each thread that asks; one that ends is replaced."""

    def __init__(
        self,
        make_reader: Callable[[], DigitReader],
        pattern: Pattern | None,
        then: Callable[[Outcome], Made],
    ) -> None:
        self._then = then
        self._start: Callable[[], _Process[Made]] = partial(_Process, make_reader, pattern, then)
        self._lock = threading.Lock()
        self._all: set[_Process[Made]] = set()
        self._closed = False
        self._of_thread = threading.local()

    def read(self, requests: Sequence[Request]) -> tuple[list[Made], float]:
        """Read pictures in this thread's process; return how many seconds it took, too."""
        began = perf_counter()
        made = self._process().read(requests)
        if made is None:  # One of them ended it: each is read once more, by itself.
            made = list(map(self._read_alone, requests))
        return made, perf_counter() - began

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

    def _read_alone(self, request: Request) -> Made:
        process = self._process()
        made = process.read([request])
        if made is not None:
            return made[0]
        name = request.name
        error = (
            f"{name}: the process that read it {process.how_it_ended()}; expected a picture that "
            "can be read in the memory there is: give fewer jobs, or save it again"
        )
        return self._then(Outcome(name, None, error))

    def _process(self) -> _Process[Made]:
        """Return this thread's process, which is started if there is none."""
        process: _Process[Made] | None = getattr(self._of_thread, "process", None)
        if process is None or process.has_ended:
            process = self._of_thread.process = self._begin_instead_of(process)
        return process

    def _begin_instead_of(self, ended: _Process[Made] | None) -> _Process[Made]:
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
