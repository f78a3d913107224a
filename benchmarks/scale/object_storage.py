"""Object storage on this machine, and a proxy before it whose every connection breaks."""

from __future__ import annotations

import contextlib
import random
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

_REFUSED = 0.2  # of all connections
_MOST = 2**19  # bytes that a connection lives for, at most

_SERVER = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"


@contextlib.contextmanager
def object_storage() -> Iterator[int]:
    """Run a server that speaks S3; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            while server.poll() is None and not _answers(port):
                time.sleep(0.1)
            yield port
        finally:
            server.kill()


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def breaking_proxy(port: int, seed: int) -> Iterator[int]:
    """Run a proxy before a port; yield its own."""
    chance = random.Random(seed)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if chance.random() < _REFUSED:
                return
            left = chance.randrange(_MOST)
            with socket.create_connection(("127.0.0.1", port)) as server:
                back = threading.Thread(target=_copy, args=(self.request, server, 2**40))
                back.start()
                _copy(server, self.request, left)
                for side in (server, self.request):
                    with contextlib.suppress(OSError):
                        side.shutdown(socket.SHUT_RDWR)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy.server_address[1]
        finally:
            proxy.shutdown()


def _copy(source: socket.socket, target: socket.socket, left: int) -> None:
    """Copy so many bytes from one side to the other, or until one ends."""
    with contextlib.suppress(OSError):
        while left > 0 and (content := source.recv(min(left, 2**16))):
            target.sendall(content)
            left -= len(content)
