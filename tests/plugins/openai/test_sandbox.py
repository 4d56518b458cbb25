"""The stand-in is strict, and its drafts make sense."""

import copy
import json
from typing import Any, Final

import aiohttp
import pytest

from clientflow_plugins.openai.sandbox import OpenAISandbox
from clientflow_plugins.openai.sandbox.drafting import compose
from tests.plugins.openai.conftest import SCHEMA

RESPONSE: Final[dict[str, Any]] = {
    "model": "gpt-6-luna",
    "instructions": "Be brief.",
    "input": [{"type": "message", "role": "user", "content": "Hello?"}],
    "max_output_tokens": 64,
    "store": False,
}
CHAT: Final[dict[str, Any]] = {
    "model": "gpt-6-luna",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ],
    "max_tokens": 64,
}
EMBEDDING: Final[dict[str, Any]] = {"model": "text-embedding-3-small", "input": ["Hello?"]}
MODERATION: Final[dict[str, Any]] = {"model": "omni-moderation-latest", "input": ["Hello?"]}
FORMAT: Final[dict[str, Any]] = {
    "type": "json_schema",
    "name": "answer",
    "schema": SCHEMA,
    "strict": True,
}
GOOD: Final = {
    "responses": RESPONSE,
    "chat/completions": CHAT,
    "embeddings": EMBEDDING,
    "moderations": MODERATION,
}


async def post(
    sandbox: OpenAISandbox, path: str, body: Any, **headers: str
) -> tuple[int, dict[str, Any]]:
    key = sandbox.credentials["OPENAI_API_KEY"]
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{sandbox.base_url}/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}", **headers},
        ) as answer,
    ):
        found: dict[str, Any] = await answer.json()
        return answer.status, found.get("error") or found


@pytest.mark.parametrize("path", GOOD)
async def test_what_is_right_is_answered(sandbox: OpenAISandbox, path: str) -> None:
    assert (await post(sandbox, path, GOOD[path]))[0] == 200


@pytest.mark.parametrize("path", GOOD)
async def test_what_is_unknown_missing_or_mistyped_is_refused(
    sandbox: OpenAISandbox, path: str
) -> None:
    good = GOOD[path]
    status, error = await post(sandbox, path, good | {"temprature": 1})
    assert (status, error["code"], error["param"]) == (400, "unknown_parameter", "temprature")
    for name in good:
        rest = {other: value for other, value in good.items() if other != name}
        status, error = await post(sandbox, path, rest)
        assert (status, error["code"]) == (400, "missing_required_parameter"), name
        status, error = await post(sandbox, path, good | {name: None})
        assert (status, error["code"]) == (400, "invalid_type"), name


@pytest.mark.parametrize("path", GOOD)
async def test_a_model_that_is_not_there_is_refused(sandbox: OpenAISandbox, path: str) -> None:
    status, error = await post(sandbox, path, GOOD[path] | {"model": "gpt-0"})
    assert (status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("key", ["Bearer sk-other", "Basic x", ""])
async def test_another_key_is_refused(sandbox: OpenAISandbox, key: str) -> None:
    status, error = await post(sandbox, "responses", RESPONSE, Authorization=key)
    assert (status, error["code"]) == (401, "invalid_api_key")


def changed(body: dict[str, Any], *place: str | int, value: Any) -> dict[str, Any]:
    """Give *body* with *value* at *place*."""
    made = copy.deepcopy(body)
    at: Any = made
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    return made


STRICT: Final = RESPONSE | {"text": {"format": FORMAT}}
CHAT_FORMAT: Final = {
    "type": "json_schema",
    "json_schema": {name: value for name, value in FORMAT.items() if name != "type"},
}
WRONG: Final[dict[str, tuple[str, Any, str]]] = {
    "kept": ("responses", changed(RESPONSE, "store", value=True), "store"),
    "too few tokens": (
        "responses",
        changed(RESPONSE, "max_output_tokens", value=15),
        "max_output_tokens",
    ),
    "a truth for a number": (
        "responses",
        changed(RESPONSE, "max_output_tokens", value=True),
        "max_output_tokens",
    ),
    "nothing said": ("responses", changed(RESPONSE, "input", value=[]), "input"),
    "a strange speaker": (
        "responses",
        changed(RESPONSE, "input", 0, "role", value="tool"),
        "input[0].role",
    ),
    "a strange item": (
        "responses",
        changed(RESPONSE, "input", 0, "type", value="image"),
        "input[0].type",
    ),
    "no item": ("responses", changed(RESPONSE, "input", 0, value="Hello?"), "input[0]"),
    "a strange effort": (
        "responses",
        RESPONSE | {"reasoning": {"effort": "much"}},
        "reasoning.effort",
    ),
    "a long identifier": (
        "responses",
        RESPONSE | {"safety_identifier": "x" * 65},
        "safety_identifier",
    ),
    "a loose schema": (
        "responses",
        changed(STRICT, "text", "format", "strict", value=False),
        "text.format.strict",
    ),
    "a name with a blank": (
        "responses",
        changed(STRICT, "text", "format", "name", value="an answer"),
        "text.format.name",
    ),
    "an open object": (
        "responses",
        changed(STRICT, "text", "format", "schema", "additionalProperties", value=True),
        "text.format",
    ),
    "a field that may be missing": (
        "responses",
        changed(STRICT, "text", "format", "schema", "required", value=["reply"]),
        "text.format",
    ),
    "no object": (
        "responses",
        changed(STRICT, "text", "format", "schema", value={"type": "string"}),
        "text.format",
    ),
    "no schema at all": (
        "responses",
        changed(STRICT, "text", "format", "schema", "properties", "reply", value=True),
        "text.format",
    ),
    "no messages in chat": (
        "chat/completions",
        changed(CHAT, "messages", value=CHAT["messages"][:1]),
        "messages",
    ),
    "no instructions": (
        "chat/completions",
        changed(CHAT, "messages", 0, "role", value="user"),
        "messages[0].role",
    ),
    "no messages": ("chat/completions", changed(CHAT, "messages", value=[]), "messages[0].role"),
    "no tokens": ("chat/completions", changed(CHAT, "max_tokens", value=0), "max_tokens"),
    "a strange form": (
        "chat/completions",
        CHAT | {"response_format": CHAT_FORMAT | {"type": "json_object"}},
        "response_format.type",
    ),
    "no texts": ("embeddings", changed(EMBEDDING, "input", value=[]), "input"),
    "an empty text": ("embeddings", changed(EMBEDDING, "input", value=[""]), "input[0]"),
    "a strange encoding": (
        "embeddings",
        EMBEDDING | {"encoding_format": "hex"},
        "encoding_format",
    ),
    "a number": ("moderations", changed(MODERATION, "input", value=[1]), "input[0]"),
}


@pytest.mark.parametrize(("path", "body", "param"), WRONG.values(), ids=list(WRONG))
async def test_each_wrong_value_is_refused_by_its_name(
    sandbox: OpenAISandbox, path: str, body: Any, param: str
) -> None:
    status, error = await post(sandbox, path, body)
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize("body", ["no object", [1], None])
async def test_a_body_that_is_no_object_is_refused(sandbox: OpenAISandbox, body: Any) -> None:
    assert (await post(sandbox, "responses", body))[0] == 400


async def test_a_schema_of_every_kind_is_filled(sandbox: OpenAISandbox) -> None:
    properties = {
        "kind": {"type": "string", "enum": ["a", "b"]},
        "either": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "many": {"type": "array", "items": {"type": "integer"}},
        "perhaps": {"type": ["boolean", "null"]},
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    body = RESPONSE | {"text": {"format": FORMAT | {"schema": schema}}}
    _, found = await post(sandbox, "responses", body)
    data = json.loads(found["output"][0]["content"][0]["text"])
    assert data == {"kind": "a", "either": None, "many": [1], "perhaps": False}


async def test_people_see_what_was_asked_and_answered(sandbox: OpenAISandbox) -> None:
    await post(sandbox, "responses", RESPONSE)
    (one,) = sandbox.panel().exchanges
    assert one.asked == "“Hello?”"
    assert one.answer in sandbox.state()["answers"]
    assert one.note.startswith("gpt-6-luna: ")
    await sandbox.reset()
    assert not sandbox.panel().exchanges


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Hi there. Is Thursday free? I could come at three.", "“Is Thursday free?”"),
        ("How much is a haircut?", "The price depends"),
        ("I must cancel tomorrow.", "take it out of our calendar"),
        ("When do you open?", "opening hours"),
        ("Where are you?", "the address"),
        ("Thank you so much!", "You are welcome!"),
        ("Hello!", "How can we help?"),
        ("My tap drips", "look into it"),
        ("x" * 500, "…”"),
    ],
)
def test_a_draft_picks_up_what_was_asked(said: str, words: str) -> None:
    draft = compose(said)
    assert words in draft
    assert draft == compose(said)
    assert len(draft) < 400
