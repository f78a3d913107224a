"""``mnist read``: pictures in, digits out."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnist_classifier.cli import options
from mnist_classifier.errors import MnistError, PictureError, SettingsError
from mnist_classifier.read.certainty import percent

if TYPE_CHECKING:
    from mnist_classifier.read.pattern import Pattern
    from mnist_classifier.read.reader import DigitReader
    from mnist_classifier.read.reading import Reading

_STDIN = "-"
_SHOW_PROGRESS_FROM = 20


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
) -> int:
    """Read handwritten numbers from pictures.

    PICTURE is a file, a folder, or - for standard input. Prints each line with
    its separators, and how surely all of it is right. A space stands for a wide
    gap, and ? for a mark among digits that is none.

    Exit code 0: every picture was read, or refused as holding no digit. 1: one
    of several was damaged or missing; the others are read. 2: other mistakes.
    141: whoever read the output stopped, as with | head.
    """
    from mnist_classifier.read.pattern import Pattern
    from mnist_classifier.read.reader import DigitReader

    if as_json and as_csv:
        raise SettingsError("got --json and --csv; expected one of them: leave the other out")
    known = Pattern.parse(pattern) if pattern is not None else None
    names = list(_expand(pictures))
    copies = _copies(names, annotate) if annotate is not None else [None] * len(names)
    reader = DigitReader(model, line_model=line_model, threshold=threshold, max_pixels=max_pixels)
    show = _printer(as_json, as_csv, many=len(names) > 1)
    failed = False
    for name, copy in zip(_with_progress(names), copies, strict=True):
        reading: Reading | None = None
        message = None
        try:
            reading = _read_one(reader, name, copy, known)
        except MnistError as error:
            if len(names) == 1 and not (as_json or as_csv):
                raise
            failed, message = True, str(error)
        show(name, reading, message)
        sys.stdout.flush()
    if failed:
        return 1 if len(names) > 1 else 2
    return 0


def _copies(names: list[str], annotate: Path) -> list[Path]:
    """Return where each picture's annotated copy goes: no two alike, and none there already."""
    if len(names) > 1 and not annotate.is_dir():
        raise SettingsError(
            f"{annotate} is no folder, and {len(names)} pictures are to be drawn; "
            "expected a folder for their copies: make it first"
        )
    copies: list[Path] = []
    for name in names:
        stem = "stdin" if name == _STDIN else Path(name).stem
        copy, number = (annotate / f"{stem}.png" if annotate.is_dir() else annotate), 1
        while copy in copies:
            number += 1
            copy = annotate / f"{stem}-{number}.png"
        copies.append(copy)
    if there := [copy for copy in copies if copy.is_file()]:
        raise SettingsError(
            f"{there[0]} exists; expected a new name for the annotated copy: "
            "name another with --annotate, or remove it"
        )
    return copies


def _expand(pictures: Iterable[str]) -> Iterator[str]:
    """Yield the pictures' names; a folder stands for those in it, in order, a PDF for its pages."""
    from mnist_classifier.read.picture import SUFFIXES

    for name in pictures:
        path = Path(name)
        if name == _STDIN or not path.is_dir():
            yield from _pages(name)
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise PictureError(
                f"the folder {path} holds no picture; expected files named "
                f"{', '.join(sorted(SUFFIXES))}: name another"
            )
        for path in inside:
            yield from _pages(str(path))


def _pages(name: str) -> list[str]:
    from mnist_classifier.read.picture import page_names

    try:
        return page_names(name)
    except PictureError:
        return [name]  # what is wrong is said when it is read


def _read_one(
    reader: DigitReader, name: str, copy: Path | None, pattern: Pattern | None
) -> Reading:
    picture = _standard_input() if name == _STDIN else name
    with _native_lines_dropped():
        reading = reader.read(picture, pattern)
        if copy is not None:
            from mnist_classifier.read.annotate import save_annotated

            save_annotated(copy, picture, reading, reader.max_pixels)
    return reading


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise PictureError(
            f"cannot read standard input: {error.strerror or error}; expected a picture: "
            "send one with  < picture.png"
        ) from error


@contextlib.contextmanager
def _native_lines_dropped() -> Iterator[None]:
    """Drop what OpenCV, libpng and others write straight to the process's standard error."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _with_progress(names: list[str]) -> Iterator[str]:
    """Yield names, and show on a terminal's standard error how many are done, if many."""
    if len(names) < _SHOW_PROGRESS_FROM or not sys.stderr.isatty():
        yield from names
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(names, "Reading", console=Console(stderr=True), transient=True)


def _printer(as_json: bool, as_csv: bool, many: bool) -> Any:
    """Return the function that prints one picture's outcome."""
    if as_json:
        return _print_json
    if as_csv:
        import csv

        rows = csv.writer(sys.stdout)
        header = iter([["picture", "text", "number", "confidence", "refused", "error"]])
        return lambda name, reading, error: rows.writerows(
            [
                *header,
                [
                    name,
                    reading.text if reading else "",
                    reading.number if reading else "",
                    f"{reading.confidence:.4f}" if reading and reading.lines else "",
                    (reading.refused or "") if reading else "",
                    error or "",
                ],
            ]
        )
    return lambda name, reading, error: _print_text(name, reading, error, many)


def _print_json(name: str, reading: Reading | None, error: str | None) -> None:
    import json

    from mnist_classifier.read.reading import Reading

    known = reading or Reading("", (), None)
    outcome = {"picture": name, **known.to_dict(), "error": error}
    click.echo(json.dumps(outcome, ensure_ascii=False))


def _print_text(name: str, reading: Reading | None, error: str | None, many: bool) -> None:
    prefix = f"{name}: " if many else ""
    if reading is None:
        click.echo(f"error: {error}", err=True)
    elif reading.refused:
        click.echo(f"{prefix}refused: {reading.refused}", err=not many)
    else:
        lines = reading.text.split("\n")
        lines[-1] += f"  ({percent(reading.confidence)} sure)"
        click.echo("\n".join(prefix + line for line in lines))
