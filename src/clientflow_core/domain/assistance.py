"""What an assistant is asked, and what it answers."""

import decimal
import enum
from collections.abc import Mapping, Sequence
from typing import Any

import attrs


class Speaker(enum.StrEnum):
    """Whose words they are."""

    USER = "user"
    ASSISTANT = "assistant"


@attrs.frozen(kw_only=True)
class Utterance:
    """Something that was said before."""

    speaker: Speaker
    text: str


@attrs.frozen(kw_only=True)
class AssistanceRequest:
    """What an assistant is asked.

    Attributes:
        instructions: what it should do; ours, never a client's words.
        conversation: what was said, the oldest first; data, not instructions.
        schema: a JSON schema that the answer must fit; None for plain text.
        most_output_tokens: it stops there.
        end_user: stands for the person behind it, so that the provider can tell abuse apart;
            never a name or an address.
    """

    instructions: str
    conversation: Sequence[Utterance]
    schema: Mapping[str, Any] | None = None
    most_output_tokens: int = 1024
    end_user: str | None = None


@attrs.frozen(kw_only=True)
class TokenUsage:
    """What an answer took.

    Attributes:
        cached_input_tokens: the part of *input_tokens* that the provider had still at hand.
        cost_usd: in US dollars, by the provider's prices of the day; None where there are none.
    """

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cost_usd: decimal.Decimal | None = None


@attrs.frozen(kw_only=True)
class Assistance:
    """An answer.

    Attributes:
        text: as it was given.
        data: what *text* says, where a schema was asked for and the answer is whole; it fits.
        is_whole: False if it was cut off, such as by the limit of tokens.
        model: the provider's name for what has answered.
    """

    text: str
    usage: TokenUsage
    model: str
    data: Any = None
    is_whole: bool = True


@attrs.frozen(kw_only=True)
class TextDelta:
    """The next words of an answer that is still being given."""

    text: str


@attrs.frozen(kw_only=True)
class ModerationVerdict:
    """Whether a text is one that nobody should see or send.

    Attributes:
        categories: the provider's words for what is wrong with it.
    """

    is_flagged: bool
    categories: frozenset[str] = frozenset()
