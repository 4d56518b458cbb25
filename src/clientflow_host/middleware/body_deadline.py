"""A body that does not arrive in time is not waited for."""

import asyncio
import contextlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from aiohttp import web

from clientflow_host.openapi import HttpProblem

BODY_SECONDS: Final = 30.0


@contextlib.contextmanager
def body_deadline(request: web.Request) -> Iterator[None]:
    """Let whoever reads the body of *request* in the block hear when its time is over.

    Raises:
        HttpProblem: 408, out of the reading.
    """
    detail = f"the body did not arrive within {BODY_SECONDS:.0f} seconds"
    late = HttpProblem(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", detail)
    timer = asyncio.get_running_loop().call_later(BODY_SECONDS, request.content.set_exception, late)
    try:
        yield
    finally:
        timer.cancel()
