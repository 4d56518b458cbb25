"""Texts and delivery reports as Twilio posts them, signed."""

import uuid
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

ACCOUNT: Final = "AC" + "0" * 32
TOKEN: Final = "1" * 32
NUMBER: Final = "+14155550100"
"""That of the business."""
OTHER_NUMBER: Final = "+14155550101"
CLIENT: Final = "+14155550123"

_TYPE: Final = "application/x-www-form-urlencoded"


def form(fields: Mapping[str, str]) -> bytes:
    """Write a body as Twilio does."""
    return urlencode(fields).encode()


def signed_headers(url: str, fields: Mapping[str, str], *, token: str = TOKEN) -> dict[str, str]:
    """Give the headers with which Twilio posts *fields* to *url*."""
    signature = RequestValidator(token).compute_signature(url, dict(fields))
    return {"Content-Type": _TYPE, "X-Twilio-Signature": signature}


def new_sid() -> str:
    """Name a message at Twilio."""
    return f"SM{uuid.uuid4().hex}"


def text(body: str = "Hello?", **more: str) -> dict[str, str]:
    """Give the fields of a text that comes in; each is a new one unless it has a MessageSid."""
    return {
        "MessageSid": new_sid(),
        "AccountSid": ACCOUNT,
        "From": CLIENT,
        "To": NUMBER,
        "Body": body,
        **more,
    }


def report(sid: str, status: str, **more: str) -> dict[str, str]:
    """Give the fields of a delivery report."""
    return {
        "MessageSid": sid,
        "MessageStatus": status,
        "AccountSid": ACCOUNT,
        "From": NUMBER,
        "To": CLIENT,
        **more,
    }
