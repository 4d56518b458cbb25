"""The description of the provider, light enough to be imported where CalDAV is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.caldav.settings import CaldavSettings, own_account

if TYPE_CHECKING:
    from clientflow_plugins.caldav.provider import CaldavCalendars


@contextlib.asynccontextmanager
async def open_caldav(
    context: ProviderContext, settings: CaldavSettings
) -> AsyncIterator["CaldavCalendars"]:
    """Give the provider; icalendar is imported here, and no call is made.

    Raises:
        PluginError: icalendar is not installed.
    """
    try:
        from clientflow_plugins.caldav.provider import CaldavCalendars  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the icalendar package is missing: install clientflow[caldav]"
        raise PluginError(msg) from error
    yield CaldavCalendars(context, settings)


CALDAV: Final[ProviderSpec[CaldavSettings, "CaldavCalendars"]] = ProviderSpec(
    kind=ProviderKind.CALENDAR,
    name="caldav",
    title="CalDAV",
    settings=CaldavSettings,
    open=open_caldav,
    account=own_account,
    # Three calls one after the other, each with a deadline of its own.
    deadline_seconds=30.0,
    sandbox="clientflow_plugins.caldav.sandbox:CaldavSandbox",
    requires="caldav",
    sdk_modules=("icalendar",),
)
