"""An archive: pictures from anywhere → rows in parts, and a summary of them."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any, Protocol

from mnist_classifier.errors import OutputError, require
from mnist_classifier.native_output import native_lines_dropped
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import Picture
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.read.rows import RowFacts, settings_of
from mnist_classifier.scale import fetching, storage, tables
from mnist_classifier.scale.forms import BY_SUFFIX, Form
from mnist_classifier.scale.job import Done, Job
from mnist_classifier.scale.listing import Listing, write_listing
from mnist_classifier.scale.local import read_locally
from mnist_classifier.scale.manifest import check_same, load_manifest, save_manifest
from mnist_classifier.scale.on_ray import read_on_ray
from mnist_classifier.scale.parts import Parts
from mnist_classifier.scale.report import beside, write_report
from mnist_classifier.scale.sources import items_of, tables_of
from mnist_classifier.scale.summary import Summary

_MOST_OF_A_PART = 2**31  # bytes


class ProgressListener(Protocol):
    """Is told how far an archive is."""

    def grow(self, pictures: int) -> None:
        """Know of so many more pictures."""

    def advance(self, errors: int, pictures: int = 1) -> None:
        """Count pictures as done, and those of them that could not be read."""


def read_archive(
    sources: Sequence[str],
    output: str,
    reader: DigitReader,
    pattern: Pattern | None = None,
    *,
    ray: str | None = None,
    jobs: int | None = None,
    limit: int | None = None,
    column: str | None = None,
    progress: ProgressListener | None = None,
) -> Summary:
    """Read an archive, or go on with it where it was cut off; sum it up.

    Beside the rows, ``….summary.json`` has the summary, and ``….review.html`` the least sure
    pictures.

    Args:
        sources: Folders, pictures, patterns, lists of paths (``.txt``), Parquet files, tars and
            zips; on this machine or elsewhere (``s3://``, ``gs://``, ``hf://``).
        output: ``.parquet`` is a folder of parts, ``.jsonl`` and ``.csv`` are files.
        reader: Reads them.
        pattern: What each line is known to look like.
        ray: Where Ray runs: ``"local"``, ``"auto"`` or an address; no Ray when left out.
        jobs: How many read at the same time; as many as processors when left out.
        limit: Only so many pictures, the first ones.
        column: Of tables, the column with the pictures; None for the only one that can be.
        progress: Is told how far it is.

    Raises:
        SettingsError: The archive was begun with other settings, or one is out of range.
        OutputError: Rows cannot be written; what is written stands.
        PictureError: A source is missing or holds no picture.
        MissingExtraError: PyArrow or Ray is not installed.
    """
    if ray is None:
        require("parquet", "pyarrow")
    else:
        require("scale", "ray", "pyarrow")
    parts = Parts(output)
    others = tables.other_schema(tables_of(sources), column)
    settings = settings_of(reader, pattern)
    begin = {
        **settings,
        "sources": list(sources),
        "limit": limit,
        "column": column,
        "columns": [f"{field.name}: {field.type}" for field in others],
    }
    if parts.joins and storage.is_file(parts.output) and load_manifest(parts.manifest) is None:
        return _read_before(parts, begin)
    parts.make()
    with storage.only_one(parts.lock):
        _begin(parts, begin, _limited(items_of(sources, column), limit))
        form = BY_SUFFIX[parts.suffix](settings, others)
        job = Job(reader.single_threaded(), pattern, parts, form, column, os.getcwd())  # noqa: PTH109
        with Listing(parts.listing) as listing:
            summary = Summary()
            _read_missing(job, listing, reader, ray, jobs, progress, summary)
            _join(parts, form, len(listing.sizes()))
            pictures = _least_sure(job, listing, summary)
            write_report(parts.output, begin, summary, pictures, reader, pattern)
        if parts.joins:
            storage.remove(parts.folder)
    return summary


def _limited(items: Iterator[Any], limit: int | None) -> Iterator[Any]:
    return items if limit is None else islice(items, limit)


def _begin(parts: Parts, begin: dict[str, Any], items: Iterator[Any]) -> None:
    """List the pictures, or check that the archive goes on as it began."""
    begun = load_manifest(parts.manifest)
    if begun is None:
        if parts.finished():
            raise OutputError(
                f"{parts.folder} holds parts, and nothing says how they began; expected a folder "
                "that this program began, or a new name: name another"
            )
        write_listing(parts.listing, items)
        save_manifest(parts.manifest, begin)
    else:
        check_same(parts.output, begun, begin)


def _read_missing(
    job: Job,
    listing: Listing,
    reader: DigitReader,
    ray: str | None,
    jobs: int | None,
    progress: ProgressListener | None,
    summary: Summary,
) -> None:
    """Read the parts that are not there, and sum up all."""
    sizes = listing.sizes()
    begins = list(accumulate(sizes, initial=0))
    finished = job.parts.finished()
    missing = [number for number in range(len(sizes)) if number not in finished]
    if missing:
        if progress:
            progress.grow(sum(sizes[number] for number in missing))
        if ray is None:
            written = read_locally(job, reader, missing, jobs)
        else:
            written = read_on_ray(job, missing, ray, jobs)
        with contextlib.closing(written):
            while done := _next(written):
                _add(summary, begins[done.number], done.facts)
                if progress:
                    errors = sum(facts.error is not None for facts in done.facts)
                    progress.advance(errors, len(done.facts))
    for number in sorted(finished):
        content = storage.read_file(job.parts.part(number), _MOST_OF_A_PART)
        _add(summary, begins[number], job.form.facts(io.BytesIO(content)))


def _add(summary: Summary, first_row: int, rows: Iterable[RowFacts]) -> None:
    for number, row in enumerate(rows, first_row):
        summary.add(number, row)


def _next(written: Iterator[Done]) -> Done | None:
    with native_lines_dropped():  # OpenCV's and Ray's, which tell of what is mended
        return next(written, None)


def _join(parts: Parts, form: Form, count: int) -> None:
    """Join all parts, where the output is a file."""
    if not parts.joins:
        return
    with storage.writing(parts.output) as joined:
        for number in range(count):
            content = storage.read_file(parts.part(number), _MOST_OF_A_PART)
            joined.write(content if number == 0 else content[len(form.header) :])


def _least_sure(job: Job, listing: Listing, summary: Summary) -> Iterator[tuple[RowFacts, Picture]]:
    for number, row in summary.least_sure:
        for picture in fetching.pictures([listing.item(number)], job.column):
            yield row, picture


def _read_before(parts: Parts, begin: dict[str, Any]) -> Summary:
    """Return the summary of an archive that was finished before.

    Raises:
        OutputError: The file is another one.
        SettingsError: It was read with other settings.
    """
    told = load_manifest(beside(parts.output, ".summary.json"))
    if told is None or "sources" not in told.get("begun", ()):
        raise OutputError(
            f"{parts.output} exists, and no archive was read into it; expected a new name: name "
            "another"
        )
    check_same(parts.output, told["begun"], begin)
    return Summary.from_dict(told)
