"""The server: one account, its API, and the webhooks that it sends."""

import asyncio
import base64
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

from aiohttp import web
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import (
    Occurrence,
    Phones,
    ProviderSandbox,
    SandboxEvent,
    SignedRequest,
)
from clientflow_core.sandbox.control import Handler, read_control_body
from clientflow_plugins.twilio.sandbox.acceptance import (
    MOST_MEDIA,
    NUMBER,
    UNREACHABLE_NUMBER,
    Account,
    check_new,
)
from clientflow_plugins.twilio.sandbox.events import REPORTED, inbound_sms, message_status
from clientflow_plugins.twilio.sandbox.lists import (
    LIST_PARAMETERS,
    PAGE_PARAMETERS,
    list_page,
    sent_since,
)
from clientflow_plugins.twilio.sandbox.numbers import Numbers
from clientflow_plugins.twilio.sandbox.phones import READY_CLIENTS, show_phones
from clientflow_plugins.twilio.sandbox.refusals import (
    MEDIA_URL,
    Refusal,
    error_response,
    not_found,
    read_form,
    refuse_unknown,
)
from clientflow_plugins.twilio.sandbox.resources import (
    API_VERSION,
    Message,
    account_resource,
    media_resource,
    message_resource,
)
from clientflow_plugins.twilio.sandbox.signing import inbound_fields, sign, status_fields

_UNREACHABLE_CODE: Final = 30003  # https://www.twilio.com/docs/api/errors/30003


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
    thing: ClassVar[str] = "text"

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
        self._messages: dict[str, Message] = {}
        # Kept apart: Twilio's own, which its API is not known to list.
        self._replies: list[Message] = []
        self._account = Account(service_sid=credentials.get("TWILIO_MESSAGING_SERVICE_SID"))
        self._born = self.clock.now()
        self._numbers = Numbers(
            self._account_sid, self._account, born=self._born, host_url=lambda: self.host_url
        )
        self.clear()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make an account with one number of those kept for fiction, which no client has."""
        return {
            "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
            "TWILIO_PHONE_NUMBER": f"+1415555{150 + secrets.randbelow(50):04d}",
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
        """Give the resources that the plugin uses: account, messages, media, numbers, service."""
        account = f"/{API_VERSION}/Accounts/{{account}}"
        return (
            web.get(f"{account}.json", self._guarded(self._get_account)),
            web.post(f"{account}/Messages.json", self._guarded(self._create_message)),
            web.get(f"{account}/Messages.json", self._guarded(self._list_messages)),
            web.get(f"{account}/Messages/{{sid}}.json", self._guarded(self._get_message)),
            web.get(f"{account}/Messages/{{sid}}/Media.json", self._guarded(self._list_media)),
            *self._numbers.routes(self._guarded),
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
        return error_response(Refusal(status, code, HTTPStatus(status).phrase))

    @override
    def state(self) -> dict[str, Any]:
        """Give every text in order, the numbers, who has unsubscribed, and Twilio's own answers."""
        return {
            "messages": [self._as_json(message) for message in self._messages.values()],
            "numbers": list(self._account.numbers),
            "opted_out": [
                {"number": ours, "client": c} for ours, c in sorted(self._account.opted_out)
            ],
            "replies": [self._as_json(reply) for reply in self._replies],
        }

    @override
    def clear(self) -> None:
        """Forget every text, unsubscription, bought number and address that was set."""
        self._messages.clear()
        self._replies.clear()
        self._account.opted_out.clear()
        self._account.numbers.clear()
        self._account.urls.clear()
        number = self.credentials.get("TWILIO_PHONE_NUMBER")
        if number:
            self._account.numbers[number] = self._born

    @override
    def panel(self) -> Phones:
        """Give the clients' telephones."""
        return Phones(
            numbers=list(self._account.numbers),
            phones=show_phones(self._said()),
            ready=READY_CLIENTS,
        )

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give the two things of which Twilio tells us: a text, and how far one of ours has come.

        STOP and its like unsubscribe the client who writes it, START and its like undo that; these
        and HELP are answered by Twilio itself.
        """
        ours = next(iter(self._account.numbers), None)
        reported = [m.sid for m in self._messages.values() if m.status_callback]
        return (
            inbound_sms(self._receive, to=ours),
            message_status(self._report_again, message=reported[-1] if reported else None),
        )

    def _receive(self, values: Mapping[str, str]) -> Occurrence:
        sender, to, text = values["from"], values["to"], values["body"]
        if not NUMBER.fullmatch(sender):
            raise InvalidInput("/from is no number", [FieldError("/from", "give +15550100123")])
        if to not in self._account.numbers:
            raise InvalidInput("/to is not ours", [FieldError("/to", "buy it first")])
        message = self._add("inbound", sender=sender, to=to, body=text, status="received")
        message.sent = message.created
        message.media_urls = _pictures(values["pictures"])
        reply = self._account.heed(number=to, client=sender, body=text)
        if reply is not None:
            self._replies.append(self._new("outbound-reply", to, sender, reply, "delivered"))
        fields = inbound_fields(self.credentials, message)
        request = self._sign(self._numbers.url_of(to), fields)
        return Occurrence(requests=[request], facts={"message_sid": message.sid})

    def _report_again(self, values: Mapping[str, str]) -> Occurrence:
        message, status = self._messages.get(values["message"]), values["status"]
        if message is None or not message.status_callback:
            rule = "must be the SID of a text for which reports were asked"
            raise InvalidInput(f"/message {rule}", [FieldError("/message", rule)])
        if status not in REPORTED:
            rule = f"must be one of {', '.join(REPORTED)}"
            raise InvalidInput(f"/status {rule}", [FieldError("/status", rule)])
        is_lost = status in {"undelivered", "failed"}
        message.error_code = _UNREACHABLE_CODE if is_lost else None
        message.status, message.updated = status, self.clock.now()
        request = self._sign(message.status_callback, status_fields(self.credentials, message))
        return Occurrence(requests=[request], facts={"message_sid": message.sid})

    async def _buy_number(self, request: web.Request) -> web.StreamResponse:
        body = await read_control_body(request)
        number = body.text("number")
        body.finish()
        if not NUMBER.fullmatch(number):
            raise InvalidInput("/number is none", [FieldError("/number", "give +15550100100")])
        self._account.numbers.setdefault(number, self.clock.now())
        return web.json_response({"numbers": list(self._account.numbers)})

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return await handler(request)
            except Refusal as refusal:
                return error_response(refusal)

        return answer

    def _authenticate(self, request: web.Request) -> None:
        token = self.credentials["TWILIO_AUTH_TOKEN"]
        pair = base64.b64encode(f"{self._account_sid}:{token}".encode()).decode()
        given = request.headers.get("Authorization", "")
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given_bytes = given.encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given_bytes, f"Basic {pair}".encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
        # The messaging API names no account in its paths.
        if request.match_info.get("account", self._account_sid) != self._account_sid:
            raise not_found(request)

    async def _get_account(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(account_resource(self._account_sid, born=self._born))

    async def _create_message(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        media_urls = [str(url) for url in (await request.post()).getall(MEDIA_URL, [])]
        check_new(form, self._account, media_urls=media_urls)
        service_sid = form.get("MessagingServiceSid")
        message = self._add(
            "outbound-api",
            sender=form.get("From"),
            to=form["To"],
            body=form.get("Body", ""),
            status="accepted" if service_sid else "queued",
        )
        message.media_urls = tuple(media_urls)
        message.service_sid = service_sid
        message.status_callback = form.get("StatusCallback")
        answer = web.json_response(self._as_json(message), status=HTTPStatus.CREATED)
        self.run_in_background(self._carry(message))
        return answer

    async def _get_message(self, request: web.Request) -> web.StreamResponse:
        message = self._messages.get(request.match_info["sid"])
        if message is None:
            raise not_found(request)
        return web.json_response(self._as_json(message))

    async def _list_messages(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        refuse_unknown(query, LIST_PARAMETERS)
        since = sent_since(query)
        wanted = [
            message
            for message in reversed(self._messages.values())
            if query.get("To") in {None, message.to}
            and query.get("From") in {None, message.sender}
            and (since is None or (message.sent is not None and message.sent >= since))
        ]
        found = {message.sid: self._as_json(message) for message in wanted}
        return web.json_response(list_page(request, "messages", found))

    async def _list_media(self, request: web.Request) -> web.StreamResponse:
        refuse_unknown(request.query, PAGE_PARAMETERS)
        message = self._messages.get(request.match_info["sid"])
        if message is None:
            raise not_found(request)
        listed = [
            media_resource(self._account_sid, message, number=number)
            for number in range(len(message.media_urls))
        ]
        found = {resource["sid"]: resource for resource in listed}
        return web.json_response(list_page(request, "media_list", found))

    def _add(
        self, direction: str, *, sender: str | None, to: str, body: str, status: str
    ) -> Message:
        message = self._new(direction, sender, to, body, status)
        self._messages[message.sid] = message
        return message

    def _new(self, direction: str, sender: str | None, to: str, body: str, status: str) -> Message:
        now = self.clock.now()
        return Message(
            sid=f"SM{secrets.token_hex(16)}",
            direction=direction,
            sender=sender,
            to=to,
            body=body,
            status=status,
            created=now,
            updated=now,
        )

    def _said(self) -> Sequence[Message]:
        """Give every text as the telephones have them, in order."""
        return sorted([*self._messages.values(), *self._replies], key=lambda one: one.created)

    async def _carry(self, message: Message) -> None:
        is_reached = message.to != UNREACHABLE_NUMBER
        if message.sender is None:
            message.sender = next(iter(self._account.numbers), None)
        for status in ("sending", "sent", "delivered" if is_reached else "undelivered"):
            message.status, message.updated = status, self.clock.now()
            if status == "sent":
                message.sent = message.updated
            if status == "undelivered":
                message.error_code = _UNREACHABLE_CODE
            if message.status_callback:
                fields = status_fields(self.credentials, message)
                # Not awaited: a host that is slow, or a switch, must not hold up the text.
                self.run_in_background(self._report(message.status_callback, fields))
            await asyncio.sleep(self.step_seconds)

    async def _report(self, url: str, fields: dict[str, str]) -> None:
        await self.sender.deliver(self._sign(url, fields))

    def _sign(self, url: str, fields: dict[str, str]) -> SignedRequest:
        return sign(url, fields, credentials=self.credentials)

    def _as_json(self, message: Message) -> dict[str, Any]:
        return message_resource(self._account_sid, message)


def _pictures(text: str) -> tuple[str, ...]:
    if not text.isdecimal() or int(text) > MOST_MEDIA:
        rule = f"must be 0 to {MOST_MEDIA}"
        raise InvalidInput(f"/pictures {rule}", [FieldError("/pictures", rule)])
    return tuple(f"https://example.com/{number}.jpg" for number in range(int(text)))
