"""The quick way to read a form and check its signature says what urllib and Twilio's SDK say."""

import base64
import datetime as dt
import hmac
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from clientflow_core.errors import SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.secret import Secret
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.webhooks import (
    FORM_TYPE,
    MOST_FIELDS,
    SIGNATURE_HEADER,
    _Form,
    _is_signed,
    _parse_form,
    verify_inbound,
)
from tests.texts import ACCOUNT, NUMBER, TOKEN, new_sid

URL = "https://clientflow.example.com/webhooks/twilio?a=1"
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PIECES = st.lists(st.sampled_from([*"&=+%;aé", "%C3%A9", "%FF", "%2", "%26", "a=b", "&&"]))


def as_form(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


@settings(max_examples=200, deadline=None)
@given(PIECES.map("".join) | st.lists(st.tuples(TEXT, TEXT)).map(urlencode))
def test_form_is_read_as_urllib_reads_it(text: str) -> None:
    try:
        expected = as_form(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except ValueError:
        with pytest.raises(ValueError, match="utf-8"):
            _parse_form(text)
        return
    assert _parse_form(text) == expected


def test_form_may_have_so_many_fields_and_no_more() -> None:
    most = "&".join(f"a{n}=" for n in range(MOST_FIELDS))
    assert len(_parse_form(most)) == MOST_FIELDS
    for text in (f"{most}&b=", f"{most}&", "&" * MOST_FIELDS):
        with pytest.raises(ValueError, match="too many"):
            _parse_form(text)


FORMS = st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=3), max_size=6)


@settings(max_examples=200, deadline=None)
@given(fields=FORMS, algorithm=st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]))
def test_signature_of_twilio_s_sdk_is_taken(fields: dict[str, list[str]], algorithm: str) -> None:
    form = _Form(fields)
    signature = RequestValidator(TOKEN).compute_signature(URL, form, algorithm)
    assert _is_signed(URL, form, signature, (algorithm, Secret(TOKEN)))


@settings(max_examples=200, deadline=None)
@given(
    fields=FORMS,
    signature=st.text(st.characters(exclude_categories=()), max_size=40)
    | st.binary(min_size=20, max_size=20).map(lambda b: base64.b64encode(b).decode()),
)
def test_other_signatures_are_left_to_it(fields: dict[str, list[str]], signature: str) -> None:
    scheme = ("HMAC_SHA1", Secret(TOKEN))
    assert not _is_signed(URL, _Form(fields), signature, scheme)


@pytest.mark.parametrize(
    ("url", "token", "algorithm"),
    [
        (f"{URL}&b=2", TOKEN, "sha1"),
        (URL, "2" * 32, "sha1"),
        (URL, "", "sha1"),
        (URL, TOKEN, "sha256"),
    ],
)
def test_neither_address_key_nor_algorithm_may_be_another(
    url: str, token: str, algorithm: str
) -> None:
    form = _Form({"AccountSid": [ACCOUNT], "MessageSid": [new_sid()]})
    joined = "".join(f"{name}{form[name][0]}" for name in sorted(form))
    digest = hmac.digest(token.encode(), f"{url}{joined}".encode(), algorithm)
    signature = base64.b64encode(digest).decode()
    assert not _is_signed(URL, form, signature, ("HMAC_SHA1", Secret(TOKEN)))


def test_address_that_is_no_text_is_refused() -> None:
    request = WebhookRequest(
        method="POST",
        url=f"{URL}\udcff",
        headers={"content-type": FORM_TYPE, SIGNATURE_HEADER: "x"},
        body=urlencode({"AccountSid": ACCOUNT, "MessageSid": new_sid()}).encode(),
        received_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
    )
    config = TwilioSettings(account_sid=ACCOUNT, auth_token=Secret(TOKEN), phone_number=NUMBER)
    with pytest.raises(SignatureRefused):
        verify_inbound(request, config)
