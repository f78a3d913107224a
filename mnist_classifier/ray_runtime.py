"""Ray, started here or joined elsewhere, so that it reports nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from mnist_classifier.errors import MnistError, SettingsError

_ANSWERS_IN = 10  # seconds


@contextlib.contextmanager
def joined(
    where: str, cpus: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Join a cluster, or start Ray here, until the context ends; one that is joined stays so.

    Args:
        where: ``"local"`` for a Ray of our own on this machine, ``"auto"`` for the cluster that
            this machine belongs to or ``RAY_ADDRESS`` names, or a cluster's address.
        cpus: How many processors a Ray of our own has; as it finds when left out.
        environment: Variables of all tasks.

    Raises:
        SettingsError: There is no cluster at the address.
        MnistError: Ray does not start here.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray's own reports to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    own: dict[str, Any] = {}
    if where == "local":
        own = {"include_dashboard": False, "num_cpus": cpus}
    try:
        _check_answers(where)
        with _signals_kept():
            ray.init(
                where,
                logging_level=logging.ERROR,
                log_to_driver=False,
                runtime_env={"env_vars": dict(environment or {})},
                **own,
            )
    except Exception as error:  # Ray's own is often no more than that
        if where == "local":
            raise MnistError(
                f"Ray does not start here: {last_line(error)}; expected it to: try again when "
                "this machine has less to do, or leave --ray out"
            ) from error
        raise SettingsError(
            f"no Ray cluster answers at {where}: {str(error).splitlines()[0]}; expected one, "
            "and its token where it asks for one: start it with  ray start --head  or give "
            "--ray local"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def last_line(error: Exception) -> str:
    """Return what happened; what is before it in Ray's errors says where."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()


def _check_answers(where: str) -> None:
    """Raise an OSError where nobody is at an address: Ray itself would wait for minutes."""
    address = os.environ.get("RAY_ADDRESS", where) if where == "auto" else where
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_ANSWERS_IN).close()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep what signals do: Ray takes SIGTERM for itself, and writes a trace of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
