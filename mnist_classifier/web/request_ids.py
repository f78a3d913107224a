"""Request IDs: what a client's, a proxy's and the service's logs call a request."""

from __future__ import annotations

import re
import uuid

from starlette.types import Scope

HEADER = "X-Request-ID"
PATTERN = r"[A-Za-z0-9._-]{1,128}"


def choose(sent: str | None) -> str:
    """Return the ID that a client has sent, if it is well-formed; a new one otherwise."""
    if sent is not None and re.fullmatch(PATTERN, sent):
        return sent
    return str(uuid.uuid4())


def of(scope: Scope) -> str:
    """Return a request's ID."""
    return str(scope["state"]["request_id"])
