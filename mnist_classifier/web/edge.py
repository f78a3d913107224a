"""Middleware for every request: the limit on requests in flight, metrics, headers."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_classifier.web import problems
from mnist_classifier.web.load import Load
from mnist_classifier.web.metrics import Metrics

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_LIMITED = "/v1/"


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, load: Load, metrics: Metrics, paths: Collection[str]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            load: Counts the requests below ``/v1/``, and says when it is too much.
            metrics: Counts all.
            paths: The paths that metrics count one by one; all others count as ``other``.
        """
        self._app, self._load, self._metrics, self._paths = app, load, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, began = scope["method"], time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        if method == "HEAD":  # every route that answers GET answers HEAD
            scope = {**scope, "method": "GET"}

        try:
            await self._answer(scope, receive, send_with_headers)
        except Exception:
            logging.getLogger(__name__).exception("%s %s failed", method, scope["path"])
            if status == 0:
                failed = problems.response(500, "a fault of the service; its log says more")
                await failed(scope, receive, send_with_headers)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.count(method, path, status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
            return
        if refused := self._load.refusal():
            await problems.answer(refused)(scope, receive, send)
            return
        self._load.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._load.in_flight -= 1
