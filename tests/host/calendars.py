"""A calendar as one would be followed, but without a provider that is asked for it."""

from typing import Final

from tests.host.conftest import Host, Organization

FOLLOWED: Final = "/calendars/bookings/appointments/"
"""The name that the document's example has."""


def add_calendar(host: Host, organization: Organization, *, time_zone: str = "UTC") -> str:
    """Follow a calendar."""
    [(made,)] = host.rows(
        "INSERT INTO calendars (organization_id, id, provider, provider_calendar_id, title,"
        " time_zone, is_writable)"
        " VALUES (%s, gen_random_uuid(), 'caldav', %s, 'Work', %s, true) RETURNING id",
        *(organization.id, FOLLOWED, time_zone),
    )
    return f"cal_{made.hex}"
