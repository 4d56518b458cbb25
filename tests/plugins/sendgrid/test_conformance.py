"""SendGrid's channel proves what every channel has to."""

from collections.abc import Mapping
from typing import ClassVar

from clientflow_core.testing import ChannelConformance
from clientflow_plugins.sendgrid.sandbox.signing import make_key, public_text
from clientflow_plugins.sendgrid.spec import SENDGRID

_ANOTHER = public_text(make_key("another account", "events"))


class TestSendgrid(ChannelConformance):
    spec = SENDGRID
    recipient = "ada@example.com"
    bad_recipient = "nobody"
    longest_body = 100_000
    # Webhooks are proven by keys that are no secret.
    wrong_values: ClassVar[Mapping[str, str]] = {
        "SENDGRID_PUBLIC_KEY": _ANOTHER,
        "SENDGRID_INBOUND_PUBLIC_KEY": _ANOTHER,
    }
