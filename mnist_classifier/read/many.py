"""Many pictures, read on all cores, in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from mnist_classifier.errors import SettingsError
from mnist_classifier.read.outcome import Outcome, Request, read_one
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import Picture
from mnist_classifier.read.reader import DigitReader

Made = TypeVar("Made")

_FEW = 16  # pictures: of more, none is read in this process, which one of them might end
_STARTS_IN = 0.5  # seconds that a process takes to start


def read_many(
    reader: DigitReader,
    pictures: Iterable[Picture],
    pattern: str | Pattern | None = None,
    *,
    jobs: int | None = None,
    copies: Iterable[Path] | None = None,
    isolated: bool = False,
) -> Generator[Outcome, None, None]:
    """Read pictures on several cores; yield their outcomes in the pictures' order.

    Each core has a process with a reader of its own, like ``reader``. A few pictures, if they are
    small, are read in this process, which is sooner. However many there are, a bounded number of
    them is in memory: ``pictures`` may be a generator.

    Args:
        reader: Reads them, as in ``reader.read``.
        pictures: Paths, picture files' bytes, arrays or ``PIL.Image.Image``; no file objects.
        pattern: What each line is known to look like: see `Pattern.parse`.
        jobs: How many processes read; as many as processors when left out. With 1, this process
            reads all, and a picture that ends it ends all.
        copies: Where each picture's annotated copy goes; no copies when left out.
        isolated: No picture is read in this process: none can end it.

    Yields:
        What came of each picture. A picture that is damaged, or that ends the process that reads
        it, and another one when it is read alone, has an error, and the others are read.

    Raises:
        SettingsError: The pattern is none, or ``jobs`` is below 1.
        MnistError: A process cannot start.
    """
    return read_and_make(
        _itself, reader, pictures, pattern, jobs=jobs, copies=copies, isolated=isolated
    )


def read_and_make(
    then: Callable[[Outcome], Made],
    reader: DigitReader,
    pictures: Iterable[Picture],
    pattern: str | Pattern | None = None,
    *,
    jobs: int | None = None,
    copies: Iterable[Path] | None = None,
    isolated: bool = False,
) -> Generator[Made, None, None]:
    """Read pictures as `read_many` does; yield what ``then`` makes of each outcome.

    It is called in the process that read the picture, and is pickled: rows are sooner sent to this
    process than outcomes, which have the images of all digits.
    """
    if jobs is not None and jobs < 1:
        raise SettingsError(f"jobs is {jobs}; expected at least 1")
    known = Pattern.parse(pattern) if isinstance(pattern, str) else pattern
    listed = map(Request, pictures) if copies is None else map(Request, pictures, copies)
    count = jobs or _processors()
    first = list(islice(listed, _FEW + 1))
    requests = chain(first, listed)
    if not isolated and count == 1:
        return (then(read_one(reader, request, known)) for request in requests)
    if not isolated and len(first) <= _FEW:
        return _read_few(first, count, reader, known, then)
    return _read_in_processes(requests, count, reader, known, then)


def _read_few(
    requests: Sequence[Request],
    count: int,
    reader: DigitReader,
    pattern: Pattern | None,
    then: Callable[[Outcome], Made],
) -> Generator[Made, None, None]:
    """Read pictures here, until processes would save more time than they take to start."""
    seconds = 0.0
    for done, request in enumerate(requests, 1):
        began = perf_counter()
        made = then(read_one(reader, request, pattern))
        seconds += perf_counter() - began
        yield made
        rest = requests[done:]
        share = min(count, len(rest))
        if len(rest) > 1 and seconds / done * len(rest) * (1 - 1 / share) > _STARTS_IN:
            yield from _read_in_processes(rest, share, reader, pattern, then)
            return


def _read_in_processes(
    requests: Iterable[Request],
    count: int,
    reader: DigitReader,
    pattern: Pattern | None,
    then: Callable[[Outcome], Made],
) -> Generator[Made, None, None]:
    # Not imported for a picture alone, which is read sooner than this is imported.
    from mnist_classifier.read.processes import read_in_processes

    return read_in_processes(requests, count, reader.single_threaded(), pattern, then)


def _itself(outcome: Outcome) -> Outcome:
    return outcome


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
