"""What Google posts to us: that a calendar which we watch has changed, in headers alone.

Google signs nothing. It sends back a token that it was given with the watch, and that token is all
that proves a notice: https://developers.google.com/workspace/calendar/api/guides/push. All that a
notice is good for is to ask what has changed.
"""

import hmac
import re
import uuid
from collections.abc import Sequence
from typing import Final

import attrs

from clientflow_core.domain.changes import CalendarChanged
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings, own_account

CHANNEL_HEADER: Final = "x-goog-channel-id"
TOKEN_HEADER: Final = "x-goog-channel-token"  # noqa: S105 - a header's name
NUMBER_HEADER: Final = "x-goog-message-number"
STATE_HEADER: Final = "x-goog-resource-state"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_STATE: Final = re.compile(r"[a-z_]{1,30}")
# Says that the watch has begun. Nothing has changed by that.
_BEGUN: Final = "sync"
# Google sends no body at all.
_LARGEST_BODY: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class _Notice:
    watch_id: uuid.UUID
    number: str
    state: str


def make_token(watch_id: uuid.UUID, secret: Secret) -> str:
    """Give the token of one watch, which nobody can make who does not know the secret."""
    key = secret.reveal().encode("utf-8", "surrogatepass")
    return hmac.digest(key, str(watch_id).encode(), "sha256").hex()


def verify_change(request: WebhookRequest, settings: GoogleCalendarSettings, /) -> Verified:
    """Compare the token with that of the watch; the number tells a notice from the next.

    Raises:
        SignatureRefused: the token is missing, or not that of the watch.
        BadPayload: the headers do not say what Google's say.
    """
    given = request.headers.get(TOKEN_HEADER)
    if not given:
        msg = f"the request has no {TOKEN_HEADER}"
        raise SignatureRefused(msg)
    notice = _read(request)
    expected = make_token(notice.watch_id, settings.webhook_secret)
    # What is no UTF-8 in a header comes with surrogates.
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode()):
        msg = f"the {TOKEN_HEADER} is not that of the watch {notice.watch_id}"
        raise SignatureRefused(msg)
    external_id = f"{notice.watch_id}/{notice.number}"
    return Verified(external_id=external_id, account=own_account(settings))


def parse_change(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Tell which watch has seen a change; nothing where it has only begun.

    Raises:
        BadPayload: the headers do not say what Google's say.
    """
    notice = _read(request)
    return () if notice.state == _BEGUN else (CalendarChanged(watch_id=notice.watch_id),)


def _read(request: WebhookRequest) -> _Notice:
    return _Notice(
        watch_id=uuid.UUID(_header(request, CHANNEL_HEADER, _UUID)),
        number=_header(request, NUMBER_HEADER, _NUMBER),
        state=_header(request, STATE_HEADER, _STATE),
    )


def _header(request: WebhookRequest, name: str, pattern: re.Pattern[str]) -> str:
    value = request.headers.get(name, "")
    if not pattern.fullmatch(value):
        msg = f"the {name} is missing, or not one of Google's"
        raise BadPayload(msg)
    return value


CHANGES: Final = WebhookSpec(
    name="gcal",
    verify=verify_change,
    parse=parse_change,
    # Not the token: what is kept must not prove anything to whoever reads it.
    keep_headers=frozenset({CHANNEL_HEADER, NUMBER_HEADER, STATE_HEADER}),
    max_body_bytes=_LARGEST_BODY,
)
