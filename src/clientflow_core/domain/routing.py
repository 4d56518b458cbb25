"""By which channel a message goes: its conversation's, and which others stand in for it."""

import enum
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

LONGEST_TEXT: Final = 1600
LONGEST_EMAIL: Final = 100_000
ANYWHERE: Final = "*"
"""Stands for every country that has no rule of its own."""


class Medium(enum.StrEnum):
    """What is carried; one medium's channels can stand in for each other."""

    TEXT = "text"
    EMAIL = "email"

    @property
    def longest_body(self) -> int:
        """How many letters a message has at most."""
        return LONGEST_TEXT if self is Medium.TEXT else LONGEST_EMAIL


@attrs.frozen(kw_only=True)
class Channel:
    """An address of the organization at a provider.

    Attributes:
        provider: the provider's name.
        address: ours, such as a telephone number in E.164.
        name: for people.
    """

    id: uuid.UUID
    provider: str
    address: str
    medium: Medium
    name: str


@attrs.frozen(kw_only=True)
class FailoverRule:
    """Which channels stand in for others, in which order.

    Attributes:
        country: of the client, two letters as in ISO 3166, or :data:`ANYWHERE`.
        channel_ids: none lets no channel stand in for another.
    """

    medium: Medium
    country: str
    channel_ids: tuple[uuid.UUID, ...]


def order_channels(
    own: Channel, others: Sequence[Channel], rule: FailoverRule | None
) -> Sequence[Channel]:
    """Give the channels that may carry a message, the first one first.

    A client knows the address of the conversation, so that one comes first.

    Args:
        own: the conversation's.
        others: of the same medium and organization, the oldest first.
        rule: without one each of *others* stands in.
    """
    others = [one for one in others if one.id != own.id]
    if rule is None:
        return [own, *others]
    by_id = {one.id: one for one in others}
    return [own, *(by_id[one] for one in rule.channel_ids if one in by_id)]


def rule_for(rules: Sequence[FailoverRule], country: str | None) -> FailoverRule | None:
    """Give the rule for a client's *country*, else the one for anywhere."""
    by_country = {rule.country: rule for rule in rules}
    return by_country.get(country or ANYWHERE) or by_country.get(ANYWHERE)


def next_channel(ordered: Sequence[Channel], failures: Mapping[uuid.UUID, int]) -> Channel:
    """Give the channel whose turn it is: each is tried once before one is tried again.

    Args:
        ordered: those that may be called, at least one.
        failures: by channel, how many attempts were surely not accepted.
    """
    return min(ordered, key=lambda channel: failures.get(channel.id, 0))
