"""Runs the checks of the enabled plugins, each on a deadline of its own."""

from collections.abc import Sequence
from typing import Any

import attrs

from clientflow_core.clock import Clock
from clientflow_core.contributions.checks import CheckContext, CheckResult, CheckSpec, failed
from clientflow_core.errors import ClientFlowError, PluginError
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced
from clientflow_core.registry.leaks import hide_in, secrets_of
from clientflow_core.registry.registry import ProviderRegistry


@attrs.frozen(kw_only=True)
class PluginCheck:
    """A check that an enabled plugin brings.

    Attributes:
        plugin: whose it is.
        spec: as the plugin gives it.
        context: what it works with.
    """

    plugin: Plugin
    spec: CheckSpec
    context: CheckContext

    @property
    def id(self) -> str:
        """The item that it answers, or its own name."""
        return self.spec.id

    async def run(self) -> CheckResult:
        """Run it; whatever it does, an answer comes of it, and none of its secrets."""
        result = await _result(self.plugin, self.spec, self.context)
        return attrs.evolve(
            result,
            found=self._clean(result.found),
            expected=self._clean(result.expected),
            hint=self._clean(result.hint),
        )

    async def fix(self) -> str:
        """Mend what it has found; give a sentence on what was done.

        Raises:
            PluginError: it could not be done; the message says why, with none of its secrets.
        """
        mend = self.spec.fix
        if mend is None:
            return "nothing is known that would mend it"
        try:
            said = await fenced(
                lambda: mend(self.context),
                plugin=self.plugin,
                what=f"the fix of the check {self.spec.id!r}",
                deadline_seconds=self.spec.deadline_seconds,
            )
        except Exception as error:
            words = str(error) if isinstance(error, ClientFlowError) else _fault(error)
            raise PluginError(self._clean(words)) from error
        return self._clean(str(said))

    def _clean(self, text: str) -> str:
        own = self.context.own_settings.values()
        return hide_in(text, [one for settings in own for one in secrets_of(settings)])


def plugin_checks(
    registry: ProviderRegistry, *, public_url: str, clock: Clock
) -> Sequence[PluginCheck]:
    """Give the checks of the enabled plugins, in the order of the plugins.

    Args:
        registry: open.
        public_url: where the world reaches the host.
        clock: tells the time.
    """
    return [
        PluginCheck(plugin=plugin, spec=spec, context=_context(registry, plugin, public_url, clock))
        for plugin in registry.plugins
        for spec in plugin.contributions.checks
    ]


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
    found, hint = _fault(error), "This is a fault of it: tell its author."
    if isinstance(error, ClientFlowError):
        found, hint = str(error), error.remedy
    expected = f"an answer from the check {spec.id!r} of {plugin.source}"
    return failed(found, expected=expected, hint=hint)


def _fault(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
