"""What a CalDAV server is asked: the bodies of PROPFIND and REPORT.

RFC 4918 (WebDAV), RFC 4791 (CalDAV), RFC 5397 (current-user-principal), RFC 6578 (sync-collection).
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

DAV: Final = "DAV:"
CALDAV: Final = "urn:ietf:params:xml:ns:caldav"
_NAMESPACES: Final = f'xmlns:D="{DAV}" xmlns:C="{CALDAV}"'
_HEAD: Final = '<?xml version="1.0" encoding="utf-8"?>'
_UTC: Final = "%Y%m%dT%H%M%SZ"

_CALENDAR_PROPERTIES: Final = (
    "<D:resourcetype/><D:displayname/><D:current-user-privilege-set/><C:calendar-timezone/>"
    "<C:supported-calendar-component-set/>"
)


def _document(root: str, inner: str) -> bytes:
    return f"{_HEAD}<{root} {_NAMESPACES}>{inner}</{root}>".encode()


PRINCIPAL: Final = _document("D:propfind", "<D:prop><D:current-user-principal/></D:prop>")
"""Asks who we are."""

HOME: Final = _document("D:propfind", "<D:prop><C:calendar-home-set/></D:prop>")
"""Asks below which address somebody's calendars are."""

CALENDARS: Final = _document("D:propfind", f"<D:prop>{_CALENDAR_PROPERTIES}</D:prop>")
"""Asks what there is, and which of it are calendars."""


def changes_since(token: str) -> bytes:
    """Ask what has changed since *token*; with an empty one what there is."""
    return _document(
        "D:sync-collection",
        f"<D:sync-token>{escape(token)}</D:sync-token><D:sync-level>1</D:sync-level>"
        "<D:prop><D:getetag/></D:prop>",
    )


def events_at(hrefs: Iterable[str]) -> bytes:
    """Ask for the events at *hrefs*."""
    wanted = "".join(f"<D:href>{escape(href)}</D:href>" for href in hrefs)
    prop = "<D:prop><D:getetag/><C:calendar-data/></D:prop>"
    return _document("C:calendar-multiget", prop + wanted)


def events_between(starts_at: dt.datetime, ends_at: dt.datetime) -> bytes:
    """Ask for the events that lie between two aware moments, or reach into it."""
    start, end = (one.astimezone(dt.UTC).strftime(_UTC) for one in (starts_at, ends_at))
    return _document(
        "C:calendar-query",
        "<D:prop><D:getetag/><C:calendar-data/></D:prop>"
        '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f'<C:time-range start="{start}" end="{end}"/>'
        "</C:comp-filter></C:comp-filter></C:filter>",
    )
