"""Errors as problem documents: problem details for HTTP (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from mnist_classifier.errors import PictureError, PictureTooLargeError
from mnist_classifier.web import request_ids

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that cannot be answered: the HTTP status, and the reason in one line.

    A client that gets 503 is asked to come again after ``retry_after`` seconds.
    """

    def __init__(self, status: int, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry_after = status, detail, retry_after


def document(status: int, detail: str, request_id: str) -> bytes:
    """Return a problem document."""
    fields = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


def response(
    scope: Scope, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a problem document."""
    content = document(status, detail, request_ids.of(scope))
    return Response(content, status, headers, MEDIA_TYPE)


def answer(scope: Scope, problem: ProblemError) -> Response:
    """Return the response to a request that cannot be answered; a 503 has Retry-After."""
    headers = {"Retry-After": str(problem.retry_after)} if problem.status == 503 else None
    return response(scope, problem.status, problem.detail, headers)


def install(app: FastAPI) -> None:
    """Make an application answer every error with a problem document."""

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> Response:
        return answer(request.scope, error)

    @app.exception_handler(PictureError)
    async def _picture(request: Request, error: PictureError) -> Response:
        status = 413 if isinstance(error, PictureTooLargeError) else 422
        return response(request.scope, status, str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        found = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return response(request.scope, 422, "; ".join(found))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path}: {error.detail}; see /docs"
        return response(request.scope, error.status_code, detail, error.headers)
