"""Signals that end a training wait until no batch is under way.

Python calls a signal's handler between any two of its instructions, and the handler of Ctrl-C
raises an exception there. Raised while garbage is collected, it is lost. Raised while TensorFlow
traces or runs a batch, it makes a later training of the same process fail, or ends the process.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last
_AS_ONE = 0.5  # seconds: a terminal that closes sends its signal twice


class SignalsDeferred:
    """Inside, signals with a handler in Python wait until `handle` is called, or until the end.

    A second signal is handled at once; the same one within half a second is taken for the first.
    Where an error leaves the block, a signal that waits is forgotten. Only the main thread handles
    signals: in others, this does nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._restoring = contextlib.ExitStack()
        self._waiting: int | None = None
        self._came = 0.0  # when the one that waits did, by `time.monotonic`

    def __enter__(self) -> SignalsDeferred:
        self._waiting = None
        if threading.current_thread() is not threading.main_thread():
            return self
        with contextlib.ExitStack() as restoring:
            for number in (getattr(signal, name, None) for name in _ENDING):
                if number is not None and callable(handler := signal.getsignal(number)):
                    self._handlers[number] = handler
                    restoring.callback(signal.signal, number, handler)
                    signal.signal(number, self._defer)
            self._restoring = restoring.pop_all()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._restoring.close()
        if error is None:
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
        now = time.monotonic()
        if self._waiting is None:
            self._waiting, self._came = number, now
        elif number != self._waiting or now - self._came >= _AS_ONE:
            self._handlers[number](number, frame)
