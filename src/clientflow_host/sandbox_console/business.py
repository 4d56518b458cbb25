"""Whether the business's own pages are there, and whether they can be shown in a frame."""

import enum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import attrs
from yarl import URL

from clientflow_host.settings import is_this_machine

_PATIENCE: Final = aiohttp.ClientTimeout(total=3.0)


class Reach(enum.StrEnum):
    """How the business's pages can be reached from the console."""

    FRAMED = "framed"
    """In a frame beside the telephones."""
    LINKED = "linked"
    """In a window of their own: they are elsewhere, or do not know this console."""
    FOREIGN = "foreign"
    """Something else answers there, such as a program that uses ClientFlow as a library."""
    AWAY = "away"
    """Nothing answers."""


@attrs.frozen(kw_only=True)
class Business:
    """The business's side.

    Attributes:
        url: where a browser finds it, without a slash at the end.
    """

    url: str
    reach: Reach

    @property
    def origin(self) -> str:
        """What a policy names it by."""
        return str(URL(self.url).origin())


async def find_business(http: aiohttp.ClientSession, host_url: str, *, console: URL) -> Business:
    """Look whether the host is there.

    Args:
        http: asks it.
        host_url: where webhooks go.
        console: the address of this page, as the browser has it.
    """
    url = _as_browser_sees_it(host_url, console)
    try:
        async with http.get(
            f"{host_url}/sign-in",
            headers={"Host": URL(url).authority, "Accept": "text/html"},
            allow_redirects=False,
            timeout=_PATIENCE,
        ) as answer:
            policy = answer.headers.get("Content-Security-Policy")
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return Business(url=url, reach=Reach.AWAY)
    if answer.status not in {HTTPStatus.OK, HTTPStatus.SEE_OTHER} or policy is None:
        return Business(url=url, reach=Reach.FOREIGN)
    # A session is seen in a frame only on the same site, for which ports do not count.
    is_same_site = URL(url).host == console.host
    is_framed = is_same_site and str(console.origin()) in _may_frame(policy)
    return Business(url=url, reach=Reach.FRAMED if is_framed else Reach.LINKED)


def _as_browser_sees_it(host_url: str, console: URL) -> str:
    """Name this machine as the browser does, be it ``localhost`` or its address in the network."""
    if not is_this_machine(urlsplit(host_url).hostname) or not console.host:
        return host_url
    return str(URL(host_url).with_host(console.host)).rstrip("/")


def _may_frame(policy: str) -> set[str]:
    directives = [part.split() for part in policy.split(";")]
    return {word for d in directives if d and d[0] == "frame-ancestors" for word in d[1:]}
