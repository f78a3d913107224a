"""``mnist read`` of an archive: sources of any kind, rows in parts."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mnist_classifier.errors import SettingsError

if TYPE_CHECKING:
    from mnist_classifier.read.pattern import Pattern
    from mnist_classifier.read.reader import DigitReader


def is_wanted(sources: Sequence[str], output: str | None, ray: str | None) -> bool:
    """Return whether pictures are an archive, and no file or folder to be read here as it is."""
    from mnist_classifier.scale.kinds import is_archive
    from mnist_classifier.scale.storage import is_remote

    return (
        ray is not None
        or any(map(is_archive, sources))
        or (output is not None and (is_remote(output) or _is_parquet(output)))
    )


def read(
    sources: Sequence[str],
    output: str | None,
    reader: DigitReader,
    pattern: Pattern | None,
    ray: str | None,
    jobs: int | None,
    limit: int | None,
    column: str | None,
) -> int:
    """Read an archive; return the exit code.

    Raises:
        SettingsError: There is no place for its rows.
    """
    from mnist_classifier.scale.archive import read_archive

    if output is None:
        raise SettingsError(
            "got an archive and no --output; expected where its rows go: name a .parquet, .jsonl "
            "or .csv with --output"
        )
    with contextlib.ExitStack() as until_read:
        progress = None
        if sys.stderr.isatty():
            from mnist_classifier.cli.progress import shown

            progress = until_read.enter_context(shown(0))
        summary = read_archive(
            sources,
            output,
            reader,
            pattern,
            ray=ray,
            jobs=jobs,
            limit=limit,
            column=column,
            progress=progress,
        )
    click.echo(summary.to_text(), err=True)
    return 1 if summary.errors else 0


def _is_parquet(output: str) -> bool:
    from mnist_classifier.scale.kinds import suffix_of

    return suffix_of(output.rstrip("/")) == ".parquet"
