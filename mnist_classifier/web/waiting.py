"""Work for a request, as long as its client waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from mnist_classifier.web.problems import ProblemError

Result = TypeVar("Result")


async def while_client_waits(
    request: Request, work: Coroutine[Any, Any, Result], seconds: float
) -> Result:
    """Return the result of work, which is cancelled once nobody waits for it any more.

    Raises:
        TimeoutError: It took longer than that.
        ProblemError: The client has closed the connection.
    """
    answer = asyncio.create_task(work)
    left = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((answer, left), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if left.done():
            raise ProblemError(400, "the client left before it had its answer")
        raise TimeoutError
    finally:
        answer.cancel()
        left.cancel()
        await asyncio.wait((answer, left))


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # the rest of a body that nobody reads
