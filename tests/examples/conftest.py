"""The examples as their readers run them, against Twilio's sandbox, with nothing else installed."""

import asyncio
import contextlib
import functools
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Final

import attrs
import pytest
from aiohttp.test_utils import TestServer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from clientflow_core.ports import free_port
from clientflow_core.sandbox import build_sandbox_app
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.commands import environment
from tests.examples.only_twilio import BLOCKED_ENV

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
RUNNER: Final = str(Path(__file__).parent / "only_twilio.py")
# The parts of our own distribution that the library is without.
OURS: Final = frozenset(
    {
        "clientflow_host",
        "clientflow_core.persistence",
        "clientflow_core.jobs",
        "clientflow_core.services",
        "clientflow_core.sandbox",
    }
)
# Measures this very process, and imports more of itself when it ends.
MEASURES: Final = frozenset({"coverage"})


def needed_by(name: str, extras: frozenset[str], seen: set[str]) -> set[str]:
    """Add to *seen* every distribution that *name* needs on this machine, itself included."""
    seen.add(canonicalize_name(name))
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return seen
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        environments = [{"extra": extra} for extra in extras or {""}]
        is_asked = marker is None or any(marker.evaluate(one) for one in environments)
        if is_asked and canonicalize_name(requirement.name) not in seen:
            needed_by(requirement.name, frozenset(requirement.extras), seen)
    return seen


@pytest.fixture(scope="session")
def blocked() -> frozenset[str]:
    """What cannot be imported where nothing but ``clientflow[twilio]`` is installed."""
    return blocked_beside("twilio")


@functools.cache
def blocked_beside(extra: str) -> frozenset[str]:
    """Give what cannot be imported where nothing but ``clientflow[extra]`` is installed."""
    library = needed_by("clientflow", frozenset({extra}), set()) | MEASURES
    others = {
        module
        for module, owners in packages_distributions().items()
        if not library.intersection(map(canonicalize_name, owners))
    }
    return frozenset(others | OURS)


@attrs.frozen(kw_only=True)
class Example:
    """Runs the examples.

    Attributes:
        blocked: the modules that they must do without.
        settings: what is set in their environment.
    """

    blocked: frozenset[str]
    settings: dict[str, str]

    def command(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-W", "error", RUNNER, str(EXAMPLES / name), *arguments]

    def environment(self) -> dict[str, str]:
        names = {BLOCKED_ENV: ",".join(self.blocked), "PYTHONUNBUFFERED": "1"}
        return environment(**names, **self.settings)

    def run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one to its end."""
        return subprocess.run(
            self.command(name, *arguments),
            env=self.environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    async def run_aside(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one to its end while the sandbox answers."""
        return await asyncio.to_thread(self.run, name, *arguments)


@pytest.fixture
def port() -> int:
    """A port of this machine that was free just now."""
    return free_port()


@pytest.fixture
async def sandbox(port: int) -> AsyncIterator[TwilioSandbox]:
    """A Twilio whose webhooks go to *port*."""
    made = TwilioSandbox(
        base_url="http://not-yet",
        host_url=f"http://127.0.0.1:{port}",
        credentials=TwilioSandbox.new_credentials(),
        step_seconds=0.005,
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/twilio"))
        yield made


@pytest.fixture
def example(blocked: frozenset[str], sandbox: TwilioSandbox) -> Example:
    """The examples, with the settings of the sandbox."""
    return Example(blocked=blocked, settings=sandbox.settings())


@pytest.fixture
def bare_example(blocked: frozenset[str]) -> Example:
    """The examples with nothing set."""
    return Example(blocked=blocked, settings={})


@attrs.frozen(kw_only=True)
class Receiver:
    """The running ``receive_a_text.py``."""

    url: str
    out: Path
    process: Process

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.out.read_text()

    async def says(self, words: str) -> None:
        """Wait until it has printed *words*."""
        deadline = time.monotonic() + 20
        while words not in self.output:
            is_running = self.process.returncode is None
            assert is_running, self.output
            assert time.monotonic() < deadline, self.output
            await asyncio.sleep(0.02)


@pytest.fixture
async def receiver(
    example: Example, sandbox: TwilioSandbox, port: int, tmp_path: Path
) -> AsyncIterator[Receiver]:
    """Somebody's application that takes webhooks."""
    example.settings["CLIENTFLOW_PUBLIC_URL"] = sandbox.host_url
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *example.command("receive_a_text.py", str(port)),
            env=example.environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    running = Receiver(url=sandbox.host_url, out=out, process=process)
    try:
        await running.says("Running on")
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
