"""What the checks of plugins say, one after the other."""

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckResult
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.checklist.plugin_checks import plugin_checks


async def checked(registry: ProviderRegistry, *, public_url: str) -> dict[str, CheckResult]:
    """Run every check of the enabled plugins; give what each has found, by its id."""
    checks = plugin_checks(registry, public_url=public_url, clock=SystemClock())
    return {one.id: await one.run() for one in checks}
