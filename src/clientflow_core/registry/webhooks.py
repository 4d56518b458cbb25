"""The webhooks of the enabled providers, each with what it takes to serve it."""

import uuid
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
_HINT: Final = Operation(name="account_hint", is_read=True, fits=fits(str | None), is_async=False)
_PARSE: Final = Operation(
    name="parse_webhook", is_read=True, fits=fits(Sequence[ProviderEvent]), is_async=False
)


def _own_guard(webhook: "BoundWebhook") -> Guard:
    name = webhook.provider
    return Guard(
        origin=Origin(provider=name, plugin=name, version="unknown", source=f"the plugin {name!r}"),
        deadline_seconds=0,
        lifecycle=Lifecycle(provider=name, plugin=name, clock=SystemClock()),
        meter=NoMeter(),
        secrets=secrets_of(webhook.settings),
    )


@attrs.frozen
class Proof:
    """Who has sent a webhook, and whose settings have proven it: None for the operator's."""

    verified: Verified
    organization_id: uuid.UUID | None = None


@attrs.frozen(kw_only=True)
class BoundWebhook:
    """A webhook with the settings of its provider: all that it takes to serve it."""

    provider: str
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

    def foreign_account(self, request: WebhookRequest, *, own: str | None) -> str | None:
        """Give the account that *request* says it is about, unless that is our *own*.

        Raises:
            BadPayload: it cannot be read.
            PluginError: the plugin failed over it.
        """
        hint = self.spec.account_hint
        if hint is None:
            return None
        try:
            account: object = hint(request)
        except Exception:  # noqa: BLE001 - asked once more, behind the guard, which says whose it is
            account = self._guard.call_now(_HINT, lambda: hint(request))
        if account == own:
            return None
        # It is asked of every request: what it gives is looked at only where it matters.
        return self._guard.call_now(_HINT, lambda: hint(request))

    def for_settings(self, settings: Any) -> "BoundWebhook":
        """Give the same webhook with the *settings* of an organization."""
        guard = attrs.evolve(self._guard, secrets=secrets_of(settings))
        return BoundWebhook(provider=self.provider, spec=self.spec, settings=settings, guard=guard)

    def parse(self, request: WebhookRequest) -> Sequence[ProviderEvent]:
        """Read what *request*, which was verified before, means; nothing if it concerns nobody.

        Raises:
            BadPayload: it cannot be read.
            PluginError: the plugin failed over it.
        """
        return self._guard.call_now(_PARSE, lambda: self.spec.parse(request))
