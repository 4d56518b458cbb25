"""Lists as Twilio gives them, page by page."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import attrs
from aiohttp import web

from clientflow_plugins.twilio.sandbox.refusals import bad_request, refuse_unknown
from clientflow_plugins.twilio.sandbox.resources import API_VERSION

LIST_PARAMETERS: Final = frozenset({"To", "From", "DateSent>", "Page", "PageSize", "PageToken"})
PAGE_PARAMETERS: Final = frozenset({"Page", "PageSize", "PageToken"})
NUMBER_PARAMETERS: Final = PAGE_PARAMETERS | {"PhoneNumber"}
_LARGEST_PAGE: Final = 1000
_WHOLE: Final = re.compile(r"[0-9]{1,9}")


@attrs.frozen
class _Page:
    """A page of a list: its number, size and place, and the SIDs of the whole."""

    number: int
    size: int
    first: int
    sids: list[str]
    query: Mapping[str, str]

    @property
    def shown(self) -> list[str]:
        return self.sids[self.first : self.first + self.size]

    @property
    def has_more(self) -> bool:
        return self.first + self.size < len(self.sids)

    def parameters(self, number: int, begin: int) -> str:
        pages = {"PageSize": str(self.size), "Page": str(number)}
        after = {"PageToken": f"PA{self.sids[begin - 1]}"} if begin > 0 else {}
        return urlencode({**self.query, **pages, **after})

    def addresses(self, path: str) -> tuple[str, str, str | None, str | None]:
        """Give those of this page, the first, the one before and the next."""

        def at(number: int, begin: int) -> str:
            return f"{path}?{self.parameters(number, begin)}"

        before = at(self.number - 1, self.first - self.size) if self.number else None
        after = at(self.number + 1, self.first + self.size) if self.has_more else None
        return at(self.number, self.first), at(0, 0), before, after


def list_page(request: web.Request, key: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give the page of *found* that *request* asks for.

    Args:
        request: says which, by Page, PageSize and PageToken.
        key: under which Twilio lists them.
        found: all of them, by their SIDs.

    Raises:
        Refusal: a parameter is not understood.
    """
    page = _cut(request, list(found))
    path = f"/{API_VERSION}{request.path.partition(f'/{API_VERSION}')[2]}"
    this, first, before, after = page.addresses(path)
    start = page.number * page.size
    return {
        key: [found[sid] for sid in page.shown],
        "page": page.number,
        "page_size": page.size,
        "start": start,
        "end": start + max(len(page.shown) - 1, 0),
        "uri": this,
        "first_page_uri": first,
        "previous_page_uri": before,
        "next_page_uri": after,
    }


def messaging_page(
    request: web.Request, key: str, found: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Give the page of *found* that *request* asks for, as the messaging API does.

    Raises:
        Refusal: a parameter is not understood.
    """
    refuse_unknown(request.query, PAGE_PARAMETERS)
    page = _cut(request, list(found))
    url = f"https://messaging.twilio.com/v1{request.path.partition('/v1')[2]}"
    this, first, before, after = page.addresses(url)
    return {
        key: [found[sid] for sid in page.shown],
        "meta": {
            "page": page.number,
            "page_size": page.size,
            "first_page_url": first,
            "previous_page_url": before,
            "next_page_url": after,
            "url": this,
            "key": key,
        },
    }


def _cut(request: web.Request, sids: list[str]) -> _Page:
    query = dict(request.query)
    number, size = (
        _read_whole(query, "Page", 0),
        min(_read_whole(query, "PageSize", 50), _LARGEST_PAGE),
    )
    if not size:
        raise bad_request(20001, "PageSize must be at least 1")
    # The token names the last of the page before, so that new ones do not move the pages.
    token = query.pop("PageToken", None)
    if token is not None and token.removeprefix("PA") not in sids:
        raise bad_request(20001, f"the PageToken {token} is not one of this list's")
    first = sids.index(token.removeprefix("PA")) + 1 if token else 0
    return _Page(number, size, first, sids, query)


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
