"""Signals that end a training wait for the end of a step.

Python runs a signal's handler between any two of its instructions. One that raises, as Ctrl-C's
does, may so raise where a library catches or loses exceptions, such as in what the garbage
collector calls, and TensorFlow, left in the middle of a step, may end the process.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last


class SignalsDeferred(contextlib.AbstractContextManager["SignalsDeferred"]):
    """Inside, signals that Python handles wait until `handle` is called, or until the end.

    A second signal is handled at once. Only the main thread handles signals: in others, this does
    nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._waiting: int | None = None

    def __enter__(self) -> SignalsDeferred:
        if threading.current_thread() is threading.main_thread():
            for name in _ENDING:
                number = getattr(signal, name, None)
                if number is not None and callable(handler := signal.getsignal(number)):
                    self._handlers[number] = handler
                    signal.signal(number, self._defer)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self.handle()

    def handle(self) -> None:
        """Handle the signal that waits, if one does.

        Raises:
            KeyboardInterrupt: Its handler does, as Ctrl-C's.
        """
        if self._waiting is not None:
            number, self._waiting = self._waiting, None
            self._handlers[number](number, None)

    def _defer(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is not None:
            self._handlers[number](number, frame)
        self._waiting = number
