"""Connections on which a request's headers must be few, and arrive in time."""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mnist_classifier.web import problems

_MOST_HEADER_BYTES = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for headers, or for a body to end, for ever.

    A connection is closed that has brought no whole headers so many seconds after it was opened,
    or after the first byte that follows an answer; or that brings headers without end.
    """

    def __init__(self, *, seconds: float, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._seconds = seconds
        self._timer: TimerHandle | None = None
        self._header_bytes = 0
        self._in_body = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Start to wait for headers."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for further headers, once the request before is answered."""
        rest_of_body = self._in_body
        super().data_received(data)
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()
        # The rest of a body that is answered already is passed over; only its time is bounded.
        if self._timer is not None and not rest_of_body:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse(431, f"more than {_MOST_HEADER_BYTES:,} bytes of headers")

    def on_headers_complete(self) -> None:
        """Wait no more."""
        self._in_body = True
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait no more for the rest of a body."""
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of every error."""
        self._refuse(400, msg)

    def _refuse(self, status: int, detail: str) -> None:
        body = problems.document(status, detail)
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            % (problems.MEDIA_TYPE.encode(), len(body))
            + body
        )
        self.transport.close()

    def _wait(self) -> None:
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(self._seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._header_bytes = 0
