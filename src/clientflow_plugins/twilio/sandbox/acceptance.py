"""Which texts Twilio takes: the rules for a new one, and who has unsubscribed."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from clientflow_plugins.twilio.sandbox.refusals import MEDIA_URL, bad_request, refuse_unknown

LONGEST_BODY: Final = 1600
# Twilio's magic numbers, https://www.twilio.com/docs/iam/test-credentials
INVALID_NUMBER: Final = "+15005550001"
BLOCKED_NUMBER: Final = "+15005550004"
LANDLINE_NUMBER: Final = "+15005550009"
# One of ours: texts to it are taken, and end as undelivered.
UNREACHABLE_NUMBER: Final = "+15005550010"
NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLBACK: Final = re.compile(r"https?://[!-~]+")
# https://help.twilio.com/articles/223134027
_STOP_WORDS: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
)
_START_WORDS: Final = frozenset({"START", "YES", "UNSTOP"})
_HELP_WORDS: Final = frozenset({"HELP", "INFO"})
# What Twilio answers by itself, from the same page.
STOP_REPLY: Final = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
START_REPLY: Final = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELP_REPLY: Final = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
# Twilio ignores a parameter that it does not know. Here it is refused, so that a misspelt one in
# our plugin shows; the official ones that the sandbox cannot act on are refused with the rest.
CREATE_PARAMETERS: Final = frozenset(
    {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", MEDIA_URL}
)
# https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
MOST_MEDIA: Final = 10


@attrs.define(kw_only=True)
class Account:
    """What decides whether a text is taken.

    Attributes:
        numbers: of the business, each with the time when it was bought.
        opted_out: pairs of a number of the business and a client who wants nothing from it.
        service_sid: that of the messaging service, if there is one.
        urls: where texts to a number, or to the messaging service, are posted, by its SID; the
            host's own address where nothing was set.
        outside: numbers that are not in the pool of the messaging service.
        campaign: how far the A2P registration of the messaging service is; empty for none.
    """

    service_sid: str | None
    numbers: dict[str, dt.datetime] = attrs.field(factory=dict)
    opted_out: set[tuple[str, str]] = attrs.field(factory=set)
    urls: dict[str, str] = attrs.field(factory=dict)
    outside: set[str] = attrs.field(factory=set)
    campaign: str = "VERIFIED"

    def heed(self, *, number: str, client: str, body: str) -> str | None:
        """Heed STOP and its like, which unsubscribe, and START and its like, which undo that.

        Returns:
            What Twilio answers by itself; None where it says nothing. Who is unsubscribed is told
            nothing more, and who is not has nothing to undo.
        """
        word, pair = body.strip().upper(), (number, client)
        if pair in self.opted_out:
            if word not in _START_WORDS:
                return None
            self.opted_out.discard(pair)
            return START_REPLY
        if word in _STOP_WORDS:
            self.opted_out.add(pair)
            return STOP_REPLY
        return HELP_REPLY if word in _HELP_WORDS else None


def check_new(form: Mapping[str, str], account: Account, *, media_urls: Sequence[str] = ()) -> None:
    """Let a text pass that Twilio would take.

    Raises:
        Refusal: it would not.
    """
    refuse_unknown(form, CREATE_PARAMETERS)
    _check_recipient(form.get("To", ""))
    _check_sender(form, account)
    if not form.get("Body") and not media_urls:
        raise bad_request(21602, "Message body is required.")
    _check_media(media_urls)
    if len(form.get("Body", "")) > LONGEST_BODY:
        message = f"The concatenated message body exceeds the {LONGEST_BODY} character limit"
        raise bad_request(21617, message)
    callback = form.get("StatusCallback")
    if callback and not _CALLBACK.fullmatch(callback):
        raise bad_request(21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
    if form["To"] == BLOCKED_NUMBER or _is_opted_out(form, account):
        raise bad_request(21610, "Attempt to send to unsubscribed recipient")


def _check_media(media_urls: Sequence[str]) -> None:
    if len(media_urls) > MOST_MEDIA:
        raise bad_request(21623, f"Number of media files exceeds allowed limit of {MOST_MEDIA}")
    for url in media_urls:
        if not _CALLBACK.fullmatch(url):
            raise bad_request(21620, f"Invalid media URL: {url}")


def _check_recipient(to: str) -> None:
    if not to:
        raise bad_request(21604, "A 'To' phone number is required.")
    if not NUMBER.fullmatch(to) or to == INVALID_NUMBER:
        raise bad_request(21211, f"Invalid 'To' Phone Number: {to}")
    if to == LANDLINE_NUMBER:
        raise bad_request(21614, f"'To' number is not a valid mobile number: {to}")


def _check_sender(form: Mapping[str, str], account: Account) -> None:
    sender, service_sid = form.get("From"), form.get("MessagingServiceSid")
    if not sender and not service_sid:
        raise bad_request(21603, "A 'From' phone number is required.")
    if service_sid and service_sid != account.service_sid:
        raise bad_request(21703, f"The Messaging Service {service_sid} is not known.")
    if sender and not NUMBER.fullmatch(sender):
        raise bad_request(21212, f"Invalid From Number (caller ID): {sender}")
    if sender and sender not in account.numbers:
        raise bad_request(
            21606, f"The 'From' phone number {sender} is not a number of this account."
        )


def _is_opted_out(form: Mapping[str, str], account: Account) -> bool:
    senders = [form["From"]] if form.get("From") else account.numbers
    return any((sender, form["To"]) in account.opted_out for sender in senders)
