"""The server: sockets, workers, signals."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from contextlib import ExitStack
from functools import partial
from typing import Any

from uvicorn import Config, Server

from mnist_classifier.errors import SettingsError
from mnist_classifier.web import log
from mnist_classifier.web.settings import ServiceSettings
from mnist_classifier.web.workers import Supervisor, begin


def listen(host: str, port: int) -> socket.socket:
    """Open the socket on which the server listens.

    Raises:
        SettingsError: The address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"cannot listen on {host}, port {port}: {reason}; expected an address of this "
            "machine and a free port: choose another with --host or --port"
        ) from error


def serve(settings: ServiceSettings, listener: socket.socket, workers: int) -> None:
    """Answer requests until a signal ends the server, then finish those in flight.

    Args:
        settings: The settings of each worker.
        listener: From `listen`.
        workers: Processes.
    """
    with ExitStack() as stack:
        if workers > 1:
            from mnist_classifier.web.metrics import SHARED

            os.environ[SHARED] = stack.enter_context(tempfile.TemporaryDirectory())

        def leave(*_: object) -> None:
            stack.close()
            os._exit(0)

        # Before uvicorn serves, nothing is in flight, and an exception could interrupt an import.
        # After it served, it raises again the signal that stopped it.
        signal.signal(signal.SIGTERM, leave)
        config = configuration(settings, workers)
        if workers > 1:
            Supervisor(config, sockets=[listener]).run()
        else:
            log.keep_for_python()
            Server(config).run(sockets=[listener])


def configuration(settings: ServiceSettings, workers: int) -> Config:
    """Return uvicorn's configuration of a service."""
    from mnist_classifier.web.connections import BoundedProtocol

    protocol: Any = partial(BoundedProtocol, seconds=settings.timeout)
    return Config(
        partial(_application, settings),
        factory=True,
        http=protocol,
        ws="none",
        workers=workers,
        proxy_headers=False,
        server_header=False,
        log_config=log.configuration(settings.access_log),
        access_log=False,
        timeout_worker_healthcheck=30,  # a worker on a busy machine takes a while to start
        timeout_graceful_shutdown=max(1, round(3 * settings.timeout)),
    )


def _application(settings: ServiceSettings) -> Any:
    from mnist_classifier.web.app import create_app

    begin()
    return create_app(settings)
