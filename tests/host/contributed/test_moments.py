"""Plugins begin and end with the processes."""

import sys
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from clientflow_core.contributions.context import Process
from clientflow_host import plugin_moments
from clientflow_host.assembly import Assembly, assemble
from clientflow_host.plugin_moments import plugins_running
from tests.core.registry.conftest import Install
from tests.host.contributed.conftest import HEAD, told

MOMENTS = (
    HEAD
    + """
class Acme(Hooks):
    @hookimpl
    async def clientflow_startup(self, context: HostContext) -> None:
        SEEN.append(("startup", context.plugin, context.process))
        if "exit" in FAILING:
            sys.exit(3)
        if "hang" in FAILING:
            await asyncio.sleep(60)
        fail_if_asked("startup")

    @hookimpl
    async def clientflow_shutdown(self, context: HostContext) -> None:
        SEEN.append(("shutdown", context.plugin, context.process))
        fail_if_asked("shutdown")

plugin = Acme()
"""
)


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return MOMENTS


async def test_each_process_begins_and_ends_the_plugins(
    assembly: Assembly, acme: ModuleType
) -> None:
    async with plugins_running(assembly, Process.SERVE):
        assert acme.SEEN == [("startup", "acme", "serve"), "startup"]
    assert acme.SEEN[2:] == [("shutdown", "acme", "serve"), "shutdown"]


async def test_they_end_in_the_opposite_order(install: Install, values: dict[str, str]) -> None:
    install("aaa", body=MOMENTS)
    async with assemble(values) as assembly:
        acme, aaa = sys.modules["acme_dist"], sys.modules["aaa_dist"]
        vars(aaa)["SEEN"] = acme.SEEN
        async with plugins_running(assembly, Process.WORKER):
            pass
    told = [one[:2] for one in acme.SEEN if isinstance(one, tuple)]
    assert told == [
        ("startup", "aaa"),
        ("startup", "acme"),
        ("shutdown", "acme"),
        ("shutdown", "aaa"),
    ]


@pytest.mark.parametrize("fault", ["startup", "exit", "hang"])
async def test_one_that_fails_to_begin_is_named_and_not_asked_to_end(
    fault: str,
    install: Install,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugin_moments, "_STARTUP_SECONDS", 0.2)
    install("zzz", body=MOMENTS)
    async with assemble(values) as assembly:
        acme, zzz = sys.modules["acme_dist"], sys.modules["zzz_dist"]
        acme.FAILING.add(fault)
        with capture_logs() as logs:
            async with plugins_running(assembly, Process.SERVE):
                pass
    assert not [one for one in acme.SEEN if one[0] == "shutdown"]
    assert zzz.SEEN[-2:] == [("shutdown", "zzz", "serve"), "shutdown"]
    said = told(logs, "plugin_moment_failed")
    assert "the startup of the plugin 'acme' of acme-dist 1.2" in said


async def test_failure_at_the_end_is_logged_and_the_others_end_too(
    install: Install, values: dict[str, str]
) -> None:
    install("aaa", body=MOMENTS)
    async with assemble(values) as assembly:
        sys.modules["acme_dist"].FAILING.add("shutdown")
        with capture_logs() as logs:
            async with plugins_running(assembly, Process.SERVE):
                pass
    assert sys.modules["aaa_dist"].SEEN[-1] == "shutdown"
    assert "the shutdown of the plugin 'acme'" in told(logs, "plugin_moment_failed")
