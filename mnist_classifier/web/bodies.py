"""Request bodies: a picture, or many 28×28 images; limited in bytes and in time."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncGenerator

import anyio
import numpy as np
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mnist_classifier.normalisation import SIDE
from mnist_classifier.read.formats import format_of
from mnist_classifier.web.batching import Images
from mnist_classifier.web.load import Load
from mnist_classifier.web.problems import ProblemError
from mnist_classifier.web.settings import ServiceSettings

BYTES = "application/octet-stream"
JSON = "application/json"
MULTIPART = "multipart/form-data"
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff")
_PIXELS = SIDE * SIDE
# What stands before the comma of a data URL (RFC 2397), as browsers write it.
_DATA_URL = re.compile(
    r"data:(image/[a-z0-9.+-]+|application/octet-stream)?(;[a-z0-9.=-]+)*;base64", re.IGNORECASE
)


class _InMemory(MultiPartParser):
    """Starlette's parser, without its temporary files for large uploads."""

    spool_max_size = 2**62


async def read_picture(
    request: Request, settings: ServiceSettings, load: Load
) -> tuple[bytes, str | None]:
    """Return a picture file's bytes, and its name if it came in a form.

    Raises:
        ProblemError: The body is something else.
    """
    kind = _kind(request)
    name = None
    if kind == MULTIPART:
        picture, name = await _picture_of_form(request, await _read_body(request, settings, load))
    elif kind.startswith("image/") or kind == BYTES:
        picture = await _read_body(request, settings, load)
    elif kind == JSON:
        picture = _picture_of_data_url(await _read_body(request, settings, load))
    else:
        raise ProblemError(
            415,
            f"got the content type {kind or 'none'}; expected a picture file as the body "
            f"(image/png, image/jpeg, … or {BYTES}), {MULTIPART} with one file, or {JSON} with a "
            "data URL",
        )
    if other := format_of(picture):  # a stranger's may take seconds
        raise ProblemError(
            415, f"got a {other.name} file, which the service does not read: {other.conversion}"
        )
    return picture, name


async def read_images(request: Request, settings: ServiceSettings, load: Load) -> Images:
    """Return images, shape ``(n, 28, 28)``.

    Raises:
        ProblemError: The body is something else, or has too many images.
    """
    kind = _kind(request)
    if kind not in (BYTES, JSON):
        raise ProblemError(
            415,
            f"got the content type {kind or 'none'}; expected {BYTES} (n × 784 bytes), or {JSON} "
            'with these bytes in base64: {"images": "…"}',
        )
    content = await _read_body(request, settings, load)
    if kind == JSON:
        content = _images_of_json(content)
    if len(content) % _PIXELS or not content:
        raise ProblemError(
            422,
            f"got {len(content):,} bytes; expected n × 784: each image 28×28 bytes, row by row, "
            "0 paper to 255 ink",
        )
    count = len(content) // _PIXELS
    if count > settings.max_images:
        raise ProblemError(
            413,
            f"got {count:,} images; expected at most {settings.max_images:,}: send several "
            "requests, or raise the limit (--max-images)",
        )
    return np.frombuffer(content, np.uint8).reshape(count, SIDE, SIDE)


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _read_body(request: Request, settings: ServiceSettings, load: Load) -> bytes:
    """Return the body, within the limits of bytes and seconds."""
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > settings.max_body:
        raise _too_large(f"{int(stated):,}", settings)
    body = bytearray()
    try:
        with load.arriving(), anyio.fail_after(settings.timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.max_body:
                    raise _too_large("more", settings)
    except TimeoutError as error:
        raise ProblemError(
            408,
            f"got {len(body):,} bytes of the body in {settings.timeout:g} seconds; expected all: "
            "send it faster, or raise the limit (--timeout)",
        ) from error
    except ClientDisconnect as error:
        raise ProblemError(400, "the client left before its request was whole") from error
    if not body:
        raise ProblemError(422, "got an empty body; expected a picture or images: see /docs")
    return bytes(body)


def _too_large(got: str, settings: ServiceSettings) -> ProblemError:
    return ProblemError(
        413,
        f"got {got} bytes; expected at most {settings.max_body:,}: make the picture smaller, or "
        "raise the limit (--max-body)",
    )


async def _picture_of_form(request: Request, body: bytes) -> tuple[bytes, str | None]:
    async def stream() -> AsyncGenerator[bytes]:
        yield body

    expected = "expected multipart/form-data with one file, the picture"
    try:
        form = await _InMemory(request.headers, stream(), max_files=1, max_fields=10).parse()
    except (MultiPartException, ValueError, KeyError, LookupError) as error:
        raise ProblemError(400, f"the form is malformed ({error}); {expected}") from error
    try:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read(), value.filename
    finally:
        await form.close()
    raise ProblemError(422, f"the form has no file; {expected}")


def _picture_of_data_url(content: bytes) -> bytes:
    expected = 'expected {"image": "data:image/png;base64,…"}: a picture file as a data URL'
    head, _, data = _field(content, "image", expected).partition(",")
    if not _DATA_URL.fullmatch(head):
        raise ProblemError(422, f"image is no data URL of a picture in base64; {expected}")
    return _from_base64(data, "image", expected)


def _images_of_json(content: bytes) -> bytes:
    expected = 'expected {"images": "…"}: n × 784 bytes in base64'
    return _from_base64(_field(content, "images", expected), "images", expected)


def _field(content: bytes, name: str, expected: str) -> str:
    """Return the one field of a JSON object, a string."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, f"the body is no JSON ({error}); {expected}") from error
    if not isinstance(fields, dict) or set(fields) != {name}:
        raise ProblemError(422, f"got other JSON; {expected}")
    value = fields[name]
    if not isinstance(value, str):
        raise ProblemError(422, f"{name} is no string; {expected}")
    return value


def _from_base64(text: str, name: str, expected: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ProblemError(422, f"{name} is no base64 ({error}); {expected}") from error
