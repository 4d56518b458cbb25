"""What Twilio posts to us: texts that come in, and how far ours have come.

Fields: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks. New ones
appear unannounced, so all are signed and none but the named is read. The signature:
https://www.twilio.com/docs/usage/webhooks/webhooks-security. It has no time in it; a repetition is
recognized by its id.
"""

import base64
import functools
import hmac
import re
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish, read_wish
from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    ProviderEvent,
)
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.secret import Secret
from clientflow_plugins.twilio.settings import TwilioSettings

FORM_TYPE: Final = "application/x-www-form-urlencoded"
SIGNATURE_HEADER: Final = "x-twilio-signature"
SCHEME_HEADER: Final = "x-twilio-webhooks-signature-settings"
MOST_FIELDS: Final = 200
MOST_MEDIA: Final = 10
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_DIGESTS: Final = MappingProxyType({"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"})
_ACCOUNT: Final = re.compile(rb"(?:^|&)AccountSid=(AC[0-9a-fA-F]{32})(?:&|$)")
_WORD: Final = re.compile(r"[A-Za-z_-]{1,40}")

# Ours begin at "sent", which means that the provider has it: a report of "queued" that overtakes
# the answer to the call is proof of acceptance, and must count as such.
_STATUSES: Final[Mapping[str, MessageStatus]] = MappingProxyType(
    {
        "accepted": MessageStatus.SENT,
        "scheduled": MessageStatus.SENT,
        "queued": MessageStatus.SENT,
        "sending": MessageStatus.SENT,
        "sent": MessageStatus.SENT,
        # Some of several recipients have it; not enough to say delivered.
        "partially_delivered": MessageStatus.SENT,
        "delivered": MessageStatus.DELIVERED,
        "read": MessageStatus.READ,
        "undelivered": MessageStatus.UNDELIVERED,
        "failed": MessageStatus.FAILED,
        "canceled": MessageStatus.FAILED,
        "receiving": MessageStatus.RECEIVED,
        "received": MessageStatus.RECEIVED,
    }
)

# Given where the service's Advanced Opt-Out has taken the text for one of its words, which may be
# in any language: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
_WISHES: Final[Mapping[str, Wish]] = MappingProxyType(
    {"STOP": Wish.OPT_OUT, "START": Wish.OPT_IN, "HELP": Wish.HELP}
)


class _Form(dict[str, list[str]]):
    """The fields of a body; ``getall`` is how Twilio's validator asks for repeated ones."""

    def getall(self, name: str) -> list[str]:
        """Give every value of *name*, in the order of the body."""
        return self[name]


def to_message_status(word: str) -> MessageStatus:
    """Translate Twilio's word for a state; one that is new to us means at least *sent*."""
    return _STATUSES.get(word.lower(), MessageStatus.SENT)


def verify_inbound(request: WebhookRequest, settings: TwilioSettings, /) -> Verified:
    """Check a text that came in; the message's SID makes it the same as its repetition.

    Raises:
        SignatureRefused: the signature, or the account in it, is not ours.
        BadPayload: the body cannot be read, or names no message.
    """
    form = _read_verified(request, settings)
    return Verified(
        external_id=_message_sid(form),
        account=settings.account_sid,
        recipient=_one(form, "To") or None,
    )


def verify_status(request: WebhookRequest, settings: TwilioSettings, /) -> Verified:
    """Check a delivery report; message and state together make it the same as its repetition.

    Raises:
        SignatureRefused: the signature, or the account in it, is not ours.
        BadPayload: the body cannot be read, or names no message or state.
    """
    form = _read_verified(request, settings)
    return Verified(
        external_id=f"{_message_sid(form)}:{_status_word(form)}",
        account=settings.account_sid,
        recipient=_one(form, "From") or None,
    )


def parse_inbound(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read a text that came in, and what the client wants if it is STOP or the like.

    Raises:
        BadPayload: the body cannot be read, or a field that every text has is missing.
    """
    form = _read_form(request)
    media = (_one(form, f"MediaUrl{number}") for number in range(MOST_MEDIA))
    received = MessageReceived(
        provider_message_id=_message_sid(form),
        sender=_required(form, "From"),
        recipient=_required(form, "To"),
        body=_one(form, "Body"),
        media_urls=tuple(url for url in media if url),
        group=_one(form, "MessagingServiceSid") or None,
    )
    wish = _WISHES.get(_one(form, "OptOutType").upper()) or read_wish(received.body)
    return (received,) if wish is None else (received, _reported(received, wish))


def _reported(received: MessageReceived, wish: Wish) -> ConsentReported:
    return ConsentReported(
        wish=wish,
        source=ConsentSource.CLIENT,
        evidence=received.body.strip(),
        sender=received.recipient,
        client=received.sender,
        group=received.group,
    )


def parse_status(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read a delivery report; nothing for states that only a text to us can have.

    The sender is empty where a messaging service has not chosen one yet; the attempt then tells
    whose it is.

    Raises:
        BadPayload: the body cannot be read, or names no message or state.
    """
    form = _read_form(request)
    sid, word = _message_sid(form), _status_word(form)
    status = to_message_status(word)
    if status is MessageStatus.RECEIVED:
        return ()
    return (
        DeliveryReported(
            provider_message_id=sid,
            sender=_one(form, "From"),
            status=status,
            raw_status=word,
            attempt_id=_attempt_id(request.url),
            error_code=_one(form, "ErrorCode") or None,
            group=_one(form, "MessagingServiceSid") or None,
        ),
    )


def account_hint(request: WebhookRequest) -> str | None:
    """Give the account that a request says it is about, without reading the rest of it."""
    found = _ACCOUNT.search(request.body)
    return found[1].decode() if found else None


def _read_verified(request: WebhookRequest, settings: TwilioSettings) -> _Form:
    form = _read_form(request)
    signature = request.headers.get(SIGNATURE_HEADER)
    if not signature:
        msg = f"the request has no {SIGNATURE_HEADER} header"
        raise SignatureRefused(msg)
    algorithm, secret = _scheme(request, settings)
    try:
        is_valid = _is_signed(request.url, form, signature, (algorithm, secret)) or _validator(
            secret
        ).validate(request.url, form, signature, algorithm)
    except Exception as error:  # what it raises on hostile input is not written down anywhere
        msg = "the signature cannot be checked"
        raise SignatureRefused(msg) from error
    if not is_valid:
        msg = (
            "the signature does not fit: compare TWILIO_AUTH_TOKEN with the console, and the "
            "webhook's address there with CLIENTFLOW_PUBLIC_URL"
        )
        raise SignatureRefused(msg)
    if _one(form, "AccountSid") != settings.account_sid:
        msg = "the request is about another account than TWILIO_ACCOUNT_SID"
        raise SignatureRefused(msg)
    return form


def _scheme(request: WebhookRequest, settings: TwilioSettings) -> tuple[str, Secret]:
    from twilio.request_validator import (  # type: ignore[import-untyped]  # noqa: PLC0415 - the SDK
        HMAC_SHA1,
        HMAC_SHA256,
        get_signature_algorithm,
    )

    # The header never chooses: it only tells which of the configured secrets was used.
    named = get_signature_algorithm(request.headers.get(SCHEME_HEADER))
    if named == HMAC_SHA1:
        return HMAC_SHA1, settings.auth_token
    if named == HMAC_SHA256 and settings.webhook_shared_key:
        return HMAC_SHA256, settings.webhook_shared_key
    msg = "the request is signed in a way for which no key is set; see TWILIO_WEBHOOK_SHARED_KEY"
    raise SignatureRefused(msg)


def _is_signed(url: str, form: _Form, signature: str, scheme: tuple[str, Secret]) -> bool:
    """Tell whether *signature* is the one over exactly *url* and *form*.

    It nearly always is, and this takes a tenth of the time that Twilio's validator does. What it
    says no to is for the validator to judge, which also tries the address with and without a port.
    """
    algorithm, secret = scheme
    parts = [url]
    for name in sorted(form):
        values = form[name]
        for value in values if len(values) == 1 else sorted(set(values)):
            parts += (name, value)
    signed = "".join(parts).encode()
    digest = hmac.digest(secret.reveal().encode(), signed, _DIGESTS[algorithm])
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "replace"))


@functools.cache
def _validator(secret: Secret) -> Any:
    from twilio.request_validator import RequestValidator  # noqa: PLC0415 - the SDK

    return RequestValidator(secret.reveal())


def _read_form(request: WebhookRequest) -> _Form:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        msg = f"the content type must be {FORM_TYPE}"
        raise BadPayload(msg)
    try:
        return _parse_form(request.body.decode("utf-8"))
    except ValueError as error:
        msg = f"the body is not a form in UTF-8 of at most {MOST_FIELDS} fields"
        raise BadPayload(msg) from error


def _parse_form(text: str) -> _Form:
    """Read a form as urllib's parse_qsl does, in a third of its time; blank values are kept.

    Raises:
        ValueError: it has too many fields, or one that is not UTF-8.
    """
    pieces = text.replace("+", " ").split("&")
    if len(pieces) > MOST_FIELDS:
        msg = "too many fields"
        raise ValueError(msg)
    form = _Form()
    for piece in filter(None, pieces):
        name, _, value = piece.partition("=")
        if "%" in piece:
            name, value = unquote(name, errors="strict"), unquote(value, errors="strict")
        form.setdefault(name, []).append(value)
    return form


def _one(form: _Form, name: str) -> str:
    values = form.get(name, [""])
    if len(values) > 1:
        msg = f"the field {name} is there {len(values)} times"
        raise BadPayload(msg)
    # A text may hold NUL ("@" in the wrong alphabet); PostgreSQL does not store it.
    return values[0].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _required(form: _Form, name: str) -> str:
    value = _one(form, name).strip()
    if not value:
        msg = f"the field {name} is missing"
        raise BadPayload(msg)
    return value


def _message_sid(form: _Form) -> str:
    sid = _required(form, "MessageSid")
    if not _SID.fullmatch(sid):
        msg = "MessageSid is not two letters and 32 hexadecimal digits"
        raise BadPayload(msg)
    return sid


def _status_word(form: _Form) -> str:
    word = _required(form, "MessageStatus")
    if not _WORD.fullmatch(word):
        msg = "MessageStatus is not a word"
        raise BadPayload(msg)
    return word


def _attempt_id(url: str) -> uuid.UUID | None:
    try:
        (text,) = parse_qs(urlsplit(url).query, max_num_fields=MOST_FIELDS)["attempt"]
        return uuid.UUID(text)
    except (KeyError, ValueError):
        return None


_KEPT: Final = frozenset({"content-type", SIGNATURE_HEADER, SCHEME_HEADER})

INBOUND: Final = WebhookSpec(
    name="twilio",
    verify=verify_inbound,
    parse=parse_inbound,
    account_hint=account_hint,
    keep_headers=_KEPT,
    body_type=FORM_TYPE,
    reply_body='<?xml version="1.0" encoding="UTF-8"?><Response/>',
    reply_type="text/xml",
)
STATUS: Final = WebhookSpec(
    name="twilio-status",
    verify=verify_status,
    parse=parse_status,
    account_hint=account_hint,
    keep_headers=_KEPT,
    body_type=FORM_TYPE,
)
