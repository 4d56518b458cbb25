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
from clientflow_plugins.sentry.provider import SentryObserver
from clientflow_plugins.sentry.sandbox import SentrySandbox
from clientflow_plugins.sentry.settings import SentrySettings
from clientflow_plugins.sentry.spec import SENTRY

Opening = Callable[..., AbstractAsyncContextManager[SentryObserver]]


@pytest.fixture
async def sandbox() -> AsyncIterator[SentrySandbox]:
    """A project of Sentry's."""
    box = SentrySandbox(
        base_url="http://later",
        host_url="http://nobody",
        credentials=SentrySandbox.new_credentials(),
    )
    async with TestServer(build_sandbox_app([box])) as server:
        box.base_url = str(server.make_url("/sentry"))
        yield box


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The shared session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def opened(sandbox: SentrySandbox, http: aiohttp.ClientSession) -> Opening:
    """Open the observer for the sandbox, with other settings where they are named."""

    @contextlib.asynccontextmanager
    async def opened(**changed: str) -> AsyncIterator[SentryObserver]:
        settings = load_settings(SentrySettings, sandbox.settings() | changed)
        async with SENTRY.open(ProviderContext(http=http), settings) as observer:
            yield observer

    return opened


def raised(error: BaseException) -> BaseException:
    """Give *error* with a traceback."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - it is given back
        return caught
