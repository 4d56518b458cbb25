"""What plugins make of webhooks that were kept."""

import datetime as dt
from collections.abc import Sequence

import pytest

from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import BadPayload
from clientflow_core.ids import new_id
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.webhooks import BoundWebhook
from clientflow_host.event_meaning import Meaning, _parse, read_meaning

EVENT = InboundEvent(
    id=new_id(),
    provider="pigeon",
    webhook="pigeon",
    account="",
    external_id="1",
    method="POST",
    url="https://a.example/webhooks/pigeon",
    headers={},
    body=b"",
    received_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
)


def verify(_: WebhookRequest, __: object, /) -> Verified:
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadPayload("no wings"), "it cannot be read: no wings"),
        # What makes a dead letter of its job.
        (KeyError("From"), "the plugin fails at it: KeyError: 'From'"),
    ],
)
def test_plugin_that_fails_is_told(error: Exception, told: str) -> None:
    def parse(_: WebhookRequest) -> Sequence[ProviderEvent]:
        raise error

    webhook = BoundWebhook(
        provider="pigeon",
        spec=WebhookSpec(name="pigeon", verify=verify, parse=parse),
        settings=None,
    )
    assert _parse(webhook, EVENT) == Meaning(trouble=told)


def test_event_that_means_nothing_to_us_has_no_trouble() -> None:
    spec = WebhookSpec(name="pigeon", verify=verify, parse=lambda _: ())
    assert _parse(BoundWebhook(provider="pigeon", spec=spec, settings=None), EVENT) == Meaning()


def test_settings_that_are_wrong_are_told_and_not_raised() -> None:
    meaning = read_meaning(EVENT, {"CLIENTFLOW_LOG_LEVEL": "loud"}, up=None)
    assert str(meaning.trouble).startswith("the plugins cannot be asked: ")
