"""Answers that are not what they should be, by both ways, and what cannot be opened."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.errors import PluginError, ProviderRefused, ProviderUnavailable
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.settings import load_settings
from clientflow_plugins.openai.provider import OpenAIAssistant
from clientflow_plugins.openai.settings import OpenAISettings
from clientflow_plugins.openai.spec import OPENAI
from tests.plugins.openai.conftest import SCHEMA, ask

USAGE: Final = {"input_tokens": 1, "output_tokens": 1}
CHAT_USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 2}


@contextlib.asynccontextmanager
async def answering(answer: Any, *, is_chat: bool = False) -> AsyncIterator[OpenAIAssistant]:
    """Give an assistant that is answered with *answer*: JSON, or the events of a stream."""

    async def handle(_: web.Request) -> web.Response:
        if isinstance(answer, list):
            text = "".join(f"data: {json.dumps(one)}\n\n" for one in answer) + "data: [DONE]\n\n"
            return web.Response(text=text, content_type="text/event-stream")
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        values = {
            "OPENAI_API_KEY": "x",
            "OPENAI_BASE_URL": str(server.make_url("/v1")),
            "OPENAI_CHAT_COMPLETIONS": "true" if is_chat else "false",
        }
        settings = load_settings(OpenAISettings, values)
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            yield assistant


def response(**changed: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": "Yes."}
    message = {"type": "message", "content": [part]}
    return {
        "status": "completed",
        "model": "m",
        "output": [{"type": "reasoning", "summary": []}, message],
        "usage": USAGE,
        **changed,
    }


def completion(ended: str | None = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "Yes.", **message}
    choice = {"index": 0, "message": said, "finish_reason": ended}
    return {"model": "m", "choices": [choice], "usage": CHAT_USAGE}


async def test_what_a_model_thinks_is_no_part_of_its_answer() -> None:
    async with answering(response()) as assistant:
        answer = await assistant.complete(ask())
    assert (answer.text, answer.model, answer.usage.cost_usd) == ("Yes.", "m", None)


async def test_words_where_a_form_is_due_do_not_fit() -> None:
    async with answering(response()) as assistant:
        with pytest.raises(ProviderUnavailable, match="does not fit"):
            await assistant.complete(ask(schema=SCHEMA))


@pytest.mark.parametrize(
    "changed",
    [
        {"output": []},
        {"model": None},
        {"usage": {"input_tokens": -1, "output_tokens": 1}},
        {"usage": {"input_tokens": True, "output_tokens": 1}},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": 1}]}]},
    ],
)
async def test_a_response_that_lacks_something_is_unavailable(changed: dict[str, Any]) -> None:
    async with answering(response(**changed)) as assistant:
        with pytest.raises(ProviderUnavailable):
            await assistant.complete(ask())


async def test_another_server_may_leave_the_details_out() -> None:
    async with answering(completion(), is_chat=True) as assistant:
        usage = (await assistant.complete(ask())).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (3, 2, 0)


async def test_a_filter_that_ends_a_completion_refuses_it() -> None:
    async with answering(completion("content_filter"), is_chat=True) as assistant:
        with pytest.raises(ProviderRefused, match="filter"):
            await assistant.complete(ask())


@pytest.mark.parametrize("ended", ["tool_calls", None])
async def test_a_completion_that_has_ended_strangely_is_unavailable(ended: str | None) -> None:
    async with answering(completion(ended), is_chat=True) as assistant:
        with pytest.raises(ProviderUnavailable):
            await assistant.complete(ask())


async def test_a_completion_that_breaks_off_is_unavailable() -> None:
    chunk = {"model": "m", "choices": [{"index": 0, "delta": {"content": "Yes"}}]}
    async with answering([chunk], is_chat=True) as assistant:
        with pytest.raises(ProviderUnavailable, match="before the answer"):
            _ = [part async for part in assistant.stream(ask())]


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 1, "embedding": [0.5]}],
        [{"index": 0, "embedding": [float("nan")]}],
        [{"index": 0, "embedding": None}],
    ],
)
async def test_vectors_that_are_none_are_unavailable(data: Any) -> None:
    async with answering({"data": data, "model": "m"}) as assistant:
        with pytest.raises(ProviderUnavailable):
            await assistant.embed(["a"])


@pytest.mark.parametrize("results", [[], [{"flagged": None, "categories": {}}]])
async def test_verdicts_that_are_none_are_unavailable(results: Any) -> None:
    async with answering({"results": results}) as assistant:
        with pytest.raises(ProviderUnavailable):
            await assistant.moderate(["a"])


async def test_without_the_sdk_it_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, settings: OpenAISettings, http: aiohttp.ClientSession
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.openai.provider", None)
    with pytest.raises(PluginError, match=r"clientflow\[openai\]"):
        async with OPENAI.open(ProviderContext(http=http), settings):
            pass
