"""The description of the observer, light enough to be imported where OTLP is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings

if TYPE_CHECKING:
    from clientflow_plugins.opentelemetry.provider import OpenTelemetryObserver


@contextlib.asynccontextmanager
async def open_opentelemetry(
    context: ProviderContext, settings: OpenTelemetrySettings
) -> AsyncIterator["OpenTelemetryObserver"]:
    """Give the observer; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.opentelemetry.provider import (  # noqa: PLC0415 - the SDK
            OpenTelemetryObserver,
        )
    except ImportError as error:
        msg = "OpenTelemetry's packages are missing: install clientflow[opentelemetry]"
        raise PluginError(msg) from error
    async with OpenTelemetryObserver(context, settings) as observer:
        yield observer


OPENTELEMETRY: Final[ProviderSpec[OpenTelemetrySettings, "OpenTelemetryObserver"]] = ProviderSpec(
    kind=ProviderKind.OBSERVER,
    name="opentelemetry",
    title="OpenTelemetry",
    settings=OpenTelemetrySettings,
    open=open_opentelemetry,
    deadline_seconds=10.0,
    sandbox="clientflow_plugins.opentelemetry.sandbox:CollectorSandbox",
    requires="opentelemetry",
    sdk_modules=("opentelemetry",),
)
