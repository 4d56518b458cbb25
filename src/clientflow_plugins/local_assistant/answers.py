"""Drafts and summaries by rules. They promise nothing that is not set."""

import re
from collections.abc import Sequence
from typing import Final

from clientflow_core.domain.assistance import AssistanceRequest, Speaker, Utterance
from clientflow_core.errors import ProviderRefused
from clientflow_plugins.local_assistant.settings import LocalAssistantSettings
from clientflow_plugins.local_assistant.topics import (
    Topic,
    is_urgent,
    question_in,
    topic_of,
    topics_of,
)

_LONGEST_QUOTE: Final = 120
_SUM_UP: Final = re.compile(r"\bsum(s|med)?( it| this)? up\b|\bsummar", re.IGNORECASE)


def answer(request: AssistanceRequest, settings: LocalAssistantSettings) -> str:
    """Give what *request* asks for: a summary where its instructions say so, else a draft.

    Raises:
        ProviderRefused: it is for a person to answer.
    """
    if _SUM_UP.search(request.instructions):
        return sum_up(request.conversation)
    return draft(last_words(request.conversation), settings)


def last_words(conversation: Sequence[Utterance]) -> str:
    """Give what the client has said last; nothing if the client has said nothing."""
    said = [one.text for one in conversation if one.speaker is Speaker.USER]
    return said[-1].strip() if said else ""


def draft(asked: str, settings: LocalAssistantSettings) -> str:
    """Give an answer to *asked*.

    Raises:
        ProviderRefused: it is for a person to answer.
    """
    topic = topic_of(asked)
    if topic is Topic.DANGER:
        msg = "the local assistant leaves this message to a person"
        raise ProviderRefused(msg, provider_code="needs_a_person")
    return f"{_body(topic, asked, settings)}\n{settings.business}"


def _body(topic: Topic, asked: str, settings: LocalAssistantSettings) -> str:
    known = {
        Topic.PRICE: settings.prices,
        Topic.HOURS: settings.hours,
        Topic.PLACE: settings.place,
        Topic.APPOINTMENT: settings.booking,
    }.get(topic)
    if known:
        return f"Thank you for your message. {known}"
    if topic is Topic.THANKS:
        return "You are very welcome! Write to us whenever you need anything."
    if topic is Topic.GREETING and question_in(asked) is None:
        return "Hello, and thank you for writing! How can we help?"
    return f"{_thanks(asked)} {_PROMISES[topic]}"


_PROMISES: Final = {
    Topic.CANCELLATION: "We will take it out of our calendar and confirm that to you.",
    Topic.PRICE: "The price depends on what you need; we will name it to you shortly.",
    Topic.HOURS: "We will tell you our opening hours shortly.",
    Topic.PLACE: "We will send you our address shortly.",
    Topic.APPOINTMENT: "We will look at our calendar and propose a time shortly.",
    Topic.GREETING: "We will come back to you shortly.",
    Topic.QUESTION: "We will look into it and come back to you shortly.",
    Topic.OTHER: "We have read it and will come back to you shortly.",
}


def _thanks(asked: str) -> str:
    question = question_in(asked)
    if question is None:
        return "Thank you for your message."
    core = question if len(question) <= _LONGEST_QUOTE else f"{question[:_LONGEST_QUOTE].rstrip()}…"
    return f"Thank you for your message. You asked: “{core}”"


def sum_up(conversation: Sequence[Utterance]) -> str:
    """Say in a few sentences what was said."""
    theirs = [one.text for one in conversation if one.speaker is Speaker.USER]
    ours = len(conversation) - len(theirs)
    if not theirs:
        return "The client has not written yet."
    topics = ", ".join(topics_of(theirs))
    urgent = " It is urgent." if any(map(is_urgent, theirs)) else ""
    last = " ".join(theirs[-1].split())[:_LONGEST_QUOTE]
    return (
        f"The client has written {_times(len(theirs))}, and was answered {_times(ours)}. "
        f"It is about: {topics}.{urgent} Last they wrote: “{last}”"
    )


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
