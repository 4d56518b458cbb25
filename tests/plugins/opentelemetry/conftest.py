"""The real plugin and SDK, and its sandbox; all over HTTP."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.opentelemetry.provider import OpenTelemetryObserver
from clientflow_plugins.opentelemetry.sandbox import CollectorSandbox
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings
from clientflow_plugins.opentelemetry.spec import OPENTELEMETRY

Opening = Callable[..., AbstractAsyncContextManager[OpenTelemetryObserver]]


@pytest.fixture
async def sandbox() -> AsyncIterator[CollectorSandbox]:
    """A collector."""
    box = CollectorSandbox(
        base_url="http://later",
        host_url="http://nobody",
        credentials=CollectorSandbox.new_credentials(),
    )
    async with TestServer(build_sandbox_app([box])) as server:
        box.base_url = str(server.make_url("/opentelemetry"))
        yield box


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The shared session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def opened(sandbox: CollectorSandbox, http: aiohttp.ClientSession) -> Opening:
    """Open the observer for the sandbox, with other settings where they are named."""

    @contextlib.asynccontextmanager
    async def opened(**changed: str) -> AsyncIterator[OpenTelemetryObserver]:
        settings = load_settings(OpenTelemetrySettings, sandbox.settings() | changed)
        async with OPENTELEMETRY.open(ProviderContext(http=http), settings) as observer:
            yield observer

    return opened


def raised(error: BaseException) -> BaseException:
    """Give *error* with a traceback."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - it is given back
        return caught
