"""The webhooks of the enabled providers, each with what it takes to serve it."""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from clientflow_core.clock import SystemClock
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.guard import Guard, Origin
from clientflow_core.registry.leaks import secrets_of
from clientflow_core.registry.lifecycle import Lifecycle
from clientflow_core.registry.meter import NoMeter
from clientflow_core.registry.operations import Operation
from clientflow_core.registry.results import fits

_VERIFY: Final = Operation(name="verify_webhook", is_read=True, fits=fits(Verified), is_async=False)
_PARSE: Final = Operation(
    name="parse_webhook", is_read=True, fits=fits(Sequence[ProviderEvent]), is_async=False
)


def _own_guard(webhook: "BoundWebhook") -> Guard:
    name = webhook.plugin
    return Guard(
        origin=Origin(provider=name, plugin=name, version="unknown", source=f"the plugin {name!r}"),
        deadline_seconds=0,
        lifecycle=Lifecycle(provider=name, plugin=name, clock=SystemClock()),
        meter=NoMeter(),
        secrets=secrets_of(webhook.settings),
    )


@attrs.frozen(kw_only=True)
class BoundWebhook:
    """A webhook with the settings of its provider: all that it takes to serve it."""

    plugin: str
    spec: WebhookSpec
    settings: Any
    _guard: Guard = attrs.field(default=attrs.Factory(_own_guard, takes_self=True), eq=False)

    def verify(self, request: WebhookRequest) -> Verified:
        """Check who sent *request*.

        Raises:
            SignatureRefused: it cannot be proven.
            BadPayload: it cannot be read.
            PluginError: the plugin failed over it, such as for want of its SDK.
        """
        return self._guard.call_now(_VERIFY, lambda: self.spec.verify(request, self.settings))

    def parse(self, request: WebhookRequest) -> Sequence[ProviderEvent]:
        """Read what *request*, which was verified before, means; nothing if it concerns nobody.

        Raises:
            BadPayload: it cannot be read.
            PluginError: the plugin failed over it.
        """
        return self._guard.call_now(_PARSE, lambda: self.spec.parse(request))
