"""What the stand-in answers: drafts that pick up what the client asked, always the same ones."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_plugins.openai.sandbox.questions import Question

# On these words it does something else. The tests know them.
REFUSED_WORDS: Final = "Refuse to answer this."
UNFIT_WORDS: Final = "Answer this in a form that nobody asked for."
ENDLESS_WORDS: Final = "Answer this without an end."
FLAGGED_WORDS: Final = "Flag this."
REFUSAL: Final = "I'm sorry, but I cannot help with that."
_LONGEST_QUOTE: Final = 160
_PIECE: Final = re.compile(r"\s*\S+\s*?")
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_SENTENCE: Final = re.compile(r"[^.!?]*[.!?]?")
_TOPICS: Final = (
    (r"price|cost|how much|charge|fee", "The price depends on what you need; we will name it"),
    (r"cancel|call off", "We will take it out of our calendar and confirm that"),
    (
        r"appointment|book|free|available|move|reschedule|today|tomorrow",
        "We will look at our calendar and confirm a time",
    ),
    (
        r"(mon|tues|wednes|thurs|fri|satur|sun)day",
        "We will look at our calendar for that day and confirm a time",
    ),
    (r"open|hours|close", "We will send you our opening hours"),
    (r"where|address|directions", "We will send you the address and how to get here"),
)
_PLAIN: Final[Mapping[str, Any]] = {"boolean": False, "integer": 1, "number": 1, "null": None}
_THANKS: Final = re.compile(r"\b(thanks|thank you|cheers)\b", re.IGNORECASE)
_GREETING: Final = re.compile(r"\b(hi|hello|hey|good (morning|afternoon|evening))\b", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Draft:
    """An answer in pieces, each of which counts as a token."""

    pieces: Sequence[str]
    is_refused: bool = False
    is_cut: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


def draft_answer(question: Question) -> Draft:
    """Answer *question*, in as many tokens as it allows."""
    asked = last_words(question)
    if asked == REFUSED_WORDS:
        return Draft(pieces=_PIECE.findall(REFUSAL), is_refused=True)
    most = question.most_tokens
    if asked == ENDLESS_WORDS:
        endless = itertools.cycle(_PIECE.findall("And so it goes on and on. "))
        return Draft(pieces=list(itertools.islice(endless, most)), is_cut=True)
    pieces = _PIECE.findall(_words(asked, question))
    return Draft(pieces=pieces[:most], is_cut=len(pieces) > most)


def last_words(question: Question) -> str:
    """Give what the client has said last."""
    theirs = [text for speaker, text in question.said if speaker == "user"]
    return theirs[-1] if theirs else question.said[-1][1]


def count_tokens(*texts: str) -> int:
    """Count words and signs; a model counts otherwise, but more words are more there, too."""
    return sum(len(_TOKEN.findall(text)) for text in texts)


def _words(asked: str, question: Question) -> str:
    if question.schema is None:
        return compose(asked)
    if asked == UNFIT_WORDS:
        return json.dumps({"what": "nobody asked for"})
    return json.dumps(_example(question.schema, compose(asked)), ensure_ascii=False)


def compose(asked: str) -> str:
    """Give a polite answer to *asked* that promises nothing."""
    said = " ".join(asked.split())
    topic = next((words for pattern, words in _TOPICS if _has(pattern, said)), None)
    if topic is None and _THANKS.search(said):
        return "You are welcome! Write to us whenever you need anything."
    if topic is None and _GREETING.fullmatch(said.strip(" .!,")):
        return "Hello, and thank you for writing! How can we help?"
    promise = topic or "We will look into it and come back to you"
    return f"Thank you for your message. You wrote: “{_core_of(said)}” {promise} shortly."


def _has(pattern: str, said: str) -> bool:
    return re.search(rf"\b({pattern})\b", said, re.IGNORECASE) is not None


def _core_of(said: str) -> str:
    """Give the last question in *said*; all of it where there is none, as far as there is room."""
    sentences = [one.strip() for one in _SENTENCE.findall(said) if one.strip()]
    asked = [one for one in sentences if one.endswith("?")]
    core = asked[-1] if asked else said
    return core if len(core) <= _LONGEST_QUOTE else f"{core[:_LONGEST_QUOTE].rstrip()}…"


def _example(schema: Mapping[str, Any], words: str) -> Any:
    """Give something that fits *schema*, with *words* wherever a text is due."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], words)
    named = schema.get("type", "string")
    kind = named if isinstance(named, str) else named[0]
    if kind == "object":
        known = schema.get("properties", {})
        return {name: _example(one, words) for name, one in known.items()}
    if kind == "array":
        return [_example(schema.get("items", {}), words)]
    return _PLAIN.get(kind, words)
