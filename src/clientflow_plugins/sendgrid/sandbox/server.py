"""The server: one account, its API, and the webhooks that it sends."""

import asyncio
import functools
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from aiohttp import web
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import (
    Letters,
    Occurrence,
    ProviderSandbox,
    SandboxEvent,
    SignedRequest,
)
from clientflow_core.sandbox.control import Handler
from clientflow_plugins.sendgrid.sandbox.acceptance import ADDRESS, MOST_BYTES, check_mail, is_test
from clientflow_plugins.sendgrid.sandbox.events import FORMS, email_received, reported, wishes
from clientflow_plugins.sendgrid.sandbox.mailbox import (
    BOUNCING_ADDRESS,
    UNSUBSCRIBED_ADDRESS,
    Mail,
    show_letters,
)
from clientflow_plugins.sendgrid.sandbox.posts import event_json, event_post, inbound_post
from clientflow_plugins.sendgrid.sandbox.refusals import Refusal, bad_request, error_response
from clientflow_plugins.sendgrid.sandbox.resources import (
    SCOPES,
    authenticated_domain,
    event_webhook,
    parse_setting,
    security_policy,
    verified_senders,
)
from clientflow_plugins.sendgrid.sandbox.signing import make_key, public_text, sign
from clientflow_plugins.sendgrid.sandbox.webhook_settings import (
    read_event_setting,
    read_parse_setting,
)

_FIRST_SUBJECT: Final = "A question"
# Base64 makes four letters of three bytes.
_MOST_BODY_BYTES: Final = 2 * MOST_BYTES
_BAD_KEY: Final = "The provided authorization grant is invalid, expired, or revoked"


class SendgridSandbox(ProviderSandbox):
    """One SendGrid account with a domain; see :class:`ProviderSandbox` for the rest.

    Inbound Parse signs by a security policy. Where the credentials hold ``SENDGRID_INBOUND_TOKEN``
    there is no policy: its posts are not signed, and go to an address that ends with the token.

    Attributes:
        step_seconds: how long an e-mail stays in each state on its way.
        scopes: what the key may do.
    """

    name: ClassVar[str] = "sendgrid"
    title: ClassVar[str] = "SendGrid e-mail"
    thing: ClassVar[str] = "e-mail"

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
        self.scopes: tuple[str, ...] = SCOPES
        self._address = self.credentials["SENDGRID_FROM_EMAIL"]
        self._domain = self._address.rpartition("@")[2]
        self._token = self.credentials.get("SENDGRID_INBOUND_TOKEN")
        api_key = self.credentials["SENDGRID_API_KEY"]
        self._event_key = make_key(api_key, "events")
        self._parse_key = make_key(api_key, "parse")
        self._mails: list[Mail] = []
        # What was set of the webhooks, in place of what they began with.
        self._events_set: dict[str, Any] = {}
        self._parse_set: dict[str, Any] = {}
        self._bounced: dict[str, dict[str, Any]] = {}
        self._unsubscribed: set[str] = set()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make a key, and an address of a domain of those kept for examples, which nobody has."""
        key = f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}"
        address = f"hello@{secrets.token_hex(4)}.example.com"
        return {"SENDGRID_API_KEY": key, "SENDGRID_FROM_EMAIL": address}

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, the keys of the webhooks, and where the API is."""
        keys = {"SENDGRID_PUBLIC_KEY": public_text(self._event_key)}
        if self._token is None:
            keys["SENDGRID_INBOUND_PUBLIC_KEY"] = public_text(self._parse_key)
        return self.credentials | keys | {"SENDGRID_API_BASE_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give sending, and what the account says of itself."""
        events, parse = "/v3/user/webhooks/event", "/v3/user/webhooks/parse"
        listed = self._listed
        return (
            web.post("/v3/mail/send", self._guarded(self._send)),
            web.get("/v3/scopes", listed(lambda: {"scopes": list(self.scopes)})),
            web.get("/v3/verified_senders", listed(lambda: verified_senders(self._address))),
            web.get("/v3/whitelabel/domains", listed(lambda: [authenticated_domain(self._domain)])),
            web.get(f"{events}/settings/all", listed(self._event_webhooks)),
            web.patch(f"{events}/settings/{{id}}", self._guarded(self._set_events)),
            web.get(f"{parse}/settings", listed(self._parse_settings)),
            web.patch(f"{parse}/settings/{{hostname}}", self._guarded(self._set_parse)),
            web.get("/v3/user/webhooks/security/policies", listed(self._policies)),
            web.get("/v3/suppression/bounces/{email}", self._guarded(self._get_bounce)),
            web.get("/v3/suppression/spam_reports/{email}", listed(list)),
            web.get("/v3/asm/suppressions/global/{email}", self._guarded(self._get_unsubscribed)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give SendGrid's JSON for *status*."""
        return error_response(Refusal(status, HTTPStatus(status).phrase.lower()))

    @override
    def state(self) -> dict[str, Any]:
        """Give every e-mail in order, and who gets none any more."""
        return {
            "mails": [mail.state_json() for mail in self._mails],
            "bounced": list(self._bounced),
            "unsubscribed": sorted(self._unsubscribed),
        }

    @override
    def clear(self) -> None:
        """Forget every e-mail, whose have come back, who wants none, and what was set."""
        self._mails.clear()
        self._bounced.clear()
        self._unsubscribed.clear()
        self._events_set.clear()
        self._parse_set.clear()

    @override
    def panel(self) -> Letters:
        """Give what was sent in either direction."""
        return show_letters(self._mails)

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give what SendGrid tells us of: e-mail that comes in, and what becomes of ours."""
        ours = [mail.id for mail in self._mails if not mail.is_from_client]
        last = ours[-1] if ours else None

        def report(word: str) -> Any:
            return functools.partial(self._report_again, word)

        return (
            email_received(self._receive, to=self._address),
            reported("email.delivered", "An e-mail has arrived.", report("delivered"), mail=last),
            reported("email.opened", "An e-mail was opened.", report("open"), mail=last),
            reported("email.bounced", "An e-mail has come back.", report("bounce"), mail=last),
            *wishes(report, mail=last),
        )

    def _receive(self, values: Mapping[str, str]) -> Occurrence:
        sender, to = values["from"], values["to"]
        if not ADDRESS.fullmatch(sender):
            raise _invalid("from", "must be an address, such as ada@example.com")
        if to.rpartition("@")[2].lower() != self._domain:
            raise _invalid("to", f"must be an address of {self._domain}")
        if values["form"] not in FORMS:
            raise _invalid("form", f"must be one of {', '.join(FORMS)}")
        mail = self._add_received(values)
        post = inbound_post(self._inbound_url(), mail, is_whole=values["form"] == "whole")
        request = post if self._token else self._sign(post, self._parse_key)
        return Occurrence(requests=[request], facts={"message_id": mail.message_id})

    def _add_received(self, values: Mapping[str, str]) -> Mail:
        client = values["from"]
        last = next((one for one in reversed(self._mails) if one.client == client), None)
        headers = {"Message-ID": f"<{secrets.token_hex(12)}@mail.example.com>"}
        if last is not None:
            before = last.headers.get("References", "")
            headers["In-Reply-To"] = last.message_id
            headers["References"] = f"{before} {last.message_id}".strip()
        subject = f"Re: {last.subject.removeprefix('Re: ')}" if last else _FIRST_SUBJECT
        mail = Mail(
            id=secrets.token_urlsafe(16),
            is_from_client=True,
            client=client,
            business=values["to"],
            subject=" ".join(values["subject"].split()) or subject,
            text=values["body"],
            html=values["html"],
            created=self.clock.now(),
            state="received",
            headers=headers,
        )
        self._mails.append(mail)
        return mail

    def _report_again(self, word: str, values: Mapping[str, str]) -> Occurrence:
        ours = [one for one in self._mails if not one.is_from_client]
        mail = next((one for one in ours if one.id == values["message"]), None)
        if mail is None:
            raise _invalid("message", "must be the id of an e-mail of the business")
        return Occurrence(requests=[self._tell(mail, word)], facts={"message": mail.id})

    async def _send(self, request: web.Request) -> web.StreamResponse:
        raw = await self._read_body(request)
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise bad_request("Bad Request") from error
        check_mail(body, size_bytes=len(raw), domain=self._domain)
        if is_test(body):
            return web.Response(status=HTTPStatus.OK)
        name = secrets.token_urlsafe(16)
        for personalization in body["personalizations"]:
            for to in personalization["to"]:
                mail = self._add_sent(name, body, personalization, to["email"])
                self.run_in_background(self._carry(mail))
        return web.Response(status=HTTPStatus.ACCEPTED, headers={"X-Message-Id": name})

    async def _read_body(self, request: web.Request) -> bytes:
        if request.content_type != "application/json":
            raise bad_request("Content-Type should be application/json.")
        raw = bytearray()
        async for chunk in request.content.iter_any():
            raw += chunk
            if len(raw) > _MOST_BODY_BYTES:
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content too large")
        return bytes(raw)

    def _add_sent(
        self, name: str, body: Mapping[str, Any], personalization: Mapping[str, Any], to: str
    ) -> Mail:
        content = {one["type"]: one["value"] for one in body["content"]}
        mail = Mail(
            id=name,
            is_from_client=False,
            client=to,
            business=body["from"]["email"],
            subject=body["subject"],
            text=content.get("text/plain", ""),
            html=content.get("text/html", ""),
            created=self.clock.now(),
            state="accepted",
            headers=body.get("headers", {}) | personalization.get("headers", {}),
            reply_to=body.get("reply_to", {}).get("email"),
            attachments=tuple(one["filename"] for one in body.get("attachments", ())),
            categories=tuple(body.get("categories", ())),
            custom_args=body.get("custom_args", {}) | personalization.get("custom_args", {}),
        )
        self._mails.append(mail)
        return mail

    async def _carry(self, mail: Mail) -> None:
        is_dropped = self._is_unsubscribed(mail.client) or mail.client in self._bounced
        end = "bounce" if mail.client == BOUNCING_ADDRESS else "delivered"
        for word in ("dropped",) if is_dropped else ("processed", end):
            # Not awaited: a host that is slow, or a switch, must not hold up the e-mail.
            self.run_in_background(self._deliver(self._tell(mail, word)))
            await asyncio.sleep(self.step_seconds)

    async def _deliver(self, request: SignedRequest) -> None:
        await self.sender.deliver(request)

    def _tell(self, mail: Mail, word: str) -> SignedRequest:
        self._note(mail, word)
        reason = "Bounced Address" if mail.client in self._bounced else "Unsubscribed Address"
        event = event_json(
            mail, word, timestamp=int(self.clock.now().timestamp()), drop_reason=reason
        )
        post = event_post(self._events_url(), [event])
        return self._sign(post, self._event_key)

    def _note(self, mail: Mail, word: str) -> None:
        if word in {"unsubscribe", "group_unsubscribe"}:
            self._unsubscribed.add(mail.client)
        elif word == "group_resubscribe":
            self._unsubscribed.discard(mail.client)
        else:
            mail.state = word
        if word == "bounce":
            self._note_bounce(mail)

    def _is_unsubscribed(self, address: str) -> bool:
        return address == UNSUBSCRIBED_ADDRESS or address in self._unsubscribed

    def _note_bounce(self, mail: Mail) -> None:
        self._bounced[mail.client] = {
            "created": int(self.clock.now().timestamp()),
            "email": mail.client,
            "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
            "status": "5.1.1",
        }

    def _sign(self, request: SignedRequest, key: Any) -> SignedRequest:
        return sign(request, key, timestamp=int(self.clock.now().timestamp()))

    def _event_webhooks(self) -> dict[str, Any]:
        return {"max_allowed": 5, "webhooks": [self._event_webhook()]}

    def _event_webhook(self) -> dict[str, Any]:
        key, url = public_text(self._event_key), self._events_url()
        return event_webhook(url, public_key=key) | self._events_set

    def _parse_settings(self) -> dict[str, Any]:
        return {"result": [self._parse_setting()]}

    def _parse_setting(self) -> dict[str, Any]:
        address, has_policy = self._inbound_url(), self._token is None
        kept = parse_setting(address, hostname=self._domain, has_policy=has_policy)
        return kept | self._parse_set

    async def _set_events(self, request: web.Request) -> web.StreamResponse:
        kept = self._event_webhook()
        if request.match_info["id"] != kept["id"]:
            raise Refusal(HTTPStatus.NOT_FOUND, "no webhook with this id")
        self._events_set = await read_event_setting(request)
        set_now = self._event_webhook()
        return web.json_response({k: v for k, v in set_now.items() if k != "public_key"})

    async def _set_parse(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["hostname"] != self._domain:
            raise Refusal(HTTPStatus.NOT_FOUND, "no setting for this hostname")
        self._parse_set |= await read_parse_setting(request)
        return web.json_response(self._parse_setting())

    def _events_url(self) -> str:
        # Set at SendGrid so, as its posts themselves name no account.
        query = urlencode({"account": self._address})
        own = f"{self.host_url}/webhooks/sendgrid-events?{query}"
        return str(self._events_set.get("url", own))

    def _inbound_url(self) -> str:
        query = {"account": self._address} | ({"token": self._token} if self._token else {})
        own = f"{self.host_url}/webhooks/sendgrid-inbound?{urlencode(query)}"
        return str(self._parse_set.get("url", own))

    def _policies(self) -> dict[str, Any]:
        has_one = self._token is None
        return {"policies": [security_policy(public_text(self._parse_key))] if has_one else []}

    async def _get_bounce(self, request: web.Request) -> web.StreamResponse:
        found = self._bounced.get(request.match_info["email"])
        return web.json_response([found] if found else [])

    async def _get_unsubscribed(self, request: web.Request) -> web.StreamResponse:
        address = request.match_info["email"]
        is_one = self._is_unsubscribed(address)
        return web.json_response({"recipient_email": address} if is_one else {})

    def _listed(self, give: Any) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(give())

        return self._guarded(answer)

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return await handler(request)
            except Refusal as refusal:
                return error_response(refusal)

        return answer

    def _authenticate(self, request: web.Request) -> None:
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        wanted = f"Bearer {self.credentials['SENDGRID_API_KEY']}".encode()
        if not hmac.compare_digest(given, wanted):
            raise Refusal(HTTPStatus.UNAUTHORIZED, _BAD_KEY)


def _invalid(field: str, rule: str) -> InvalidInput:
    return InvalidInput(f"/{field} {rule}", [FieldError(f"/{field}", rule)])
