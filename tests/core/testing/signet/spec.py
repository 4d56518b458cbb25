"""Seals on letters: an issuer of tokens, and who reads them; right in everything, easily broken."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import attrs

from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

if TYPE_CHECKING:
    from tests.core.testing.signet.provider import Signet


@attrs.frozen(kw_only=True)
class SignetSettings:
    key: Secret = setting(env="SIGNET_KEY", help="the key", example="a key of the console")
    audience: str = setting(env="SIGNET_AUDIENCE", help="for whom", example="us")
    url: str = setting(
        env="SIGNET_URL", help="where it is", pattern=r"https?://[!-~]+", example="http://x"
    )


@contextlib.asynccontextmanager
async def open_signet(
    context: ProviderContext, settings: SignetSettings
) -> AsyncIterator["Signet"]:
    from tests.core.testing.signet.provider import Signet  # noqa: PLC0415 - as an SDK would be

    yield Signet(context, settings)


SIGNET = ProviderSpec(
    kind=ProviderKind.IDENTITY,
    name="signet",
    title="Signet",
    settings=SignetSettings,
    open=open_signet,
    capabilities=frozenset({Capability.USER_LOOKUP}),
    sandbox="tests.core.testing.signet.sandbox:SignetSandbox",
)
