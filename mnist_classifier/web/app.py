"""The application: the page and the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from mnist_classifier.read.reader import DigitReader
from mnist_classifier.version import __version__
from mnist_classifier.web import openapi, problems, request_ids
from mnist_classifier.web.access import Access
from mnist_classifier.web.api import PAGES, routes
from mnist_classifier.web.edge import Edge
from mnist_classifier.web.lanes import Lanes
from mnist_classifier.web.load import Load
from mnist_classifier.web.metrics import Metrics
from mnist_classifier.web.settings import ServiceSettings


def create_app(settings: ServiceSettings) -> FastAPI:
    """Make the ASGI application of one worker.

    Args:
        settings: Limits, model and threads.

    Raises:
        ModelError: The model file is missing or damaged.
        SettingsError: A setting is out of range.
    """
    reader = DigitReader(
        settings.model,
        line_model=settings.line_model,
        threshold=settings.threshold,
        max_pixels=settings.max_pixels,
        threads=settings.threads,
    )
    lanes = Lanes(settings.threads)
    load = Load(lanes, settings.max_in_flight, settings.timeout)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        lanes.close()

    app = openapi.DescribedApp(
        title="MNIST classifier",
        version=__version__,
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # many a client follows none, or loses the body
        lifespan=lifespan,
    )
    router = routes(settings, reader, lanes, load, metrics)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=PAGES))
    problems.install(app)
    app.add_middleware(Edge, load=load)
    if settings.cors_origins:  # outside of Edge: a page elsewhere can read refusals, too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", request_ids.HEADER],
            expose_headers=["Retry-After", request_ids.HEADER],
        )
    paths = frozenset(route.path for route in router.routes if hasattr(route, "path"))
    app.add_middleware(Access, metrics=metrics, paths=paths)
    return app
