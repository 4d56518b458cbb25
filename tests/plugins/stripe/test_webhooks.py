"""Verifying and parsing, without a network: payloads as Stripe documents them, and forgeries."""

import datetime as dt
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.errors import BadPayload, SignatureRefused, WebhookError
from clientflow_core.providers.webhooks import Verified, WebhookRequest
from clientflow_core.secret import Secret
from clientflow_plugins.stripe.settings import StripeSettings
from clientflow_plugins.stripe.webhooks import (
    EVENT_TYPES,
    SIGNATURE_HEADER,
    TOLERANCE_SECONDS,
    parse_webhook,
    verify_webhook,
)

pytestmark = pytest.mark.proves("TI1")

FOLDER: Final = Path(__file__).parent / "payloads"
SECRET: Final = "whsec_new"
FORMER: Final = "whsec_former"
AT: Final = 1_793_523_700
ONE = StripeSettings(secret_key=Secret("sk_test_1"), webhook_secret=Secret(SECRET))
TWO = attrs.evolve(ONE, webhook_secret=Secret(f"{SECRET},{FORMER}"))
CHANGED: Final = SubscriptionChanged(
    provider_customer_id="cus_Na6dX7aXxi11N4",
    provider_subscription_id="sub_1MowQVLkdIwHu7ixeRlqHVzs",
)
# What says nothing of a subscription of ours.
SILENT: Final = (
    "charge_dispute_created",
    "checkout_session_completed_of_one_payment",
    "customer_updated",
    "invoice_paid_of_no_subscription",
    "subscription_of_a_connected_account",
)


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded


def request(body: bytes, header: str | None, *, late: float = 0) -> WebhookRequest:
    headers = {"content-type": "application/json"}
    return WebhookRequest(
        method="POST",
        url="https://clientflow.example.com/webhooks/stripe",
        headers=headers if header is None else headers | {SIGNATURE_HEADER: header},
        body=body,
        received_at=dt.datetime.fromtimestamp(AT + late, tz=dt.UTC),
    )


def sign(body: bytes, *, secret: str = SECRET, at: int = AT) -> str:
    """Sign as https://docs.stripe.com/webhooks#verify-manually says, by other means than theirs."""
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={digest}"


def signed(event: Mapping[str, Any], **given: Any) -> WebhookRequest:
    body = json.dumps(event).encode()
    return request(body, sign(body, **given))


def paid() -> dict[str, Any]:
    event: dict[str, Any] = load("invoice_paid")["event"]
    return event


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_documented_event_is_taken_and_means_what_it_says(path: Path) -> None:
    payload = load(path.stem)
    assert payload["source"].startswith("https://docs.stripe.com/")
    event = signed(payload["event"])
    account = payload["event"].get("account", "own")
    assert verify_webhook(event, ONE) == Verified(
        external_id=payload["event"]["id"], account=account
    )
    assert parse_webhook(event) == (() if path.stem in SILENT else (CHANGED,))


def test_there_is_a_payload_of_each_event_that_is_read() -> None:
    assert len(EVENT_TYPES) == 12
    found = {load(path.stem)["event"]["type"] for path in FOLDER.glob("*.json")}
    assert found >= set(EVENT_TYPES)


def test_signature_of_the_sdk_is_taken() -> None:
    body = json.dumps(paid())
    header = stripe.WebhookSignature.generate_signature_header(body, SECRET, AT)
    assert verify_webhook(request(body.encode(), header), ONE).external_id == paid()["id"]


def test_both_secrets_are_taken_while_one_is_rolled() -> None:
    for secret in (SECRET, FORMER):
        assert verify_webhook(signed(paid(), secret=secret), TWO).external_id == paid()["id"]
    with pytest.raises(SignatureRefused, match="does not fit"):
        verify_webhook(signed(paid(), secret=FORMER), ONE)


def test_two_signatures_of_which_one_fits_are_taken() -> None:
    body = json.dumps(paid()).encode()
    header = f"{sign(body, secret=FORMER)},{sign(body).partition(',')[2]},v0=00"
    assert verify_webhook(request(body, header), ONE).external_id == paid()["id"]


@pytest.mark.parametrize("late", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1, 86_400, -86_400])
def test_what_was_signed_long_ago_or_will_be_is_refused(late: int) -> None:
    body = json.dumps(paid()).encode()
    with pytest.raises(SignatureRefused, match="seconds from now"):
        verify_webhook(request(body, sign(body), late=late), ONE)


@pytest.mark.parametrize("late", [TOLERANCE_SECONDS, -TOLERANCE_SECONDS, 0])
def test_what_was_signed_a_moment_ago_is_taken(late: int) -> None:
    # By the time at which it arrived: the machine's clock says something else.
    body = json.dumps(paid()).encode()
    verified = verify_webhook(request(body, sign(body), late=late), ONE)
    assert verified.external_id == paid()["id"]


def headers_of(body: bytes) -> dict[str, str | None]:
    good = sign(body)
    digest = good.partition("v1=")[2]
    return {
        "none": None,
        "empty": "",
        "words": "hello",
        "no time": f"v1={digest}",
        "two times": f"t={AT},{good}",
        "time with a sign": f"t=+{AT},v1={digest}",
        "time in other digits": f"t=١٢٣,v1={digest}",
        "no digest": f"t={AT}",
        "old scheme alone": f"t={AT},v0={digest}",
        "other time": f"t={AT + 1},v1={digest}",
        "short digest": good[:-1],
        "digest in other letters": f"t={AT},v1=é{digest}",
        "other secret": sign(body, secret="whsec_other"),
        "other body": sign(body + b" "),
    }


@pytest.mark.parametrize("name", sorted(headers_of(b"")))
def test_header_that_proves_nothing_is_refused(name: str) -> None:
    body = json.dumps(paid()).encode()
    with pytest.raises(SignatureRefused):
        verify_webhook(request(body, headers_of(body)[name]), ONE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"not JSON",
        b'{"object": "event"}',
        b'{"object": "event", "id": 7}',
        b'{"object": "event", "id": ""}',
        b'{"object": "event", "id": "evt_1", "account": ["x"]}',
        b'{"object": "v2.core.event", "id": "evt_1"}',
        b'{"a":' * 50_000,
    ],
)
def test_body_that_is_proven_and_no_event_cannot_be_read(body: bytes) -> None:
    with pytest.raises(BadPayload):
        verify_webhook(request(body, sign(body)), ONE)


def test_body_that_is_no_text_is_refused() -> None:
    body = b'{"object": "event", "id": "\xff"}'
    with pytest.raises(SignatureRefused):
        verify_webhook(request(body, sign(body)), ONE)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": None},
        {"type": 7},
        {"data": None},
        {"data": {"object": "in_1"}},
        {"data": {"object": {"customer": None, "subscription": "sub_1"}}},
        {"data": {"object": {"customer": "cus_1", "subscription": {"id": "sub_1"}}}},
        {"data": {"object": {"customer": "a b", "subscription": "sub_1"}}},
        {"type": "customer.subscription.updated", "data": {"object": {"customer": "cus_1"}}},
    ],
)
def test_event_that_lacks_what_it_must_have_cannot_be_read(changes: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        parse_webhook(signed(paid() | changes))


@settings(max_examples=50, deadline=None)
@given(body=st.binary(max_size=200), header=st.text(max_size=80))
def test_whatever_comes_is_refused_and_nothing_else_happens(body: bytes, header: str) -> None:
    for given_header in (header, sign(body)):
        with pytest.raises(WebhookError):
            verify_webhook(request(body, given_header), ONE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(EVENT_TYPES), about=JSON, parent=JSON)
def test_whatever_is_in_an_event_it_is_read_or_refused(
    kind: str, about: object, parent: object
) -> None:
    inside = about | {"parent": parent} if isinstance(about, dict) else about
    event = {"object": "event", "id": "evt_1", "type": kind, "data": {"object": inside}}
    try:
        assert isinstance(parse_webhook(signed(event)), tuple)
    except BadPayload:
        return
