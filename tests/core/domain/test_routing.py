"""By which channels a message may go, and whose turn it is."""

import uuid
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.domain.routing import (
    ANYWHERE,
    Channel,
    FailoverRule,
    Medium,
    next_channel,
    order_channels,
    rule_for,
)


def channel(number: int) -> Channel:
    return Channel(
        id=uuid.UUID(int=number),
        provider="twilio",
        address=f"+1415555010{number}",
        medium=Medium.TEXT,
        name="Texts",
    )


A, B, C = channel(1), channel(2), channel(3)


def rule(*channels: Channel, country: str = ANYWHERE) -> FailoverRule:
    ids = tuple(one.id for one in channels)
    return FailoverRule(medium=Medium.TEXT, country=country, channel_ids=ids)


def test_own_channel_comes_first_whatever_the_rule() -> None:
    assert order_channels(B, [A, B, C], None) == [B, A, C]
    assert order_channels(B, [A, B, C], rule(C, A)) == [B, C, A]
    assert order_channels(B, [A, B, C], rule(C, B)) == [B, C]
    assert order_channels(B, [A, B, C], rule()) == [B]


def test_channel_of_a_rule_that_has_gone_is_left_out() -> None:
    assert order_channels(A, [A, B], rule(C, B)) == [A, B]


def test_rule_of_the_country_goes_before_that_of_anywhere() -> None:
    anywhere, germany = rule(A), rule(B, country="DE")
    assert rule_for([anywhere, germany], "DE") is germany
    assert rule_for([anywhere, germany], "US") is anywhere
    assert rule_for([anywhere, germany], None) is anywhere
    assert rule_for([germany], None) is None


@given(st.integers(1, 4), st.integers(0, 40))
def test_no_channel_is_tried_twice_more_than_another(count: int, attempts: int) -> None:
    ordered = [channel(number) for number in range(count)]
    failures: Counter[uuid.UUID] = Counter()
    story = []
    for _ in range(attempts):
        chosen = next_channel(ordered, failures)
        failures[chosen.id] += 1
        story.append(chosen)
    assert story == [ordered[number % count] for number in range(attempts)]
