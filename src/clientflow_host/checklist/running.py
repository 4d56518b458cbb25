"""Runs the checks of the enabled plugins, all at the same time, each on a deadline of its own."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import attrs

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.contributions.checks import CheckContext, CheckResult, CheckSpec, CheckStatus
from clientflow_core.errors import ClientFlowError, PluginError
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced
from clientflow_core.registry.leaks import hide_in, secrets_of
from clientflow_core.registry.registry import ProviderRegistry


@attrs.frozen(kw_only=True)
class CheckedItem:
    """An item of the checklist, with what its check has found.

    Attributes:
        id: the item's.
        plugin: whose check it is.
        title: for people.
    """

    id: str
    plugin: str
    title: str
    status: CheckStatus
    found: str
    expected: str
    hint: str


@attrs.frozen(kw_only=True)
class Chosen:
    """Which checks are run: all of them, or less.

    Attributes:
        ids: only these.
        plugin: only those of this plugin.
    """

    ids: Collection[str] = ()
    plugin: str | None = None

    def takes(self, plugin: Plugin, spec: CheckSpec) -> bool:
        """Whether the check is run."""
        is_named = not self.ids or spec.id in self.ids
        return is_named and self.plugin in (None, plugin.name)


async def run_checks(
    registry: ProviderRegistry, *, public_url: str, chosen: Chosen, clock: Clock | None = None
) -> Sequence[CheckedItem]:
    """Run the checks of the enabled plugins, in the order of the plugins.

    Args:
        registry: open.
        public_url: where the world reaches the host.
        chosen: which of them.
        clock: for tests.

    Raises:
        PluginError: what is chosen is not there.
    """
    _refuse_unknown(registry.plugins, chosen)
    pairs = [
        (plugin, spec)
        for plugin in registry.plugins
        for spec in plugin.contributions.checks
        if chosen.takes(plugin, spec)
    ]
    contexts = {
        plugin.name: _context(registry, plugin, public_url, clock or SystemClock())
        for plugin, _ in pairs
    }
    return await asyncio.gather(
        *(_checked(plugin, spec, contexts[plugin.name]) for plugin, spec in pairs)
    )


def _refuse_unknown(plugins: Sequence[Plugin], chosen: Chosen) -> None:
    if chosen.plugin is not None and chosen.plugin not in {one.name for one in plugins}:
        enabled = ", ".join(sorted(one.name for one in plugins)) or "none"
        msg = f"the plugin {chosen.plugin!r} is not enabled (enabled are: {enabled})"
        raise PluginError(msg)
    whose = [one for one in plugins if chosen.plugin in (None, one.name)]
    known = {spec.id for one in whose for spec in one.contributions.checks}
    for wanted in chosen.ids:
        if wanted not in known:
            there = ", ".join(sorted(known)) or "none"
            msg = f"no enabled plugin has a check {wanted!r}; there is: {there}"
            raise PluginError(msg)


def _context(
    registry: ProviderRegistry, plugin: Plugin, public_url: str, clock: Clock
) -> CheckContext:
    plain = plugin_context(plugin, providers=registry, clock=clock)
    return CheckContext(
        plugin=plain.plugin,
        providers=plain.providers,
        clock=plain.clock,
        log=plain.log,
        own_settings=plain.own_settings,
        open_own=plain.open_own,
        http=registry.http,
        public_url=public_url,
    )


async def _checked(plugin: Plugin, spec: CheckSpec, context: CheckContext) -> CheckedItem:
    result = await _result(plugin, spec, context)
    secrets = [one for own in context.own_settings.values() for one in secrets_of(own)]
    return CheckedItem(
        id=spec.id,
        plugin=plugin.name,
        title=spec.title,
        status=result.status,
        found=hide_in(result.found, secrets),
        expected=hide_in(result.expected, secrets),
        hint=hide_in(result.hint, secrets),
    )


async def _result(plugin: Plugin, spec: CheckSpec, context: CheckContext) -> CheckResult:
    try:
        answer: Any = await fenced(
            lambda: spec.run(context),
            plugin=plugin,
            what=f"the check {spec.id!r}",
            deadline_seconds=spec.deadline_seconds,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        return _failure(plugin, spec, error)
    if isinstance(answer, CheckResult):
        return answer
    got = type(answer).__name__
    return _failure(plugin, spec, TypeError(f"it gives {got}, not a CheckResult"))


def _failure(plugin: Plugin, spec: CheckSpec, error: Exception) -> CheckResult:
    found, hint = f"{type(error).__name__}: {error}", "This is a fault of it: tell its author."
    if isinstance(error, ClientFlowError):
        found, hint = str(error), error.remedy
    expected = f"an answer from the check {spec.id!r} of {plugin.source}"
    return CheckResult(status=CheckStatus.FAILED, found=found, expected=expected, hint=hint)
