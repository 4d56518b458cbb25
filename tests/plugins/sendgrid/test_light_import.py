"""What is imported when, looked at in a fresh interpreter."""

import subprocess
import sys
import time

from tests.plugins.sendgrid.conftest import settings_with

PROGRAM = """
import sys
from clientflow_plugins.sendgrid import plugin
(spec,) = plugin.clientflow_channels()
unwanted = ("sendgrid", "python_http_client", "werkzeug", "cryptography", "aiohttp.web", "dns",
    "nh3", "email_validator", "clientflow_core.sandbox")
heavy = [name for name in unwanted if name in sys.modules]
assert not heavy, heavy
from clientflow_core.errors import SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.settings import load_settings
settings = load_settings(spec.settings, {
    "SENDGRID_API_KEY": "SG." + "a" * 22 + "." + "b" * 43,
    "SENDGRID_FROM_EMAIL": "hello@acme.example.com",
    "SENDGRID_PUBLIC_KEY": sys.argv[1],
})
events = spec.webhooks[1]
headers = {
    "X-Twilio-Email-Event-Webhook-Signature": "MEUCIQ==",
    "X-Twilio-Email-Event-Webhook-Timestamp": sys.argv[2],
}
url = "https://c.example/webhooks/sendgrid-events"
request = WebhookRequest(method="POST", url=url, headers=headers, body=b"[]")
try:
    events.verify(request, settings)
except SignatureRefused as error:
    assert "does not fit" in str(error), error
assert events.parse(request) == ()
assert "cryptography" in sys.modules
heavy = [name for name in ("sendgrid", "werkzeug", "aiohttp.web") if name in sys.modules]
assert not heavy, heavy
"""


def test_neither_the_plugin_nor_its_webhooks_import_the_sdk() -> None:
    key = settings_with().public_key
    assert key
    arguments = [sys.executable, "-W", "error", "-c", PROGRAM, key, str(int(time.time()))]
    subprocess.run(arguments, check=True, timeout=30)
