"""Texts as Twilio posts them, signed beforehand, so that whoever sends them signs nothing."""

import uuid
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import attrs
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

ACCOUNT: Final = "AC" + "0" * 32
TOKEN: Final = "1" * 32
NUMBER: Final = "+14155550100"
PUBLIC_URL: Final = "https://clientflow.example.com"
PATH: Final = "/webhooks/twilio"
SETTINGS: Final = {
    "CLIENTFLOW_PUBLIC_URL": PUBLIC_URL,
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_PHONE_NUMBER": NUMBER,
}

# With the headers of a request, about 1.4 kB.
_WORDS: Final = (
    "Hello, this is about the appointment on Thursday. Something has come up at work, and I cannot"
    " leave before five. Would half past five, or the same time on Friday, suit you as well? If it"
    " does not, next week is fine; any day but Monday. And one more thing: the last invoice still"
    " has our old address on it, and the one before that as well, so I have paid neither of them"
    " yet. Could you send both to the new one, please? It is the one that I wrote to you in spring."
    " Thank you, and sorry for the short notice! "
)


@attrs.frozen
class SignedText:
    """A text that comes in, ready to be posted to :data:`PUBLIC_URL` and :data:`PATH`."""

    sid: str
    signature: str
    body: str


def signed_text(number: int, *, sender: str = "+14155550123") -> SignedText:
    """Sign a text that no other is the same as.

    Args:
        number: stands in the text.
        sender: who writes.
    """
    sid = f"SM{uuid.uuid4().hex}"
    # The fields of https://www.twilio.com/docs/messaging/guides/webhook-request
    fields = {
        "ToCountry": "US",
        "ToState": "CA",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ToCity": "SAN FRANCISCO",
        "FromZip": "94107",
        "SmsSid": sid,
        "FromState": "CA",
        "SmsStatus": "received",
        "FromCity": "SAN FRANCISCO",
        "Body": f"{_WORDS}{number}",
        "FromCountry": "US",
        "To": NUMBER,
        "ToZip": "94105",
        "NumSegments": "3",
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    signature = _VALIDATOR.compute_signature(PUBLIC_URL + PATH, fields)
    return SignedText(sid, signature, urlencode(fields))


def write_texts(file: Path, *, count: int) -> None:
    """Write *count* texts into *file* for the script of wrk, one a line: signature, body."""
    with file.open("w", encoding="ascii") as output:
        for number in range(count):
            text = signed_text(number)
            output.write(f"{text.signature} {text.body}\n")


_VALIDATOR: Final = RequestValidator(TOKEN)
