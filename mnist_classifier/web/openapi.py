"""The routes' descriptions and schemas for the OpenAPI document."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from fastapi import FastAPI

from mnist_classifier.normalisation import SIDE
from mnist_classifier.web import request_ids
from mnist_classifier.web.bodies import BYTES, JSON, MULTIPART, PICTURES
from mnist_classifier.web.problems import MEDIA_TYPE

DESCRIPTION = """\
Reads handwritten digits, as `mnist read` does; stores nothing. Every error is a
[problem document](https://www.rfc-editor.org/rfc/rfc9457)."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_LABEL = {"type": "integer", "minimum": 0, "maximum": 9}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_SHARES = {"type": "array", "items": _SHARE, "minItems": 10, "maxItems": 10}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_SCHEMAS: dict[str, Any] = {}


def _named(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Give a schema a name in the document; return a reference to it."""
    _SCHEMAS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


class DescribedApp(FastAPI):
    """An application whose OpenAPI document has this module's named schemas."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        document = super().openapi()
        document.setdefault("components", {})["schemas"] = _SCHEMAS
        return document


_TEXT = {"type": "string"}
_IMAGE = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "28×28 bytes, row by row, 0 paper to 255 ink",
}
_PROBLEM = _named(
    "Problem",
    _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "request_id": {**_TEXT, "description": "as in the header X-Request-ID"},
        }
    ),
)
_DIGIT = _named(
    "Digit",
    _object(
        {
            "label": _LABEL,
            "confidence": _SHARE,
            "probabilities": _SHARES,
            "box": {
                **_list({"type": "integer"}),
                "minItems": 4,
                "maxItems": 4,
                "description": "x, y, width, height in the picture's pixels",
            },
        },
        image=_IMAGE,
    ),
)
_CANDIDATE = _named("Candidate", _object({"text": _TEXT, "probability": _SHARE}))
_LINE = _named(
    "Line",
    _object(
        {
            "text": {**_TEXT, "description": "digits and . , - / : as written"},
            "probability": {**_SHARE, "description": "of the whole text"},
            "alternatives": {**_list(_CANDIDATE), "description": "the next likeliest texts"},
        }
    ),
)
_READING = _named(
    "Reading",
    _object(
        {
            "picture": _or_null({**_TEXT, "description": "the file's name, if it came in a form"}),
            "text": {
                **_TEXT,
                "description": "lines parted by a newline; ? is a mark, but no digit",
            },
            "number": {**_TEXT, "description": "the text's digits alone"},
            "confidence": {**_SHARE, "description": "the probability that all of it is right"},
            "lines": _list(_LINE),
            "digits": _list(_DIGIT),
            "refused": _or_null({**_TEXT, "description": "why there is no text"}),
            "error": {"type": "null"},
        }
    ),
)
_JUDGEMENTS = _named(
    "Judgements",
    _object(
        {
            "labels": _list(_LABEL),
            "confidences": _list(_SHARE),
            "accepted": {**_list({"type": "boolean"}), "description": "false: no digit"},
        },
        probabilities=_list(_SHARES),
    ),
)
_EXPLANATION = _named(
    "Explanation",
    _object(
        {
            "method": _TEXT,
            "unit": _TEXT,
            "labels": {**_list(_LABEL), "description": "the answer, and the second choice"},
            "probabilities": _list(_SHARE),
            "evidence": {
                **_list(_list(_list({"type": "number"}))),
                "description": "28×28 for each label: above 0 where the ink speaks for it",
            },
        }
    ),
)
_COUNT = {"type": "integer", "minimum": 0}
_MISTAKE = _named(
    "Mistake",
    _object(
        {
            "index": _COUNT,
            "label": _LABEL,
            "answer": _LABEL,
            "confidence": _SHARE,
            "image": _or_null(_IMAGE),
        }
    ),
)
_GALLERY = _named(
    "Gallery",
    _object(
        {
            "test_size": _or_null(_COUNT),
            "test_accuracy": _or_null(_SHARE),
            "test_accuracy_interval": _or_null(_list(_SHARE)),
            "confusions": _or_null(
                {**_list(_list(_COUNT)), "description": "a row a label, a column an answer"}
            ),
            "mistakes": _list(_MISTAKE),
        }
    ),
)


def _example(count: int) -> dict[str, str]:
    """Return a request's JSON: an image of a one, and blank images."""
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    images[0, 4:24, 13:16] = 255
    return {"images": base64.b64encode(images.tobytes()).decode()}


_PROBLEMS = {
    400: "The body is malformed.",
    408: "The body took too long to arrive.",
    413: "Too many bytes, pixels or images.",
    415: "Another content type or format is expected.",
    422: "The body is not what it should be.",
    503: "Too many requests in flight, or no answer in time: come again.",
}
_SENT_ID = {
    "name": request_ids.HEADER,
    "in": "header",
    "schema": _TEXT,
    "description": "The request's ID in the log: 1 to 128 letters, digits, dots, dashes and "
    "underscores. Anything else is replaced.",
}
_ANSWERED_ID = {
    request_ids.HEADER: {
        "required": True,
        "schema": {**_TEXT, "pattern": f"^{request_ids.PATTERN}$"},
        "description": "The request's ID: the one that was sent, or a new one.",
    }
}
_RETRY_AFTER = {
    "Retry-After": {
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 30},
        "description": "Seconds after which to come again.",
    }
}


def _route(
    operation_id: str,
    summary: str,
    answer: dict[str, Any],
    body: dict[str, Any] | None = None,
    problems: tuple[int, ...] = (),
    description: str = "",
) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": _PROBLEM}}
    route: dict[str, Any] = {
        "operation_id": operation_id,
        "summary": summary,
        "description": description,
        "response_model": None,
        "responses": {
            200: {"description": "The answer.", "headers": _ANSWERED_ID, "content": answer},
            **{
                status: {
                    "description": _PROBLEMS[status],
                    "headers": _ANSWERED_ID | (_RETRY_AFTER if status == 503 else {}),
                    "content": problem,
                }
                for status in problems
            },
        },
        "openapi_extra": {"parameters": [_SENT_ID]},
    }
    if body is not None:
        route["openapi_extra"]["requestBody"] = {"required": True, "content": body}
    return route


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {JSON: {"schema": schema}}


_PICTURE_IN_JSON = {
    "schema": _named(
        "PictureInJson",
        _object(
            {
                "image": {
                    **_TEXT,
                    "pattern": "^data:image/[a-z0-9.+-]+;base64,",
                    "description": "a picture file as a data URL, such as a canvas gives",
                }
            }
        ),
    )
}
_IMAGES_IN_JSON = {
    "schema": _named(
        "Images", _object({"images": {**_IMAGE, "description": "n × 784 bytes in base64"}})
    )
}

READ = _route(
    "read",
    "Read the numbers in a picture",
    _json(_READING),
    {
        **dict.fromkeys((*PICTURES, BYTES), _BINARY),
        MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {"picture": _BINARY["schema"]},
                "required": ["picture"],
            }
        },
        JSON: _PICTURE_IN_JSON,
    },
    tuple(_PROBLEMS),
    "The picture file is the body, the one file of a form, or a data URL in JSON.\n\n"
    "    curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:8000/v1/read\n"
    "    curl -F picture=@photo.jpg http://127.0.0.1:8000/v1/read",
)
READ_IMAGES = _route(
    "readImages",
    "Judge many images that look like MNIST's",
    _json(_JUDGEMENTS),
    {BYTES: _BINARY, JSON: {**_IMAGES_IN_JSON, "example": _example(2)}},
    tuple(_PROBLEMS),
    "The body is n × 784 bytes: 28×28 an image, row by row, 0 paper to 255 ink.\n\n"
    "    curl --data-binary @images.bin -H 'Content-Type: application/octet-stream' "
    "http://127.0.0.1:8000/v1/read-images",
)
EXPLAIN = _route(
    "explain",
    "Tell which ink speaks for a digit",
    _json(_EXPLANATION),
    {BYTES: _BINARY, JSON: {**_IMAGES_IN_JSON, "example": _example(1)}},
    tuple(_PROBLEMS),
    "One image of 784 bytes. The method is occlusion (Zeiler and Fergus 2014).",
)
GALLERY = _route(
    "gallery", "The network's mistakes on MNIST's test set", _json(_GALLERY), problems=(503,)
)
_STATUS = _json(_named("Status", _object({"status": _TEXT})))
HEALTH = _route("health", "The service lives", _STATUS)
READY = _route("ready", "The service takes requests", _STATUS, problems=(503,))
METRICS = _route("metrics", "Numbers for Prometheus", {"text/plain": {"schema": _TEXT}})
