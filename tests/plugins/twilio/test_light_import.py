"""What is imported when, looked at in fresh interpreters."""

import subprocess
import sys

import pytest

IMPORT = """
import sys
from clientflow_plugins.twilio import plugin
(spec,) = plugin.clientflow_channels()
assert spec.name == "twilio", spec
"""
VERIFY = """
import datetime as dt
from clientflow_core.errors import SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.secret import Secret
from clientflow_plugins.twilio.settings import TwilioSettings
settings = TwilioSettings(account_sid="AC" + "0" * 32, auth_token=Secret("x"), phone_number="+1")
request = WebhookRequest(
    method="POST",
    url="https://c.example/webhooks/twilio",
    headers={"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": "x"},
    body=b"From=%2B15550100123&To=%2B15550100100&MessageSid=SM" + b"1" * 32,
    received_at=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
)
for webhook in spec.webhooks:
    try:
        webhook.verify(request, settings)
    except SignatureRefused as error:
        assert "does not fit" in str(error), error
    else:
        raise AssertionError(webhook)
assert spec.webhooks[0].parse(request)
"""


def run(program: str, *, unwanted: tuple[str, ...]) -> None:
    check = f"heavy = [n for n in {unwanted!r} if n in sys.modules]\nassert not heavy, heavy\n"
    subprocess.run([sys.executable, "-W", "error", "-c", program + check], check=True, timeout=30)


def test_importing_the_plugin_imports_neither_sdk_nor_web_server() -> None:
    run(IMPORT, unwanted=("twilio", "aiohttp.web", "requests", "clientflow_core.sandbox"))


def test_webhooks_are_verified_and_parsed_without_the_rest_of_the_sdk() -> None:
    run(
        IMPORT + VERIFY,
        unwanted=("twilio.rest", "twilio.http", "twilio.base", "requests", "aiohttp.web"),
    )


def test_this_check_can_fail() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(IMPORT + VERIFY, unwanted=("twilio.request_validator",))
