"""A stand-in for Google Calendar v3 and Google's token endpoint, strict where Google is lenient.

What it takes is what the discovery document says that the SDK brings along; what it gives is held
against the same by the tests. Not there: ``patch``, ``move`` and ``import``, access control lists,
recurrence by the API (somebody else repeats events, by a trigger), conferences and attachments.
"""

from clientflow_plugins.google_calendar.sandbox.server import GoogleCalendarSandbox

__all__ = ["GoogleCalendarSandbox"]
