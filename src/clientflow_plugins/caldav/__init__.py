"""Calendars by CalDAV. Importing this package imports neither icalendar nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.calendar import CalendarProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.caldav.checks import CHECKS
from clientflow_plugins.caldav.spec import CALDAV


class CaldavPlugin(Hooks):
    """Brings the calendar provider ``caldav``."""

    @hookimpl
    @override
    def clientflow_calendars(self) -> Iterable[ProviderSpec[Any, CalendarProvider]]:
        """Give the one provider of this plugin."""
        return (CALDAV,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = CaldavPlugin()
