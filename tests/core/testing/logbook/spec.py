"""A book that is written aboard: an observer that is right in everything, and easily broken."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import attrs

from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

if TYPE_CHECKING:
    from tests.core.testing.logbook.provider import Logbook


@attrs.frozen(kw_only=True)
class LogbookSettings:
    key: Secret = setting(env="LOGBOOK_KEY", help="the key", example="a key of the console")
    url: str = setting(
        env="LOGBOOK_URL", help="where it is", pattern=r"https?://[!-~]+", example="http://x"
    )


@contextlib.asynccontextmanager
async def open_logbook(
    context: ProviderContext, settings: LogbookSettings
) -> AsyncIterator["Logbook"]:
    from tests.core.testing.logbook.provider import Logbook  # noqa: PLC0415 - as an SDK would be

    async with Logbook(context, settings) as logbook:
        yield logbook


LOGBOOK = ProviderSpec(
    kind=ProviderKind.OBSERVER,
    name="logbook",
    title="Logbook",
    settings=LogbookSettings,
    open=open_logbook,
    deadline_seconds=5,
    sandbox="tests.core.testing.logbook.sandbox:LogbookSandbox",
)
