"""Several workers under uvicorn's supervisor: they end together, and none outlives it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

from uvicorn.supervisors import Multiprocess

from mnist_classifier.web import log


class Supervisor(Multiprocess):
    """uvicorn's supervisor. At the end it stops listening, too.

    Otherwise clients would still be able to connect, to a socket that no worker accepts from.
    """

    def terminate_all(self) -> None:
        """Stop listening, and let the workers finish what is in flight."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def begin() -> None:
    """Prepare a process that has a supervisor; a single worker has none.

    It finishes what is in flight and ends, as soon as its supervisor is gone.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return
    log.keep_for_python()

    def wait() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
