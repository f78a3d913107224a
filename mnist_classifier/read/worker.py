"""A process that reads pictures, one after the other.

    python -m mnist_classifier.read.worker

Pickles on standard input: first the folder to be in, what makes the reader, the pattern, and what
is made of each outcome; then lists of requests. Each is answered on standard output by a pair: a
list of what was made, and an exception or None. `processes` starts it. It ends where nobody asks
any more.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import traceback
from typing import Any

import cv2

from mnist_classifier.errors import MnistError
from mnist_classifier.read.outcome import read_one


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    cv2.setNumThreads(1)  # each core has a process of its own

    def answer(made: list[Any], error: Exception | None = None) -> None:
        pickle.dump((made, error), answers)
        answers.flush()

    def ask() -> Any:
        return pickle.load(sys.stdin.buffer)  # noqa: S301 — from the process that began this one

    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            folder, make_reader, pattern, then = ask()
            os.chdir(folder)
            reader = make_reader()
            answer([])
            while True:
                answer([then(read_one(reader, request, pattern)) for request in ask()])
        except MnistError as error:
            answer([], error)
        except (EOFError, BrokenPipeError):
            raise
        except Exception:
            answer([], RuntimeError(traceback.format_exc()))


if __name__ == "__main__":
    main()
