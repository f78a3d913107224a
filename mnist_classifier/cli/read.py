"""``mnist read``: pictures in, digits out."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from mnist_classifier.cli import archive, options
from mnist_classifier.errors import PictureError, SettingsError
from mnist_classifier.native_output import native_lines_dropped

if TYPE_CHECKING:
    from mnist_classifier.cli.progress import Progress
    from mnist_classifier.read.outcome import Outcome
    from mnist_classifier.read.pattern import Pattern
    from mnist_classifier.read.picture import Picture
    from mnist_classifier.read.printed import Printed
    from mnist_classifier.read.reader import DigitReader
    from mnist_classifier.read.row_file import RowFile

    Shown = AbstractContextManager[Progress | None]

_STDIN = "-"
_MANY = 20  # pictures: how far they are is shown, and a sum at the end


@click.command()
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each picture.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV row for each picture.")
@click.option(
    "--annotate",
    type=options.FILE,
    metavar="OUT",
    help="Draw boxes and digits on a copy, and how sure each line is: this PNG file, or a folder "
    "for several pictures.",
)
@click.option(
    "--pattern",
    metavar="PATTERN",
    help="What each line looks like: # is a digit, {1,3} repeats, ? leaves out; such as '####' or "
    "'#{1,3},##'.",
    show_default="anything",
)
@options.model
@options.line_model
@options.threshold
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=100_000_000,
    metavar="N",
    help="Most pixels of a picture; larger ones are refused.",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="Write rows to this .jsonl, .csv or .parquet instead, and go on where it ends.",
)
@click.option(
    "--jobs",
    "-j",
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes, or with --ray actors, read at the same time.",
    show_default="as many as processors",
)
@options.ray("Read")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Read only the first N pictures.",
)
@click.option(
    "--column",
    metavar="NAME",
    help="Column of a Parquet file with the pictures, as bytes or paths.",
    show_default="the only one",
)
def read(
    pictures: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    annotate: Path | None,
    pattern: str | None,
    model: Path | None,
    line_model: Path | None,
    threshold: float | None,
    max_pixels: int,
    output: str | None,
    jobs: int | None,
    ray: str | None,
    limit: int | None,
    column: str | None,
) -> int:
    r"""Read handwritten numbers from pictures.

    PICTURE is a file, a folder, or - for standard input. Prints each line with
    its separators, and how surely all of it is right. A space stands for a wide
    gap, and ? for a mark among digits that is none.

    With --output it may be a tar, a zip, a Parquet file, a .txt file with a list
    of paths, or a quoted pattern, here or at s3://, gs:// or hf://: an archive.

    Many pictures are read on all cores. With --output they become rows of a file,
    which goes on with what is missing when it was cut off. A sum stands at the end.
    In a picture's name, a byte that is no UTF-8 is written as \xff.

    Exit code 0: every picture was read, or refused as holding no digit. 1: one
    of several was damaged or missing; the others are read. 2: other mistakes.
    141: whoever read the output stopped, as with | head.
    """
    from mnist_classifier.read.pattern import Pattern
    from mnist_classifier.read.reader import DigitReader

    _check_places(as_json, as_csv, annotate, output)
    known = Pattern.parse(pattern) if pattern is not None else None
    reader = DigitReader(
        model, line_model=line_model, threshold=threshold, max_pixels=max_pixels, threads=jobs
    )
    if archive.is_wanted(pictures, output, ray):
        return archive.read(pictures, output, reader, known, ray, jobs, limit, column)
    reads = _ManyReads(reader, known, jobs)
    files, shown = islice(_files(pictures), limit), _progress(pictures, limit)
    if output is not None:
        tally = _write_rows(output, reads, files, shown)
    else:
        tally = _print_all(reads, files, shown, as_json, as_csv, annotate)
    if tally["error"]:
        return 1 if tally.total() > 1 else 2
    return 0


class _OfOutcome(Protocol):
    @property
    def kind(self) -> str:
        """The outcome's."""


Made = TypeVar("Made", bound=_OfOutcome)


@dataclass(frozen=True)
class _ManyReads:
    """How pictures are read."""

    reader: DigitReader
    pattern: Pattern | None
    jobs: int | None

    def each(
        self,
        then: Callable[[Outcome], Made],
        names: Iterable[str],
        progress: Progress | None,
        copies: Iterable[Path] | None = None,
    ) -> Generator[Made, None, None]:
        """Yield what is made of each picture's outcome; count it once it is used."""
        from mnist_classifier.read.many import read_and_make

        pictures = map(_picture, names)
        made = read_and_make(
            then, self.reader, pictures, self.pattern, jobs=self.jobs, copies=copies
        )
        with closing(made):
            for one in made:
                yield one
                if progress:
                    progress.advance(one.kind == "error")


def _write_rows(output: str, reads: _ManyReads, files: Iterator[str], shown: Shown) -> Counter[str]:
    """Write a row of each picture that has none, and the report; return how many of each kind."""
    from mnist_classifier.read.row_file import RowFile
    from mnist_classifier.read.rows import settings_of
    from mnist_classifier.scale.report import report_on_files
    from mnist_classifier.scale.summary import Summary
    from mnist_classifier.scale.unsure import RowMaker

    summary, numbers = Summary(), count()
    settings = settings_of(reads.reader, reads.pattern)
    with (
        RowFile(Path(output), settings, lambda row: summary.add(next(numbers), row)) as rows,
        shown as progress,
    ):
        missing = _names(files, progress, rows)
        each = reads.each(RowMaker(rows.row), missing, progress)
        with native_lines_dropped(), closing(each) as made:
            for row in made:
                rows.write(row)
        report_on_files(output, settings, summary, reads.reader, reads.pattern)
    print(summary.to_text(), file=sys.stderr)
    return summary.kinds


def _print_all(
    reads: _ManyReads,
    files: Iterator[str],
    shown: Shown,
    as_json: bool,
    as_csv: bool,
    annotate: Path | None,
) -> Counter[str]:
    """Print what comes of each picture; return how many of each kind."""
    tally: Counter[str] = Counter()
    with shown as progress:
        names: Iterable[str] = _names(files, progress)
        copies = None
        if annotate is not None:
            names = list(names)
            copies = _copies(names, annotate)
        first = list(islice(names := iter(names), 2))
        then = _printer(as_json, as_csv, many=len(first) > 1)
        with closing(reads.each(then, chain(first, names), progress, copies)) as made:
            while printed := _next(made):
                _print(printed)
                tally[printed.kind] += 1
    if tally.total() >= _MANY:
        counts = f"read {tally['read']:,}, refused {tally['refused']:,}, errors {tally['error']:,}"
        print(counts, file=sys.stderr)
    return tally


def _check_places(as_json: bool, as_csv: bool, annotate: Path | None, output: str | None) -> None:
    """Check that there is one place for what is read.

    Raises:
        SettingsError: There are two.
    """
    if as_json and as_csv:
        raise SettingsError("got --json and --csv; expected one of them: leave the other out")
    if output is not None and (as_json or as_csv):
        raise SettingsError(
            "got --output and --json or --csv; expected one of them: the file's name says whether "
            "it is JSON or CSV"
        )
    if output is not None and annotate is not None:
        raise SettingsError(
            "got --output and --annotate; expected one of them: draw the copies in a second run"
        )


def _copies(names: list[str], annotate: Path) -> list[Path]:
    """Return where each picture's annotated copy goes: no two alike, and none there already."""
    into_folder = _is_folder(annotate)
    if len(names) > 1 and not into_folder:
        raise SettingsError(
            f"{annotate} is no folder, and {len(names)} pictures are to be drawn; "
            "expected a folder for their copies: make it first"
        )
    copies: dict[Path, None] = {}  # a set in order
    for name in names:
        stem = "stdin" if name == _STDIN else Path(name).stem
        copy, number = (annotate / f"{stem}.png" if into_folder else annotate), 1
        while copy in copies:
            number += 1
            copy = annotate / f"{stem}-{number}.png"
        copies[copy] = None
    if there := [copy for copy in copies if os.path.lexists(copy)]:
        raise SettingsError(
            f"{there[0]} exists; expected a new name for the annotated copy: "
            "name another with --annotate, or remove it"
        )
    return list(copies)


def _files(pictures: Sequence[str]) -> Iterator[str]:
    """Return the files' names in order; a folder stands for the pictures in it.

    Raises:
        PictureError: A folder holds none.
    """
    from mnist_classifier.read.folder import pictures_in
    from mnist_classifier.read.picture import SUFFIXES

    folders = dict.fromkeys(name for name in pictures if name != _STDIN and _is_folder(name))
    for folder in folders:
        if next(pictures_in(folder), None) is None:
            raise PictureError(
                f"the folder {folder} holds no picture; expected files named "
                f"{', '.join(sorted(SUFFIXES))}: name another"
            )
    return chain.from_iterable(
        pictures_in(name) if name in folders else [name] for name in pictures
    )


def _is_folder(name: str | Path) -> bool:
    try:
        return Path(name).is_dir()
    except OSError:  # such as of a name that is too long: what is wrong is said when it is read
        return False


def _names(
    files: Iterator[str], progress: Progress | None, rows: RowFile | None = None
) -> Iterator[str]:
    """Yield the names of what is to be read: files, or pages of a PDF, that have no row yet."""
    from mnist_classifier.read.folder import pages_of

    for file in files:
        pages = pages_of(file)
        wanted = pages if rows is None else list(rows.missing(pages))
        if progress:
            progress.grow(len(wanted) - 1)
        yield from wanted


def _picture(name: str) -> Picture:
    return _standard_input() if name == _STDIN else name


def _next(made: Iterator[Made]) -> Made | None:
    with native_lines_dropped():
        return next(made, None)


def _standard_input() -> bytes:
    from mnist_classifier.read.picture import MAX_BYTES

    try:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise PictureError(
            f"cannot read standard input: {error.strerror or error}; expected a picture: "
            "send one with  < picture.png"
        ) from error
    if len(content) > MAX_BYTES:
        raise PictureError(
            f"standard input has more than {MAX_BYTES:,} bytes; expected a picture: make it smaller"
        )
    return content


@contextlib.contextmanager
def _progress(pictures: Sequence[str], limit: int | None) -> Iterator[Progress | None]:
    """Show how far the pictures are, if they are many and standard error is a terminal."""
    total = sum(1 for _ in islice(_files(pictures), limit)) if sys.stderr.isatty() else 0
    if total < _MANY:
        yield None
        return
    from mnist_classifier.cli.progress import shown

    with shown(total) as progress:
        yield progress


def _printer(as_json: bool, as_csv: bool, many: bool) -> Callable[[Outcome], Printed]:
    """Return the function that tells what is printed of an outcome; print what stands above."""
    import codecs

    from mnist_classifier.read import printed

    if as_json:
        # Where standard output has another encoding, escapes are what stays JSON.
        encoding = codecs.lookup(sys.stdout.encoding or "ascii").name
        return partial(printed.as_json, is_ascii=encoding != "utf-8")
    if as_csv:
        sys.stdout.write(printed.CSV_HEADER)
        return printed.as_csv
    return partial(printed.as_text, many=many)


def _print(printed: Printed) -> None:
    """Print it in one piece: an interruption leaves no half line."""
    (sys.stderr if printed.to_stderr else sys.stdout).write(printed.text)
    sys.stdout.flush()
