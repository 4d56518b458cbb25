"""What has changed since when, page by page.

https://developers.google.com/workspace/calendar/api/guides/sync
"""

import base64
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from clientflow_plugins.google_calendar.sandbox.diary import Diary, Entry, Fields, Sheet
from clientflow_plugins.google_calendar.sandbox.refusals import Refusal, bad_request

_PAGE_SIZE: Final = 10
# So far ahead Google tells of what was taken out with its series:
# https://github.com/googleapis/google-api-ruby-client/issues/860
_TOLD_AHEAD: Final = dt.timedelta(weeks=26)


def list_changes(diary: Diary, sheet: Sheet, asked: Mapping[str, Any]) -> Fields:
    """Give a page of what has changed since a token, or of all that is there.

    Raises:
        Refusal: a token is not known any more, or does not belong to what is asked.
    """
    place = _place(diary, sheet, asked)
    found = list(_told(diary, sheet, place))
    size = min(asked.get("maxResults", _PAGE_SIZE), _PAGE_SIZE)
    page: Fields = {"items": [diary.resource(sheet, one) for one in found[:size]]}
    if len(found) > size:
        place["at"] = found[size - 1].revision
        page["nextPageToken"] = _token("page", place)
    else:
        place |= {"since": diary.revision, "at": diary.revision, "query": {}}
        page["nextSyncToken"] = _token("sync", place)
    return page


def _place(diary: Diary, sheet: Sheet, asked: Mapping[str, Any]) -> Fields:
    """Give where a listing goes on."""
    query = {name: asked[name] for name in ("timeMin", "syncToken") if name in asked}
    if "pageToken" in asked:
        place = _known(diary, sheet, asked["pageToken"], kind="page")
        if place["query"] != query:
            raise bad_request("invalid", "Invalid page token value.")
        return place
    if "syncToken" in asked:
        return _known(diary, sheet, asked["syncToken"], kind="sync") | {"query": query}
    return {
        "sheet": sheet.id,
        "generation": diary.generation,
        "query": query,
        "timeMin": query.get("timeMin"),
        "since": None,
        "begun": diary.revision,
        "at": 0,
    }


def _known(diary: Diary, sheet: Sheet, token: str, *, kind: str) -> Fields:
    place = _read_token(token, kind=kind)
    if place is None or place["sheet"] != sheet.id:
        raise bad_request("invalid", f"Invalid {kind} token value.")
    if place["generation"] != diary.generation:
        message = "Sync token is no longer valid, a full sync is required."
        raise Refusal(HTTPStatus.GONE, "fullSyncRequired", message, "calendar")
    return place


def _told(diary: Diary, sheet: Sheet, place: Fields) -> Iterator[Entry]:
    horizon = diary.clock.now() + _TOLD_AHEAD
    for one in sorted(sheet.entries.values(), key=lambda entry: entry.revision):
        if _is_told(sheet, one, place) and not _is_withheld(sheet, one, horizon):
            yield one


def _is_told(sheet: Sheet, entry: Entry, place: Fields) -> bool:
    # One that is taken out while the pages are read may have been in an earlier one.
    known_from = place["begun"] if place["since"] is None else place["since"]
    if entry.revision <= place["at"] or (entry.is_removed and entry.revision <= known_from):
        return False
    first = place["timeMin"]
    return first is None or sheet.span(entry)[1] > dt.datetime.fromisoformat(first)


def _is_withheld(sheet: Sheet, entry: Entry, horizon: dt.datetime) -> bool:
    is_gone_with_series = entry.series is not None and sheet.series[entry.series].is_removed
    return is_gone_with_series and sheet.span(entry)[0] > horizon


def _token(kind: str, place: Fields) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, place]).encode()).decode()


def _read_token(token: str, *, kind: str) -> Fields | None:
    try:
        found, place = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        return None
    return dict(place) if found == kind and isinstance(place, dict) else None
