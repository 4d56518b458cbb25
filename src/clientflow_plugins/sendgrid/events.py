"""What SendGrid tells of e-mail of ours, several events in one body.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.messages import DeliveryReported, MessageStatus, ProviderEvent
from clientflow_core.errors import BadPayload
from clientflow_plugins.sendgrid.settings import ATTEMPT_ARGUMENT

# Unsubscriptions are nothing that happens to one e-mail; changes of the account concern nobody.
_STATUSES: Final[Mapping[str, MessageStatus]] = MappingProxyType(
    {
        "processed": MessageStatus.SENT,
        "deferred": MessageStatus.SENT,
        "delivered": MessageStatus.DELIVERED,
        "bounce": MessageStatus.UNDELIVERED,
        "dropped": MessageStatus.FAILED,
        "open": MessageStatus.READ,
        "click": MessageStatus.READ,
        # Who says so has it.
        "spamreport": MessageStatus.DELIVERED,
    }
)
_UNSUBSCRIBED: Final = (Wish.OPT_OUT, ConsentSource.CLIENT)
_BOUNCED: Final = (Wish.OPT_OUT, ConsentSource.BOUNCE)
_REPORTED: Final = (Wish.OPT_OUT, ConsentSource.SPAM_REPORT)
_WISHES: Final[Mapping[str, tuple[Wish, ConsentSource]]] = MappingProxyType(
    {
        "unsubscribe": _UNSUBSCRIBED,
        "group_unsubscribe": _UNSUBSCRIBED,
        "group_resubscribe": (Wish.OPT_IN, ConsentSource.CLIENT),
        "spamreport": _REPORTED,
        "bounce": _BOUNCED,
    }
)
# Why SendGrid has dropped what it was given, where the address is why.
_DROPS: Final[Mapping[str, tuple[Wish, ConsentSource]]] = MappingProxyType(
    {
        "unsubscribed address": (Wish.OPT_OUT, ConsentSource.PROVIDER),
        "bounced address": _BOUNCED,
        "spam reporting address": _REPORTED,
    }
)
_NO_CODE: Final = re.compile(r"[^a-z0-9.]+")
_LONGEST_CODE: Final = 60
# What the server that takes the mail adds behind the name that a send was given.
_SERVER_PART: Final = re.compile(r"\.(?:filter|recvd)[^ ]*\Z")
_ID: Final = re.compile(r"[!-~]{1,200}")


def read_events(body: bytes) -> Sequence[ProviderEvent]:
    """Give what *body* tells of e-mails of ours and of who wants none; of others' nothing.

    Each event counts once.

    Raises:
        BadPayload: it is no JSON list.
    """
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError) as error:
        msg = "the body is not JSON in UTF-8"
        raise BadPayload(msg) from error
    if not isinstance(listed, list):
        msg = "the body is no list of events"
        raise BadPayload(msg)
    events = {_event_id(place, one): one for place, one in enumerate(listed)}
    return tuple(report for one in events.values() for report in _read_event(one))


def _event_id(place: int, event: object) -> object:
    given = event.get("sg_event_id") if isinstance(event, dict) else None
    return given if isinstance(given, str) and given else place


def _read_event(event: object) -> Iterator[ProviderEvent]:
    if not isinstance(event, dict):
        return
    attempt_id = _attempt_id(event)
    # Each e-mail of ours has the argument; the account may send others.
    if attempt_id is None:
        return
    yield from _read_report(event, attempt_id)
    yield from _read_wish(event, attempt_id)


def _read_report(event: Mapping[str, Any], attempt_id: uuid.UUID) -> Iterator[DeliveryReported]:
    word = _text(event, "event")
    status = _STATUSES.get(word)
    if status is None:
        return
    if word == "open" and event.get("sg_machine_open") is True:
        # Apple's mail program opens everything, whether somebody reads it or not.
        status = MessageStatus.DELIVERED
    is_bad = status in {MessageStatus.UNDELIVERED, MessageStatus.FAILED}
    yield DeliveryReported(
        # A bounce that comes late names none.
        provider_message_id=_message_id(event) or str(attempt_id),
        sender="",
        status=status,
        raw_status=word,
        attempt_id=attempt_id,
        error_code=_error_code(event, word) if is_bad else None,
    )


def _read_wish(event: Mapping[str, Any], attempt_id: uuid.UUID) -> Iterator[ConsentReported]:
    word = _text(event, "event")
    found = _WISHES.get(word)
    if word == "dropped":
        found = _DROPS.get(_text(event, "reason").strip().lower())
    # One that was blocked came back for now, such as from a mailbox that is full.
    if found is None or (word == "bounce" and _text(event, "type") == "blocked"):
        return
    wish, source = found
    is_failure = word in {"bounce", "dropped"}
    yield ConsentReported(
        wish=wish,
        source=source,
        evidence=f"{word} {_error_code(event, word)}" if is_failure else word,
        sender="",
        attempt_id=attempt_id,
    )


def _message_id(event: Mapping[str, Any]) -> str:
    given = _SERVER_PART.sub("", _text(event, "sg_message_id")[:500])
    return given if _ID.fullmatch(given) else ""


def _attempt_id(event: Mapping[str, Any]) -> uuid.UUID | None:
    try:
        return uuid.UUID(_text(event, ATTEMPT_ARGUMENT))
    except ValueError:
        return None


def _error_code(event: Mapping[str, Any], word: str) -> str:
    # "5.1.1" of the server that refused it; "Bounced Address" of SendGrid, which never tried.
    given = _text(event, "status") if word == "bounce" else _text(event, "reason")
    code = _NO_CODE.sub("_", given[:_LONGEST_CODE].lower()).strip("_")
    return code or _NO_CODE.sub("_", _text(event, "type")[:_LONGEST_CODE].lower()) or word


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""
