"""Twilio's resources as JSON, after its OpenAPI document ``twilio_api_v2010.json``.

The tests hold them against it.
"""

import datetime as dt
import hmac
from email.utils import format_datetime
from typing import Any, Final

import attrs

API_VERSION: Final = "2010-04-01"
# GSM 03.38, the alphabet and its extension, whose letters take two places.
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE: Final = frozenset("^{}\\[~]|€\f")


@attrs.define(kw_only=True)
class Message:
    """A text, in or out, as the account keeps it."""

    sid: str
    direction: str
    sender: str | None
    to: str
    body: str
    status: str
    created: dt.datetime
    updated: dt.datetime
    sent: dt.datetime | None = None
    error_code: int | None = None
    service_sid: str | None = None
    status_callback: str | None = None
    media_urls: tuple[str, ...] = ()


def account_resource(account_sid: str, *, born: dt.datetime) -> dict[str, Any]:
    """Give the account, which came to be at *born*."""
    path = f"/{API_VERSION}/Accounts/{account_sid}"
    return {
        # Twilio gives the real one here.
        "auth_token": "hidden by the sandbox",
        "date_created": rfc2822(born),
        "date_updated": rfc2822(born),
        "friendly_name": "ClientFlow sandbox",
        "owner_account_sid": account_sid,
        "sid": account_sid,
        "status": "active",
        "subresource_uris": {"messages": f"{path}/Messages.json"},
        "type": "Trial",
        "uri": f"{path}.json",
    }


def message_resource(account_sid: str, message: Message) -> dict[str, Any]:
    """Give *message* as it is now."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": rfc2822(message.created),
        "date_sent": rfc2822(message.sent) if message.sent else None,
        "date_updated": rfc2822(message.updated),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": "Unreachable destination handset" if message.error_code else None,
        "from": message.sender,
        "messaging_service_sid": message.service_sid,
        "num_media": str(len(message.media_urls)),
        # A messaging service has not chosen the sender yet, so nothing is counted.
        "num_segments": "0" if message.status == "accepted" else str(count_segments(message.body)),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def media_resource(account_sid: str, message: Message, *, number: int) -> dict[str, Any]:
    """Give an attachment of *message*, the first of which has the *number* 0."""
    sid = "ME" + hmac.digest(b"sandbox", f"{message.sid}/{number}".encode(), "md5").hex()
    path = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}/Media"
    return {
        "account_sid": account_sid,
        "content_type": "image/jpeg",
        "date_created": rfc2822(message.created),
        "date_updated": rfc2822(message.created),
        "parent_sid": message.sid,
        "sid": sid,
        "uri": f"{path}/{sid}.json",
    }


def media_url(account_sid: str, message: Message, *, number: int) -> str:
    """Give where an attachment is, as the webhook of a text names it."""
    uri = media_resource(account_sid, message, number=number)["uri"]
    return f"https://api.twilio.com{uri.removesuffix('.json')}"


def number_sid(number: str) -> str:
    """Give the SID of a *number* of the account."""
    return "PN" + hmac.digest(b"sandbox", number.encode(), "md5").hex()


def number_resource(
    account_sid: str, number: str, *, since: dt.datetime, sms_url: str
) -> dict[str, Any]:
    """Give a number of the account.

    Args:
        account_sid: whose it is.
        number: in international form.
        since: when it was bought.
        sms_url: where its webhook points.
    """
    sid = number_sid(number)
    path = f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers"
    return {
        "account_sid": account_sid,
        "address_requirements": "none",
        "api_version": API_VERSION,
        "beta": False,
        "capabilities": {"voice": False, "sms": True, "mms": False, "fax": False},
        "date_created": rfc2822(since),
        "date_updated": rfc2822(since),
        "friendly_name": number,
        "phone_number": number,
        "sid": sid,
        "sms_application_sid": None,
        "sms_method": "POST",
        "sms_url": sms_url,
        "status": "in-use",
        "uri": f"{path}/{sid}.json",
    }


def count_segments(text: str) -> int:
    """Count the parts in which *text* travels; each is paid for."""
    if all(letter in _GSM or letter in _GSM_TWICE for letter in text):
        length, single, several = len(text) + sum(c in _GSM_TWICE for c in text), 160, 153
    else:
        length, single, several = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= single else -(-length // several)


def rfc2822(moment: dt.datetime) -> str:
    """Write *moment* as Twilio's JSON has it."""
    return format_datetime(moment.astimezone(dt.UTC))
