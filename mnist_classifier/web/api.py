"""The service's routes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from mnist_classifier.errors import SettingsError
from mnist_classifier.read.explanation import explain
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.web import bodies, openapi
from mnist_classifier.web.batching import Batcher, Images
from mnist_classifier.web.gallery import gallery
from mnist_classifier.web.lanes import Lanes
from mnist_classifier.web.load import Load
from mnist_classifier.web.metrics import Metrics
from mnist_classifier.web.problems import ProblemError
from mnist_classifier.web.settings import ServiceSettings
from mnist_classifier.web.threads import Threads
from mnist_classifier.web.waiting import while_client_waits

PAGES = Path(__file__).with_name("static")

Result = TypeVar("Result")


def routes(
    settings: ServiceSettings, reader: DigitReader, lanes: Lanes, load: Load, metrics: Metrics
) -> APIRouter:
    """Return the routes of a service."""
    router = APIRouter()
    _add_reading(router, settings, reader, lanes, load)
    _add_monitoring(router, load, metrics)
    for path, file in (("/", "index.html"), ("/docs", "docs.html")):
        router.add_api_route(path, _page(PAGES / file), include_in_schema=False)
    return router


def _add_reading(
    router: APIRouter, settings: ServiceSettings, reader: DigitReader, lanes: Lanes, load: Load
) -> None:
    batcher = Batcher(reader, lanes.small)

    async def in_time(
        request: Request, lane: Threads, work: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        if late := load.long_wait(lane):
            raise late
        try:
            return await while_client_waits(request, work(), settings.timeout)
        except TimeoutError as error:
            detail = f"no answer within {settings.timeout:g} seconds; come again, or send less"
            raise ProblemError(503, detail, load.retry_after(lane)) from error

    async def in_thread(
        request: Request, work: Callable[[], Result], lane: Threads = lanes.small
    ) -> Result:
        return await in_time(request, lane, lambda: lane.run(work))

    @router.post("/v1/read", **openapi.READ)
    async def read(
        request: Request,
        images: Annotated[bool, Query(description="Add to each digit the image judged.")] = False,
        pattern: Annotated[
            str | None,
            Query(
                max_length=200,
                description="What each line looks like: # is a digit, {1,3} repeats, ? leaves out.",
            ),
        ] = None,
    ) -> Response:
        try:
            known = Pattern.parse(pattern) if pattern is not None else None
        except SettingsError as error:
            raise ProblemError(422, str(error)) from error
        picture, name = await bodies.read_picture(request, settings, load)
        reading = await in_thread(request, partial(reader.read, picture, known), lanes.of(picture))
        answer = {"picture": name, **reading.to_dict(), "error": None}
        if images:
            for fields, digit in zip(answer["digits"], reading.digits, strict=True):
                fields["image"] = _base64(np.round(digit.image * 255).astype(np.uint8))
        return _json(answer)

    @router.post("/v1/read-images", **openapi.READ_IMAGES)
    async def read_images(
        request: Request,
        probabilities: Annotated[bool, Query(description="Add all ten of each image.")] = False,
    ) -> Response:
        images = await bodies.read_images(request, settings, load)
        judged = await in_time(request, lanes.small, lambda: batcher.read_images(images))
        answer = {
            "labels": judged.labels.tolist(),
            "confidences": _rounded(judged.confidences),
            "accepted": judged.accepted.tolist(),
        }
        if probabilities:
            answer["probabilities"] = _rounded(judged.probabilities)
        return _json(answer)

    @router.post("/v1/explain", **openapi.EXPLAIN)
    async def explain_image(request: Request) -> Response:
        images = await bodies.read_images(request, settings, load)
        if len(images) != 1:
            raise ProblemError(422, f"got {len(images)} images; expected one, of 784 bytes")
        return _json(await in_thread(request, partial(_explained, reader, images)))

    @router.get("/v1/gallery", **openapi.GALLERY)
    async def show_gallery(request: Request) -> Response:
        work = partial(gallery, reader.model.card, settings.data_dir)
        return _json(await in_thread(request, work))


def _add_monitoring(router: APIRouter, load: Load, metrics: Metrics) -> None:
    @router.get("/healthz", **openapi.HEALTH)
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @router.get("/readyz", **openapi.READY)
    async def readyz() -> Response:
        if refused := load.refusal():
            raise refused
        return _json({"status": "ready"})

    @router.get("/metrics", **openapi.METRICS)
    async def show_metrics() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _page(file: Path) -> Any:
    async def page() -> FileResponse:
        return FileResponse(file)

    return page


def _explained(reader: DigitReader, images: Images) -> dict[str, Any]:
    judged = reader.read_images(images)
    labels = np.argsort(judged.probabilities[0])[::-1][:2].tolist()
    evidence = explain(reader.model, images[0].astype(np.float32) / 255, labels)
    return {
        "method": "occlusion, 5×5 pixels (Zeiler and Fergus 2014)",
        "unit": "log-odds, in nats",
        "labels": labels,
        "probabilities": _rounded(judged.probabilities[0, labels]),
        "evidence": np.round(evidence, 4).astype(np.float64).round(4).tolist(),
    }


def _rounded(values: Any) -> Any:
    return values.astype(np.float64).round(6).tolist()


def _base64(image: Images) -> str:
    return base64.b64encode(image.tobytes()).decode()


def _json(answer: object) -> Response:
    # A name or a card may hold half a character (a surrogate), which UTF-8 has no bytes for.
    content = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, media_type="application/json")
