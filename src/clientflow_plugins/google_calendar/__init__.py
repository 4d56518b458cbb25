"""Google's calendars. Importing this package imports neither its SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.calendar import CalendarProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.google_calendar.checks import CHECKS
from clientflow_plugins.google_calendar.spec import GOOGLE_CALENDAR


class GoogleCalendarPlugin(Hooks):
    """Brings the calendars ``google_calendar``."""

    @hookimpl
    @override
    def clientflow_calendars(self) -> Iterable[ProviderSpec[Any, CalendarProvider]]:
        """Give the one provider of this plugin."""
        return (GOOGLE_CALENDAR,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = GoogleCalendarPlugin()
