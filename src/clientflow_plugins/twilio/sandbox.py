"""A stand-in for Twilio's messaging API, strict where Twilio is lenient.

Resources and list pages as in Twilio's OpenAPI document ``twilio_api_v2010.json`` (held against it
by the tests); errors: https://www.twilio.com/docs/api/errors; webhooks: see webhooks.py. Not
there: media, scheduling, the answers that Twilio itself gives to STOP and START, and the repetition
of webhooks.
"""

import asyncio
import base64
import datetime as dt
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import attrs
from aiohttp import web
from twilio.request_validator import (  # type: ignore[import-untyped]
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import (
    Bubble,
    ControlBody,
    Delivery,
    Phone,
    ProviderSandbox,
    SignedRequest,
    render_phones,
)
from clientflow_core.sandbox.control import Handler, read_control_body

API_VERSION: Final = "2010-04-01"
LONGEST_BODY: Final = 1600
# Twilio's magic numbers, https://www.twilio.com/docs/iam/test-credentials
INVALID_NUMBER: Final = "+15005550001"
BLOCKED_NUMBER: Final = "+15005550004"
LANDLINE_NUMBER: Final = "+15005550009"
# One of ours: texts to it are taken, and end as undelivered.
UNREACHABLE_NUMBER: Final = "+15005550010"
_UNREACHABLE_CODE: Final = 30003  # https://www.twilio.com/docs/api/errors/30003
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLBACK: Final = re.compile(r"https?://[!-~]+")
# https://help.twilio.com/articles/223134027
_STOP_WORDS: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
)
_START_WORDS: Final = frozenset({"START", "YES", "UNSTOP"})
# Twilio ignores a parameter that it does not know. Here it is refused, so that a misspelt one in
# our plugin shows; the official ones that the sandbox cannot act on are refused with the rest.
_CREATE_PARAMETERS: Final = frozenset(
    {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}
)
_LIST_PARAMETERS: Final = frozenset({"To", "From", "Page", "PageSize", "PageToken"})
_NUMBER_PARAMETERS: Final = frozenset({"PhoneNumber", "Page", "PageSize", "PageToken"})
_LARGEST_PAGE: Final = 1000
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
# GSM 03.38, the alphabet and its extension, whose letters take two places.
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE: Final = frozenset("^{}\\[~]|€\f")


@attrs.frozen
class _Refusal(Exception):
    status: int
    code: int
    message: str


@attrs.define(kw_only=True)
class _Message:
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


class TwilioSandbox(ProviderSandbox):
    """One Twilio account with its numbers; see :class:`ProviderSandbox` for the rest.

    Besides the common control surface: ``POST _control/numbers {number}`` buys another number.
    Credentials may hold ``TWILIO_MESSAGING_SERVICE_SID`` and ``TWILIO_WEBHOOK_SHARED_KEY``: the
    service is then known, and webhooks are signed with the key and HMAC_SHA256.

    Attributes:
        step_seconds: how long a text stays in each state on its way.
    """

    name: ClassVar[str] = "twilio"
    title: ClassVar[str] = "Twilio SMS"

    def __init__(
        self,
        *,
        base_url: str,
        host_url: str,
        credentials: Mapping[str, str],
        clock: Clock | None = None,
        step_seconds: float = 0.02,
    ) -> None:
        super().__init__(base_url=base_url, host_url=host_url, credentials=credentials, clock=clock)
        self.step_seconds = step_seconds
        self._account_sid = self.credentials["TWILIO_ACCOUNT_SID"]
        self._messages: dict[str, _Message] = {}
        self._numbers: dict[str, dt.datetime] = {}
        self._opted_out: set[tuple[str, str]] = set()
        self._born = self.clock.now()
        self.clear()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make an account with one number, of the range that is kept for fiction."""
        return {
            "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
            "TWILIO_PHONE_NUMBER": f"+1415555{100 + secrets.randbelow(100):04d}",
        }

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, where the API is, and where the number's webhook points."""
        return self.credentials | {
            "TWILIO_API_BASE_URL": self.base_url,
            "TWILIO_WEBHOOK_URL": f"{self.host_url}/webhooks/twilio",
        }

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give the four resources that the plugin uses, and the account's numbers."""
        account = f"/{API_VERSION}/Accounts/{{account}}"
        return (
            web.get(f"{account}.json", self._guarded(self._get_account)),
            web.post(f"{account}/Messages.json", self._guarded(self._create_message)),
            web.get(f"{account}/Messages.json", self._guarded(self._list_messages)),
            web.get(f"{account}/Messages/{{sid}}.json", self._guarded(self._get_message)),
            web.get(f"{account}/IncomingPhoneNumbers.json", self._guarded(self._list_numbers)),
        )

    @override
    def control_routes(self) -> Iterable[web.RouteDef]:
        """Give ``POST /_control/numbers``."""
        return (web.post("/_control/numbers", self._buy_number),)

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give Twilio's JSON for *status*."""
        codes = {HTTPStatus.TOO_MANY_REQUESTS: 20429, HTTPStatus.INTERNAL_SERVER_ERROR: 20500}
        code = codes.get(HTTPStatus(status), 20503)
        return _error(_Refusal(status, code, HTTPStatus(status).phrase))

    @override
    def state(self) -> dict[str, Any]:
        """Give every text in order, the numbers, and who has unsubscribed from which."""
        return {
            "messages": [self._resource(message) for message in self._messages.values()],
            "numbers": list(self._numbers),
            "opted_out": [{"number": ours, "client": c} for ours, c in sorted(self._opted_out)],
        }

    @override
    def clear(self) -> None:
        """Forget every text, unsubscription and bought number."""
        self._messages.clear()
        self._opted_out.clear()
        self._numbers.clear()
        number = self.credentials.get("TWILIO_PHONE_NUMBER")
        if number:
            self._numbers[number] = self._born

    @override
    def panel(self) -> str:
        """Give the clients' telephones."""
        texts: dict[tuple[str, str], list[Bubble]] = {}
        for message in self._messages.values():
            is_from_client = message.direction == "inbound"
            ours = (message.to if is_from_client else message.sender) or "the messaging service"
            client = (message.sender if is_from_client else message.to) or ""
            bubble = Bubble(
                is_from_client=is_from_client,
                body=message.body,
                at=message.created,
                note=message.status,
                is_failed=message.error_code is not None,
            )
            texts.setdefault((client, ours), []).append(bubble)
        newest = sorted(texts.items(), key=lambda item: item[1][-1].at, reverse=True)
        phones = [Phone(client=c, business=ours, bubbles=b) for (c, ours), b in newest]
        return render_phones(self.name, phones, numbers=list(self._numbers))

    @override
    async def inbound(self, body: ControlBody) -> dict[str, Any]:
        """Let a client write: ``{from, to, body, times}``; the webhook is sent *times* times.

        *to* is the account's first number by default. STOP and its like unsubscribe, START and its
        like undo that.

        Raises:
            InvalidInput: a number is none, or not the account's.
        """
        sender = body.text("from")
        to = body.text("to", default=next(iter(self._numbers), None))
        text = body.text("body", is_blank_allowed=True)
        times = body.whole("times", minimum=1, maximum=100, default=1)
        body.finish()
        if not _NUMBER.fullmatch(sender):
            raise InvalidInput("/from is no number", [FieldError("/from", "give +15550100123")])
        if to not in self._numbers:
            raise InvalidInput("/to is not ours", [FieldError("/to", "buy it first")])
        message = self._add("inbound", sender=sender, to=to, body=text, status="received")
        message.sent = message.created
        self._note_opt_out(message)
        request = self._sign(f"{self.host_url}/webhooks/twilio", _inbound_fields(self, message))
        outcomes = await asyncio.gather(*(self.sender.deliver(request) for _ in range(times)))
        deliveries: list[Delivery] = [one for several in outcomes for one in several]
        return {
            "message_sid": message.sid,
            "statuses": [delivery.status for delivery in deliveries],
            "deliveries": [delivery.state() for delivery in deliveries],
        }

    def _note_opt_out(self, message: _Message) -> None:
        word = message.body.strip().upper()
        pair = (message.to, message.sender or "")
        if word in _STOP_WORDS:
            self._opted_out.add(pair)
        elif word in _START_WORDS:
            self._opted_out.discard(pair)

    async def _buy_number(self, request: web.Request) -> web.StreamResponse:
        body = await read_control_body(request)
        number = body.text("number")
        body.finish()
        if not _NUMBER.fullmatch(number):
            raise InvalidInput("/number is none", [FieldError("/number", "give +15550100100")])
        self._numbers.setdefault(number, self.clock.now())
        return web.json_response({"numbers": list(self._numbers)})

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return await handler(request)
            except _Refusal as refusal:
                return _error(refusal)

        return answer

    def _authenticate(self, request: web.Request) -> None:
        token = self.credentials["TWILIO_AUTH_TOKEN"]
        pair = base64.b64encode(f"{self._account_sid}:{token}".encode()).decode()
        given = request.headers.get("Authorization", "")
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given_bytes = given.encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given_bytes, f"Basic {pair}".encode()):
            raise _Refusal(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
        if request.match_info["account"] != self._account_sid:
            raise _not_found(request)

    async def _get_account(self, _: web.Request) -> web.StreamResponse:
        path = f"/{API_VERSION}/Accounts/{self._account_sid}"
        return web.json_response(
            {
                # Twilio gives the real one here.
                "auth_token": "hidden by the sandbox",
                "date_created": _rfc2822(self._born),
                "date_updated": _rfc2822(self._born),
                "friendly_name": "ClientFlow sandbox",
                "owner_account_sid": self._account_sid,
                "sid": self._account_sid,
                "status": "active",
                "subresource_uris": {"messages": f"{path}/Messages.json"},
                "type": "Trial",
                "uri": f"{path}.json",
            }
        )

    async def _create_message(self, request: web.Request) -> web.StreamResponse:
        form = await _read_form(request)
        self._check_new(form)
        service_sid = form.get("MessagingServiceSid")
        message = self._add(
            "outbound-api",
            sender=form.get("From"),
            to=form["To"],
            body=form["Body"],
            status="accepted" if service_sid else "queued",
        )
        message.service_sid = service_sid
        message.status_callback = form.get("StatusCallback")
        answer = web.json_response(self._resource(message), status=HTTPStatus.CREATED)
        self.run_in_background(self._carry(message))
        return answer

    def _check_new(self, form: Mapping[str, str]) -> None:
        _refuse_unknown(form, _CREATE_PARAMETERS)
        self._check_recipient(form.get("To", ""))
        self._check_sender(form)
        if not form.get("Body"):
            raise _bad(21602, "Message body is required.")
        if len(form["Body"]) > LONGEST_BODY:
            message = f"The concatenated message body exceeds the {LONGEST_BODY} character limit"
            raise _bad(21617, message)
        callback = form.get("StatusCallback")
        if callback and not _CALLBACK.fullmatch(callback):
            raise _bad(21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
        if form["To"] == BLOCKED_NUMBER or self._is_opted_out(form):
            raise _bad(21610, "Attempt to send to unsubscribed recipient")

    def _check_recipient(self, to: str) -> None:
        if not to:
            raise _bad(21604, "A 'To' phone number is required.")
        if not _NUMBER.fullmatch(to) or to == INVALID_NUMBER:
            raise _bad(21211, f"Invalid 'To' Phone Number: {to}")
        if to == LANDLINE_NUMBER:
            raise _bad(21614, f"'To' number is not a valid mobile number: {to}")

    def _check_sender(self, form: Mapping[str, str]) -> None:
        sender, service_sid = form.get("From"), form.get("MessagingServiceSid")
        if not sender and not service_sid:
            raise _bad(21603, "A 'From' phone number is required.")
        if service_sid and service_sid != self.credentials.get("TWILIO_MESSAGING_SERVICE_SID"):
            raise _bad(21703, f"The Messaging Service {service_sid} is not known.")
        if sender and not _NUMBER.fullmatch(sender):
            raise _bad(21212, f"Invalid From Number (caller ID): {sender}")
        if sender and sender not in self._numbers:
            raise _bad(21606, f"The 'From' phone number {sender} is not a number of this account.")

    def _is_opted_out(self, form: Mapping[str, str]) -> bool:
        senders = [form["From"]] if form.get("From") else self._numbers
        return any((sender, form["To"]) in self._opted_out for sender in senders)

    async def _get_message(self, request: web.Request) -> web.StreamResponse:
        message = self._messages.get(request.match_info["sid"])
        if message is None:
            raise _not_found(request)
        return web.json_response(self._resource(message))

    async def _list_messages(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        _refuse_unknown(query, _LIST_PARAMETERS)
        wanted = [
            message
            for message in reversed(self._messages.values())
            if query.get("To") in {None, message.to} and query.get("From") in {None, message.sender}
        ]
        found = {message.sid: self._resource(message) for message in wanted}
        return web.json_response(_page(request, "messages", found))

    async def _list_numbers(self, request: web.Request) -> web.StreamResponse:
        _refuse_unknown(request.query, _NUMBER_PARAMETERS)
        found = {}
        for number, since in self._numbers.items():
            if request.query.get("PhoneNumber", number) == number:
                resource = _number_resource(self, number, since)
                found[resource["sid"]] = resource
        return web.json_response(_page(request, "incoming_phone_numbers", found))

    def _add(
        self, direction: str, *, sender: str | None, to: str, body: str, status: str
    ) -> _Message:
        now = self.clock.now()
        message = _Message(
            sid=f"SM{secrets.token_hex(16)}",
            direction=direction,
            sender=sender,
            to=to,
            body=body,
            status=status,
            created=now,
            updated=now,
        )
        self._messages[message.sid] = message
        return message

    async def _carry(self, message: _Message) -> None:
        is_reached = message.to != UNREACHABLE_NUMBER
        if message.sender is None:
            message.sender = next(iter(self._numbers), None)
        for status in ("sending", "sent", "delivered" if is_reached else "undelivered"):
            message.status, message.updated = status, self.clock.now()
            if status == "sent":
                message.sent = message.updated
            if status == "undelivered":
                message.error_code = _UNREACHABLE_CODE
            if message.status_callback:
                fields = _status_fields(self, message)
                # Not awaited: a host that is slow, or a switch, must not hold up the text.
                self.run_in_background(self._report(message.status_callback, fields))
            await asyncio.sleep(self.step_seconds)

    async def _report(self, url: str, fields: dict[str, str]) -> None:
        await self.sender.deliver(self._sign(url, fields))

    def _sign(self, url: str, fields: dict[str, str]) -> SignedRequest:
        shared_key = self.credentials.get("TWILIO_WEBHOOK_SHARED_KEY")
        algorithm = HMAC_SHA256 if shared_key else HMAC_SHA1
        validator = RequestValidator(shared_key or self.credentials["TWILIO_AUTH_TOKEN"])
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            SIGNATURE_HEADER: validator.compute_signature(url, fields, algorithm),
        }
        if shared_key:
            headers[SIGNATURE_SETTINGS_HEADER] = f"key=sandbox,algorithm={algorithm}"
        label = f"{fields['MessageSid']} {fields['SmsStatus']}"
        return SignedRequest(url=url, headers=headers, body=urlencode(fields).encode(), label=label)

    def _resource(self, message: _Message) -> dict[str, Any]:
        uri = f"/{API_VERSION}/Accounts/{self._account_sid}/Messages/{message.sid}"
        return {
            "account_sid": self._account_sid,
            "api_version": API_VERSION,
            "body": message.body,
            "date_created": _rfc2822(message.created),
            "date_sent": _rfc2822(message.sent) if message.sent else None,
            "date_updated": _rfc2822(message.updated),
            "direction": message.direction,
            "error_code": message.error_code,
            "error_message": "Unreachable destination handset" if message.error_code else None,
            "from": message.sender,
            "messaging_service_sid": message.service_sid,
            "num_media": "0",
            # A messaging service has not chosen the sender yet, so nothing is counted.
            "num_segments": "0" if message.status == "accepted" else str(_segments(message.body)),
            "price": None,
            "price_unit": "USD",
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }


def _inbound_fields(sandbox: TwilioSandbox, message: _Message) -> dict[str, str]:
    # With the blank ones that Twilio sends where it knows nothing: they are signed too.
    blank = ("ToCity", "ToZip", "FromCity", "FromState", "FromZip")
    service_sid = sandbox.credentials.get("TWILIO_MESSAGING_SERVICE_SID")
    service = {"MessagingServiceSid": service_sid} if service_sid else {}
    return (
        dict.fromkeys(blank, "")
        | service
        | {
            "ToCountry": "US",
            "ToState": "CA",
            "FromCountry": "US",
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsMessageSid": message.sid,
            "AccountSid": sandbox.credentials["TWILIO_ACCOUNT_SID"],
            "From": message.sender or "",
            "To": message.to,
            "Body": message.body,
            "NumMedia": "0",
            "NumSegments": str(_segments(message.body)),
            "SmsStatus": "received",
            "ApiVersion": API_VERSION,
        }
    )


def _status_fields(sandbox: TwilioSandbox, message: _Message) -> dict[str, str]:
    fields = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
        "To": message.to,
        "From": message.sender or "",
        "AccountSid": sandbox.credentials["TWILIO_ACCOUNT_SID"],
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


def _number_resource(sandbox: TwilioSandbox, number: str, since: dt.datetime) -> dict[str, Any]:
    account_sid = sandbox.credentials["TWILIO_ACCOUNT_SID"]
    sid = "PN" + hmac.digest(b"sandbox", number.encode(), "md5").hex()
    path = f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers"
    return {
        "account_sid": account_sid,
        "address_requirements": "none",
        "api_version": API_VERSION,
        "beta": False,
        "capabilities": {"voice": False, "sms": True, "mms": False, "fax": False},
        "date_created": _rfc2822(since),
        "date_updated": _rfc2822(since),
        "friendly_name": number,
        "phone_number": number,
        "sid": sid,
        "sms_method": "POST",
        "sms_url": f"{sandbox.host_url}/webhooks/twilio",
        "status": "in-use",
        "uri": f"{path}/{sid}.json",
    }


def _page(request: web.Request, key: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    query = dict(request.query)
    page, size = _whole(query, "Page", 0), min(_whole(query, "PageSize", 50), _LARGEST_PAGE)
    if not size:
        raise _bad(20001, "PageSize must be at least 1")
    sids = list(found)
    # The token names the last of the page before, so that new ones do not move the pages.
    token = query.pop("PageToken", None)
    if token is not None and token.removeprefix("PA") not in found:
        raise _bad(20001, f"the PageToken {token} is not one of this list's")
    first = sids.index(token.removeprefix("PA")) + 1 if token else 0
    shown = sids[first : first + size]
    path = f"/{API_VERSION}{request.path.partition(f'/{API_VERSION}')[2]}"

    def uri(number: int, begin: int) -> str:
        pages = {"PageSize": str(size), "Page": str(number)}
        after = {"PageToken": f"PA{sids[begin - 1]}"} if begin > 0 else {}
        return f"{path}?{urlencode(query | pages | after)}"

    has_more = first + size < len(sids)
    return {
        key: [found[sid] for sid in shown],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": uri(page, first),
        "first_page_uri": uri(0, 0),
        "previous_page_uri": uri(page - 1, first - size) if page else None,
        "next_page_uri": uri(page + 1, first + size) if has_more else None,
    }


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not _WHOLE.fullmatch(text):
        raise _bad(20001, f"{name} must be a whole number")
    return int(text)


def _segments(text: str) -> int:
    if all(letter in _GSM or letter in _GSM_TWICE for letter in text):
        length, single, several = len(text) + sum(c in _GSM_TWICE for c in text), 160, 153
    else:
        length, single, several = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= single else -(-length // several)


async def _read_form(request: web.Request) -> dict[str, str]:
    try:
        form = await request.post()
    except (ValueError, LookupError) as error:
        raise _bad(20001, "the body is not a form in UTF-8") from error
    for name in form:
        if len(form.getall(name)) > 1:
            raise _bad(20001, f"the parameter {name} is there twice")
    return {name: str(value) for name, value in form.items()}


def _refuse_unknown(given: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise _bad(20001, f"the sandbox does not know the parameter {unknown[0]}")


def _bad(code: int, message: str) -> _Refusal:
    return _Refusal(HTTPStatus.BAD_REQUEST, code, message)


def _not_found(request: web.Request) -> _Refusal:
    message = f"The requested resource {request.path} was not found"
    return _Refusal(HTTPStatus.NOT_FOUND, 20404, message)


def _error(refusal: _Refusal) -> web.Response:
    body = {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": int(refusal.status),
    }
    return web.json_response(body, status=refusal.status)


def _rfc2822(moment: dt.datetime) -> str:
    return format_datetime(moment.astimezone(dt.UTC))
