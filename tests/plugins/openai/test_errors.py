"""The map of errors, row by row, each as it comes over HTTP through the SDK."""

import datetime as dt
import json
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.clock import SystemClock
from clientflow_core.errors import (
    AuthFailed,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.settings import load_settings
from clientflow_plugins.openai.errors import map_error
from clientflow_plugins.openai.settings import OpenAISettings
from clientflow_plugins.openai.spec import OPENAI
from tests.plugins.openai.conftest import ask

CLOCK: Final = SystemClock()


def body(code: str | None, message: str = "because") -> str:
    return json.dumps({"error": {"message": message, "type": "t", "param": None, "code": code}})


ROWS: Final[list[tuple[int, str, type[ProviderError]]]] = [
    (400, body("invalid_value"), RejectedInput),
    (400, body("content_policy_violation"), ProviderRefused),
    (400, body("billing_hard_limit_reached"), AuthFailed),
    (401, body("invalid_api_key"), AuthFailed),
    (403, body("unsupported_country_region_territory"), AuthFailed),
    (404, body("model_not_found"), RejectedInput),
    (408, body(None), ProviderUnavailable),
    (409, body(None), ProviderUnavailable),
    (413, body(None), RejectedInput),
    (422, body(None), RejectedInput),
    (429, body("rate_limit_exceeded"), RateLimited),
    (429, body(None), RateLimited),
    (429, body("insufficient_quota"), AuthFailed),
    (429, "<html>slow down</html>", RateLimited),
    (500, body(None), ProviderUnavailable),
    (502, "<html>Bad Gateway</html>", ProviderUnavailable),
    (503, body(None), ProviderUnavailable),
    (200, "<html>Welcome</html>", ProviderUnavailable),
    (200, "{", ProviderUnavailable),
    (200, "null", ProviderUnavailable),
    (200, "[]", ProviderUnavailable),
    (200, '{"status": "completed"}', ProviderUnavailable),
    (200, '{"status": "queued", "output": []}', ProviderUnavailable),
    (200, '{"status": "completed", "output": [], "model": 1, "usage": {}}', ProviderUnavailable),
    (302, "", ProviderUnavailable),
]


async def answered(status: int, text: str, headers: Mapping[str, str] | None = None) -> Any:
    """Give what the assistant raises where it is answered so."""

    async def answer(_: web.Request) -> web.Response:
        kind = "text/html" if text.startswith("<") else "application/json"
        return web.Response(status=status, text=text, headers=headers, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        url = str(server.make_url("/v1"))
        settings = load_settings(OpenAISettings, {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": url})
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            with pytest.raises(ProviderError) as caught:
                await assistant.complete(ask())
            return caught.value


@pytest.mark.parametrize(("status", "text", "kind"), ROWS)
async def test_each_answer_means_one_thing(
    status: int, text: str, kind: type[ProviderError]
) -> None:
    error = await answered(status, text)
    assert type(error) is kind
    assert "html" not in str(error)


async def test_a_wait_that_is_asked_for_is_told() -> None:
    headers = {"Retry-After": "17"}
    assert (await answered(429, body(None), headers)).retry_after_seconds == 17
    assert (await answered(503, body(None), headers)).retry_after_seconds == 17


async def test_a_wait_may_be_a_date() -> None:
    later = {"Retry-After": format_datetime(CLOCK.now() + dt.timedelta(seconds=30))}
    assert 0 < ((await answered(429, body(None), later)).retry_after_seconds or 0) <= 30


@pytest.mark.parametrize("error", [TimeoutError(), OSError(), ValueError(), KeyError("x")])
def test_what_is_no_answer_is_unavailable(error: Exception) -> None:
    assert type(map_error(error, clock=CLOCK)) is ProviderUnavailable


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    values = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    async with aiohttp.ClientSession() as http:
        settings = load_settings(OpenAISettings, values)
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            for work in (assistant.complete(ask()), assistant.verify(), assistant.embed(["a"])):
                with pytest.raises(ProviderUnavailable, match="connection"):
                    await work
