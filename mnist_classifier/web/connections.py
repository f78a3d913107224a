"""Connections that limit the bytes of a request's headers and the time for them to arrive."""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mnist_classifier.web import log, problems, request_ids

_MOST_HEADER_BYTES = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a timer and a limit on headers; by itself it has neither.

    The connection is closed if the headers are not complete in ``seconds``, counted from its
    opening or from the first byte after an answer, or if they have too many bytes.
    """

    def __init__(self, *, seconds: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._seconds = seconds
        self._timer: TimerHandle | None = None
        self._header_bytes = 0
        self._in_body = False

    def connection_made(self, transport: Any) -> None:
        """Start the timer for headers."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Start the timer for the next headers, if the last request is answered."""
        rest_of_body = self._in_body
        super().data_received(data)
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._start_timer()
        # A request may be answered before its body ends. Only the time of the rest is limited.
        if self._timer is not None and not rest_of_body:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse(431, f"more than {_MOST_HEADER_BYTES:,} bytes of headers")

    def on_headers_complete(self) -> None:
        """Stop the timer."""
        self._in_body = True
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the timer for the rest of a body."""
        self._in_body = False
        self._stop_timer()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer malformed HTTP with a problem document."""
        self._refuse(400, msg)

    def _refuse(self, status: int, detail: str) -> None:
        request_id = request_ids.choose(None)
        body = problems.document(status, detail, request_id)
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: %b\r\ncontent-length: %d\r\n%b: %b\r\nconnection: close\r\n\r\n"
            % (
                problems.MEDIA_TYPE.encode(),
                len(body),
                request_ids.HEADER.lower().encode(),
                request_id.encode(),
            )
            + body
        )
        self.transport.close()
        client = self.client[0] if self.client else None
        log.request(request_id=request_id, client=client, status=status, bytes_out=len(body))

    def _start_timer(self) -> None:
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(self._seconds, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._header_bytes = 0
