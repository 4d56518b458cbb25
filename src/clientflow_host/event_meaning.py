"""What the plugin of a webhook that was kept makes of it, asked once more."""

from collections.abc import Mapping, Sequence

import attrs

from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import BadPayload, PluginError, SettingsError
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.webhooks import BoundWebhook
from clientflow_host.assembly import load_everything
from clientflow_host.state import UpNote


@attrs.frozen(kw_only=True)
class Meaning:
    """What a webhook means.

    Attributes:
        events: what its plugin reads in it.
        trouble: why nothing could be read; None if it could.
    """

    events: Sequence[ProviderEvent] = ()
    trouble: str | None = None


def read_meaning(event: InboundEvent, values: Mapping[str, str], *, up: UpNote | None) -> Meaning:
    """Let the plugin of *event* read it, as the worker does; nothing is done about it.

    Args:
        event: as it was kept.
        values: the settings.
        up: what a running `up` has left, whose stand-ins enable plugins too.
    """
    of_up = {**up.settings, "CLIENTFLOW_PUBLIC_URL": up.url} if up else {}
    try:
        _, registry = load_everything({**of_up, **values})
    except (SettingsError, PluginError) as error:
        return Meaning(trouble=f"the plugins cannot be asked: {error}")
    webhook = registry.webhooks.get(event.webhook)
    if webhook is None:
        return Meaning(trouble=f"no enabled plugin has the webhook {event.webhook!r}")
    return _parse(webhook, event)


def _parse(webhook: BoundWebhook, event: InboundEvent) -> Meaning:
    request = WebhookRequest(
        method=event.method,
        url=event.url,
        headers=event.headers,
        body=event.body,
        received_at=event.received_at,
    )
    try:
        return Meaning(events=webhook.parse(request))
    except BadPayload as error:
        return Meaning(trouble=f"it cannot be read: {error}")
    except PluginError as error:
        # A plugin's mistake is what the reader looks for.
        cause = error.__cause__ or error
        return Meaning(trouble=f"the plugin fails at it: {type(cause).__name__}: {cause}")
