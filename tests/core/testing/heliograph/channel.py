"""The channel; each of its decisions is a method that a broken one can override."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from typing_extensions import override

from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.catch_up import MissedPage, MissedWebhook, SupportsCatchUp
from clientflow_core.providers.channel import ChannelProvider, MessageQuery, SupportsMessageLookup
from clientflow_core.providers.spec import ProviderContext
from tests.core.testing.heliograph.spec import HeliographSettings

NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class HeliographChannel(ChannelProvider, SupportsMessageLookup, SupportsCatchUp):
    timeout_seconds: float | None = 10.0

    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        self.context = context
        self.settings = settings

    @override
    async def verify(self) -> str:
        return str((await self.call("GET", "/v1/account", is_send=False))["name"])

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        body = {
            "from": message.sender,
            "to": message.recipient,
            "text": self.text(message.body),
            "ref": str(message.attempt_id),
        }
        return self.receipt(await self.call("POST", "/v1/flashes", is_send=True, body=body))

    @override
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        path = f"/v1/flashes?{self.filter(query)}"
        found = (await self.call("GET", path, is_send=False))["flashes"]
        return [self.receipt(one) for one in found]

    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        path = f"/v1/events?since={int(since.timestamp())}&after={cursor or ''}"
        page = await self.call("GET", path, is_send=False)
        events = page["events"]
        return MissedPage(
            webhooks=[self.missed(one) for one in events],
            next_cursor=events[-1]["event"] if page["has_more"] else None,
        )

    def missed(self, event: Mapping[str, Any]) -> MissedWebhook:
        return MissedWebhook(
            webhook="heliograph",
            external_id=event["event"],
            account=event["hill"],
            body=json.dumps(event).encode(),
            occurred_at=dt.datetime.fromtimestamp(event["at"], dt.UTC),
        )

    def text(self, body: str) -> str:
        return body

    def filter(self, query: MessageQuery) -> str:
        return f"ref={query.message.attempt_id}"

    def receipt(self, flash: Mapping[str, Any]) -> Receipt:
        return Receipt(provider_message_id=flash["id"], status=MessageStatus.SENT)

    async def call(
        self, method: str, path: str, *, is_send: bool, body: Any = None
    ) -> dict[str, Any]:
        try:
            async with self.context.http.request(
                method,
                self.settings.url + path,
                json=body,
                headers={"Authorization": f"Key {self.settings.key.reveal()}"},
                timeout=aiohttp.ClientTimeout(total=self.timeout_seconds),
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self.broken(error, is_send=is_send) from error
        if answer.status >= 400:
            raise self.refusal(answer.status, answer.headers, is_send=is_send)
        return self.read(text, is_send=is_send)

    def broken(self, error: Exception, *, is_send: bool) -> Exception:
        is_known = isinstance(error, NEVER_SENT) or not is_send
        return (ProviderUnavailable if is_known else OutcomeUnknown)("no answer")

    def refusal(self, status: int, headers: Mapping[str, str], *, is_send: bool) -> ProviderError:
        if status == 429:
            return RateLimited("busy", retry_after_seconds=float(headers["Retry-After"]))
        if status == 401:
            return AuthFailed("the key is not known")
        if status < 500:
            return RejectedInput("not so")
        return (OutcomeUnknown if is_send else ProviderUnavailable)("out of order")

    def read(self, text: str, *, is_send: bool) -> dict[str, Any]:
        try:
            read: dict[str, Any] = json.loads(text)
        except ValueError as error:
            kind = OutcomeUnknown if is_send else ProviderUnavailable
            raise kind("nobody can read it") from error
        return read
