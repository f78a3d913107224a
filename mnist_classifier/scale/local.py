"""Parts, read on this machine without Ray."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice

from mnist_classifier.read.many import read_many
from mnist_classifier.read.picture import Picture
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.scale import fetching
from mnist_classifier.scale.job import Done, Job
from mnist_classifier.scale.listing import Item, Listing
from mnist_classifier.scale.unsure import Unsure


def read_locally(
    job: Job, reader: DigitReader, missing: Sequence[int], jobs: int | None
) -> Generator[Done, None, None]:
    """Read parts in order, each picture on one of so many cores; yield those that are written."""
    with Listing(job.parts.listing) as listing:
        parts: deque[tuple[int, Sequence[Item]]] = deque()  # that were begun
        unsure = Unsure()

        def pictures() -> Iterator[Picture]:
            for number in missing:
                parts.append((number, listing.part(number)))
                yield from fetching.pictures(parts[-1][1], job.column)

        # The parts' pictures come one after the other: no core waits for a part's end.
        with closing(read_many(reader, pictures(), job.pattern, jobs=jobs)) as outcomes:
            for first in outcomes:
                number, items = parts.popleft()
                rest = islice(outcomes, len(items) - 1)
                yield job.write(number, items, chain([first], rest), unsure)
