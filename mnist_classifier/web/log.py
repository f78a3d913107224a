"""The log on standard error: a line a request, where that is asked for, and faults.

Nothing that is sent gets there but the path and the request ID. No line can be forged: what is not
plain ASCII is escaped. No line is torn: several workers write to one file or pipe.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

_ACCESS = logging.getLogger(f"{__package__}.access")
_FAULTS = logging.getLogger(f"{__package__}.faults")

_MOST_BYTES = 4096  # Linux's PIPE_BUF: what one write to a pipe keeps together
_MOST_CHARACTERS = 200  # of a field
_BARE = re.compile(r"[!#-<>-\[\]-~]+")  # no space, quotation mark, equals sign or backslash


def configuration(access_log: str) -> dict[str, Any]:
    """Return the configuration for `logging.config`.

    Args:
        access_log: ``"text"`` or ``"json"``: how requests and faults are written; ``"none"``:
            faults alone, as text.
    """
    ours = {"handlers": ["stderr"], "level": "ERROR"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": _JsonFormatter if access_log == "json" else _TextFormatter}},
        "handlers": {"stderr": {"()": _StandardError, "formatter": "line"}},
        "loggers": {
            **dict.fromkeys(("asyncio", "uvicorn", __package__), ours),
            _ACCESS.name: {"level": "CRITICAL" if access_log == "none" else "INFO"},
            # A bad request is answered and counted, but no fault.
            "python_multipart": {"level": "ERROR"},
        },
    }


def keep_for_python() -> None:
    """Drop what C libraries write to standard error: libpng's words could tear a line."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)


def request(**fields: object) -> None:
    """Write that a request was answered."""
    _ACCESS.info("request", extra={"fields": fields})


def fault(**fields: object) -> None:
    """Write that the exception which is being handled is a fault of the service."""
    _FAULTS.exception("fault", extra={"fields": fields})


def trouble(what: str, **fields: object) -> None:
    """Write what was in the way of a request, which is no fault of the service."""
    _FAULTS.error(what, extra={"fields": fields})


class _StandardError(logging.Handler):
    """Writes each record in one piece to what is standard error at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # as logging's own handlers: a line that fails stops no request
            self.handleError(record)


class _JsonFormatter(logging.Formatter):
    """Each record is a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        if record.exc_info and record.exc_info[1]:
            room = _MOST_BYTES - len(json.dumps({**fields, "traceback": ""})) - 1
            fields["traceback"] = "\n".join(_end_of_traceback(record.exc_info[1], room))
        return json.dumps(fields)


class _TextFormatter(logging.Formatter):
    """Each record is a line of ``name=value`` (logfmt); a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        line = " ".join(f"{name}={_text(value)}" for name, value in _fields(record).items())
        if record.exc_info and record.exc_info[1]:
            room = _MOST_BYTES - len(line) - 1
            line = "\n".join([line, *_end_of_traceback(record.exc_info[1], room)])
        return line


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    time = datetime.fromtimestamp(record.created, timezone.utc)
    fields = {
        "time": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z",
        "level": record.levelname.lower(),
        "message": record.getMessage(),
        **getattr(record, "fields", {}),
    }
    return {
        name: value[:_MOST_CHARACTERS] if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _text(value: object) -> str:
    text = "-" if value is None else str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)


def _end_of_traceback(error: BaseException, room: int) -> list[str]:
    """Return the last lines of a traceback that find room in so many bytes."""
    end: list[str] = []
    for line in reversed([*_traceback(error)]):
        room -= len(json.dumps(line))
        if room < 0:
            break
        end.insert(0, line)
    return end


def _traceback(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback, without the errors' messages: they may quote what was sent.

    What is not plain ASCII is escaped.
    """
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _traceback(before)
    for entry in traceback.format_tb(error.__traceback__):
        yield from entry.encode("ascii", "backslashreplace").decode().splitlines()
    yield f"  {type(error).__module__}.{type(error).__qualname__}"
