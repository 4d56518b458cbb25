"""Whatever a plugin does when an account is connected, its caller meets the errors it knows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import attrs
import pytest

from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
    NotFound,
    PluginError,
    ProviderUnavailable,
    SettingsError,
)
from clientflow_core.providers.authorization import (
    AuthorizationGrant,
    AuthorizationRequest,
    AuthorizationSpec,
)
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.registry.authorizations import (
    authorization_url,
    exchange_grant,
    revoke_grant,
)
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

CLIENT = {"HARP_CLIENT": "the-client"}
GRANT = AuthorizationGrant(
    redirect_uri="https://a.example", code=Secret("the-code"), code_verifier=Secret("the-verifier")
)
REQUEST = AuthorizationRequest(redirect_uri="https://a.example", state="s", code_challenge="c")


@attrs.frozen(kw_only=True)
class Settings:
    """A client, and what an organization has for itself."""

    client: Secret | None = setting(env="HARP_CLIENT", help="the client", default=None)
    token: Secret | None = setting(
        env="HARP_TOKEN", help="the token", default=None, per_organization=True
    )


@attrs.define
class Harp:
    """Does with an authorization what a test wants."""

    error: BaseException | None = None
    is_slow: bool = False
    revoked: list[str] = attrs.field(factory=list)

    async def exchange(
        self, _: aiohttp.ClientSession, settings: Settings, grant: AuthorizationGrant
    ) -> Mapping[str, str]:
        if self.is_slow:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return {"HARP_TOKEN": f"for {grant.code.reveal()}"}

    async def revoke(self, _: aiohttp.ClientSession, settings: Settings) -> None:
        self.revoked.append(settings.token.reveal() if settings.token else "")


@contextlib.asynccontextmanager
async def never(_: ProviderContext, __: Settings) -> AsyncIterator[Any]:
    raise AssertionError
    yield


@pytest.fixture
def harp() -> Harp:
    return Harp()


@contextlib.asynccontextmanager
async def registry_of(harp: Harp, **values: str) -> AsyncIterator[ProviderRegistry]:
    spec = ProviderSpec(
        kind=ProviderKind.CALENDAR,
        name="harp",
        title="Harp",
        settings=Settings,
        open=never,
        deadline_seconds=0.05,
        authorization=AuthorizationSpec(
            is_set_up=lambda settings: settings.client is not None,
            authorization_url=lambda _, request: f"https://harp.example/?state={request.state}",
            exchange=harp.exchange,
            revoke=harp.revoke,
        ),
    )
    plugin = Plugin(name="harp", version="0", specs=(spec,))
    async with ProviderRegistry([plugin], values) as registry:
        yield registry


async def test_account_is_authorized_and_taken_back_and_nothing_is_opened(harp: Harp) -> None:
    async with registry_of(harp, **CLIENT) as registry:
        assert authorization_url(registry, "harp", REQUEST) == "https://harp.example/?state=s"
        own = await exchange_grant(registry, "harp", GRANT)
        assert own == {"HARP_TOKEN": "for the-code"}
        await revoke_grant(registry, "harp", own)
        with pytest.raises(SettingsError):
            await revoke_grant(registry, "harp", CLIENT)
    assert harp.revoked == ["for the-code"]


async def test_nobody_is_asked_where_the_operator_has_set_up_nothing(harp: Harp) -> None:
    async with registry_of(harp) as registry:
        for name in ("harp", "lyre"):
            with pytest.raises(NotFound):
                authorization_url(registry, name, REQUEST)
            with pytest.raises(NotFound):
                await exchange_grant(registry, name, GRANT)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AuthFailed("the client is unknown"), AuthFailed),
        (ProviderUnavailable("it is away"), ProviderUnavailable),
        (ValueError("odd"), PluginError),
        (SystemExit(1), PluginError),
        (TimeoutError(), PluginError),
    ],
)
async def test_what_a_plugin_raises_is_known_to_its_caller(
    harp: Harp, error: BaseException, kind: type[ClientFlowError]
) -> None:
    harp.error = error
    async with registry_of(harp, **CLIENT) as registry:
        with pytest.raises(ClientFlowError) as raised:
            await exchange_grant(registry, "harp", GRANT)
    assert type(raised.value) is kind


@pytest.mark.parametrize("secret", ["the-code", "the-verifier", "the-client"])
@pytest.mark.parametrize("kind", [AuthFailed, ValueError])
async def test_no_error_says_a_secret(harp: Harp, secret: str, kind: type[Exception]) -> None:
    harp.error = kind(f"refused: {secret}")
    async with registry_of(harp, **CLIENT) as registry:
        with pytest.raises(ClientFlowError) as raised:
            await exchange_grant(registry, "harp", GRANT)
    assert secret not in f"{raised.value!r} {raised.value.__cause__!r}"


async def test_plugin_that_hangs_is_given_up(harp: Harp) -> None:
    harp.is_slow = True
    async with registry_of(harp, **CLIENT) as registry:
        with pytest.raises(PluginError, match="took longer than"):
            await exchange_grant(registry, "harp", GRANT)
