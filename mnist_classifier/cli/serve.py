"""``mnist serve``: a page to draw on, and reading digits over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from mnist_classifier.cli import options

if TYPE_CHECKING:
    from mnist_classifier.web.settings import ServiceSettings


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Address to listen on; 0.0.0.0 for all networks.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="PORT",
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    metavar="N",
    help="Number of processes.",
)
@options.model
@options.line_model
@options.threshold
@options.data_dir
@click.option(
    "--max-body",
    type=click.IntRange(min=1),
    default=20_000_000,
    metavar="BYTES",
    help="Most bytes of a request's body.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=50_000_000,
    metavar="N",
    help="Most pixels of a picture.",
)
@click.option(
    "--max-images",
    type=click.IntRange(min=1),
    default=1000,
    metavar="N",
    help="Most 28×28 images of a request.",
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(min=1),
    default=64,
    metavar="N",
    help="Most requests at a time in a process; others get 503.",
)
@click.option(
    "--timeout",
    default=15.0,
    metavar="SECONDS",
    help="Seconds for each: headers, body and answer of a request.",
)
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call the service; repeatable.",
)
@click.option(
    "--access-log",
    type=click.Choice(["text", "json", "none"]),
    default="none",
    help="Log requests and faults on standard error; with none, faults alone.",
)
def serve(host: str, port: int, workers: int, **limits: Any) -> None:
    """Serve a page to draw digits on, and read digits over HTTP.

    Only this machine can reach it, unless --host says otherwise. Nothing that
    is sent is stored. With --data-dir, the page's gallery shows MNIST's images.
    SIGTERM finishes the requests in flight and ends with exit code 0.
    """
    from mnist_classifier.errors import require

    require("web", "fastapi", "uvicorn", "httptools", "prometheus_client", "python_multipart")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what is damaged, the answer says
    from mnist_classifier.web.settings import ServiceSettings

    threads = max(1, (os.cpu_count() or 1) // workers)
    _listen(ServiceSettings(threads=threads, **limits), host, port, workers)


def _listen(settings: ServiceSettings, host: str, port: int, workers: int) -> None:
    """Serve until a signal ends it; mistakes in files are told before a port is taken."""
    from mnist_classifier.idx import load_test_split
    from mnist_classifier.read.line_model import LineModel
    from mnist_classifier.read.model import Model
    from mnist_classifier.web import server

    Model(settings.model)
    LineModel(settings.line_model)
    if settings.data_dir is not None:
        load_test_split(settings.data_dir)
    with server.listen(host, port) as listener:
        name = f"[{host}]" if ":" in host else host
        click.echo(f"http://{name}:{listener.getsockname()[1]}  (Ctrl-C ends)")
        server.serve(settings, listener, workers)
