import runpy
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import ProviderSandbox, build_sandbox_app
from clientflow_plugins.opentelemetry.sandbox import CollectorSandbox
from clientflow_plugins.sentry.sandbox import SentrySandbox
from tests.examples.conftest import EXAMPLES, Example, blocked_beside

NAME: Final = "watch_a_command.py"
FAILS: Final = (sys.executable, "-c", "raise SystemExit('of somebody\\'s') from None")
WORKS: Final = (sys.executable, "-c", "")
Watch = Callable[..., Awaitable[int]]


@pytest.fixture
async def sandboxes() -> AsyncIterator[dict[str, ProviderSandbox]]:
    """Sentry and a collector, whose settings are in the environment of this process."""
    made: list[ProviderSandbox] = [
        kind(
            base_url="http://not-yet",
            host_url="http://nobody",
            credentials=kind.new_credentials(),
        )
        for kind in (SentrySandbox, CollectorSandbox)
    ]
    async with TestServer(build_sandbox_app(made)) as server:
        with pytest.MonkeyPatch.context() as environment:
            for box in made:
                box.base_url = str(server.make_url(f"/{box.name}"))
                for name, value in box.settings().items():
                    environment.setenv(name, value)
            yield {box.name: box for box in made}


@pytest.fixture
def watch() -> Watch:
    """Give the example's own function."""
    found: Watch = runpy.run_path(str(EXAMPLES / NAME))["watch"]
    return found


async def test_failure_is_told_with_nothing_else_installed(
    sandboxes: dict[str, ProviderSandbox],
) -> None:
    sentry = sandboxes["sentry"]
    example = Example(blocked=blocked_beside("sentry"), settings=sentry.settings())
    result = await example.run_aside(NAME, "backup", *FAILS)
    assert (result.returncode, result.stderr) == (1, "of somebody's\n")
    state = sentry.state()
    (event,), (transaction,) = state["events"], state["transactions"]
    assert event["tags"] == {"command": "backup", "code": "1"}
    assert event["exception"]["values"][0]["type"] == "CommandFailed"
    assert "of somebody" not in str(state)
    assert transaction["transaction"] == "command"


@pytest.mark.parametrize("observer", ["sentry", "opentelemetry"])
async def test_what_works_is_only_timed(
    sandboxes: dict[str, ProviderSandbox], watch: Watch, observer: str
) -> None:
    assert await watch("backup", WORKS, observer=observer) == 0
    state: dict[str, Any] = sandboxes[observer].state()
    assert not state.get("events")
    assert "command" in str(state["transactions" if observer == "sentry" else "spans"])


async def test_failure_is_told_to_a_collector(
    sandboxes: dict[str, ProviderSandbox], watch: Watch
) -> None:
    assert await watch("backup", FAILS, observer="opentelemetry") == 1
    assert "CommandFailed" in str(sandboxes["opentelemetry"].state())
