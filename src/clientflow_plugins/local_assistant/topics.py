"""What a client is after, told by words: English ones, and only as far as words tell it."""

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Final


class Topic(enum.StrEnum):
    """What a message is about. In this order: the first that fits is the one."""

    DANGER = "danger"
    CANCELLATION = "cancellation"
    PRICE = "price"
    HOURS = "hours"
    PLACE = "place"
    APPOINTMENT = "appointment"
    THANKS = "thanks"
    GREETING = "greeting"
    QUESTION = "question"
    OTHER = "other"


_DAYS: Final = r"(mon|tues|wednes|thurs|fri|satur|sun)days?|today|tomorrow|tonight|weekend"
_WORDS: Final[Mapping[Topic, str]] = {
    Topic.DANGER: r"emergency|ambulance|police|suicide|kill|lawyers?|sue|court|allergic reaction",
    Topic.CANCELLATION: r"cancel\w*|call (it )?off|can(no|')t (come|make it)|won't make it",
    Topic.PRICE: r"prices?|cost\w*|how much|charge|fees?|quote|expensive|discount",
    Topic.HOURS: r"open(ing)?( hours| times)?|clos(e|ed|ing)|business hours",
    Topic.PLACE: r"where are you|where is|address|directions|parking|find you",
    Topic.APPOINTMENT: (
        rf"appointments?|book\w*|reserv\w*|reschedul\w*|move|free|available|slot|{_DAYS}"
    ),
    Topic.THANKS: r"thanks?|thank you|cheers|ta",
    Topic.GREETING: r"hi|hello|hey|good (morning|afternoon|evening|day)",
}
_PATTERNS: Final = {
    topic: re.compile(rf"(?<!\w)({words})(?!\w)", re.IGNORECASE) for topic, words in _WORDS.items()
}
_URGENT: Final = re.compile(
    r"(?<!\w)(urgent\w*|asap|as soon as possible|immediately|right now|emergency)(?!\w)",
    re.IGNORECASE,
)
_ENDS: Final = re.compile(r"(?<=[.!?])\s+|\n+")


def topic_of(text: str) -> Topic:
    """Tell what *text* is about."""
    found = next((topic for topic, words in _PATTERNS.items() if words.search(text)), None)
    if found is not None:
        return found
    return Topic.QUESTION if "?" in text else Topic.OTHER


def topics_of(texts: Sequence[str]) -> list[Topic]:
    """Tell what *texts* are about, each topic once, in the order in which they came up."""
    return list(dict.fromkeys(topic_of(text) for text in texts))


def is_urgent(text: str) -> bool:
    """Tell whether *text* says that it is urgent."""
    return _URGENT.search(text) is not None


def question_in(text: str) -> str | None:
    """Give the last question in *text*."""
    asked = [one.strip() for one in _ENDS.split(text) if one.strip().endswith("?")]
    return asked[-1] if asked else None
