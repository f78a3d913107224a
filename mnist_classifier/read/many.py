"""Many pictures, read on all cores, in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from mnist_classifier.errors import SettingsError
from mnist_classifier.read.outcome import Outcome, Request, read_one
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import Picture
from mnist_classifier.read.reader import DigitReader

Made = TypeVar("Made")

_FEW = 16  # pictures that are read before a process has started


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

    Each core has a process with a reader of its own, like ``reader``. A few pictures are read in
    this process, which is sooner. However many pictures there are, a bounded number of them is in
    memory: ``pictures`` may be a generator.

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
    requests = map(Request, pictures) if copies is None else map(Request, pictures, copies)
    count = jobs or _processors()
    first = list(islice(requests, _FEW + 1))
    if not isolated and (count == 1 or len(first) <= _FEW):
        return (then(read_one(reader, request, known)) for request in chain(first, requests))
    # Not imported for a picture alone, which is read sooner than this is imported.
    from mnist_classifier.read.processes import read_in_processes

    return read_in_processes(chain(first, requests), count, reader.single_threaded(), known, then)


def _itself(outcome: Outcome) -> Outcome:
    return outcome


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
