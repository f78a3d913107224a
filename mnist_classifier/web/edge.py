"""Middleware for every request: the limit on requests in flight, faults, headers."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_classifier.web import log, problems, request_ids
from mnist_classifier.web.load import Load

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

    def __init__(self, app: ASGIApp, load: Load) -> None:
        """Wrap an application.

        Args:
            app: The application.
            load: Counts the requests below ``/v1/``, and says when it is too much.
        """
        self._app, self._load = app, load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
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
        except MemoryError:  # like too many requests: those that need less go on
            request_id = request_ids.of(scope)
            log.trouble("no memory", request_id=request_id, method=method, path=scope["path"])
            if not begun:
                detail = "not enough memory now; come again, or send less"
                refused = problems.ProblemError(503, detail, self._load.retry_after())
                await problems.answer(scope, refused)(scope, receive, send_with_headers)
        except Exception:  # a fault of ours: logged, and the service goes on
            request_id = request_ids.of(scope)
            log.fault(request_id=request_id, method=method, path=scope["path"])
            if not begun:
                detail = f"a fault of the service; its log says more about request {request_id}"
                failed = problems.response(scope, 500, detail)
                await failed(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
            return
        if refused := self._load.refusal():
            await problems.answer(scope, refused)(scope, receive, send)
            return
        with self._load.one_more():
            await self._app(scope, receive, send)
