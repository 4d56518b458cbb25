"""The checks of the running system that a plugin brings: they tell the truth, and nothing else."""

import contextlib
import importlib
from collections.abc import AsyncIterator, Mapping

import attrs

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckContext, CheckResult, CheckStatus, failed
from clientflow_core.errors import ClientFlowError
from clientflow_core.hookspecs import Hooks
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.contributions import contributions_of
from clientflow_core.registry.discovery import Plugin, load_plugin
from clientflow_core.registry.hook_calls import PluginHooks
from clientflow_core.registry.installed import describe
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.credentials import with_wrong_secrets
from clientflow_core.testing.distributions import entry_point_of
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage


class CheckChecks(Conformance):
    """What ``clientflow checklist`` is told."""

    @check("checks.pass-on-the-sandbox", Tier.BRONZE, is_ability=True)
    async def test_checks_pass_on_the_sandbox(self, stage: Stage) -> None:
        """Each check of the plugin passes or is skipped where all is well, and so the next time."""
        async with self._opened(stage, stage.values) as (plugin, context):
            before = stage.state()
            first = await _results(plugin, context)
            again = await _results(plugin, context)
        bad = [name for name, one in first.items() if one.status is CheckStatus.FAILED]
        assert not bad, f"{bad[0]} fails on the sandbox: found {first[bad[0]].found!r}"
        other = [name for name in first if first[name].status is not again[name].status]
        assert not other, f"{other[0]} says something else the second time"
        assert stage.state() == before, "the checks have changed something at the provider"

    @check("checks.notice-wrong-credentials", Tier.SILVER, is_ability=True, is_outside=True)
    async def test_checks_notice_wrong_credentials(self, stage: Stage) -> None:
        """With wrong credentials one of them fails, with a hint; none shows a secret."""
        secrets = stage.secrets()
        if not secrets and not self.wrong_values:
            leave_out(NotSupported("no setting is secret, and wrong_values is not set"))
        values = with_wrong_secrets(stage.values, secrets, self.wrong_values)
        async with self._opened(stage, values) as (plugin, context):
            results = await _results(plugin, context)
        bad = [one for one in results.values() if one.status is CheckStatus.FAILED]
        assert bad, "every check passes with wrong credentials"
        assert any(one.hint for one in bad), "no check that fails says what to do"
        shown = "\n".join(f"{one.found} {one.expected} {one.hint}" for one in results.values())
        leaks = [name for name in secrets if values[name] in shown]
        assert not leaks, f"a check shows {leaks[0]}"

    @contextlib.asynccontextmanager
    async def _opened(
        self, stage: Stage, values: Mapping[str, str]
    ) -> AsyncIterator[tuple[Plugin, CheckContext]]:
        plugin = self._plugin()
        registry = ProviderRegistry([plugin], values, public_url=stage.server.host_url)
        async with registry:
            plain = plugin_context(plugin, providers=registry, clock=SystemClock())
            yield (
                plugin,
                CheckContext(
                    plugin=plain.plugin,
                    providers=plain.providers,
                    clock=plain.clock,
                    log=plain.log,
                    own_settings=plain.own_settings,
                    open_own=plain.open_own,
                    http=registry.http,
                    public_url=stage.server.host_url,
                ),
            )

    def _plugin(self) -> Plugin:
        """Give the plugin, with this provider alone."""
        found = self._found()
        if found is None or not found.contributions.checks:
            leave_out(NotSupported("the plugin brings no checks"))
        return attrs.evolve(found, specs=(self.spec,))

    def _found(self) -> Plugin | None:
        point = entry_point_of(self.module_name())
        if point is not None:
            (installed,) = describe([point])
            return load_plugin(installed)
        hooks = _hooks_of(self.module_name())
        if hooks is None:
            return None
        contributions = contributions_of(PluginHooks(hooks, self.spec.name))
        return Plugin(
            name=self.spec.name, version="0", specs=(self.spec,), contributions=contributions
        )


def _hooks_of(module: str) -> Hooks | None:
    """Give the plugin's object, from the package of what registers the provider."""
    package = importlib.import_module(module.rpartition(".")[0] or module)
    return next((one for one in vars(package).values() if isinstance(one, Hooks)), None)


async def _results(plugin: Plugin, context: CheckContext) -> Mapping[str, CheckResult]:
    found: dict[str, CheckResult] = {}
    for one in plugin.contributions.checks:
        try:
            found[one.id] = await one.run(context)
        except ClientFlowError as error:
            # As `clientflow checklist` tells it.
            found[one.id] = failed(str(error), expected="", hint=error.remedy)
    return found
