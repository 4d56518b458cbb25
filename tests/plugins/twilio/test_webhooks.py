"""Verifying and parsing, without a network: payloads as Twilio documents them, and forgeries."""

import base64
import datetime as dt
import hmac
import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlparse

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.messages import DeliveryReported, MessageReceived, MessageStatus
from clientflow_core.errors import BadPayload, SignatureRefused, WebhookError
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.secret import Secret
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.spec import TWILIO
from clientflow_plugins.twilio.webhooks import (
    _STATUSES,
    INBOUND,
    MOST_FIELDS,
    MOST_MEDIA,
    SCHEME_HEADER,
    SIGNATURE_HEADER,
    STATUS,
    parse_inbound,
    parse_status,
    to_message_status,
    verify_inbound,
    verify_status,
)

pytestmark = pytest.mark.proves("TI2")

FOLDER = Path(__file__).parent
ACCOUNT = "AC" + "0a" * 16
TOKEN = "12345"
SHARED_KEY = "the-shared-key"
ATTEMPT = uuid.UUID("01939d5b-7c40-7a1b-9c5e-2f6b8d3e4a51")
FORM = "application/x-www-form-urlencoded"
ONE_KEY = TwilioSettings(account_sid=ACCOUNT, auth_token=Secret(TOKEN), phone_number="+14155550100")
TWO_KEYS = attrs.evolve(ONE_KEY, webhook_shared_key=Secret(SHARED_KEY))
SPECS: Mapping[str, WebhookSpec] = {spec.name: spec for spec in TWILIO.webhooks}
REAL = [
    "inbound_text",
    "inbound_media",
    "inbound_whatsapp",
    "inbound_opt_out",
    "status_delivered",
    "status_undelivered",
    "status_without_sender",
    "status_shared_key",
]


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "payloads" / f"{name}.json").read_text("utf-8"))
    return loaded


def as_request(payload: Mapping[str, Any]) -> WebhookRequest:
    return WebhookRequest(
        method="POST",
        url=payload["url"],
        headers={"content-type": f"{FORM}; charset=UTF-8"} | payload["headers"],
        body=urlencode(payload["fields"]).encode(),
        received_at=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
    )


def sign(
    fields: Iterable[tuple[str, str]], *, url: str, key: str = TOKEN, algorithm: str = "sha1"
) -> str:
    """Sign as Twilio's page on webhook security says, by other means than the SDK's."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), algorithm)).decode()


def signed(
    webhook: str, changes: Mapping[str, str | None] | None = None, *, url: str | None = None
) -> WebhookRequest:
    """Give a request with *changes* to a documented payload, None for none, signed anew."""
    payload = load("inbound_text" if webhook == "twilio" else "status_delivered")
    fields = {k: v for k, v in (payload["fields"] | (changes or {})).items() if v is not None}
    payload |= {"fields": fields, "url": url or payload["url"]}
    payload["headers"] = {SIGNATURE_HEADER: sign(fields.items(), url=payload["url"])}
    return as_request(payload)


def resigned(request: WebhookRequest, body: bytes) -> WebhookRequest:
    """Give *request* with another body, signed."""
    fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True)
    headers = {**request.headers, SIGNATURE_HEADER: sign(fields, url=request.url)}
    return attrs.evolve(request, body=body, headers=headers)


def spec_of(request: WebhookRequest) -> WebhookSpec:
    return SPECS[urlparse(request.url).path.rpartition("/")[2]]


def outcome(
    request: WebhookRequest, spec: WebhookSpec, config: TwilioSettings = TWO_KEYS
) -> Verified | WebhookError:
    """Verify; whatever else than the two documented errors comes out fails the test."""
    try:
        return spec.verify(request, config)
    except (SignatureRefused, BadPayload) as error:
        return error


def test_documented_example_of_a_signature_fits() -> None:
    request = as_request(load("signature_example"))
    # It is one of a call, without an account: refused for that, and so not for the signature.
    with pytest.raises(SignatureRefused, match="another account"):
        verify_inbound(request, ONE_KEY)
    changed = attrs.evolve(request, body=request.body.replace(b"1234", b"1235"))
    with pytest.raises(SignatureRefused, match="does not fit"):
        verify_inbound(changed, ONE_KEY)


@pytest.mark.parametrize("name", REAL)
def test_genuine_webhook_is_accepted_with_the_id_of_its_repetition(name: str) -> None:
    payload = load(name)
    assert payload["source"].startswith("https://www.twilio.com/docs/")
    fields = payload["fields"]
    expected, ours = fields["MessageSid"], fields["To"]
    if payload["webhook"] == "twilio-status":
        expected, ours = f"{expected}:{fields['MessageStatus']}", fields["From"] or None
    verified = SPECS[payload["webhook"]].verify(as_request(payload), TWO_KEYS)
    assert verified == Verified(external_id=expected, account=ACCOUNT, recipient=ours)


@pytest.mark.parametrize("path", sorted((FOLDER / "payloads").iterdir()), ids=lambda p: p.stem)
def test_signature_of_each_payload_is_what_the_page_says(path: Path) -> None:
    payload = json.loads(path.read_text("utf-8"))
    is_shared = SCHEME_HEADER in payload["headers"]
    assert payload["headers"][SIGNATURE_HEADER] == sign(
        payload["fields"].items(),
        url=payload["url"],
        key=SHARED_KEY if is_shared else TOKEN,
        algorithm="sha256" if is_shared else "sha1",
    )


def test_two_states_of_a_text_are_two_events_and_a_repetition_is_none() -> None:
    ids = [
        verify_status(signed("twilio-status", {"MessageStatus": word}), ONE_KEY).external_id
        for word in ("sent", "delivered", "sent")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_text_that_came_in_is_read() -> None:
    (event,) = parse_inbound(as_request(load("inbound_text")))
    assert event == MessageReceived(
        provider_message_id="SM" + "1" * 32,
        sender="+14155550123",
        recipient="+14155550100",
        body="Is Friday at 9 free? Größe 42 + ☕ & =50%\nThanks",
    )


def test_word_of_advanced_opt_out_is_a_text_and_a_wish() -> None:
    received, wish = parse_inbound(as_request(load("inbound_opt_out")))
    assert isinstance(received, MessageReceived)
    assert received.body == "Arrêt"
    assert wish == ConsentReported(
        wish=Wish.OPT_OUT,
        source=ConsentSource.CLIENT,
        evidence="Arrêt",
        sender="+14155550100",
        client="+14155550123",
        group="MG" + "7" * 32,
    )


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ({"Body": " stop\n"}, Wish.OPT_OUT),
        ({"Body": "Unstop"}, Wish.OPT_IN),
        ({"Body": "HELP"}, Wish.HELP),
        ({"Body": "Please stop"}, None),
        ({"Body": "Hilfe", "OptOutType": "HELP"}, Wish.HELP),
        ({"Body": "Los", "OptOutType": "start"}, Wish.OPT_IN),
        # What Twilio says outweighs the word; what is new to us leaves it to the word.
        ({"Body": "YES", "OptOutType": "HELP"}, Wish.HELP),
        ({"Body": "STOP", "OptOutType": "PAUSE"}, Wish.OPT_OUT),
        ({"Body": "Hello", "OptOutType": "PAUSE"}, None),
    ],
)
def test_wish_is_that_of_twilio_or_else_of_the_word(
    fields: Mapping[str, str], wish: Wish | None
) -> None:
    events = parse_inbound(signed("twilio", fields))
    found = [event.wish for event in events if isinstance(event, ConsentReported)]
    assert found == ([] if wish is None else [wish])


def test_media_without_words_are_read_in_order() -> None:
    payload = load("inbound_media")
    (event,) = parse_inbound(as_request(payload))
    assert isinstance(event, MessageReceived)
    assert event.body == ""
    assert event.media_urls == (payload["fields"]["MediaUrl0"], payload["fields"]["MediaUrl1"])


def test_text_to_a_messaging_service_names_it() -> None:
    for service, group in (("MG" + "7" * 32, "MG" + "7" * 32), ("", None), (None, None)):
        (event,) = parse_inbound(signed("twilio", {"MessagingServiceSid": service}))
        assert isinstance(event, MessageReceived)
        assert event.group == group


def test_no_more_media_are_read_than_twilio_allows() -> None:
    many = {f"MediaUrl{number}": f"https://m.example/{number}" for number in range(MOST_MEDIA + 5)}
    (event,) = parse_inbound(signed("twilio", many))
    assert isinstance(event, MessageReceived)
    assert event.media_urls == tuple(many.values())[:MOST_MEDIA]


def test_address_of_another_channel_is_kept_as_it_is() -> None:
    (event,) = parse_inbound(as_request(load("inbound_whatsapp")))
    assert isinstance(event, MessageReceived)
    assert (event.sender, event.recipient) == ("whatsapp:+14155550123", "whatsapp:+14155550100")


@pytest.mark.parametrize(
    ("name", "status", "error_code"),
    [
        ("status_delivered", MessageStatus.DELIVERED, None),
        ("status_undelivered", MessageStatus.UNDELIVERED, "30003"),
        ("status_shared_key", MessageStatus.SENT, None),
        ("status_without_sender", MessageStatus.SENT, None),
    ],
)
def test_delivery_report_is_read(name: str, status: MessageStatus, error_code: str | None) -> None:
    payload = load(name)
    assert parse_status(as_request(payload)) == (
        DeliveryReported(
            provider_message_id="SM" + "6" * 32,
            sender="" if name == "status_without_sender" else "+14155550100",
            status=status,
            raw_status=payload["fields"]["MessageStatus"],
            attempt_id=ATTEMPT,
            error_code=error_code,
            group=payload["fields"].get("MessagingServiceSid"),
        ),
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", MessageStatus.SENT),
        ("scheduled", MessageStatus.SENT),
        ("queued", MessageStatus.SENT),
        ("sending", MessageStatus.SENT),
        ("sent", MessageStatus.SENT),
        ("partially_delivered", MessageStatus.SENT),
        ("delivered", MessageStatus.DELIVERED),
        ("read", MessageStatus.READ),
        ("undelivered", MessageStatus.UNDELIVERED),
        ("failed", MessageStatus.FAILED),
        ("canceled", MessageStatus.FAILED),
        ("Delivered", MessageStatus.DELIVERED),
        ("teleported", MessageStatus.SENT),
    ],
)
def test_every_word_for_a_state_is_translated(word: str, status: MessageStatus) -> None:
    assert to_message_status(word) is status
    request = signed("twilio-status", {"MessageStatus": word})
    (event,) = parse_status(request)
    assert isinstance(event, DeliveryReported)
    assert (event.status, event.raw_status) == (status, word)
    assert verify_status(request, ONE_KEY).external_id.endswith(f":{word}")


@pytest.mark.parametrize("word", ["received", "receiving"])
def test_state_of_a_text_to_us_means_nothing(word: str) -> None:
    assert to_message_status(word) is MessageStatus.RECEIVED
    assert parse_status(signed("twilio-status", {"MessageStatus": word})) == ()


def test_every_word_of_the_official_document_is_known() -> None:
    schema = json.loads((FOLDER / "twilio_api_v2010.schema.json").read_text("utf-8"))
    assert set(schema["$defs"]["message_enum_status"]["enum"]) == set(_STATUSES)


@pytest.mark.parametrize(
    ("query", "attempt_id"),
    [
        (f"?attempt={ATTEMPT}", ATTEMPT),
        (f"?x=1&attempt={ATTEMPT}&y", ATTEMPT),
        ("", None),
        ("?attempt=", None),
        ("?attempt=7", None),
        (f"?attempt={ATTEMPT}&attempt={ATTEMPT}", None),
        ("?" + "a=1&" * 300 + f"attempt={ATTEMPT}", None),
    ],
)
def test_attempt_is_read_from_the_address(query: str, attempt_id: uuid.UUID | None) -> None:
    request = signed("twilio-status", url=f"https://c.example/webhooks/twilio-status{query}")
    assert verify_status(request, ONE_KEY).account == ACCOUNT
    (event,) = parse_status(request)
    assert isinstance(event, DeliveryReported)
    assert event.attempt_id == attempt_id


def test_attempt_in_an_address_that_is_none_is_nobody() -> None:
    request = attrs.evolve(signed("twilio-status"), url="http://[::1/webhooks?attempt=1")
    (event,) = parse_status(request)
    assert isinstance(event, DeliveryReported)
    assert event.attempt_id is None
    with pytest.raises(SignatureRefused, match="cannot be checked"):
        verify_status(request, ONE_KEY)


class TestFields:
    def test_blank_ones_are_part_of_what_is_signed(self) -> None:
        request = as_request(load("inbound_text"))
        assert b"ToCity=&" in request.body
        without = attrs.evolve(request, body=request.body.replace(b"ToCity=&", b""))
        with pytest.raises(SignatureRefused):
            verify_inbound(without, ONE_KEY)

    def test_new_ones_are_signed_and_ignored(self) -> None:
        request = signed("twilio", {"SomethingNew": "2027", "Unsigned": ""})
        assert verify_inbound(request, ONE_KEY).account == ACCOUNT
        assert parse_inbound(request) == parse_inbound(signed("twilio"))

    def test_repeated_ones_are_signed_and_refused_where_they_are_read(self) -> None:
        genuine = signed("twilio")
        harmless = resigned(genuine, genuine.body + b"&Tag=b&Tag=a&Tag=b")
        assert verify_inbound(harmless, ONE_KEY).account == ACCOUNT
        for name in (b"MessageSid", b"AccountSid"):
            twice = resigned(genuine, genuine.body + b"&" + name + b"=x")
            with pytest.raises(BadPayload, match="2 times"):
                verify_inbound(twice, ONE_KEY)
        for name in (b"From", b"To", b"Body", b"MediaUrl0=1&MediaUrl0"):
            with pytest.raises(BadPayload, match="times"):
                parse_inbound(resigned(genuine, genuine.body + b"&" + name + b"=x"))

    @pytest.mark.parametrize(
        ("webhook", "changes"),
        [
            ("twilio", {"MessageSid": None}),
            ("twilio", {"MessageSid": ""}),
            ("twilio", {"MessageSid": "SM123"}),
            ("twilio", {"MessageSid": "SM" + "1" * 33}),
            ("twilio", {"MessageSid": "SM" + "1" * 31 + "\0"}),
            ("twilio-status", {"MessageSid": " "}),
            ("twilio-status", {"MessageStatus": None}),
            ("twilio-status", {"MessageStatus": "sent:0"}),
            ("twilio-status", {"MessageStatus": "x" * 41}),
            ("twilio-status", {"MessageStatus": "se\0nt"}),
        ],
    )
    def test_payload_that_names_no_message_or_state_is_bad(
        self, webhook: str, changes: dict[str, str | None]
    ) -> None:
        request = signed(webhook, changes)
        spec = SPECS[webhook]
        with pytest.raises(BadPayload):
            spec.verify(request, ONE_KEY)
        with pytest.raises(BadPayload):
            spec.parse(request)

    @pytest.mark.parametrize("name", ["From", "To"])
    def test_text_from_or_to_nobody_is_bad(self, name: str) -> None:
        for value in (None, "", " "):
            with pytest.raises(BadPayload, match=name):
                parse_inbound(signed("twilio", {name: value}))

    def test_nul_becomes_something_the_database_keeps(self) -> None:
        request = signed("twilio", {"Body": "a\0b"})
        assert verify_inbound(request, ONE_KEY).account == ACCOUNT
        (event,) = parse_inbound(request)
        assert isinstance(event, MessageReceived)
        assert event.body == "a\N{REPLACEMENT CHARACTER}b"

    def test_blank_error_code_is_none(self) -> None:
        (event,) = parse_status(signed("twilio-status", {"ErrorCode": ""}))
        assert isinstance(event, DeliveryReported)
        assert event.error_code is None

    @pytest.mark.parametrize("fields", [MOST_FIELDS, MOST_FIELDS + 1])
    def test_too_many_are_not_even_signed_for(self, fields: int) -> None:
        genuine = signed("twilio")
        more = fields - genuine.body.count(b"&") - 1
        request = resigned(
            genuine, genuine.body + "".join(f"&X{number}=" for number in range(more)).encode()
        )
        if fields <= MOST_FIELDS:
            assert verify_inbound(request, ONE_KEY).account == ACCOUNT
        else:
            with pytest.raises(BadPayload, match="200 fields"):
                verify_inbound(request, ONE_KEY)


class TestBody:
    @pytest.mark.parametrize("body", [b"Body=\xff", b"Body=%FF", b"%C3%28=1", b"\xc3\x28"])
    def test_that_is_not_utf_8_is_bad(self, body: bytes) -> None:
        request = attrs.evolve(signed("twilio"), body=body)
        for call in (lambda: verify_inbound(request, ONE_KEY), lambda: parse_inbound(request)):
            with pytest.raises(BadPayload, match="UTF-8"):
                call()

    @pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
    def test_that_is_not_a_form_is_bad(self, kind: str) -> None:
        genuine = signed("twilio")
        request = attrs.evolve(genuine, headers={**genuine.headers, "content-type": kind})
        with pytest.raises(BadPayload, match="content type"):
            verify_inbound(request, ONE_KEY)
        with pytest.raises(BadPayload, match="content type"):
            parse_inbound(request)

    def test_without_a_content_type_is_bad(self) -> None:
        genuine = signed("twilio")
        headers = {SIGNATURE_HEADER: genuine.headers[SIGNATURE_HEADER]}
        with pytest.raises(BadPayload):
            verify_inbound(attrs.evolve(genuine, headers=headers), ONE_KEY)

    def test_content_type_may_be_written_in_other_ways(self) -> None:
        genuine = signed("twilio")
        kind = "Application/X-WWW-Form-URLEncoded ;charset=utf-8"
        request = attrs.evolve(genuine, headers={**genuine.headers, "content-type": kind})
        assert verify_inbound(request, ONE_KEY).account == ACCOUNT

    def test_hash_in_the_address_does_not_replace_the_fields(self) -> None:
        url = "https://c.example/webhooks/twilio?bodySHA256=" + "0" * 64
        request = signed("twilio", url=url)
        assert verify_inbound(request, ONE_KEY).account == ACCOUNT
        other = attrs.evolve(request, body=request.body.replace(b"Friday", b"Sunday"))
        with pytest.raises(SignatureRefused):
            verify_inbound(other, ONE_KEY)


class TestSender:
    def test_without_a_signature_is_refused(self) -> None:
        genuine = signed("twilio")
        for headers in ({"content-type": FORM}, {"content-type": FORM, SIGNATURE_HEADER: ""}):
            with pytest.raises(SignatureRefused, match="no x-twilio-signature header"):
                verify_inbound(attrs.evolve(genuine, headers=headers), ONE_KEY)

    def test_with_another_token_is_refused(self) -> None:
        other = attrs.evolve(ONE_KEY, auth_token=Secret("12346"))
        with pytest.raises(SignatureRefused, match="TWILIO_AUTH_TOKEN"):
            verify_inbound(signed("twilio"), other)

    def test_of_another_account_is_refused_in_spite_of_a_good_signature(self) -> None:
        for account in ("AC" + "1" * 32, ACCOUNT.upper(), "", None):
            with pytest.raises(SignatureRefused, match="another account"):
                verify_inbound(signed("twilio", {"AccountSid": account}), ONE_KEY)

    def test_signature_of_one_address_does_not_serve_at_another(self) -> None:
        genuine = signed("twilio")
        for url in (
            "http://clientflow.example.com/webhooks/twilio",
            "https://clientflow.example.com/webhooks/twilio/",
            "https://clientflow.example.com/webhooks/twilio-status",
            "https://clientflow.example.com/webhooks/twilio?x=1",
            "https://evil.example/webhooks/twilio",
        ):
            with pytest.raises(SignatureRefused):
                verify_inbound(attrs.evolve(genuine, url=url), ONE_KEY)

    def test_report_cannot_be_given_to_another_attempt(self) -> None:
        genuine = as_request(load("status_delivered"))
        other = attrs.evolve(genuine, url=genuine.url.replace("4a51", "4a52"))
        with pytest.raises(SignatureRefused):
            verify_status(other, ONE_KEY)

    @pytest.mark.parametrize(
        "headers",
        [
            {"host": "evil.example"},
            {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http"},
            {"forwarded": "host=evil.example;proto=http"},
            {"x-original-url": "/webhooks/other"},
        ],
    )
    def test_headers_of_proxies_do_not_change_the_address(self, headers: dict[str, str]) -> None:
        genuine = signed("twilio")
        behind = attrs.evolve(genuine, headers={**genuine.headers, **headers})
        assert verify_inbound(behind, ONE_KEY) == verify_inbound(genuine, ONE_KEY)
        forged = attrs.evolve(signed("twilio", url="http://evil.example/webhooks/twilio"))
        forged = attrs.evolve(forged, url=genuine.url, headers={**forged.headers, **headers})
        with pytest.raises(SignatureRefused):
            verify_inbound(forged, ONE_KEY)

    @pytest.mark.parametrize(
        ("called", "signed_for"),
        [
            ("https://c.example:8443/webhooks/twilio", "https://c.example:8443/webhooks/twilio"),
            # Twilio is not of one mind whether the port belongs to what it signs.
            ("https://c.example:8443/webhooks/twilio", "https://c.example/webhooks/twilio"),
            ("https://c.example/webhooks/twilio", "https://c.example:443/webhooks/twilio"),
            ("http://c.example/webhooks/twilio", "http://c.example:80/webhooks/twilio"),
            ("http://[::1]:8080/webhooks/twilio", "http://[::1]:8080/webhooks/twilio"),
        ],
    )
    def test_port_in_the_public_address_is_accepted(self, called: str, signed_for: str) -> None:
        request = attrs.evolve(signed("twilio", url=signed_for), url=called)
        assert verify_inbound(request, ONE_KEY).account == ACCOUNT


class TestScheme:
    def test_shared_key_is_accepted_only_where_one_is_set(self) -> None:
        request = as_request(load("status_shared_key"))
        assert verify_status(request, TWO_KEYS).account == ACCOUNT
        with pytest.raises(SignatureRefused, match="TWILIO_WEBHOOK_SHARED_KEY"):
            verify_status(request, ONE_KEY)
        blank = attrs.evolve(ONE_KEY, webhook_shared_key=Secret(""))
        with pytest.raises(SignatureRefused, match="TWILIO_WEBHOOK_SHARED_KEY"):
            verify_status(request, blank)

    def test_token_still_signs_where_a_shared_key_is_set(self) -> None:
        assert verify_status(as_request(load("status_delivered")), TWO_KEYS).account == ACCOUNT

    @pytest.mark.parametrize("key", [TOKEN, SHARED_KEY, "", "guess"])
    @pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (None, (TOKEN, "sha1")),
            ("", (TOKEN, "sha1")),
            ("key=k", (TOKEN, "sha1")),
            ("key=k,algorithm=", (TOKEN, "sha1")),
            ("key=k,algorithm=HMAC_SHA1", (TOKEN, "sha1")),
            ("key=k,algorithm=HMAC_SHA256", (SHARED_KEY, "sha256")),
            (" algorithm = HMAC_SHA256 , key=k", (SHARED_KEY, "sha256")),
            ("key=k,algorithm=hmac_sha256", None),
            ("key=k,algorithm=HMAC_SHA512", None),
            ("key=k,algorithm=none", None),
            ("algorithm=HMAC_SHA512,algorithm=HMAC_SHA1", None),
        ],
    )
    def test_each_key_serves_its_own_algorithm_and_no_other(
        self, header: str | None, expected: tuple[str, str] | None, algorithm: str, key: str
    ) -> None:
        payload = load("status_delivered")
        signature = sign(
            payload["fields"].items(), url=payload["url"], key=key, algorithm=algorithm
        )
        payload["headers"] = {SIGNATURE_HEADER: signature}
        if header is not None:
            payload["headers"][SCHEME_HEADER] = header
        got = outcome(as_request(payload), STATUS)
        assert isinstance(got, Verified) == ((key, algorithm) == expected)
        assert isinstance(got, (Verified, SignatureRefused))


BYTES = st.integers(0, 255).map(lambda number: bytes([number]))
PLACES = st.floats(0, 1, exclude_max=True)


def replaced(data: bytes, place: float, byte: bytes) -> bytes:
    at = int(place * len(data))
    return data[:at] + byte + data[at + 1 :]


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(REAL), place=PLACES, byte=BYTES)
def test_one_changed_byte_of_a_body_is_refused_or_means_the_same(
    name: str, place: float, byte: bytes
) -> None:
    genuine = as_request(load(name))
    changed = attrs.evolve(genuine, body=replaced(genuine.body, place, byte))
    spec = spec_of(genuine)
    if isinstance(outcome(changed, spec), Verified):
        # Such as %2b for %2B.
        assert fields_of(changed) == fields_of(genuine)
        assert spec.parse(changed) == spec.parse(genuine)


def fields_of(request: WebhookRequest) -> list[tuple[str, str]]:
    return sorted(parse_qsl(request.body.decode("utf-8"), keep_blank_values=True))


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(REAL), place=PLACES, letter=st.characters(codec="utf-8"))
def test_one_changed_letter_of_the_signature_is_refused(
    name: str, place: float, letter: str
) -> None:
    genuine = as_request(load(name))
    signature = genuine.headers[SIGNATURE_HEADER]
    at = int(place * len(signature))
    for other in (
        signature[:at] + letter + signature[at + 1 :],
        signature[:at],
        signature + letter,
    ):
        changed = attrs.evolve(genuine, headers={**genuine.headers, SIGNATURE_HEADER: other})
        if other != signature:
            assert isinstance(outcome(changed, spec_of(genuine)), SignatureRefused)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(REAL), place=PLACES, letter=st.characters(codec="utf-8"))
def test_one_changed_letter_of_the_address_is_refused(name: str, place: float, letter: str) -> None:
    genuine = as_request(load(name))
    # Scheme, host and port are configured; nobody but the operator can change them.
    begin = genuine.url.index("/webhooks")
    at = begin + int(place * (len(genuine.url) - begin))
    url = genuine.url[:at] + letter + genuine.url[at + 1 :]
    changed = attrs.evolve(genuine, url=url)
    got = outcome(changed, spec_of(genuine))
    assert isinstance(got, Verified) == (url == genuine.url)


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(REAL),
    field=st.integers(0, 30),
    value=st.none() | st.text(st.characters(codec="utf-8"), max_size=40),
)
def test_one_changed_dropped_or_added_field_is_refused(
    name: str, field: int, value: str | None
) -> None:
    payload = load(name)
    genuine = as_request(payload)
    names = [*payload["fields"], "Another"]
    changed_name = names[field % len(names)]
    fields = {k: v for k, v in payload["fields"].items() if k != changed_name}
    if value is not None:
        fields[changed_name] = value
    got = outcome(as_request(payload | {"fields": fields}), spec_of(genuine))
    assert isinstance(got, Verified) == (fields == payload["fields"])


@settings(max_examples=150, deadline=None)
@given(
    url=st.text() | st.sampled_from(["https://c.example/webhooks/twilio", "http://[", "//", "a:b"]),
    body=st.binary(max_size=300)
    | st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
    .map(urlencode)
    .map(str.encode),
    headers=st.dictionaries(
        st.sampled_from([SIGNATURE_HEADER, SCHEME_HEADER, "content-type"]),
        st.text(st.characters(exclude_categories=()))
        | st.sampled_from([FORM, "key=k,algorithm=HMAC_SHA256", "key=k,algorithm=HMAC_SHA1"]),
    ),
    config=st.sampled_from([ONE_KEY, TWO_KEYS]),
)
def test_noise_is_refused_and_never_breaks_anything(
    url: str, body: bytes, headers: dict[str, str], config: TwilioSettings
) -> None:
    for kept in (headers, {**headers, "content-type": FORM}):
        request = attrs.evolve(signed("twilio"), url=url, body=body, headers=kept)
        for spec in TWILIO.webhooks:
            assert not isinstance(outcome(request, spec, config), Verified)
            try:
                spec.parse(request)
            except BadPayload:
                continue


@settings(deadline=None)
@given(
    body=st.text(st.characters(codec="utf-8"), max_size=1600),
    sender=st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1),
)
def test_every_text_arrives_as_it_was_written(body: str, sender: str) -> None:
    request = signed("twilio", {"Body": body, "From": sender})
    assert verify_inbound(request, ONE_KEY).account == ACCOUNT
    (event,) = parse_inbound(request)
    assert isinstance(event, MessageReceived)
    assert event.body == body.replace("\0", "\N{REPLACEMENT CHARACTER}")
    assert event.sender == sender.strip()


def test_border_between_fields_is_not_signed_but_the_id_stays() -> None:
    """A weakness of Twilio's scheme, which joins names and values with nothing between them.

    Who has seen a genuine request can move the border; it stays the same event.
    """
    genuine = as_request(load("inbound_text"))
    moved = attrs.evolve(genuine, body=genuine.body.replace(b"Body=", b"Body"))
    assert verify_inbound(moved, ONE_KEY) == verify_inbound(genuine, ONE_KEY)


def test_what_later_checks_need_is_kept() -> None:
    for spec in (INBOUND, STATUS):
        assert spec.keep_headers == {"content-type", SIGNATURE_HEADER, SCHEME_HEADER}
        assert spec.max_body_bytes >= 64 * 1024
    assert INBOUND.path == "/webhooks/twilio"
    assert STATUS.path == "/webhooks/twilio-status"


def test_answer_to_a_text_is_twiml_that_says_nothing() -> None:
    assert INBOUND.reply_type == "text/xml"
    assert INBOUND.reply_body.endswith("<Response/>")
    assert STATUS.reply_body == ""
