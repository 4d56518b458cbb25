"""Who may post: SendGrid's signature over bytes, its age both ways, and our token."""

import base64
import datetime as dt

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sendgrid import EventWebhook  # type: ignore[import-untyped]

from clientflow_core.errors import SettingsError, SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_plugins.sendgrid.sandbox.signing import make_key, public_text
from clientflow_plugins.sendgrid.signatures import (
    NEWEST_SECONDS,
    OLDEST_SECONDS,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    check_signature,
    load_public_key,
)
from clientflow_plugins.sendgrid.webhooks import EVENTS, INBOUND
from tests.plugins.sendgrid.conftest import API_KEY, settings_with, signed

KEY = public_text(make_key(API_KEY, "events"))
BODY = b'[{"event":"delivered"}]\r\n'


def request(body: bytes = BODY, *, age_seconds: int = 0) -> WebhookRequest:
    return signed(EVENTS, body, purpose="events", age_seconds=age_seconds)


def with_headers(one: WebhookRequest, **headers: str) -> WebhookRequest:
    return attrs.evolve(one, headers={**one.headers, **headers})


def check(one: WebhookRequest, key: str = KEY) -> None:
    check_signature(one, key, setting="SENDGRID_PUBLIC_KEY")


def refusal(one: WebhookRequest, key: str = KEY) -> str:
    with pytest.raises(SignatureRefused) as caught:
        check(one, key)
    return str(caught.value)


def test_what_the_sdk_takes_is_taken() -> None:
    one = request()
    signature, timestamp = one.headers[SIGNATURE_HEADER], one.headers[TIMESTAMP_HEADER]
    assert EventWebhook(KEY).verify_signature(BODY.decode(), signature, timestamp)
    check(one)


def test_body_that_is_no_utf8_is_taken_if_it_is_signed() -> None:
    check(request(b"\xff\xfe\x00"))


def test_any_byte_of_the_body_counts() -> None:
    for body in (BODY.strip(), BODY + b" ", b"", BODY.replace(b"delivered", b"dropped")):
        assert "does not fit" in refusal(attrs.evolve(request(), body=body))


def test_timestamp_is_part_of_what_is_signed() -> None:
    one = request()
    later = str(int(one.headers[TIMESTAMP_HEADER]) + 1)
    assert "does not fit" in refusal(with_headers(one, **{TIMESTAMP_HEADER: later}))


@pytest.mark.parametrize("age", [-NEWEST_SECONDS + 5, 0, 60, OLDEST_SECONDS - 5])
def test_age_within_a_day_is_taken(age: int) -> None:
    check(request(age_seconds=age))


@pytest.mark.parametrize("age", [-NEWEST_SECONDS - 5, -(10**9), OLDEST_SECONDS, 25 * 365 * 86_400])
def test_what_is_too_old_or_of_the_future_is_refused(age: int) -> None:
    assert "signed" in refusal(request(age_seconds=age))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (SIGNATURE_HEADER, ""),
        (SIGNATURE_HEADER, "no Base64"),
        (SIGNATURE_HEADER, "AAAA"),
        (SIGNATURE_HEADER, "A" * 10_000),
        (SIGNATURE_HEADER, "Ã©" * 20),
        (SIGNATURE_HEADER, "\udcff"),
        (TIMESTAMP_HEADER, ""),
        (TIMESTAMP_HEADER, "now"),
        (TIMESTAMP_HEADER, "-1"),
        (TIMESTAMP_HEADER, "1e9"),
        (TIMESTAMP_HEADER, "\uff19" * 10),
        (TIMESTAMP_HEADER, "9" * 5000),
    ],
)
def test_hostile_headers_are_refused(header: str, value: str) -> None:
    refusal(with_headers(request(), **{header: value}))


def test_missing_headers_are_refused() -> None:
    assert SIGNATURE_HEADER in refusal(attrs.evolve(request(), headers={}))


def test_another_key_refuses() -> None:
    refusal(request(), public_text(make_key("somebody else", "events")))


@pytest.mark.parametrize("key", ["", "AAAA", KEY[:-8] + "AAAAAA==", "not a key"])
def test_key_that_is_none_refuses_and_names_the_setting(key: str) -> None:
    assert "SENDGRID_PUBLIC_KEY" in refusal(request(), key)


def test_key_on_another_curve_is_none() -> None:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    text = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ValueError, match="P-256"):
        load_public_key(text.decode())


class TestWebhooks:
    def test_events_without_a_key_are_refused(self) -> None:
        with pytest.raises(SignatureRefused, match="SENDGRID_PUBLIC_KEY"):
            EVENTS.verify(request(), settings_with(SENDGRID_PUBLIC_KEY=""))

    def test_each_webhook_has_a_key_of_its_own(self) -> None:
        events = signed(EVENTS, b"[]", purpose="events")
        parse = signed(INBOUND, b"[]", purpose="parse")
        ours = settings_with()
        assert EVENTS.verify(events, ours).account == "hello@acme.example.com"
        assert INBOUND.verify(parse, ours).account == "hello@acme.example.com"
        for webhook, other in ((EVENTS, parse), (INBOUND, events)):
            with pytest.raises(SignatureRefused):
                webhook.verify(other, ours)

    def test_same_events_are_one_whenever_they_are_signed(self) -> None:
        ours = settings_with()
        first, again = (EVENTS.verify(request(age_seconds=age), ours) for age in (0, 60))
        assert first == again
        assert EVENTS.verify(request(BODY + b" "), ours).external_id != first.external_id

    def test_hint_is_read_from_the_address_and_nowhere_else(self) -> None:
        hint = EVENTS.account_hint
        assert hint
        one = request()
        assert hint(one) is None
        url = one.url + "?account=hello%40other.example.com"
        assert hint(attrs.evolve(one, url=url)) == "hello@other.example.com"
        for query in ("?account=a&account=b", "?account", "?" + "a=1&" * 100 + "account=a"):
            assert hint(attrs.evolve(one, url=one.url + query)) is None


TOKEN = "t" * 31 + "0"
WITH_TOKEN = {"SENDGRID_INBOUND_PUBLIC_KEY": "", "SENDGRID_INBOUND_TOKEN": TOKEN}


def unsigned(query: str) -> WebhookRequest:
    url = f"https://c.example{INBOUND.path}{query}"
    return WebhookRequest(method="POST", url=url, headers={}, body=b"")


class TestToken:
    def test_token_in_the_address_is_taken(self) -> None:
        verified = INBOUND.verify(unsigned(f"?token={TOKEN}"), settings_with(**WITH_TOKEN))
        assert verified.account == "hello@acme.example.com"

    @pytest.mark.parametrize(
        "query",
        ["", "?token=", "?token=x", f"?token={TOKEN}x", f"?token={TOKEN.upper()}", f"?t={TOKEN}",
         f"?token={TOKEN}&token={TOKEN}", "?token=%ff", "?token=%00", "?" + "&" * 1000],
    )  # fmt: skip
    def test_anything_else_is_refused(self, query: str) -> None:
        with pytest.raises(SignatureRefused) as caught:
            INBOUND.verify(unsigned(query), settings_with(**WITH_TOKEN))
        assert TOKEN not in str(caught.value)

    def test_nothing_unsigned_is_taken_where_no_token_is_set(self) -> None:
        nothing = settings_with(SENDGRID_INBOUND_PUBLIC_KEY="")
        for one in (unsigned("?token="), signed(INBOUND, b"", purpose="parse")):
            with pytest.raises(SignatureRefused, match="SENDGRID_INBOUND_TOKEN"):
                INBOUND.verify(one, nothing)

    def test_token_does_not_stand_in_for_a_signature(self) -> None:
        with pytest.raises(SignatureRefused):
            INBOUND.verify(unsigned(f"?token={TOKEN}"), settings_with())

    def test_key_and_token_together_are_a_problem(self) -> None:
        with pytest.raises(SettingsError, match="SENDGRID_INBOUND_TOKEN"):
            settings_with(SENDGRID_INBOUND_TOKEN=TOKEN)


def test_age_is_measured_when_it_was_received() -> None:
    one = request()
    later = one.received_at + dt.timedelta(days=1)
    refusal(attrs.evolve(one, received_at=later))
