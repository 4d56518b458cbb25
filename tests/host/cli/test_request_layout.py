"""Requests as an operator reads them: laid out, and without credentials."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from clientflow_host.cli.request_layout import (
    MOST_BYTES,
    MOST_LETTERS,
    lay_out_body,
    without_secrets,
    without_secrets_in_url,
)

FORM = "application/x-www-form-urlencoded"


def lay_out(body: bytes, content_type: str = "", *, width: int = 80) -> tuple[str, list[str]]:
    """Give the kind of a body, and the lines that are shown of it."""
    kind, shown = lay_out_body(body, content_type=content_type)
    console = Console(file=io.StringIO(), width=width)
    console.print(shown)
    file: Any = console.file
    return kind, [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "x-goog-channel-token",
        "x-api-key",
        "X-Apikey",
        "x-webhook-secret",
        "php-auth-password",
    ],
)
def test_credential_is_hidden(name: str) -> None:
    assert without_secrets({name: "hush", "host": "a"}) == {name: "(hidden)", "host": "a"}


@pytest.mark.parametrize("name", ["x-twilio-signature", "stripe-signature", "content-type"])
def test_signature_is_shown(name: str) -> None:
    assert without_secrets({name: "shown"}) == {name: "shown"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/webhooks/x?attempt=1&b", "https://a.example/webhooks/x?attempt=1&b"),
        ("https://me:hush@a.example/x", "https://(hidden)@a.example/x"),
        ("https://a.example/x?key=hush&a=1", "https://a.example/x?key=(hidden)&a=1"),
        ("https://a.example/x?a=1&api%5Fkey=h", "https://a.example/x?a=1&api_key=(hidden)"),
        ("https://a.example/x?monkey=1&to=me@b", "https://a.example/x?monkey=1&to=me@b"),
    ],
)
def test_address_is_shown_without_its_credentials(url: str, shown: str) -> None:
    assert without_secrets_in_url(url).replace("api%5Fkey", "api_key") == shown


def test_form_is_laid_out_field_by_field() -> None:
    kind, lines = lay_out(b"From=%2B1&Body=a%0Ab+%1B&Empty=", f"{FORM}; charset=UTF-8")
    assert kind == "a form of 31 bytes"
    assert lines == ["From   +1", "Body   a", "       b \\x1b", "Empty"]


def test_json_is_laid_out_line_by_line() -> None:
    body = '{"id": "evt", "data": {"größe": 42, "note": "\\u001b[2J"}}'.encode()
    for content_type in ("application/json", "application/cloudevents+json; charset=utf-8"):
        kind, lines = lay_out(body, content_type)
        assert kind == f"JSON of {len(body)} bytes"
        assert lines == [
            "{",
            '  "id": "evt",',
            '  "data": {',
            '    "größe": 42,',
            '    "note": "\\u001b[2J"',
            "  }",
            "}",
        ]


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"hello\nyou", "text/plain", "text of 9 bytes"),
        (b"{", "application/json", "text of 1 byte"),
        (b"[" * 100_000, "application/json", "text of 100 000 bytes"),
        (b"1" * 10_000, "application/json", "text of 10 000 bytes"),
        (b"a=%ff", FORM, "text of 5 bytes"),
        (b"a=1&" * 600, FORM, "text of 2 400 bytes"),
        (b"", FORM, "empty"),
    ],
)
def test_what_is_not_what_it_says_is_shown_as_text(
    body: bytes, content_type: str, kind: str
) -> None:
    assert lay_out(body, content_type)[0] == kind


def test_bytes_that_are_no_text_are_dumped() -> None:
    kind, lines = lay_out(b"\x00\x1b[2Jabc\xff" + bytes(range(0x30, 0x38)) + b"z", FORM)
    assert kind == "18 bytes that are no text"
    assert lines == [
        "0000  00 1b 5b 32 4a 61 62 63 ff 30 31 32 33 34 35 36  ..[2Jabc.0123456",
        "0010  37 7a                                            7z",
    ]


def test_what_is_long_is_cut_and_says_so() -> None:
    _, lines = lay_out(b"x" * (MOST_LETTERS + 7), "text/plain", width=200)
    assert lines[-1] == "… and 7 more letters; --json has all"
    _, lines = lay_out(b"\xff" * (MOST_BYTES + 9))
    assert lines[-1] == "… and 9 more bytes; --json has all"


@given(st.binary(max_size=300), st.sampled_from([FORM, "application/json", "", "text/plain"]))
def test_any_body_can_be_shown_and_acts_on_nothing(body: bytes, content_type: str) -> None:
    _, lines = lay_out(body, content_type)
    assert "\x1b" not in "".join(lines)
