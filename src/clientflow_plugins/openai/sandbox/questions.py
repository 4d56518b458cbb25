"""What may be asked at ``/responses`` and ``/chat/completions``.

Stricter than OpenAI: only what the plugin has a use for is known, answers must not be kept, and a
schema must be strict.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_plugins.openai.sandbox.fields import Field, check_choice, check_fields
from clientflow_plugins.openai.sandbox.refusals import invalid, unknown_model

EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
FEWEST_TOKENS: Final = 16
"""https://developers.openai.com/api/reference/resources/responses: at least so many of output."""

LONGEST_IDENTIFIER: Final = 64
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SPEAKERS: Final = frozenset({"user", "assistant"})
_RESPONSE: Final[Mapping[str, Field]] = {
    "model": Field(type=str, is_required=True),
    "input": Field(type=list, is_required=True),
    "instructions": Field(type=str, is_required=True),
    "max_output_tokens": Field(type=int, is_required=True),
    "store": Field(type=bool, is_required=True),
    "prompt_cache_key": Field(type=str),
    "safety_identifier": Field(type=str),
    "reasoning": Field(type=dict),
    "text": Field(type=dict),
    "stream": Field(type=bool),
}
_CHAT: Final[Mapping[str, Field]] = {
    "model": Field(type=str, is_required=True),
    "messages": Field(type=list, is_required=True),
    "max_tokens": Field(type=int, is_required=True),
    "response_format": Field(type=dict),
    "stream": Field(type=bool),
    "stream_options": Field(type=dict),
}
_MESSAGE: Final = {
    "role": Field(type=str, is_required=True),
    "content": Field(type=str, is_required=True),
}
_JSON_SCHEMA: Final = {
    "name": Field(type=str, is_required=True),
    "schema": Field(type=dict, is_required=True),
    "strict": Field(type=bool, is_required=True),
}


@attrs.frozen(kw_only=True)
class Question:
    """A question, whichever way it came.

    Attributes:
        said: what was said, each with its speaker.
        schema: that the answer must fit.
    """

    model: str
    instructions: str
    said: Sequence[tuple[str, str]]
    most_tokens: int
    schema: Mapping[str, Any] | None
    is_stream: bool
    wants_usage: bool = False
    effort: str | None = None


def read_response_question(body: Mapping[str, Any], models: Collection[str]) -> Question:
    """Read a call of ``/responses``.

    Raises:
        Refusal: it breaks a rule.
    """
    check_fields(body, _RESPONSE)
    _check_model(body["model"], models)
    said = [_read_message(one, place=f"input[{place}].") for place, one in enumerate(body["input"])]
    _check_said(said, param="input")
    if body["store"]:
        raise invalid("The sandbox keeps no responses: send false.", param="store")
    if len(body.get("safety_identifier", "")) > LONGEST_IDENTIFIER:
        raise invalid("Invalid length, maximum is 64.", param="safety_identifier")
    return Question(
        model=body["model"],
        instructions=body["instructions"],
        said=said,
        most_tokens=_read_most(body, "max_output_tokens", fewest=FEWEST_TOKENS),
        schema=_read_text_format(body.get("text")),
        is_stream=body.get("stream", False),
        effort=_read_effort(body.get("reasoning")),
    )


def read_chat_question(body: Mapping[str, Any], models: Collection[str]) -> Question:
    """Read a call of ``/chat/completions``.

    Raises:
        Refusal: it breaks a rule.
    """
    check_fields(body, _CHAT)
    _check_model(body["model"], models)
    first, *others = body["messages"] or [{}]
    check_fields(first, _MESSAGE, place="messages[0].")
    check_choice(first["role"], {"system"}, param="messages[0].role")
    said = [
        _read_message(one, place=f"messages[{place}].") for place, one in enumerate(others, start=1)
    ]
    _check_said(said, param="messages")
    options = body.get("stream_options", {})
    check_fields(options, {"include_usage": Field(type=bool)}, place="stream_options.")
    return Question(
        model=body["model"],
        instructions=first["content"],
        said=said,
        most_tokens=_read_most(body, "max_tokens", fewest=1),
        schema=_read_chat_format(body.get("response_format")),
        is_stream=body.get("stream", False),
        wants_usage=options.get("include_usage", False),
    )


def _read_message(one: Any, *, place: str) -> tuple[str, str]:
    if not isinstance(one, dict):
        raise invalid("Expected an object.", param=place.rstrip("."), code="invalid_type")
    known = _MESSAGE | ({"type": Field(type=str)} if place.startswith("input") else {})
    check_fields(one, known, place=place)
    check_choice(one.get("type", "message"), {"message"}, param=f"{place}type")
    check_choice(one["role"], _SPEAKERS, param=f"{place}role")
    return one["role"], one["content"]


def _check_said(said: Sequence[tuple[str, str]], *, param: str) -> None:
    if not said:
        raise invalid("At least one message is needed.", param=param)


def _check_model(model: str, models: Collection[str]) -> None:
    if model not in models:
        raise unknown_model(model)


def _read_most(body: Mapping[str, Any], name: str, *, fewest: int) -> int:
    most: int = body[name]
    if most < fewest:
        message = f"Invalid '{name}': integer below minimum value. Expected a value >= {fewest}."
        raise invalid(message, param=name, code="integer_below_min_value")
    return most


def _read_effort(reasoning: Mapping[str, Any] | None) -> str | None:
    if reasoning is None:
        return None
    check_fields(reasoning, {"effort": Field(type=str, is_required=True)}, place="reasoning.")
    check_choice(reasoning["effort"], EFFORTS, param="reasoning.effort")
    return str(reasoning["effort"])


def _read_text_format(text: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    check_fields(text, {"format": Field(type=dict, is_required=True)}, place="text.")
    kind = {"type": Field(type=str, is_required=True)}
    check_fields(text["format"], kind | _JSON_SCHEMA, place="text.format.")
    check_choice(text["format"]["type"], {"json_schema"}, param="text.format.type")
    return _read_schema(text["format"], place="text.format.")


def _read_chat_format(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if given is None:
        return None
    known = {
        "type": Field(type=str, is_required=True),
        "json_schema": Field(type=dict, is_required=True),
    }
    check_fields(given, known, place="response_format.")
    check_choice(given["type"], {"json_schema"}, param="response_format.type")
    place = "response_format.json_schema."
    check_fields(given["json_schema"], _JSON_SCHEMA, place=place)
    return _read_schema(given["json_schema"], place=place)


def _read_schema(named: Mapping[str, Any], *, place: str) -> Mapping[str, Any]:
    if not _NAME.fullmatch(named["name"]):
        raise invalid("Expected a string that matches ^[a-zA-Z0-9_-]+$.", param=f"{place}name")
    if not named["strict"]:
        raise invalid("The sandbox knows strict schemas alone.", param=f"{place}strict")
    schema: Mapping[str, Any] = named["schema"]
    if schema.get("type") != "object":
        raise _bad_schema("schema must have type 'object'", place)
    _check_strict(schema, place)
    return schema


def _check_strict(schema: Any, place: str) -> None:
    """Refuse what a model cannot be held to.

    https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas
    """
    if not isinstance(schema, dict):
        raise _bad_schema("a schema must be an object", place)
    if schema.get("type") == "object":
        names = schema.get("properties", {}).keys()
        if schema.get("additionalProperties") is not False:
            raise _bad_schema("'additionalProperties' is required to be supplied and false", place)
        if set(schema.get("required", ())) != set(names):
            raise _bad_schema("'required' must be an array including every key", place)
    for one in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        _check_strict(one, place)
    if "items" in schema:
        _check_strict(schema["items"], place)


def _bad_schema(what: str, place: str) -> Exception:
    message = f"Invalid schema for response_format: {what}."
    return invalid(message, param=place.rstrip("."), code="invalid_json_schema")
