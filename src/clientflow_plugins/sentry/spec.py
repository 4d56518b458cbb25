"""The description of the observer, light enough to be imported where Sentry is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.sentry.settings import SentrySettings

if TYPE_CHECKING:
    from clientflow_plugins.sentry.provider import SentryObserver


@contextlib.asynccontextmanager
async def open_sentry(
    context: ProviderContext, settings: SentrySettings
) -> AsyncIterator["SentryObserver"]:
    """Give the observer; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.sentry.provider import SentryObserver  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the sentry-sdk package is missing: install clientflow[sentry]"
        raise PluginError(msg) from error
    async with SentryObserver(context, settings) as observer:
        yield observer


SENTRY: Final[ProviderSpec[SentrySettings, "SentryObserver"]] = ProviderSpec(
    kind=ProviderKind.OBSERVER,
    name="sentry",
    title="Sentry",
    settings=SentrySettings,
    open=open_sentry,
    deadline_seconds=10.0,
    sandbox="clientflow_plugins.sentry.sandbox:SentrySandbox",
    requires="sentry",
    sdk_modules=("sentry_sdk",),
)
