"""The real plugin and PyJWT, and its sandbox; all over HTTP."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings
from clientflow_plugins.supabase.provider import SupabaseIdentities
from clientflow_plugins.supabase.sandbox import SupabaseSandbox
from clientflow_plugins.supabase.settings import SupabaseSettings
from clientflow_plugins.supabase.spec import SUPABASE

Opening = Callable[..., AbstractAsyncContextManager[SupabaseIdentities]]


@attrs.define
class MovedClock:
    """The clock of this machine, moved on."""

    by: dt.timedelta = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.by


@pytest.fixture
async def sandbox() -> AsyncIterator[SupabaseSandbox]:
    """A project of Supabase's."""
    box = SupabaseSandbox(
        base_url="http://later",
        host_url="http://nobody",
        credentials=SupabaseSandbox.new_credentials(),
    )
    async with TestServer(build_sandbox_app([box])) as server:
        box.base_url = str(server.make_url("/supabase"))
        yield box


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The shared session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def clock() -> MovedClock:
    """What the plugin takes for the time."""
    return MovedClock()


@pytest.fixture
def opened(sandbox: SupabaseSandbox, http: aiohttp.ClientSession, clock: MovedClock) -> Opening:
    """Open the issuer for the sandbox, with other settings where they are named."""

    @contextlib.asynccontextmanager
    async def opened(**changed: str) -> AsyncIterator[SupabaseIdentities]:
        given = sandbox.settings() | changed
        values = {name: text for name, text in given.items() if text}
        settings = load_settings(SupabaseSettings, values)
        async with SUPABASE.open(ProviderContext(http=http, clock=clock), settings) as issuer:
            yield issuer

    return opened


def token_of(sandbox: SupabaseSandbox, **fields: str) -> Secret:
    """Let somebody sign in, and give the token."""
    event = sandbox.events()[0]
    values = {one.name: fields.get(one.name, one.default or "") for one in event.fields}
    return Secret(event.happen(values).facts["token"])


def rotate(sandbox: SupabaseSandbox) -> None:
    """Let the project sign with a new key."""
    sandbox.events()[1].happen({})
