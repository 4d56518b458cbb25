"""The description of the calendars, light enough to be imported where Google is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.google_calendar.authorization import AUTHORIZATION
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings
from clientflow_plugins.google_calendar.webhooks import CHANGES

if TYPE_CHECKING:
    from clientflow_plugins.google_calendar.provider import GoogleCalendars


@contextlib.asynccontextmanager
async def open_google_calendar(
    context: ProviderContext, settings: GoogleCalendarSettings
) -> AsyncIterator["GoogleCalendars"]:
    """Give the calendars; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.google_calendar.provider import (  # noqa: PLC0415 - the SDK
            GoogleCalendars,
        )
    except ImportError as error:
        msg = "google-api-python-client is missing: install clientflow[google_calendar]"
        raise PluginError(msg) from error
    yield GoogleCalendars(context, settings)


GOOGLE_CALENDAR: Final[ProviderSpec[GoogleCalendarSettings, "GoogleCalendars"]] = ProviderSpec(
    kind=ProviderKind.CALENDAR,
    name="google_calendar",
    title="Google Calendar",
    settings=GoogleCalendarSettings,
    open=open_google_calendar,
    webhooks=(CHANGES,),
    capabilities=frozenset({Capability.PUSH}),
    sends_invitations=True,
    authorization=AUTHORIZATION,
    sandbox="clientflow_plugins.google_calendar.sandbox:GoogleCalendarSandbox",
    requires="google_calendar",
    sdk_modules=("googleapiclient", "google"),
)
