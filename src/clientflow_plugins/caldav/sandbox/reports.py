"""What is asked about a calendar as a whole: RFC 4791, 7.8 and 7.9, and RFC 6578."""

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import attrs
from aiohttp import web
from icalendar import Calendar

from clientflow_plugins.caldav.sandbox.collections import Collection, Refused, Resource
from clientflow_plugins.caldav.sandbox.multistatus import answer_of, multistatus, status_of

DAV: Final = "{DAV:}"
CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"
_TOKEN: Final = "https://caldav.example/sync/"  # noqa: S105 - what each of them begins with


@attrs.frozen(kw_only=True)
class Report:
    """What is asked.

    Attributes:
        path: of the calendar.
        depth: the header.
        root: the body.
        generation: of the tokens: those of another one are not known any more.
    """

    path: str
    depth: str | None
    root: Element
    generation: str

    def answer(self, found: Collection) -> web.Response:
        """Answer it about a calendar.

        Raises:
            Refused: it is none that is known, or not as it has to be.
        """
        reports = {
            f"{DAV}sync-collection": self._list_changes,
            f"{CALDAV}calendar-multiget": self._list_named,
            f"{CALDAV}calendar-query": self._list_between,
        }
        if self.root.tag not in reports:
            raise Refused(HTTPStatus.FORBIDDEN, "D:supported-report")
        return reports[self.root.tag](found)

    def _list_changes(self, found: Collection) -> web.Response:
        if self.depth != "0" or self.root.findtext(f"{DAV}sync-level") != "1":
            raise Refused(HTTPStatus.BAD_REQUEST)
        place = self._read_token(self.root.findtext(f"{DAV}sync-token") or "")
        changed, end, is_cut_off = found.since(place)
        answers = [
            status_of(self.path + name, HTTPStatus.NOT_FOUND)
            if one.is_removed
            else answer_of(self.path + name, props(self.root), {"D:getetag": escape(one.etag)})
            for name, one in changed.items()
        ]
        if is_cut_off:
            answers.append(status_of(self.path, HTTPStatus.INSUFFICIENT_STORAGE))
        return multistatus(answers, sync_token=f"{_TOKEN}{self.generation}/{end}")

    def _read_token(self, token: str) -> int:
        if not token:
            return 0
        generation, _, place = token.removeprefix(_TOKEN).partition("/")
        is_ours = token.startswith(_TOKEN) and generation == self.generation
        if not (is_ours and place.isascii() and place.isdigit()):
            raise Refused(HTTPStatus.FORBIDDEN, "D:valid-sync-token")
        return int(place)

    def _list_named(self, found: Collection) -> web.Response:
        hrefs = [(one.text or "").strip() for one in self.root.iterfind(f"{DAV}href")]
        if not hrefs or not all(href.startswith(self.path) for href in hrefs):
            raise Refused(HTTPStatus.BAD_REQUEST)
        there, asked = found.there(), props(self.root)
        answers = []
        for href in hrefs:
            one = there.get(href.removeprefix(self.path))
            if one is None:
                answers.append(status_of(href, HTTPStatus.NOT_FOUND))
            else:
                answers.append(answer_of(href, asked, _data(one)))
        return multistatus(answers)

    def _list_between(self, found: Collection) -> web.Response:
        ranged = self.root.find(f".//{CALDAV}time-range")
        if ranged is None or self.depth != "1":
            raise Refused(HTTPStatus.BAD_REQUEST)
        first, last = (_read_utc(ranged.get(name, "")) for name in ("start", "end"))
        asked = props(self.root)
        return multistatus(
            answer_of(self.path + name, asked, _data(one))
            for name, one in found.there().items()
            if _reaches(one, first, last)
        )


def props(root: Element) -> Sequence[str]:
    """Give the names of the properties that are asked for.

    Raises:
        Refused: there are none.
    """
    prop = root.find(f"{DAV}prop")
    if prop is None or not len(prop):
        raise Refused(HTTPStatus.BAD_REQUEST)
    return [one.tag for one in prop]


def _data(resource: Resource) -> Mapping[str, str]:
    return {
        "D:getetag": escape(resource.etag),
        "C:calendar-data": escape(resource.data.decode(), {"\r": "&#13;"}),
    }


def _reaches(resource: Resource, first: dt.datetime, last: dt.datetime) -> bool:
    """Whether it lies between two moments; of what is repeated, whether it has begun by then."""
    event: Any = Calendar.from_ical(resource.data).walk("VEVENT")[0]
    # Whole days are somewhere within fourteen hours of those of UTC.
    starts, ends = _moment(event["DTSTART"].dt), _moment(event["DTEND"].dt)
    return starts < last and ("RRULE" in event or ends > first)


def _moment(date: dt.date | dt.datetime) -> dt.datetime:
    if isinstance(date, dt.datetime):
        return date
    return dt.datetime.combine(date, dt.time(), dt.UTC)


def _read_utc(text: str) -> dt.datetime:
    try:
        return dt.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise Refused(HTTPStatus.FORBIDDEN, "C:valid-filter") from error
