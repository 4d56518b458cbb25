"""Answers that fit a JSON schema, if it is a simple one: an object of plain fields.

A field is filled by its name: what sounds like a topic gets the topic, what sounds like a summary
the summary, and any other text the draft. Whatever is not understood is left to another assistant.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from clientflow_core.errors import ProviderCannot
from clientflow_plugins.local_assistant.topics import is_urgent, topic_of

_OBJECT_WORDS: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "title", "description", "$schema"}
)
_FIELD_WORDS: Final = frozenset({"type", "enum", "items", "title", "description"})


@attrs.frozen(kw_only=True)
class Said:
    """What fields are filled with."""

    asked: str
    draft: str
    summary: str
    count: int


def fill(schema: Mapping[str, Any], said: Said) -> dict[str, Any]:
    """Give an object that fits *schema*.

    Raises:
        ProviderCannot: the schema asks for more than is understood.
    """
    properties = schema.get("properties")
    is_simple = schema.get("type") == "object" and isinstance(properties, Mapping)
    if not is_simple or not schema.keys() <= _OBJECT_WORDS or not isinstance(properties, Mapping):
        raise _cannot("an object of plain fields")
    if not set(schema.get("required", ())) <= properties.keys():
        raise _cannot("an object whose required fields are described")
    return {name: _value(name, field, said) for name, field in properties.items()}


def _value(name: str, field: Any, said: Said) -> Any:
    if not isinstance(field, Mapping) or not field.keys() <= _FIELD_WORDS:
        raise _cannot(f"a plain field, which {name!r} is not")
    if "enum" in field:
        return _choice(name, field, said)
    match field.get("type"):
        case "string":
            return _text(name, said)
        case "boolean":
            return _truth(name, said)
        case "integer" | "number":
            return said.count
        case "array" if isinstance(field.get("items"), Mapping):
            return [_value(name, field["items"], said)]
        case _:
            raise _cannot(f"a type of {name!r} that it knows")


def _text(name: str, said: Said) -> str:
    if _sounds_like(name, "topic", "intent", "category", "subject"):
        return topic_of(said.asked).value
    return said.summary if _sounds_like(name, "summary") else said.draft


def _truth(name: str, said: Said) -> bool:
    if _sounds_like(name, "urgent"):
        return is_urgent(said.asked)
    return _sounds_like(name, "question") and "?" in said.asked


def _choice(name: str, field: Mapping[str, Any], said: Said) -> Any:
    choices = field["enum"]
    is_text = field.get("type", "string") == "string"
    if not is_text or not isinstance(choices, list) or not choices:
        raise _cannot(f"choices of text, which {name!r} has not")
    topic = topic_of(said.asked).value
    words = said.asked.lower()
    named = (
        one for one in choices if one == topic or (isinstance(one, str) and one.lower() in words)
    )
    # The last one is what is usually kept for all else.
    return next(named, choices[-1])


def _sounds_like(name: str, *words: str) -> bool:
    return any(word in name.lower() for word in words)


def _cannot(what: str) -> ProviderCannot:
    return ProviderCannot(f"the local assistant holds to a schema only if it is {what}")
