"""``mnist read``: pictures in, digits out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_classifier.cli import options
from mnist_classifier.errors import MnistError, SettingsError

if TYPE_CHECKING:
    from mnist_classifier.read.reader import DigitReader, Reading

_STDIN = "-"
_SHOW_PROGRESS_FROM = 20


def read(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE", help="Files, folders, or - for standard input."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each picture.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a CSV row for each picture.")
    ] = False,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Draw boxes, digits and confidences on a copy: this PNG file, or a folder for "
            "several pictures."
        ),
    ] = None,
    model: options.Model = None,
    threshold: options.Threshold = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Most pixels of a picture; larger ones are refused.")
    ] = 100_000_000,
) -> int:
    """Read handwritten digits from pictures.

    Prints the digits and the lowest confidence among them. A picture may hold
    several digits: a newline separates lines, a space separates wide gaps, and
    ? stands for a mark among digits that is no digit.

    Exit code 0: every picture was read, or refused as holding no digit. 1: one
    of several was damaged or missing; the others are read. 2: other mistakes.
    """
    from mnist_classifier.read.reader import DigitReader

    if as_json and as_csv:
        raise SettingsError("got --json and --csv; expected one of them: leave the other out")
    names = list(_expand(pictures))
    if annotate is not None and len(names) > 1 and not annotate.is_dir():
        raise SettingsError(
            f"{annotate} is no folder, and {len(names)} pictures are to be drawn; "
            "expected a folder for their copies: make it first"
        )
    reader = DigitReader(model, threshold=threshold, max_pixels=max_pixels)
    show = _printer(as_json, as_csv, many=len(names) > 1)
    failed = False
    for name in _with_progress(names):
        reading: Reading | None = None
        message = None
        try:
            reading = _read_one(reader, name, annotate, len(names))
        except MnistError as error:
            if len(names) == 1 and not (as_json or as_csv):
                raise
            failed, message = True, str(error)
        show(name, reading, message)
    if failed:
        return 1 if len(names) > 1 else 2
    return 0


def _expand(pictures: list[str]) -> Iterator[str]:
    """Yield the pictures' names; a folder stands for those in it, in order."""
    from mnist_classifier.errors import PictureError
    from mnist_classifier.read.picture import SUFFIXES

    for name in pictures:
        path = Path(name)
        if name == _STDIN or not path.is_dir():
            yield name
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise PictureError(
                f"the folder {path} holds no picture; expected files named "
                f"{', '.join(sorted(SUFFIXES))}: name another"
            )
        yield from map(str, inside)


def _read_one(reader: DigitReader, name: str, annotate: Path | None, count: int) -> Reading:
    picture: str | bytes = sys.stdin.buffer.read() if name == _STDIN else name
    reading = reader.read(picture)
    if annotate is not None:
        from mnist_classifier.read.annotate import save_annotated

        stem = "stdin" if name == _STDIN else Path(name).stem
        target = annotate / f"{stem}.png" if count > 1 or annotate.is_dir() else annotate
        save_annotated(target, picture, reading, reader.max_pixels)
    return reading


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
        rows.writerow(["picture", "text", "confidence", "refused", "error"])
        return lambda name, reading, error: rows.writerow(
            [
                name,
                reading.text if reading else "",
                f"{_confidence(reading):.4f}" if reading and reading.digits else "",
                (reading.refused or "") if reading else "",
                error or "",
            ]
        )
    return lambda name, reading, error: _print_text(name, reading, error, many)


def _confidence(reading: Reading) -> float:
    return min(digit.confidence for digit in reading.digits)


def _print_json(name: str, reading: Reading | None, error: str | None) -> None:
    import json

    from mnist_classifier.read.reader import Reading

    known = reading or Reading("", (), None)
    outcome = {"picture": name, **known.to_dict(), "error": error}
    typer.echo(json.dumps(outcome, ensure_ascii=False))


def _print_text(name: str, reading: Reading | None, error: str | None, many: bool) -> None:
    prefix = f"{name}: " if many else ""
    if reading is None:
        typer.echo(f"error: {error}", err=True)
    elif reading.refused:
        typer.echo(f"{prefix}refused: {reading.refused}", err=not many)
    else:
        lines = reading.text.split("\n")
        lines[-1] += f"  ({_confidence(reading):.1%} sure)"
        typer.echo("\n".join(prefix + line for line in lines))
