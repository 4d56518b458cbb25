"""What the rules say."""

from decimal import Decimal
from typing import Any

import pytest

from clientflow_core.domain.assistance import AssistanceRequest, Speaker, Utterance
from clientflow_core.errors import ProviderCannot, ProviderRefused
from clientflow_core.settings import load_settings
from clientflow_plugins.local_assistant.provider import LocalAssistant
from clientflow_plugins.local_assistant.settings import LocalAssistantSettings
from clientflow_plugins.local_assistant.topics import Topic, is_urgent, topic_of, topics_of

BUSINESS = {"LOCAL_ASSISTANT_BUSINESS": "Salon Ada"}


def make(**more: str) -> LocalAssistant:
    named = {f"LOCAL_ASSISTANT_{name.upper()}": value for name, value in more.items()}
    return LocalAssistant(load_settings(LocalAssistantSettings, BUSINESS | named))


def ask(*said: str, **more: Any) -> AssistanceRequest:
    """Give a question in which the client and we have *said* that, in turns."""
    speakers = (Speaker.USER, Speaker.ASSISTANT) * len(said)
    conversation = [
        Utterance(speaker=speaker, text=text) for speaker, text in zip(speakers, said, strict=False)
    ]
    return AssistanceRequest(**{"instructions": "Draft.", "conversation": conversation, **more})


DRAFTS = {
    "Hello!": "How can we help?",
    "Thanks a lot": "You are very welcome!",
    "Hi. Is Thursday free? I could come at three.": "You asked: “Is Thursday free?” We will look",
    "What does a haircut cost?": "The price depends",
    "Are you open on Sunday?": "our opening hours",
    "Where are you?": "our address",
    "I cannot come, please cancel": "take it out of our calendar",
    "Do you do dogs?": "“Do you do dogs?” We will look into it",
    "My tap drips": "We have read it",
    f"{'x' * 200}?": "xxx…”",
}


@pytest.mark.parametrize(("said", "words"), DRAFTS.items())
async def test_a_draft_picks_up_what_was_asked(said: str, words: str) -> None:
    answer = await make().complete(ask(said))
    assert words in answer.text
    assert answer.text.endswith("\nSalon Ada")
    assert answer == await make().complete(ask(said))
    assert (answer.usage.cost_usd, answer.model) == (Decimal(0), "rules-1")


FACTS = {
    "hours": ("When are you open?", "We are open from 9 to 17."),
    "prices": ("How much is it?", "A haircut is 40 euros."),
    "booking": ("Is tomorrow free?", "Choose a time at https://a.example/book."),
    "place": ("Where is your shop?", "At 3 Station Road."),
}


@pytest.mark.parametrize("name", FACTS)
async def test_what_is_set_is_said_to_who_asks(name: str) -> None:
    said, fact = FACTS[name]
    assert fact in (await make(**{name: fact}).complete(ask(said))).text
    assert fact not in (await make().complete(ask(said))).text


@pytest.mark.parametrize("said", ["I'll call the police", "My LAWYER will write to you"])
async def test_what_needs_a_person_is_left_to_one(said: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        await make().complete(ask(said))
    assert caught.value.provider_code == "needs_a_person"


async def test_a_conversation_is_summed_up() -> None:
    said = ("What does it cost?", "Forty.", "Then Thursday, urgent!", "Fine.", "Thank you")
    answer = await make().complete(ask(*said, instructions="Sum up what was said."))
    assert answer.text == (
        "The client has written 3 times, and was answered twice. It is about: price, appointment,"
        " thanks. It is urgent. Last they wrote: “Thank you”"
    )
    nothing = await make().complete(ask(instructions="Summarize."))
    assert nothing.text == "The client has not written yet."


def schema(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


async def test_a_simple_schema_is_held_to() -> None:
    wanted = schema(
        reply={"type": "string"},
        summary={"type": "string"},
        topic={"type": "string", "enum": ["price", "appointment", "other"]},
        intent={"type": "string"},
        kind={"enum": ["haircut", "none"]},
        is_urgent={"type": "boolean"},
        is_question={"type": "boolean"},
        has_paid={"type": "boolean"},
        messages={"type": "integer"},
        topics={"type": "array", "items": {"type": "string"}},
    )
    answer = await make().complete(ask("Is a haircut on Friday free? It is urgent", schema=wanted))
    data = answer.data
    assert "Is a haircut on Friday free?" in data.pop("reply")
    assert data.pop("summary").startswith("The client has written once")
    assert data == {
        "topic": "appointment",
        "intent": "appointment",
        "kind": "haircut",
        "is_urgent": True,
        "is_question": True,
        "has_paid": False,
        "messages": 1,
        "topics": ["appointment"],
    }


DIFFICULT = {
    "no object": {"type": "array", "items": {"type": "string"}},
    "nested": schema(a=schema(b={"type": "string"})),
    "a reference": schema(a={"$ref": "#/$defs/a"}),
    "a limit": schema(a={"type": "integer", "minimum": 1}),
    "either": schema(a={"anyOf": [{"type": "string"}]}),
    "two types": schema(a={"type": ["string", "null"]}),
    "numbers to choose": schema(a={"type": "integer", "enum": [1]}),
    "no choice": schema(a={"enum": []}),
    "conditions": schema() | {"if": {}},
    "required and unknown": schema() | {"required": ["a"]},
    "no schema": schema(a=True),
}


@pytest.mark.parametrize("wanted", DIFFICULT.values(), ids=list(DIFFICULT))
async def test_a_difficult_schema_is_left_to_others(wanted: dict[str, Any]) -> None:
    with pytest.raises(ProviderCannot):
        await make().complete(ask("Hello", schema=wanted))


async def test_half_of_a_form_has_no_data() -> None:
    wanted = schema(reply={"type": "string"})
    answer = await make().complete(ask("Is it free?", schema=wanted, most_output_tokens=2))
    assert (answer.is_whole, answer.data, answer.usage.output_tokens) == (False, None, 2)


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("therapist", Topic.OTHER),  # has no "the price" and no "hi" as words
        ("Could we move it?", Topic.APPOINTMENT),
        ("ok", Topic.OTHER),
        ("", Topic.OTHER),
        ("ありがとう", Topic.OTHER),
        ("Thank you, how much was it?", Topic.PRICE),
    ],
)
def test_a_topic_is_told_by_whole_words(said: str, topic: Topic) -> None:
    assert topic_of(said) is topic


def test_topics_and_haste_are_told() -> None:
    assert topics_of(["Hi", "hello", "How much?"]) == [Topic.GREETING, Topic.PRICE]
    assert is_urgent("ASAP please")
    assert not is_urgent("no hurry")


async def test_it_names_the_business() -> None:
    assert await make().verify() == "Salon Ada"
