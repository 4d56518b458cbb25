"""Texts that are signed beforehand are as good as Twilio's, and never the same twice."""

import datetime as dt
from pathlib import Path
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from benchmarks.texts import (
    ACCOUNT,
    NUMBER,
    PATH,
    PUBLIC_URL,
    TOKEN,
    signed_text,
    write_texts,
)
from clientflow_core.providers.webhooks import Verified, WebhookRequest
from clientflow_core.secret import Secret
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.webhooks import FORM_TYPE, SIGNATURE_HEADER, verify_inbound


def fields(body: str) -> dict[str, str]:
    return dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))


def test_twilio_s_own_validator_takes_the_signature() -> None:
    text = signed_text(1)
    validator = RequestValidator(TOKEN)
    assert validator.validate(PUBLIC_URL + PATH, fields(text.body), text.signature)
    assert not validator.validate(PUBLIC_URL + PATH, fields(text.body), signed_text(1).signature)


def test_our_check_takes_the_signature() -> None:
    text = signed_text(7)
    settings = TwilioSettings(account_sid=ACCOUNT, auth_token=Secret(TOKEN), phone_number=NUMBER)
    request = WebhookRequest(
        method="POST",
        url=PUBLIC_URL + PATH,
        headers={"content-type": FORM_TYPE, SIGNATURE_HEADER: text.signature},
        body=text.body.encode(),
        received_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
    )
    assert verify_inbound(request, settings) == Verified(
        external_id=text.sid, account=ACCOUNT, recipient=NUMBER
    )


def test_each_line_of_the_file_is_a_text_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    write_texts(file, count=50)
    lines = [line.split(" ") for line in file.read_text("ascii").splitlines()]
    assert [len(line) for line in lines] == [2] * 50
    assert len({fields(body)["MessageSid"] for _, body in lines}) == 50
    validator = RequestValidator(TOKEN)
    assert all(validator.validate(PUBLIC_URL + PATH, fields(b), s) for s, b in lines)


def test_text_is_about_as_long_as_those_of_twilio() -> None:
    # Its headers, as wrk.lua writes them, are 0.4 kB.
    assert 950 <= len(signed_text(1).body) <= 1050
