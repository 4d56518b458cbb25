"""Google's calendars prove what all calendars have to."""

from typing import ClassVar

from clientflow_core.testing import CalendarConformance
from clientflow_plugins.google_calendar.sandbox.accounts import new_service_account
from clientflow_plugins.google_calendar.spec import GOOGLE_CALENDAR


class TestGoogleCalendar(CalendarConformance):
    spec = GOOGLE_CALENDAR
    # Another key of the same account: a key of which half was changed would be no key.
    wrong_values: ClassVar = {"GOOGLE_SVC_ACCOUNT_JSON": new_service_account()}
