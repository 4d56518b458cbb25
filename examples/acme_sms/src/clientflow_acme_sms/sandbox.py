"""A stand-in for Acme SMS: one account, its API, and the webhooks that it sends."""

import asyncio
import datetime as dt
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

import attrs
from aiohttp import web
from clientflow_core import Clock, FieldError, InvalidInput
from clientflow_core.sandbox import (
    Arrival,
    Bubble,
    EventField,
    Occurrence,
    Phone,
    Phones,
    ProviderSandbox,
    ReadyClient,
    SandboxEvent,
    SignedRequest,
)
from typing_extensions import override

from clientflow_acme_sms.webhooks import SIGNATURE_HEADER

LONGEST_BODY: Final = 1600
INVALID_NUMBER: Final = "+15005550001"
BLOCKED_NUMBER: Final = "+15005550004"
UNREACHABLE_NUMBER: Final = "+15005550010"
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_FIELDS: Final = frozenset({"from", "to", "body", "reference"})
_REPORTED: Final = ("queued", "sent", "delivered", "undelivered", "failed")
_CLIENTS: Final = (
    ReadyClient(name="Ada", number="+14155550123", about="An ordinary client."),
    ReadyClient(
        name="Cleo",
        number=UNREACHABLE_NUMBER,
        about="Her telephone is off: texts to her end as undelivered.",
    ),
    ReadyClient(
        name="Dov",
        number=BLOCKED_NUMBER,
        about="He has unsubscribed: the provider refuses every text to him.",
    ),
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.define(kw_only=True)
class Text:
    """A text, in or out, as the account keeps it."""

    id: str
    is_from_client: bool
    sender: str
    to: str
    body: str
    status: str
    created: dt.datetime
    reference: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Give it as the API and the webhooks have it."""
        return {
            "id": self.id,
            "from": self.sender,
            "to": self.to,
            "body": self.body,
            "status": self.status,
            "reference": self.reference,
            "parts": 1 + (len(self.body) - 1) // 160,
            "error_code": "unreachable" if self.status in {"undelivered", "failed"} else None,
            "created_at": self.created.isoformat(),
        }


@attrs.frozen
class Refusal(Exception):
    """A call is refused, in the words of Acme SMS."""

    status: int
    code: str
    message: str

    def as_response(self) -> web.Response:
        """Give the answer that says so."""
        body = {"error": {"code": self.code, "message": self.message}}
        return web.json_response(body, status=self.status)


class AcmeSmsSandbox(ProviderSandbox):
    """One account with one number; see ``ProviderSandbox`` for the rest.

    Attributes:
        step_seconds: how long a text stays in each state on its way.
    """

    name: ClassVar[str] = "acme_sms"
    title: ClassVar[str] = "Acme SMS"

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
        self._number = self.credentials["ACME_SMS_PHONE_NUMBER"]
        self._texts: dict[str, Text] = {}
        # What was asked under which key, and the text that came of it.
        self._keys: dict[str, tuple[dict[str, str], Text]] = {}

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make an account with one number of those kept for fiction."""
        return {
            "ACME_SMS_ACCOUNT": f"acct_{secrets.token_hex(8)}",
            "ACME_SMS_API_KEY": f"key_{secrets.token_hex(16)}",
            "ACME_SMS_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
            "ACME_SMS_PHONE_NUMBER": f"+1628555{150 + secrets.randbelow(50):04d}",
        }

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, and where the API is."""
        return self.credentials | {"ACME_SMS_API_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give what the plugin calls."""
        return (
            web.get("/v1/account", self._guarded(self._get_account)),
            web.post("/v1/texts", self._guarded(self._create_text)),
            web.get("/v1/texts", self._guarded(self._list_texts)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give Acme SMS's JSON for *status*."""
        phrase = HTTPStatus(status).phrase
        return Refusal(status, phrase.lower().replace(" ", "_"), phrase).as_response()

    @override
    def state(self) -> dict[str, Any]:
        """Give every text in order, and the number."""
        texts = [text.as_json() for text in self._texts.values()]
        return {"messages": texts, "numbers": [self._number]}

    @override
    def clear(self) -> None:
        """Forget every text."""
        self._texts.clear()
        self._keys.clear()

    @override
    def panel(self) -> Phones:
        """Give the clients' telephones."""
        said: dict[str, list[Bubble]] = {}
        for text in self._texts.values():
            said.setdefault(text.sender if text.is_from_client else text.to, []).append(
                _bubble(text)
            )
        phones = [Phone(client=c, business=self._number, bubbles=b) for c, b in said.items()]
        return Phones(numbers=[self._number], phones=phones, ready=_CLIENTS)

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give the two things of which Acme SMS tells us."""
        ours = [text.id for text in self._texts.values() if not text.is_from_client]
        client = _CLIENTS[0].number
        return (
            SandboxEvent(
                name="text.received",
                summary="A client texts the number of the business.",
                fields=(
                    EventField(name="from", meaning="the client's number", default=client),
                    EventField(name="to", meaning="the business's", default=self._number),
                    EventField(name="body", meaning="the text", default="Is Thursday free?"),
                ),
                happen=self._receive,
            ),
            SandboxEvent(
                name="text.updated",
                summary="A text of the business has come so far, or was lost.",
                fields=(
                    EventField(
                        name="text",
                        meaning="the id of the text, by default the last",
                        default=ours[-1] if ours else None,
                    ),
                    EventField(name="status", meaning=", ".join(_REPORTED), default="delivered"),
                ),
                happen=self._report_again,
            ),
        )

    def _receive(self, values: Mapping[str, str]) -> Occurrence:
        if not _NUMBER.fullmatch(values["from"]):
            raise _broken("/from", "must be a number such as +15550100123")
        if values["to"] != self._number:
            raise _broken("/to", f"must be the number of the business, {self._number}")
        text = self._add(values["from"], values["to"], values["body"], is_from_client=True)
        return Occurrence(requests=[self._sign("text.received", text)], facts={"text": text.id})

    def _report_again(self, values: Mapping[str, str]) -> Occurrence:
        text = self._texts.get(values["text"])
        if text is None or text.is_from_client:
            raise _broken("/text", "must be the id of a text of the business")
        if values["status"] not in _REPORTED:
            raise _broken("/status", f"must be one of {', '.join(_REPORTED)}")
        text.status = values["status"]
        return Occurrence(requests=[self._sign("text.updated", text)], facts={"text": text.id})

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return await handler(request)
            except Refusal as refusal:
                return refusal.as_response()

        return answer

    def _authenticate(self, request: web.Request) -> None:
        expected = f"Bearer {self.credentials['ACME_SMS_API_KEY']}"
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected.encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "the key is not known")

    async def _get_account(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"id": self.credentials["ACME_SMS_ACCOUNT"], "name": "ClientFlow sandbox"}
        )

    async def _create_text(self, request: web.Request) -> web.StreamResponse:
        fields = _read_fields(await request.read())
        key = request.headers.get("Idempotency-Key", "")
        if key in self._keys:
            taken, text = self._keys[key]
            if taken != fields:
                raise Refusal(HTTPStatus.CONFLICT, "key_reused", "the key was for another text")
            return web.json_response(text.as_json())
        self._check(fields)
        text = self._add(fields["from"], fields["to"], fields["body"], is_from_client=False)
        text.reference = fields.get("reference")
        if key:
            self._keys[key] = fields, text
        answer = web.json_response(text.as_json(), status=HTTPStatus.CREATED)
        self.run_in_background(self._carry(text))
        return answer

    async def _list_texts(self, request: web.Request) -> web.StreamResponse:
        if set(request.query) != {"reference"}:
            raise _unprocessable("invalid_query", "say of which reference")
        wanted = request.query["reference"]
        found = [text.as_json() for text in self._texts.values() if text.reference == wanted]
        return web.json_response({"texts": found})

    def _check(self, fields: Mapping[str, str]) -> None:
        if fields["from"] != self._number:
            raise _unprocessable("unknown_sender", "from is no number of this account")
        if not _NUMBER.fullmatch(fields["to"]) or fields["to"] == INVALID_NUMBER:
            raise _unprocessable("invalid_number", "to is no number")
        if not 1 <= len(fields["body"]) <= LONGEST_BODY:
            raise _unprocessable("invalid_body", f"body must have 1 to {LONGEST_BODY} characters")
        if fields["to"] == BLOCKED_NUMBER:
            raise _unprocessable("unsubscribed", "the recipient wants no texts")

    def _add(self, sender: str, to: str, body: str, *, is_from_client: bool) -> Text:
        text = Text(
            id=f"txt_{secrets.token_hex(12)}",
            is_from_client=is_from_client,
            sender=sender,
            to=to,
            body=body,
            status="received" if is_from_client else "queued",
            created=self.clock.now(),
        )
        self._texts[text.id] = text
        return text

    async def _carry(self, text: Text) -> None:
        last = "undelivered" if text.to == UNREACHABLE_NUMBER else "delivered"
        for status in ("sent", last):
            await asyncio.sleep(self.step_seconds)
            text.status = status
            # Not awaited: a host that is slow, or a switch, must not hold up the text.
            self.run_in_background(self._report(self._sign("text.updated", text)))

    async def _report(self, request: SignedRequest) -> None:
        await self.sender.deliver(request)

    def _sign(self, kind: str, text: Text) -> SignedRequest:
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "type": kind,
            "account": self.credentials["ACME_SMS_ACCOUNT"],
            "text": text.as_json(),
        }
        body, at = json.dumps(event).encode(), int(self.clock.now().timestamp())
        secret = self.credentials["ACME_SMS_WEBHOOK_SECRET"].encode()
        digest = hmac.digest(secret, f"{at}.".encode() + body, "sha256").hex()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: f"t={at},v1={digest}"}
        url = f"{self.host_url}/webhooks/acme-sms"
        label = f"{text.id} {text.status}"
        return SignedRequest(url=url, headers=headers, body=body, label=label)


def _read_fields(body: bytes) -> dict[str, str]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(v, str) for v in fields.values()):
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_body", "send a JSON object of texts")
    # A provider may ignore what it does not know. Here it is refused, so that a slip shows.
    wrong = sorted(set(fields) ^ _FIELDS)
    if wrong:
        raise _unprocessable("invalid_field", f"{wrong[0]} is missing, or not known")
    return fields


def _unprocessable(code: str, message: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, code, message)


def _broken(pointer: str, rule: str) -> InvalidInput:
    return InvalidInput(f"{pointer} {rule}", [FieldError(pointer, rule)])


def _bubble(text: Text) -> Bubble:
    arrivals = {"received": Arrival.ARRIVED, "delivered": Arrival.ARRIVED}
    is_lost = text.status in {"undelivered", "failed"}
    return Bubble(
        id=text.id,
        is_from_client=text.is_from_client,
        body=text.body,
        at=text.created,
        arrival=Arrival.LOST if is_lost else arrivals.get(text.status, Arrival.ON_ITS_WAY),
        note=text.status,
    )
