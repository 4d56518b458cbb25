"""The channel itself: what Acme SMS's API is asked."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
from clientflow_core import (
    AuthFailed,
    ChannelProvider,
    MessageQuery,
    OutboundMessage,
    ProviderContext,
    ProviderRefused,
    Receipt,
    SupportsMessageLookup,
)
from typing_extensions import override

from clientflow_acme_sms.errors import (
    Answer,
    map_failure,
    read_answer,
    unclear,
)
from clientflow_acme_sms.settings import AcmeSmsSettings
from clientflow_acme_sms.webhooks import to_message_status

# Less than ProviderSpec.deadline_seconds, so that we are the ones who say what has happened.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15, connect=5)


class AcmeSmsChannel(ChannelProvider, SupportsMessageLookup):
    """Sends texts through one account, and finds them again.

    Args:
        context: lends the HTTP session, which is never closed here.
        settings: the account.
    """

    def __init__(self, context: ProviderContext, settings: AcmeSmsSettings) -> None:
        self._http = context.http
        self._settings = settings

    @override
    async def verify(self) -> str:
        """Read the account and give its name.

        Raises:
            AuthFailed: the credentials do not fit.
            ProviderUnavailable: Acme SMS did not answer.
        """
        try:
            account = await self._call("GET", "/v1/account")
        except ProviderRefused as error:
            raise AuthFailed(str(error), provider_code=error.provider_code) from error
        return str(account.get("name") or account.get("id") or "Acme SMS")

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand over the text, once.

        Raises:
            AuthFailed, RejectedInput, ProviderRefused: refused for good.
            RateLimited, ProviderUnavailable: surely not taken.
            OutcomeUnknown: no answer, an answer of 5xx, or one that nobody can read.
        """
        body = {
            "from": message.sender,
            "to": message.recipient,
            "body": message.body,
            "reference": str(message.attempt_id),
        }
        return _receipt(await self._call("POST", "/v1/texts", body=body))

    @override
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        """Give the text that was sent with the attempt's id; there is one at most.

        Raises:
            AuthFailed: the credentials do not fit any more.
            ProviderUnavailable: Acme SMS did not answer; nothing is known yet.
        """
        reference = str(query.message.attempt_id)
        found = (await self._call("GET", "/v1/texts", query={"reference": reference})).get("texts")
        if not isinstance(found, list) or not all(isinstance(text, dict) for text in found):
            raise unclear("the answer lists no texts", is_send=False)
        return [_receipt(text) for text in found]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._settings.api_key.reveal()}"}
        if body is not None:
            headers["Idempotency-Key"] = body["reference"]
        try:
            async with self._http.request(
                method,
                self._settings.api_url.rstrip("/") + path,
                json=body,
                params=query,
                headers=headers,
                timeout=_TIMEOUT,
                # Nobody else is to be sent the key.
                allow_redirects=False,
            ) as response:
                retry_after = response.headers.get("Retry-After")
                content = await response.read()
                answer = Answer(status=response.status, body=content, retry_after=retry_after)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise map_failure(error, is_send=body is not None) from error
        return read_answer(answer, is_send=body is not None)


def _receipt(text: Mapping[str, Any]) -> Receipt:
    text_id, status, parts = text.get("id"), text.get("status"), text.get("parts")
    if not isinstance(text_id, str) or not text_id:
        raise unclear("the answer names no text", is_send=True)
    return Receipt(
        provider_message_id=text_id,
        status=to_message_status(str(status)),
        segments=parts if isinstance(parts, int) and parts > 0 else None,
        accepted_at=_read_moment(text.get("created_at")),
    )


def _read_moment(value: object) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
