"""E-mail that comes in, taken apart or whole, in whatever charset, and from whoever means harm."""

import base64
import contextlib
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.messages import MessageReceived
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_plugins.sendgrid.multipart import MOST_FIELDS, split_form
from clientflow_plugins.sendgrid.webhooks import EVENTS, INBOUND, MOST_INBOUND_BYTES
from tests.plugins.sendgrid.conftest import payload, settings_with, signed

pytestmark = pytest.mark.proves("TI3")

TYPE = "multipart/form-data; boundary=xYzZY"
ENVELOPE = b'{"to":["hello@acme.example.com"],"from":"ada@example.com"}'
HEADERS = b"From: Ada <ada@example.com>\r\nMessage-ID: <1@mail.example.com>\r\nSubject: Hello\r\n"


def form(*fields: tuple[str, bytes], files: dict[str, tuple[str, bytes]] | None = None) -> bytes:
    pieces = [_piece(f'name="{name}"', content) for name, content in fields]
    for name, (file_name, content) in (files or {}).items():
        pieces.append(_piece(f'name="{name}"; filename="{file_name}"', content, "image/png"))
    return b"".join(pieces) + b"--xYzZY--\r\n"


def _piece(named: str, content: bytes, content_type: str = "text/plain") -> bytes:
    head = f"Content-Disposition: form-data; {named}\r\nContent-Type: {content_type}\r\n"
    return b"--xYzZY\r\n" + head.encode() + b"\r\n" + content + b"\r\n"


def recorded(name: str) -> bytes:
    told = payload(name)
    fields = [(name, text.encode(charset)) for name, charset, text in told["fields"]]
    files = {
        one["name"]: (one["file_name"], base64.b64decode(one["base64"])) for one in told["files"]
    }
    return form(*fields, files=files)


def received(body: bytes, content_type: str = TYPE) -> list[MessageReceived]:
    request = WebhookRequest(
        method="POST", url="https://c.example", headers={"Content-Type": content_type}, body=body
    )
    events = INBOUND.parse(request)
    assert all(isinstance(one, MessageReceived) for one in events)
    return [one for one in events if isinstance(one, MessageReceived)]


def usual(**more: bytes) -> bytes:
    fields = {"headers": HEADERS, "text": b"Hi", "envelope": ENVELOPE} | more
    return form(*fields.items())


def test_recorded_mail_that_was_taken_apart() -> None:
    (message,) = received(recorded("inbound_apart.json"))
    assert message.sender == "ada@example.com"
    # Of the envelope: the header says somebody else.
    assert message.recipient == "hello@acme.example.com"
    assert message.body.startswith("Größe 42, bitte.\n\nOn Tue")
    assert message.email
    assert message.email.html == "<div>Größe 42 \u2013 10 €</div>"
    assert message.email.subject == "Re: Größe"
    assert message.email.sender_name == "Jörg Ada"
    assert message.email.message_id == "<CAF0001@mail.example.com>"
    assert message.email.in_reply_to == "<0192f1c0aa007c4e8d2b000000000001@acme.example.com>"
    assert message.email.references[0] == "<first@acme.example.com>"
    (file,) = message.email.attachments
    assert (file.name, file.content_type, file.content[:4]) == (
        "shoes.png",
        "image/png",
        b"\x89PNG",
    )


def test_recorded_mail_that_was_left_whole() -> None:
    (message,) = received(recorded("inbound_whole.json"))
    assert message.body == "Wäre Donnerstag möglich?"
    assert message.email
    assert message.email.html
    assert "möglich" in message.email.html
    assert message.email.message_id == "<CAF0002@mail.example.com>"
    assert not message.email.attachments


def test_each_recipient_of_the_envelope_gets_it_once() -> None:
    to = ["hello@acme.example.com", "Team@acme.example.com", "hello@acme.example.com", 7, "none"]
    messages = received(usual(envelope=json.dumps({"to": to, "from": "x"}).encode()))
    assert [one.recipient for one in messages] == [
        "hello@acme.example.com",
        "team@acme.example.com",
    ]
    assert len({one.provider_message_id for one in messages}) == 2


def test_envelope_stands_in_for_a_sender_that_is_none() -> None:
    (message,) = received(usual(headers=b"From: nobody\r\n"))
    assert message.sender == "ada@example.com"


@pytest.mark.parametrize(
    "envelope",
    [b"", b"{}", b"[]", b"null", b'{"to":"hello@acme.example.com"}', b'{"to":[null,{},"nobody"]}',
     b'{"to":[]}', b"[" * 60_000, b'{"to":["a@b.example.com\\r\\nBcc: x@y.example.com"]}'],
)  # fmt: skip
def test_envelope_that_names_nobody_is_a_bad_payload(envelope: bytes) -> None:
    with pytest.raises(BadPayload):
        received(usual(envelope=envelope))


def test_mail_without_any_sender_is_a_bad_payload() -> None:
    envelope = b'{"to":["hello@acme.example.com"],"from":""}'
    with pytest.raises(BadPayload, match="sender"):
        received(usual(headers=b"Subject: x\r\n", envelope=envelope))


class TestCharsets:
    @pytest.mark.parametrize(
        ("charset", "content"),
        [
            ("UTF-8", "Größe €".encode()),
            ("iso-8859-15", "Größe €".encode("iso-8859-15")),
            ("windows-1252", "Größe €".encode("cp1252")),
            ("ISO-8859-1", "Größe €".encode("cp1252")),
            ("no such charset", "Größe €".encode()),
            ("utf-16", "Größe €".encode("utf-16")),
            ("x" * 10_000, "Größe €".encode()),
            ("\x00", "Größe €".encode()),
            ("base64", "Größe €".encode()),
        ],
    )
    def test_text_is_read_in_the_one_that_is_named(self, charset: str, content: bytes) -> None:
        charsets = json.dumps({"text": charset}).encode()
        (message,) = received(usual(text=content, charsets=charsets))
        assert message.body == "Größe €"

    @pytest.mark.parametrize("charsets", [b"", b"[]", b'{"text":7}', b'{"text":null}', b"\xff"])
    def test_odd_charsets_count_as_none(self, charsets: bytes) -> None:
        (message,) = received(usual(text="ä".encode(), charsets=charsets))
        assert message.body == "ä"

    @pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "utf-8"])
    def test_nothing_comes_through_that_cannot_be_stored(self, charset: str) -> None:
        hostile = b"+2AA- \\ud800 \x00 \xff"
        charsets = json.dumps({"text": charset, "html": charset}).encode()
        (message,) = received(usual(text=hostile, html=hostile, charsets=charsets))
        assert message.email
        for text in (message.body, message.email.html or ""):
            text.encode()
            assert "\x00" not in text

    def test_html_stands_in_for_a_text_that_is_missing(self) -> None:
        body = form(("headers", HEADERS), ("html", b"<p>Hi <b>you</b>"), ("envelope", ENVELOPE))
        (message,) = received(body)
        assert message.body == "Hi you"


class TestIdentity:
    def test_same_mail_is_one_whatever_its_boundary_and_its_time(self) -> None:
        other = usual().replace(b"xYzZY", b"another")
        ids = {
            INBOUND.verify(
                signed(
                    INBOUND,
                    body,
                    purpose="parse",
                    headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                    age_seconds=age,
                ),
                settings_with(),
            ).external_id
            for body, boundary, age in ((usual(), "xYzZY", 0), (other, "another", 900))
        }
        assert len(ids) == 1
        (one,), (same,) = received(usual()), received(other, TYPE.replace("xYzZY", "another"))
        assert one.provider_message_id == same.provider_message_id

    def test_same_mail_to_somebody_else_is_another(self) -> None:
        other = ENVELOPE.replace(b"hello", b"team")
        assert _identity(usual()) != _identity(usual(envelope=other))

    def test_mails_without_an_id_are_told_apart_by_their_bytes(self) -> None:
        first, other = (usual(headers=b"From: a@b.example.com\r\n", text=x) for x in (b"1", b"2"))
        assert _identity(first) != _identity(other)

    def test_signed_body_that_nobody_can_read_is_kept_for_a_person(self) -> None:
        assert _identity(b"\xff\x00 nothing") != _identity(b"\xff\x00 nothing else")


def _identity(body: bytes) -> str:
    request = signed(INBOUND, body, purpose="parse", headers={"Content-Type": TYPE})
    return INBOUND.verify(request, settings_with()).external_id


class TestHostileForms:
    def test_second_envelope_within_a_text_refuses_the_whole(self) -> None:
        forged = b'Hi\r\n--xYzZY\r\nContent-Disposition: form-data; name="envelope"\r\n\r\n{}'
        with pytest.raises(BadPayload, match="twice"):
            received(usual(text=forged))

    def test_text_that_holds_the_end_loses_nothing(self) -> None:
        (message,) = received(usual(text=b"Hi\r\n--xYzZY--\r\nyou\r\n--xYzZYz"))
        assert message.body == "Hi\n--xYzZY--\nyou\n--xYzZYz"

    @pytest.mark.parametrize(
        "content_type",
        ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=",
         "multipart/mixed; boundary=xYzZY", f"multipart/form-data; boundary={'x' * 100}",
         "multipart/form-data; boundary=\xff", "multipart/form-data; boundary*=utf-8''%ff",
         "multipart/form-data; boundary*0=x; boundary*=y; boundary*1*=z", "x" * 100_000,
         "multipart/form-data; boundary=\udcff"],
    )  # fmt: skip
    def test_type_without_a_boundary_is_a_bad_payload(self, content_type: str) -> None:
        with pytest.raises(BadPayload):
            received(usual(), content_type)

    @pytest.mark.parametrize(
        "body",
        [b"", b"--xYzZY--", b"--xYzZY\r\n--xYzZY--\r\n", usual()[:-10], usual()[5:],
         b"--xYzZY\r\nno headers\r\n--xYzZY--\r\n", b"--xYzZY\r\n\r\n\r\n--xYzZY--\r\n",
         b"--xYzZY\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xYzZY--\r\n",
         b"--xYzZY\r\nContent-Disposition: form-data; name*=x''%\r\n\r\nx\r\n--xYzZY--\r\n",
         b"--xYzZY\r\n" + b"x" * 100_000 + b"\r\n\r\nx\r\n--xYzZY--\r\n"],
    )  # fmt: skip
    def test_broken_form_is_a_bad_payload(self, body: bytes) -> None:
        with pytest.raises(BadPayload):
            received(body)

    def test_too_many_fields_are_a_bad_payload(self) -> None:
        fields = [(f"f{number}", b"") for number in range(MOST_FIELDS + 1)]
        with pytest.raises(BadPayload, match="more than"):
            received(form(*fields))
        assert len(split_form(TYPE, form(*fields[1:]))) == MOST_FIELDS

    @pytest.mark.parametrize(
        "file_name", ["../../etc/passwd", "a\x00b.exe", "\u202efdp.exe", "", "." * 300, "x" * 9000]
    )
    def test_file_names_are_only_names(self, file_name: str) -> None:
        body = form(
            ("headers", HEADERS),
            ("envelope", ENVELOPE),
            files={"attachment1": (file_name, b"x")},
        )
        (message,) = received(body)
        assert message.email
        for file in message.email.attachments:
            assert "/" not in file.name
            assert file.name.isprintable()
            assert len(file.name) <= 200


_MOST: Final = MOST_INBOUND_BYTES - 2048
_NESTED: Final = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
# Made when it is their turn: together they are a quarter of a gigabyte.
_HUGE: Final[dict[str, Callable[[], bytes]]] = {
    "one file": lambda: usual(attachment1=b"x" * _MOST),
    "many lines": lambda: usual(text=b"\n" * _MOST),
    "many beginnings": lambda: usual(text=b"\r\n--xYzZ" * (_MOST // 8)),
    "many fields": lambda: b"--xYzZY\r\n\r\n\r\n" * (_MOST // 13) + b"--xYzZY--\r\n",
    "many ends": lambda: b"--xYzZY\r\n" + b"\r\n--xYzZY--" * (_MOST // 11),
    "no end of a head": lambda: b"--xYzZY\r\n" + b"a: b\r\n" * (_MOST // 6) + b"\r\n--xYzZY--",
    "levels": lambda: usual(email=HEADERS + _NESTED * (_MOST // len(_NESTED))),
    "a slow charset": lambda: usual(text=b"b9" * (_MOST // 2), charsets=b'{"text":"punycode"}'),
}


@pytest.mark.parametrize("kind", list(_HUGE))
def test_largest_bodies_of_every_kind_take_a_moment(kind: str) -> None:
    body = _HUGE[kind]()
    assert len(body) <= MOST_INBOUND_BYTES
    begun = time.thread_time()
    with contextlib.suppress(BadPayload):
        received(body)
    # It takes a tenth of it; what grows with the square of the size would take minutes.
    assert time.thread_time() - begun < 5


@attrs.frozen
class _Any:
    """Anything that somebody may post."""

    webhook: Any
    request: WebhookRequest


def _posts() -> st.SearchStrategy[_Any]:
    names = st.sampled_from(["content-type", "x-twilio-email-event-webhook-signature",
                             "x-twilio-email-event-webhook-timestamp", "x-other"])  # fmt: skip
    values = st.text(max_size=40) | st.sampled_from([TYPE, "1795942800", "MEUCIQ==", "\udcff"])
    bodies = st.binary(max_size=300) | st.sampled_from([usual(), usual()[:-20], b"[]", b""])
    return st.builds(
        lambda webhook, headers, body, query: _Any(
            webhook,
            WebhookRequest(
                method="POST", url=f"https://c.example/{query}", headers=headers, body=body
            ),
        ),
        st.sampled_from([INBOUND, EVENTS]),
        st.dictionaries(names, values, max_size=4),
        bodies,
        st.text(max_size=30),
    )


@given(_posts())
@settings(max_examples=50, deadline=None)
def test_whatever_is_posted_is_refused_and_read_or_a_bad_payload(post: _Any) -> None:
    with pytest.raises(SignatureRefused):
        post.webhook.verify(post.request, settings_with())
    post.webhook.account_hint(post.request)
    try:
        post.webhook.parse(post.request)
    except BadPayload:
        return


@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=8)), max_size=5))
@settings(max_examples=50, deadline=None)
def test_real_form_with_anything_put_into_it_is_read_or_a_bad_payload(
    cuts: list[tuple[int, bytes]],
) -> None:
    body = recorded("inbound_apart.json")
    for place, put in cuts:
        at = place % (len(body) + 1)
        body = body[:at] + put + body[at + len(put) :]
    try:
        messages = received(body)
    except BadPayload:
        return
    for one in messages:
        one.body.encode()


def test_large_mail_is_not_copied_many_times() -> None:
    body = usual(attachment1=b"x" * (8 * 1024 * 1024))
    tracemalloc.start()
    try:
        received(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(body)
