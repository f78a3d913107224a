"""Metrics for Prometheus."""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder of several workers' metrics, for Prometheus's client."""

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Metrics:
    """The metrics of one worker; `text` adds those of the others."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mnist_requests",
            "Requests answered; status 0 where the client left before.",
            ("method", "path", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mnist_request_seconds",
            "Seconds from a request's headers to the end of its answer.",
            ("path",),
            registry=self._registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        if SHARED not in os.environ:
            ProcessCollector(registry=self._registry)

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Return the metrics of all workers in Prometheus's text format."""
        registry = self._registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # has no annotations
        return generate_latest(registry)
