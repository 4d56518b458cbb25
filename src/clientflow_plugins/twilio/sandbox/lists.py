"""Lists as Twilio gives them, page by page."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from clientflow_plugins.twilio.sandbox.refusals import bad_request
from clientflow_plugins.twilio.sandbox.resources import API_VERSION

LIST_PARAMETERS: Final = frozenset({"To", "From", "DateSent>", "Page", "PageSize", "PageToken"})
MEDIA_PARAMETERS: Final = frozenset({"Page", "PageSize", "PageToken"})
NUMBER_PARAMETERS: Final = frozenset({"PhoneNumber", "Page", "PageSize", "PageToken"})
_LARGEST_PAGE: Final = 1000
_WHOLE: Final = re.compile(r"[0-9]{1,9}")


def list_page(request: web.Request, key: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give the page of *found* that *request* asks for.

    Args:
        request: says which, by Page, PageSize and PageToken.
        key: under which Twilio lists them.
        found: all of them, by their SIDs.

    Raises:
        Refusal: a parameter is not understood.
    """
    query = dict(request.query)
    page, size = (
        _read_whole(query, "Page", 0),
        min(_read_whole(query, "PageSize", 50), _LARGEST_PAGE),
    )
    if not size:
        raise bad_request(20001, "PageSize must be at least 1")
    sids = list(found)
    # The token names the last of the page before, so that new ones do not move the pages.
    token = query.pop("PageToken", None)
    if token is not None and token.removeprefix("PA") not in found:
        raise bad_request(20001, f"the PageToken {token} is not one of this list's")
    first = sids.index(token.removeprefix("PA")) + 1 if token else 0
    shown = sids[first : first + size]
    path = f"/{API_VERSION}{request.path.partition(f'/{API_VERSION}')[2]}"

    def uri(number: int, begin: int) -> str:
        pages = {"PageSize": str(size), "Page": str(number)}
        after = {"PageToken": f"PA{sids[begin - 1]}"} if begin > 0 else {}
        return f"{path}?{urlencode(query | pages | after)}"

    has_more = first + size < len(sids)
    return {
        key: [found[sid] for sid in shown],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": uri(page, first),
        "first_page_uri": uri(0, 0),
        "previous_page_uri": uri(page - 1, first - size) if page else None,
        "next_page_uri": uri(page + 1, first + size) if has_more else None,
    }


def sent_since(query: Mapping[str, str]) -> dt.datetime | None:
    """Give the moment after which listed texts were sent, if one is asked for.

    Raises:
        Refusal: it is none.
    """
    text = query.get("DateSent>")
    if text is None:
        return None
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise bad_request(20001, "DateSent> must be like 2026-01-31T12:00:00Z") from error


def _read_whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not _WHOLE.fullmatch(text):
        raise bad_request(20001, f"{name} must be a whole number")
    return int(text)
