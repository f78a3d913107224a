"""Parts, read on this machine without Ray."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import chain, islice

from mnist_classifier.read.many import read_many
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.scale import fetching
from mnist_classifier.scale.job import Done, Job
from mnist_classifier.scale.listing import Listing


def read_here(
    job: Job, reader: DigitReader, missing: Sequence[int], jobs: int | None
) -> Generator[Done, None, None]:
    """Read parts in order, each picture on one of so many cores; yield those that are written."""
    with Listing(job.parts.listing) as listing:
        # The parts' pictures come one after the other: no core waits for a part's end.
        pictures = chain.from_iterable(
            fetching.pictures(listing.part(number), job.column) for number in missing
        )
        with closing(read_many(reader, pictures, job.pattern, jobs=jobs)) as outcomes:
            for number in missing:
                items = listing.part(number)
                yield job.write(number, items, islice(outcomes, len(items)))
