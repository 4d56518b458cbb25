"""What SendGrid's events mean for an e-mail of ours."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.messages import DeliveryReported, MessageStatus
from clientflow_core.errors import BadPayload
from clientflow_plugins.sendgrid.events import read_events
from tests.plugins.sendgrid.conftest import payload

ATTEMPT = "0192f1c0-aa00-7c4e-8d2b-000000000001"


def read(*events: Any) -> list[DeliveryReported]:
    read = read_events(json.dumps(events).encode())
    return [one for one in read if isinstance(one, DeliveryReported)]


def wishes(*events: Any) -> list[ConsentReported]:
    read = read_events(json.dumps(events).encode())
    return [one for one in read if isinstance(one, ConsentReported)]


def event(word: str, **more: Any) -> dict[str, Any]:
    return {"event": word, "attempt_id": ATTEMPT, "sg_message_id": "abc.recvd-1-2", **more}


def test_recorded_deliveries_become_states_of_their_message() -> None:
    reports = read(*payload("events_delivery.json")["events"])
    assert [(one.raw_status, one.status) for one in reports] == [
        ("processed", MessageStatus.SENT),
        ("deferred", MessageStatus.SENT),
        ("delivered", MessageStatus.DELIVERED),
        ("open", MessageStatus.READ),
        ("click", MessageStatus.READ),
    ]
    assert {one.provider_message_id for one in reports} == {"Ab3dEf6hIj9kLm2nOp5qRs"}
    assert {one.attempt_id for one in reports} == {uuid.UUID(ATTEMPT)}
    assert {one.error_code for one in reports} == {None}


def test_recorded_failures_say_what_went_wrong() -> None:
    reports = read(*payload("events_failure.json")["events"])
    assert [(one.raw_status, one.status, one.error_code) for one in reports] == [
        ("bounce", MessageStatus.UNDELIVERED, "5.1.1"),
        ("bounce", MessageStatus.UNDELIVERED, "blocked"),
        ("dropped", MessageStatus.FAILED, "bounced_address"),
        ("spamreport", MessageStatus.DELIVERED, None),
    ]


def test_id_is_the_one_that_the_answer_to_a_send_had() -> None:
    bounced, late, *_ = read(*payload("events_failure.json")["events"])
    # Of before 2019, with dots in it.
    assert bounced.provider_message_id == "14c5d75ce93.dfd.64b469"
    # A bounce that comes late names none: the attempt stands in.
    assert late.provider_message_id == str(late.attempt_id)


def test_recorded_events_tell_who_wants_no_more() -> None:
    failures, deliveries = (
        wishes(*payload(f"events_{name}.json")["events"]) for name in ("failure", "delivery")
    )
    assert [(one.wish, one.source, one.evidence) for one in (*failures, *deliveries)] == [
        (Wish.OPT_OUT, ConsentSource.BOUNCE, "bounce 5.1.1"),
        (Wish.OPT_OUT, ConsentSource.BOUNCE, "dropped bounced_address"),
        (Wish.OPT_OUT, ConsentSource.SPAM_REPORT, "spamreport"),
        (Wish.OPT_OUT, ConsentSource.CLIENT, "unsubscribe"),
    ]
    # Whose address it is, the attempt tells.
    assert {one.attempt_id for one in deliveries} == {uuid.UUID(ATTEMPT)}
    assert {(one.sender, one.client) for one in (*failures, *deliveries)} == {("", None)}


@pytest.mark.parametrize(
    ("given", "wish", "source"),
    [
        (event("group_unsubscribe", asm_group_id=1), Wish.OPT_OUT, ConsentSource.CLIENT),
        (event("group_resubscribe", asm_group_id=1), Wish.OPT_IN, ConsentSource.CLIENT),
        (event("dropped", reason="Unsubscribed Address"), Wish.OPT_OUT, ConsentSource.PROVIDER),
        (
            event("dropped", reason="Spam Reporting Address"),
            Wish.OPT_OUT,
            ConsentSource.SPAM_REPORT,
        ),
        (event("bounce", type="bounce"), Wish.OPT_OUT, ConsentSource.BOUNCE),
    ],
)
def test_wish_and_who_has_it_follow_from_the_event(
    given: Any, wish: Wish, source: ConsentSource
) -> None:
    (one,) = wishes(given)
    assert (one.wish, one.source) == (wish, source)


@pytest.mark.parametrize(
    "given",
    [
        event("bounce", type="blocked"),
        event("dropped", reason="Invalid SMTPAPI header"),
        event("dropped", reason=None),
        event("deferred"),
        {"event": "unsubscribe", "email": "ada@example.com"},
    ],
)
def test_what_says_nothing_of_the_address_is_no_wish(given: Any) -> None:
    assert wishes(given) == []


def test_machine_that_opens_everything_is_no_reader() -> None:
    (report,) = read(event("open", sg_machine_open=True))
    assert report.status is MessageStatus.DELIVERED


def test_event_that_is_there_twice_counts_once() -> None:
    twice = event("delivered", sg_event_id="a")
    assert len(read(twice, twice, event("delivered", sg_event_id="b"))) == 2
    # Without an id none is taken for another.
    assert len(read(event("delivered"), event("delivered"))) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"event": "delivered", "sg_message_id": "abc"},
        event("delivered") | {"attempt_id": "not one"},
        event("delivered") | {"attempt_id": 7},
        event("group_unsubscribe"),
        event("something new"),
        {},
        None,
        [],
        "delivered",
        1,
    ],
)
def test_what_is_not_ours_or_means_nothing_is_left_out(other: Any) -> None:
    assert len(read(other, event("delivered"))) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b'"x"', b"[", b"\xff", b"[" * 100_000, b"[" + b"9" * 10_000 + b"]"],
)
def test_body_that_is_no_list_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        read_events(body)


def test_nothing_that_cannot_be_stored_comes_through() -> None:
    hostile = "\x00\ud800'; drop table\n" * 100
    (report,) = read(event("dropped", reason=hostile, sg_message_id=hostile))
    assert report.error_code
    assert len(report.error_code) <= 60
    assert report.error_code.isascii()
    assert report.provider_message_id == ATTEMPT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["event", "attempt_id", "sg_message_id", "sg_event_id", "reason"]),
            inner | st.sampled_from(["bounce", "open", "unsubscribe", ATTEMPT]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=50, deadline=None)
def test_whatever_comes_is_events_or_a_bad_payload(body: bytes) -> None:
    try:
        reports = read_events(body)
    except BadPayload:
        return
    for one in reports:
        assert isinstance(one, DeliveryReported | ConsentReported)
        (one.provider_message_id or "").encode()
