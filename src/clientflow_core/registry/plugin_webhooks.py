"""The webhooks that plugins bring beside their providers'."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from clientflow_core.clock import Clock
from clientflow_core.domain.jobs import plugin_lane
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.guard import Guard, Origin
from clientflow_core.registry.leaks import secrets_of
from clientflow_core.registry.lifecycle import Lifecycle
from clientflow_core.registry.meter import CallMeter
from clientflow_core.registry.webhooks import BoundWebhook


@attrs.frozen(kw_only=True)
class WebhookJob:
    """The job by which a plugin handles one of its webhooks."""

    lane: str
    kind: str


def webhook_kind(plugin: str, webhook: str) -> str:
    """Tell what the record of jobs calls a webhook that a plugin has to handle."""
    return f"{plugin}.on_webhook.{webhook}"


def webhook_jobs(plugins: Iterable[Plugin]) -> Mapping[str, WebhookJob]:
    """Give for each webhook of *plugins* by which job it is handled."""
    return {
        webhook.name: WebhookJob(
            lane=plugin_lane(plugin.name), kind=webhook_kind(plugin.name, webhook.name)
        )
        for plugin in plugins
        for webhook in plugin.contributions.webhooks
    }


def bind_plugin_webhooks(
    plugins: Iterable[Plugin], loaded: Mapping[type, Any], *, clock: Clock, meter: CallMeter
) -> dict[str, BoundWebhook]:
    """Give the webhooks of *plugins* with all that it takes to serve them.

    Args:
        plugins: the enabled ones.
        loaded: their settings, by class.
        clock: the registry's.
        meter: is told of every call.
    """
    return {
        webhook.name: BoundWebhook(
            # With a dot, as no provider has: what both call by one id are two things.
            provider=f"{plugin.name}.{webhook.name}",
            spec=webhook.spec,
            settings=loaded[webhook.settings],
            guard=_guard(plugin, loaded[webhook.settings], clock=clock, meter=meter),
        )
        for plugin in plugins
        for webhook in plugin.contributions.webhooks
    }


def _guard(plugin: Plugin, settings: Any, *, clock: Clock, meter: CallMeter) -> Guard:
    return Guard(
        origin=Origin(
            provider=plugin.name, plugin=plugin.name, version=plugin.version, source=plugin.source
        ),
        deadline_seconds=0,
        lifecycle=Lifecycle(provider=plugin.name, plugin=plugin.source, clock=clock),
        meter=meter,
        secrets=secrets_of(settings),
    )
