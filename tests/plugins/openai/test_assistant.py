"""The assistant, by both ways, against the sandbox."""

import asyncio
import uuid
from collections.abc import Callable
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TextDelta
from clientflow_core.errors import (
    AuthFailed,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.settings import load_settings
from clientflow_plugins.openai.provider import OpenAIAssistant
from clientflow_plugins.openai.responses import safety_identifier
from clientflow_plugins.openai.sandbox import (
    ENDLESS_WORDS,
    FLAGGED_WORDS,
    REFUSED_WORDS,
    UNFIT_WORDS,
    OpenAISandbox,
)
from clientflow_plugins.openai.settings import OpenAISettings
from clientflow_plugins.openai.spec import OPENAI
from tests.plugins.openai.conftest import ASKED, INSTRUCTIONS, SCHEMA, ask


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the other side has no event to wait for
            await asyncio.sleep(0.005)


async def listen(
    assistant: OpenAIAssistant, request: AssistanceRequest
) -> tuple[list[str], Assistance]:
    parts = [part async for part in assistant.stream(request)]
    assert isinstance(parts[-1], Assistance)
    return [part.text for part in parts[:-1] if isinstance(part, TextDelta)], parts[-1]


async def test_an_answer_says_what_it_took_and_what_that_has_cost(either: OpenAIAssistant) -> None:
    answer = await either.complete(ask())
    assert "Is Thursday at three still free?" in answer.text
    assert (answer.is_whole, answer.data, answer.model) == (True, None, "gpt-6-luna")
    usage = answer.usage
    expected = usage.input_tokens * Decimal("0.1") + usage.output_tokens * Decimal("0.5")
    assert usage.cost_usd == expected / 1_000_000


async def test_a_stream_joins_to_the_answer(either: OpenAIAssistant) -> None:
    parts, whole = await listen(either, ask())
    assert len(parts) > 5
    assert "".join(parts) == whole.text == (await either.complete(ask())).text
    assert whole.usage == (await either.complete(ask())).usage


async def test_an_answer_holds_to_a_schema(either: OpenAIAssistant) -> None:
    for answer in (
        await either.complete(ask(schema=SCHEMA)),
        (await listen(either, ask(schema=SCHEMA)))[1],
    ):
        assert ASKED.partition(". ")[2] in answer.data["reply"]
        assert answer.data["is_urgent"] is False


async def test_an_answer_that_does_not_fit_its_schema_is_none(either: OpenAIAssistant) -> None:
    with pytest.raises(ProviderUnavailable, match="does not fit") as caught:
        await either.complete(ask(UNFIT_WORDS, schema=SCHEMA))
    assert caught.value.provider_code == "unfit_answer"


async def test_a_schema_that_nobody_can_be_held_to_is_refused(either: OpenAIAssistant) -> None:
    loose = {name: value for name, value in SCHEMA.items() if name != "additionalProperties"}
    with pytest.raises(RejectedInput, match="additionalProperties") as caught:
        await either.complete(ask(schema=loose))
    assert caught.value.provider_code == "invalid_json_schema"


async def test_an_answer_that_is_cut_off_has_no_data(either: OpenAIAssistant) -> None:
    answer = await either.complete(ask(ENDLESS_WORDS, schema=SCHEMA, most_output_tokens=16))
    assert (answer.is_whole, answer.data, answer.usage.output_tokens) == (False, None, 16)


async def test_a_refusal_is_an_error(either: OpenAIAssistant) -> None:
    with pytest.raises(ProviderRefused, match="I cannot help with that") as caught:
        await either.complete(ask(REFUSED_WORDS))
    assert caught.value.provider_code == "refusal"
    with pytest.raises(ProviderRefused):
        await listen(either, ask(REFUSED_WORDS))


async def test_no_money_is_told_from_too_fast(
    either: OpenAIAssistant, sandbox: OpenAISandbox
) -> None:
    sandbox.faults.call = CallFault(calls=1, answer=Answer.RATE_LIMITED, retry_after_seconds=7)
    with pytest.raises(RateLimited) as fast:
        await either.complete(ask())
    assert fast.value.retry_after_seconds == 7
    sandbox.events()[0].happen({})
    with pytest.raises(AuthFailed) as poor:
        await either.complete(ask())
    assert poor.value.provider_code == "insufficient_quota"
    with pytest.raises(AuthFailed):
        await listen(either, ask())


async def test_what_is_asked_is_not_kept_and_names_nobody(
    http: aiohttp.ClientSession, sandbox: OpenAISandbox, settings: OpenAISettings
) -> None:
    organization_id = uuid.uuid4()
    context = ProviderContext(http=http, organization_id=organization_id)
    async with OPENAI.open(context, settings) as assistant:
        await assistant.complete(ask(end_user="c" * 65, most_output_tokens=99))
    (body,) = sandbox.state()["requests"]
    assert body["store"] is False
    assert body["prompt_cache_key"] == organization_id.hex
    assert body["max_output_tokens"] == 99
    assert body["reasoning"] == {"effort": "low"}
    assert body["instructions"] == INSTRUCTIONS
    assert len(body["safety_identifier"]) == 64
    assert body["safety_identifier"] != "c" * 64


def test_who_is_behind_it_is_told_as_it_is_where_it_fits() -> None:
    assert safety_identifier("user-1") == "user-1"
    assert safety_identifier("x" * 65) == safety_identifier("x" * 65) != safety_identifier("y" * 65)


async def test_a_chat_says_only_what_all_servers_know(
    chat_assistant: OpenAIAssistant, sandbox: OpenAISandbox
) -> None:
    await chat_assistant.complete(ask(end_user="user-1"))
    (body,) = sandbox.state()["requests"]
    assert set(body) == {"model", "messages", "max_tokens"}
    assert [one["role"] for one in body["messages"]] == ["system", "user", "assistant", "user"]


async def test_the_effort_may_be_left_to_the_model(
    http: aiohttp.ClientSession, sandbox: OpenAISandbox
) -> None:
    values = sandbox.settings() | {"OPENAI_REASONING_EFFORT": "model", "OPENAI_MODEL": "gpt-5.4"}
    settings = load_settings(OpenAISettings, values)
    async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
        await assistant.complete(ask())
    (body,) = sandbox.state()["requests"]
    assert "reasoning" not in body
    assert body["model"] == "gpt-5.4"


async def test_the_shared_session_is_used_and_stays_open(settings: OpenAISettings) -> None:
    """The SDK's transport is private: this fails if it is gone, or has connections of its own."""
    seen: list[str] = []
    trace = aiohttp.TraceConfig()

    async def note(_: object, __: object, request: aiohttp.TraceRequestStartParams) -> None:
        seen.append(request.url.path)

    trace.on_request_start.append(note)
    async with aiohttp.ClientSession(trace_configs=[trace]) as http:
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            await assistant.verify()
            await assistant.complete(ask())
        assert not http.closed
    assert seen == ["/openai/v1/models", "/openai/v1/responses"]


async def test_the_environment_of_the_process_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, http: aiohttp.ClientSession, settings: OpenAISettings
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
        assert await assistant.verify() == "clientflow-sandbox"
        client = assistant._models._client
        assert "somebody-else" not in str(client.default_headers)


async def test_who_leaves_a_stream_ends_the_call(
    either: OpenAIAssistant, sandbox: OpenAISandbox
) -> None:
    sandbox.step_seconds = 0.01
    stream = either.stream(ask(ENDLESS_WORDS, most_output_tokens=100_000))
    first = await anext(stream)
    assert isinstance(first, TextDelta)
    await stream.aclose()
    assert len(sandbox.state()["requests"]) == 1


async def answering(app_answer: web.Response | str) -> tuple[web.Application, list[str]]:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        if isinstance(app_answer, str):
            return web.Response(text=app_answer, content_type="text/event-stream")
        return web.json_response(text=app_answer.text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app, seen


STREAMS = {
    "nothing": "",
    "an end without an answer": 'event: response.created\ndata: {"type": "response.created"}\n\n',
    "no JSON": "data: {\n\n",
    "a response that lacks all": 'data: {"type": "response.completed", "response": {}}\n\n',
    "no response": 'data: {"type": "response.completed"}\n\n',
}


@pytest.mark.parametrize("words", STREAMS.values(), ids=list(STREAMS))
async def test_a_stream_that_is_none_is_unavailable(
    http: aiohttp.ClientSession, words: str
) -> None:
    app, _ = await answering(words)
    async with TestServer(app) as server:
        settings = load_settings(
            OpenAISettings, {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": str(server.make_url("/v1"))}
        )
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            with pytest.raises(ProviderUnavailable):
                await listen(assistant, ask())


FAILURES = {
    "server_error": ProviderUnavailable,
    "rate_limit_exceeded": RateLimited,
    "insufficient_quota": AuthFailed,
    "invalid_prompt": ProviderRefused,
}


@pytest.mark.parametrize(("code", "kind"), FAILURES.items())
async def test_a_stream_that_fails_says_why(
    http: aiohttp.ClientSession, code: str, kind: type[Exception]
) -> None:
    error = f'{{"code": "{code}", "message": "so it is"}}'
    failed = f'{{"status": "failed", "error": {error}}}'
    lines = (
        f'data: {{"type": "error", "code": "{code}", "message": "so it is"}}\n\n',
        f'data: {{"type": "response.failed", "response": {failed}}}\n\n',
        f'data: {{"error": {error}}}\n\n',
    )
    for words in lines:
        app, _ = await answering(words)
        async with TestServer(app) as server:
            url = str(server.make_url("/v1"))
            settings = load_settings(
                OpenAISettings, {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": url}
            )
            async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
                with pytest.raises(kind) as caught:
                    await listen(assistant, ask())
                assert type(caught.value) is kind


async def test_a_filter_that_ends_the_answer_refuses_it(http: aiohttp.ClientSession) -> None:
    told = (
        '{"status": "incomplete", "incomplete_details": {"reason": "content_filter"},'
        ' "model": "m", "output": [], "usage": {"input_tokens": 1, "output_tokens": 0}}'
    )
    app, _ = await answering(web.Response(text=told))
    async with TestServer(app) as server:
        url = str(server.make_url("/v1"))
        settings = load_settings(OpenAISettings, {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": url})
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            with pytest.raises(ProviderRefused, match="filter"):
                await assistant.complete(ask())


async def test_a_redirect_is_not_followed(
    http: aiohttp.ClientSession, sandbox: OpenAISandbox
) -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{sandbox.base_url}{request.path}")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", elsewhere)
    async with TestServer(app) as server:
        values = sandbox.settings() | {"OPENAI_BASE_URL": str(server.make_url("/v1"))}
        settings = load_settings(OpenAISettings, values)
        async with OPENAI.open(ProviderContext(http=http), settings) as assistant:
            with pytest.raises(ProviderUnavailable):
                await assistant.complete(ask())
    assert sandbox.calls_seen == 0


async def test_vectors_are_in_the_order_of_their_texts(assistant: OpenAIAssistant) -> None:
    one, other = "move the appointment", "what does it cost"
    vectors = await assistant.embed([one, other, one])
    assert vectors[0] == vectors[2] != vectors[1]


async def test_float_vectors_are_read_too(
    assistant: OpenAIAssistant, http: aiohttp.ClientSession, sandbox: OpenAISandbox
) -> None:
    body = {"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "float"}
    key = sandbox.credentials["OPENAI_API_KEY"]
    async with http.post(
        f"{sandbox.base_url}/v1/embeddings", json=body, headers={"Authorization": f"Bearer {key}"}
    ) as answer:
        plain = (await answer.json())["data"][0]["embedding"]
    assert list((await assistant.embed(["a"]))[0]) == pytest.approx(plain)


async def test_a_verdict_says_what_is_wrong(assistant: OpenAIAssistant) -> None:
    fine, bad = await assistant.moderate(["See you!", FLAGGED_WORDS])
    assert (fine.is_flagged, fine.categories) == (False, frozenset())
    assert (bad.is_flagged, bad.categories) == (True, frozenset({"harassment"}))


async def test_a_task_that_is_cancelled_ends(
    assistant: OpenAIAssistant, sandbox: OpenAISandbox
) -> None:
    sandbox.faults.call = CallFault(calls=1, answer=Answer.TIMEOUT)
    task = asyncio.create_task(assistant.complete(ask()))
    await until(lambda: sandbox.calls_seen > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
