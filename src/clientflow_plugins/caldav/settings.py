"""What an operator sets for a CalDAV server."""

from typing import Final

import attrs

from clientflow_core.secret import Secret
from clientflow_core.settings import setting

_URL: Final = r"https?://[^\s/?#@]+(/[^\s?#]*)?"


@attrs.frozen(kw_only=True)
class CaldavSettings:
    """The server, and the account on it.

    The address is the operator's alone: whoever may set one makes us call it, from inside.
    """

    url: str = setting(
        env="CALDAV_URL",
        help="where CalDAV begins on the server, or the account's part; it is sent the password",
        pattern=_URL,
        example="https://dav.example.com/",
    )
    username: str = setting(
        env="CALDAV_USERNAME",
        help="the account whose calendars they are",
        # A colon ends the name where the two are sent: RFC 7617.
        pattern=r"[!-9;-~]+",
        example="bookings",
        per_organization=True,
    )
    password: Secret = setting(
        env="CALDAV_PASSWORD",
        help="its password; where the server has them, one that is for this use alone",
        example="as the server's page for app passwords gives it",
        per_organization=True,
    )


def own_account(settings: CaldavSettings) -> str:
    """Give the account."""
    return settings.username
