"""What Twilio's webhooks say, and their signature; webhooks.py reads them."""

from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.request_validator import (  # type: ignore[import-untyped]
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)

from clientflow_core.sandbox import SignedRequest
from clientflow_plugins.twilio.sandbox.resources import (
    API_VERSION,
    Message,
    count_segments,
    media_url,
)


def sign(url: str, fields: dict[str, str], *, credentials: Mapping[str, str]) -> SignedRequest:
    """Give the webhook that posts *fields* to *url*."""
    shared_key = credentials.get("TWILIO_WEBHOOK_SHARED_KEY")
    algorithm = HMAC_SHA256 if shared_key else HMAC_SHA1
    validator = RequestValidator(shared_key or credentials["TWILIO_AUTH_TOKEN"])
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        SIGNATURE_HEADER: validator.compute_signature(url, fields, algorithm),
    }
    if shared_key:
        headers[SIGNATURE_SETTINGS_HEADER] = f"key=sandbox,algorithm={algorithm}"
    label = f"{fields['MessageSid']} {fields['SmsStatus']}"
    return SignedRequest(url=url, headers=headers, body=urlencode(fields).encode(), label=label)


def inbound_fields(credentials: Mapping[str, str], message: Message) -> dict[str, str]:
    """Give what the webhook of a text that came in says."""
    # With the blank ones that Twilio sends where it knows nothing: they are signed too.
    blank = ("ToCity", "ToZip", "FromCity", "FromState", "FromZip")
    service_sid = credentials.get("TWILIO_MESSAGING_SERVICE_SID")
    service = {"MessagingServiceSid": service_sid} if service_sid else {}
    account_sid, count = credentials["TWILIO_ACCOUNT_SID"], len(message.media_urls)
    media = {f"MediaUrl{n}": media_url(account_sid, message, number=n) for n in range(count)}
    return (
        dict.fromkeys(blank, "")
        | service
        | media
        | {
            "ToCountry": "US",
            "ToState": "CA",
            "FromCountry": "US",
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsMessageSid": message.sid,
            "AccountSid": account_sid,
            "From": message.sender or "",
            "To": message.to,
            "Body": message.body,
            "NumMedia": str(count),
            "NumSegments": str(count_segments(message.body)),
            "SmsStatus": "received",
            "ApiVersion": API_VERSION,
        }
    )


def status_fields(credentials: Mapping[str, str], message: Message) -> dict[str, str]:
    """Give what the delivery report of *message* says."""
    fields = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
        "To": message.to,
        "From": message.sender or "",
        "AccountSid": credentials["TWILIO_ACCOUNT_SID"],
        "ApiVersion": API_VERSION,
    }
    if message.service_sid:
        fields["MessagingServiceSid"] = message.service_sid
    if message.error_code:
        fields["ErrorCode"] = str(message.error_code)
    if message.status in {"delivered", "undelivered"}:
        # The carrier's receipt, YYMMDDhhmm: twilio.com/en-us/changelog, 14 February 2023.
        fields["RawDlrDoneDate"] = message.updated.strftime("%y%m%d%H%M")
    return fields
