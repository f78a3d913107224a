"""Standard output and error that cannot show every character, are full, closed or gone."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

_BROKEN_PIPE = 141  # as a shell reports it of a program that SIGPIPE ended
_CANNOT_WRITE = 2


class Output:
    """A text stream whose first failed write ends the program, or ends what is shown.

    Args:
        stream: Where to write.
        lasts: Whether the program goes on, in silence, when nothing can be written any more.
    """

    def __init__(self, stream: TextIO, lasts: bool) -> None:
        self._stream = stream
        self.lasts = lasts
        self.exit_code = 0
        """What the failure means for the program's exit code."""

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all else."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or do what a failure asks."""
        with self._failing():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do what a failure asks."""
        with self._failing():
            self._stream.flush()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._go_silent()
            if error.errno == errno.EPIPE:  # the reader has enough, such as head
                code = 0 if self.lasts else _BROKEN_PIPE
            else:
                code = _CANNOT_WRITE
                if sys.stderr is not self:
                    closed = error.errno == errno.EBADF
                    reason = "it is closed" if closed else error.strerror or error
                    print(
                        f"error: standard output cannot be written ({reason}); "
                        "expected a place with room: free some, or send it elsewhere",
                        file=sys.stderr,
                    )
            self.exit_code = code
            if not self.lasts:
                sys.exit(code)

    def _go_silent(self) -> None:
        """Send what is still in the stream, and all that follows, nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def mended() -> Iterator[None]:
    """Let standard output and error take every text inside; leave with the code of a failure.

    Raises:
        SystemExit: Standard output could not be written.
    """
    _open_what_is_closed()
    stdout, stderr = sys.stdout, sys.stderr
    for stream in (stdout, stderr):
        with contextlib.suppress(AttributeError):  # of a stream that is no file
            cast(Any, stream).reconfigure(errors="replace")
    output = Output(stdout, lasts=False)
    sys.stdout, sys.stderr = cast(TextIO, output), cast(TextIO, Output(stderr, lasts=True))
    try:
        try:
            yield
        finally:
            output.flush()
            if output.exit_code:
                sys.exit(output.exit_code)
    finally:
        sys.stdout, sys.stderr = stdout, stderr


def outlast() -> None:
    """From here on, go on even if nothing can be shown any more: a training is worth more."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.lasts = True


def _open_what_is_closed() -> None:
    """Open what a parent closed: else the next file that is opened would be standard output.

    What is read from standard input then fails, and what is written to standard output; what is
    written to standard error goes nowhere.
    """
    for name, mode, allowed in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, allowed)  # it takes the lowest number that is free
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))
