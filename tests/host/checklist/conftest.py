"""A running host, and its checks one by one."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from clientflow_core.contributions.checks import CheckResult
from clientflow_core.release import release
from clientflow_host.checklist.checks import load_checks
from clientflow_host.checklist.host_checks import HostCheckContext
from tests.host.conftest import Host

Context = Callable[..., HostCheckContext]


@pytest.fixture
def context(host: Host, values: dict[str, str]) -> Context:
    """What the checks of the test's host work with; settings can be given anew."""

    def build(**changes: Any) -> HostCheckContext:
        settings = host.assembly.settings
        whole: dict[str, Any] = {"values": values, "settings": settings, "url": settings.url}
        whole |= {"registry": host.assembly.registry, "http": host.assembly.registry.http}
        whole |= {
            "clock": host.assembly.clock,
            "opened": host.assembly.database,
            "release": release(),
        }
        of_settings = {name: changes.pop(name) for name in list(changes) if name not in whole}
        whole["settings"] = attrs.evolve(whole["settings"], **of_settings)
        return HostCheckContext(**(whole | changes))

    return build


async def ask(item_id: str, context: HostCheckContext) -> CheckResult:
    """Run the one check of ours that answers an item."""
    return await load_checks()[item_id].run(context)
