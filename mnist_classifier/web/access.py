"""The outermost middleware: each request gets its ID, is counted and goes into the log."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_classifier.web import log, request_ids
from mnist_classifier.web.metrics import Metrics


class Access:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Collection[str]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            metrics: Counts all.
            paths: The paths that metrics count one by one; all others count as ``other``.
        """
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = request_ids.choose(Headers(scope=scope).get(request_ids.HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        status = bytes_in = bytes_out = 0

        async def receive_counted() -> Message:
            nonlocal bytes_in
            message = await receive()
            bytes_in += len(message.get("body", b""))
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal status, bytes_out
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[request_ids.HEADER] = request_id
            bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive_counted, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.count(scope["method"], path, status, seconds)
            log.request(
                request_id=request_id,
                client=scope["client"][0] if scope.get("client") else None,
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(1000 * seconds, 1),
                bytes_in=bytes_in,
                bytes_out=bytes_out,
            )
