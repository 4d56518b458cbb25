import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.domain.messages import MessageStatus, advance_delivery

UPWARD = [
    MessageStatus.QUEUED,
    MessageStatus.SENDING,
    MessageStatus.UNKNOWN,
    MessageStatus.SENT,
    MessageStatus.FAILED,
    MessageStatus.UNDELIVERED,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
    MessageStatus.RECEIVED,
]
statuses = st.sampled_from(MessageStatus)


def end(reports: list[MessageStatus]) -> MessageStatus:
    return functools.reduce(advance_delivery, reports, MessageStatus.QUEUED)


def test_every_status_has_its_place() -> None:
    assert sorted(UPWARD) == sorted(MessageStatus)


@pytest.mark.parametrize(("current", "reported"), list(itertools.product(UPWARD, UPWARD)), ids=str)
def test_report_moves_forward_or_changes_nothing(
    current: MessageStatus, reported: MessageStatus
) -> None:
    assert advance_delivery(current, reported) is max(current, reported, key=UPWARD.index)


@given(st.data(), st.lists(statuses, min_size=1))
def test_any_order_and_repetition_of_reports_ends_in_the_furthest_state(
    data: st.DataObject, reports: list[MessageStatus]
) -> None:
    repeated = reports + data.draw(st.lists(st.sampled_from(reports)))
    shuffled = data.draw(st.permutations(repeated))
    furthest = max(MessageStatus.QUEUED, *reports, key=UPWARD.index)
    assert end(reports) is end(shuffled) is furthest


@given(st.lists(statuses))
def test_no_report_leads_back(reports: list[MessageStatus]) -> None:
    states = list(itertools.accumulate(reports, advance_delivery, initial=MessageStatus.QUEUED))
    assert states == sorted(states, key=UPWARD.index)


@pytest.mark.parametrize("failure", [MessageStatus.FAILED, MessageStatus.UNDELIVERED])
def test_delivery_report_outweighs_a_failure_whichever_comes_first(failure: MessageStatus) -> None:
    assert advance_delivery(failure, MessageStatus.DELIVERED) is MessageStatus.DELIVERED
    assert advance_delivery(MessageStatus.DELIVERED, failure) is MessageStatus.DELIVERED


def test_late_sent_report_does_not_undo_delivered() -> None:
    assert advance_delivery(MessageStatus.DELIVERED, MessageStatus.SENT) is MessageStatus.DELIVERED
