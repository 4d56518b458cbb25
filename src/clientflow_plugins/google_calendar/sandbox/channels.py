"""Who is told of changes: https://developers.google.com/workspace/calendar/api/guides/push."""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote

import attrs

from clientflow_core.clock import Clock
from clientflow_core.sandbox import SignedRequest
from clientflow_plugins.google_calendar.sandbox.refusals import bad_request, not_found

LIFETIME: Final = dt.timedelta(days=7)
_ID: Final = re.compile(r"[A-Za-z0-9_+/=-]{1,64}")
_LONGEST_TOKEN: Final = 256


@attrs.define(kw_only=True)
class Channel:
    """Somebody who wants to be told when a calendar changes.

    Attributes:
        told: how many notices there were.
    """

    id: str
    sheet: str
    address: str
    token: str
    expires: dt.datetime
    told: int = 0

    @property
    def resource_id(self) -> str:
        """Google's own name for what is watched, the same for every channel of a calendar."""
        return hashlib.sha256(self.sheet.encode()).hexdigest()[:27]

    @property
    def resource_uri(self) -> str:
        """Where what is watched is read."""
        name = quote(self.sheet, safe="")
        return f"https://www.googleapis.com/calendar/v3/calendars/{name}/events?alt=json"

    def as_json(self) -> dict[str, Any]:
        """Give it as Google does."""
        return {
            "kind": "api#channel",
            "id": self.id,
            "resourceId": self.resource_id,
            "resourceUri": self.resource_uri,
            "token": self.token,
            "expiration": str(int(self.expires.timestamp() * 1000)),
        }

    def notice(self, state: str) -> SignedRequest:
        """Give the next notice; *state* is ``sync`` for the first, then ``exists``."""
        self.told += 1
        headers = {
            "X-Goog-Channel-ID": self.id,
            "X-Goog-Channel-Token": self.token,
            "X-Goog-Channel-Expiration": format_datetime(self.expires, usegmt=True),
            "X-Goog-Resource-ID": self.resource_id,
            "X-Goog-Resource-URI": self.resource_uri,
            "X-Goog-Resource-State": state,
            "X-Goog-Message-Number": str(self.told),
            "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        }
        label = f"{self.sheet} {state}"
        return SignedRequest(url=self.address, headers=headers, body=b"", label=label)


@attrs.define(kw_only=True)
class Channels:
    """All who are told."""

    clock: Clock
    _all: dict[str, Channel] = attrs.field(factory=dict)

    def open(self, sheet: str, body: dict[str, Any], *, host_url: str) -> Channel:
        """Begin to tell.

        Args:
            sheet: the calendar.
            body: what Google is told of the channel.
            host_url: an address below it needs no HTTPS, since it is on this machine.

        Raises:
            Refusal: of a value in *body*.
        """
        name, token = body.get("id", ""), body.get("token", "")
        if not _ID.fullmatch(name):
            raise bad_request("channelIdInvalid", "Invalid channel ID")
        if name in self._all:
            raise bad_request("channelIdNotUnique", f"Channel id {name} not unique")
        if body.get("type") not in {"web_hook", "webhook"}:
            raise bad_request("invalid", "Invalid channel type")
        if len(token) > _LONGEST_TOKEN:
            raise bad_request("invalid", "Invalid channel token")
        address = _checked(body.get("address", ""), host_url=host_url)
        expires = self.clock.now() + LIFETIME
        channel = Channel(id=name, sheet=sheet, address=address, token=token, expires=expires)
        self._all[name] = channel
        return channel

    def stop(self, name: str, *, resource_id: str) -> None:
        """Tell no more.

        Raises:
            Refusal: nobody is told by that name of that.
        """
        channel = self._all.get(name)
        if channel is None or channel.resource_id != resource_id:
            raise not_found()
        del self._all[name]

    def expire(self) -> None:
        """Let the time of all be over."""
        self._all.clear()

    def watching(self, sheet: str | None = None) -> Iterator[Channel]:
        """Give who is told now, of one calendar or of any."""
        now = self.clock.now()
        self._all = {k: v for k, v in self._all.items() if v.expires > now}
        yield from [one for one in self._all.values() if sheet in {None, one.sheet}]


def _checked(address: str, *, host_url: str) -> str:
    if not address.startswith(("https://", f"{host_url}/")):
        raise bad_request("webhookUrlNotHttps", f"WebHook callback must be HTTPS: {address}")
    return address
