"""``mnist serve``: a page to draw on, and reading digits over HTTP."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_classifier.cli import options

if TYPE_CHECKING:
    from mnist_classifier.web.settings import ServiceSettings


class AccessLog(str, Enum):
    """How requests are logged."""

    TEXT = "text"
    JSON = "json"
    NONE = "none"


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all networks.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Port to listen on; 0 takes a free one."
        ),
    ] = 8000,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Number of processes.")] = 1,
    model: options.Model = None,
    line_model: options.LineModel = None,
    threshold: options.Threshold = None,
    data_dir: options.DataDir = None,
    max_body: Annotated[
        int, typer.Option(min=1, metavar="BYTES", help="Most bytes of a request's body.")
    ] = 20_000_000,
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most pixels of a picture.")
    ] = 50_000_000,
    max_images: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most 28×28 images of a request.")
    ] = 1000,
    max_in_flight: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Most requests at a time in a process; others get 503."
        ),
    ] = 64,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Seconds for each: headers, body and answer of a request."
        ),
    ] = 15.0,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Origin whose pages may call the service; repeatable."),
    ] = None,
    access_log: Annotated[
        AccessLog,
        typer.Option(help="Log requests and faults on standard error; with none, faults alone."),
    ] = AccessLog.NONE,
) -> None:
    """Serve a page to draw digits on, and read digits over HTTP.

    Only this machine can reach it, unless --host says otherwise. Nothing that
    is sent is stored. With --data-dir, the page's gallery shows MNIST's images.
    SIGTERM finishes the requests in flight and ends with exit code 0.
    """
    from mnist_classifier.errors import require

    require("web", "fastapi", "uvicorn", "httptools", "prometheus_client", "python_multipart")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what is damaged, the answer says
    from mnist_classifier.web.settings import ServiceSettings

    settings = ServiceSettings(
        model=model,
        line_model=line_model,
        threshold=threshold,
        data_dir=data_dir,
        max_body=max_body,
        max_pixels=max_pixels,
        max_images=max_images,
        max_in_flight=max_in_flight,
        timeout=timeout,
        threads=max(1, (os.cpu_count() or 1) // workers),
        cors_origins=tuple(cors_origin or ()),
        access_log=access_log.value,
    )
    _listen(settings, host, port, workers)


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
        typer.echo(f"http://{name}:{listener.getsockname()[1]}  (Ctrl-C ends)")
        server.serve(settings, listener, workers)
