"""Both sides held against OpenAI's own document and the SDK's own types."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import jsonschema  # type: ignore[import-untyped]  # it has none of its own
import pytest
from openai import BaseModel
from openai.types import CreateEmbeddingResponse, Model, ModerationCreateResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from clientflow_plugins.openai.provider import OpenAIAssistant
from clientflow_plugins.openai.sandbox import ENDLESS_WORDS, REFUSED_WORDS, OpenAISandbox
from tests.plugins.openai.conftest import ASKED, SCHEMA, ask
from tests.plugins.openai.test_sandbox import CHAT, EMBEDDING, FORMAT, GOOD, MODERATION, RESPONSE

DOCUMENT: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "openai_api.schema.json").read_text("utf-8")
)
EVENT_SCHEMAS: Final = {
    "response.created": "ResponseCreatedEvent",
    "response.in_progress": "ResponseInProgressEvent",
    "response.output_item.added": "ResponseOutputItemAddedEvent",
    "response.content_part.added": "ResponseContentPartAddedEvent",
    "response.output_text.delta": "ResponseTextDeltaEvent",
    "response.output_text.done": "ResponseTextDoneEvent",
    "response.refusal.delta": "ResponseRefusalDeltaEvent",
    "response.refusal.done": "ResponseRefusalDoneEvent",
    "response.content_part.done": "ResponseContentPartDoneEvent",
    "response.output_item.done": "ResponseOutputItemDoneEvent",
    "response.completed": "ResponseCompletedEvent",
    "response.incomplete": "ResponseIncompleteEvent",
}
EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(ResponseStreamEvent)


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator({**DOCUMENT, "$ref": f"#/$defs/{name}"})


def problems(name: str, value: Any) -> list[str]:
    """Tell what is wrong with *value*, an unknown property at its top included."""
    found = [f"{one.json_path}: {one.message}" for one in validator(name).iter_errors(value)]
    known = DOCUMENT["$defs"][name].get("properties")
    if known is not None:
        found += [f"{one} is not known" for one in value if one not in known]
    return found


async def fetch(
    sandbox: OpenAISandbox, path: str, body: Mapping[str, Any] | None = None
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {sandbox.credentials['OPENAI_API_KEY']}"}
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, f"{sandbox.base_url}/v1/{path}", json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def events_of(sandbox: OpenAISandbox, path: str, body: Mapping[str, Any]) -> list[Any]:
    _, text = await fetch(sandbox, path, {**body, "stream": True})
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize(
    "asked",
    [ask(), ask(schema=SCHEMA, end_user="user-1"), ask(ENDLESS_WORDS, most_output_tokens=16)],
    ids=["words", "schema", "cut"],
)
async def test_what_we_ask_is_what_the_document_takes(
    assistant: OpenAIAssistant,
    chat_assistant: OpenAIAssistant,
    sandbox: OpenAISandbox,
    asked: Any,
) -> None:
    for one, name in ((assistant, "response_request"), (chat_assistant, "chat_request")):
        sandbox.clear()
        await one.complete(asked)
        _ = [part async for part in one.stream(asked)]
        for body in sandbox.state()["requests"]:
            assert not problems(name, body)


async def test_texts_are_asked_for_as_the_document_takes_them(
    assistant: OpenAIAssistant, sandbox: OpenAISandbox
) -> None:
    await assistant.embed([ASKED])
    await assistant.moderate([ASKED])
    embedding, moderation = sandbox.state()["requests"]
    assert not problems("embedding_request", embedding)
    assert not problems("moderation_request", moderation)


def said(words: str) -> dict[str, Any]:
    return {"input": [{"type": "message", "role": "user", "content": words}]}


WHOLE: Final[dict[str, dict[str, Any]]] = {
    "words": RESPONSE,
    "schema": RESPONSE | {"text": {"format": FORMAT}, "reasoning": {"effort": "low"}},
    "refused": RESPONSE | said(REFUSED_WORDS),
    "cut": RESPONSE | said(ENDLESS_WORDS) | {"prompt_cache_key": "k", "safety_identifier": "s"},
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=list(WHOLE))
async def test_a_response_is_one(sandbox: OpenAISandbox, body: dict[str, Any]) -> None:
    _, text = await fetch(sandbox, "responses", body)
    resource = json.loads(text)
    assert not problems("response", resource)
    Response.model_validate(resource, strict=True)


@pytest.mark.parametrize("body", WHOLE.values(), ids=list(WHOLE))
async def test_the_events_of_a_response_are_those(
    sandbox: OpenAISandbox, body: dict[str, Any]
) -> None:
    found = await events_of(sandbox, "responses", body)
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    for one in found:
        assert not problems(EVENT_SCHEMAS[one["type"]], one)
        EVENTS.validate_python(one)
    assert found[-1]["response"] == json.loads(json.dumps(found[-1]["response"]))
    assert found[-1]["type"] in {"response.completed", "response.incomplete"}


def asked_in_chat(words: str) -> dict[str, Any]:
    return CHAT | {"messages": [CHAT["messages"][0], {"role": "user", "content": words}]}


CHATS: Final = {
    "words": CHAT,
    "refused": asked_in_chat(REFUSED_WORDS),
    "cut": asked_in_chat(ENDLESS_WORDS),
}


@pytest.mark.parametrize("body", CHATS.values(), ids=list(CHATS))
async def test_a_completion_is_one(sandbox: OpenAISandbox, body: dict[str, Any]) -> None:
    _, text = await fetch(sandbox, "chat/completions", body)
    assert not problems("chat", json.loads(text))
    ChatCompletion.model_validate_json(text, strict=True)
    options = {"stream_options": {"include_usage": True}}
    chunks = await events_of(sandbox, "chat/completions", body | options)
    for chunk in chunks:
        assert not problems("chat_chunk", chunk)
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert chunks[-1]["usage"] == json.loads(text)["usage"]


async def test_vectors_verdicts_and_models_are_some(sandbox: OpenAISandbox) -> None:
    plain = EMBEDDING | {"encoding_format": "float"}
    packed = EMBEDDING | {"encoding_format": "base64"}
    answers: list[tuple[str, str, Mapping[str, Any] | None, type[BaseModel] | None]] = [
        ("embeddings", "embeddings", plain, CreateEmbeddingResponse),
        ("moderations", "moderations", MODERATION, ModerationCreateResponse),
        ("models", "models", None, None),
        ("model", "models/gpt-6-luna", None, Model),
    ]
    for name, path, body, model in answers:
        _, text = await fetch(sandbox, path, body)
        assert not problems(name, json.loads(text)), name
        if model is not None:
            model.model_validate_json(text)
    _, text = await fetch(sandbox, "embeddings", packed)
    assert isinstance(json.loads(text)["data"][0]["embedding"], str)


async def test_every_refusal_is_an_error_of_the_document(sandbox: OpenAISandbox) -> None:
    for path, good in GOOD.items():
        for body in ({}, good | {"model": "none"}, good | {"other": 1}):
            status, text = await fetch(sandbox, path, body)
            assert status in {400, 404}
            assert not problems("error", json.loads(text))
    for status in (429, 500, 503):
        told = sandbox.error_answer(status).text
        assert not problems("error", json.loads(told or ""))


def test_this_check_can_fail() -> None:
    assert problems("response_request", RESPONSE | {"max_output_tokens": "many"})
    assert problems("response_request", RESPONSE | {"unheard_of": 1})
    assert problems("response", {"id": "resp_1"})
    assert problems("ResponseTextDeltaEvent", {"type": "response.output_text.delta"})


def test_the_sdk_itself_checks_nothing() -> None:
    """Why reading.py does: an answer that is none becomes an object that holds it."""
    broken: dict[str, Any] = {"id": 1, "output": None}
    held = Response.construct(**broken)
    assert held.output is None
