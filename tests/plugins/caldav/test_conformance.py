"""The CalDAV calendars prove what every calendar provider has to."""

from clientflow_core.testing import CalendarConformance
from clientflow_plugins.caldav.spec import CALDAV


class TestCaldav(CalendarConformance):
    spec = CALDAV
