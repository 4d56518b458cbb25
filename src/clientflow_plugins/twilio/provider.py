"""The channel itself, on Twilio's SDK.

Create and list a Message: https://www.twilio.com/docs/messaging/api/message-resource.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from twilio.rest import Client  # type: ignore[import-untyped]
from typing_extensions import override

from clientflow_core.domain.messages import OutboundMessage, Receipt
from clientflow_core.errors import AuthFailed, ProviderRefused, ProviderUnavailable
from clientflow_core.providers.catch_up import MissedPage, SupportsCatchUp
from clientflow_core.providers.channel import ChannelProvider, MessageQuery, SupportsMessageLookup
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.twilio.errors import map_error
from clientflow_plugins.twilio.http_client import TOTAL_SECONDS, SharedSessionClient
from clientflow_plugins.twilio.missed import as_webhook
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.webhooks import MOST_MEDIA, STATUS, to_message_status

# Our clock and Twilio's may differ, and date_created has whole seconds.
_CLOCK_SKEW: Final = dt.timedelta(minutes=5)
# What is looked for is behind all that was sent to the client since; mostly in the first page.
_PAGE: Final = 100
_MOST_CANDIDATES: Final = 2000
# Each text with pictures costs a call of its own.
_MISSED_PAGE: Final = 50
_MEDIA_HOST: Final = "https://api.twilio.com"
# What a trial account puts before every text:
# https://www.twilio.com/docs/usage/tutorials/how-to-use-your-free-trial-account
_TRIAL_PREFIX: Final = "Sent from your Twilio trial account - "


class TwilioChannel(ChannelProvider, SupportsMessageLookup, SupportsCatchUp):
    """Sends texts through one Twilio account, and finds them and those that came in again.

    Args:
        context: lends the HTTP session; without its ``public_url`` no delivery reports are asked
            for.
        settings: the account.
        total_seconds: the deadline of one call.
    """

    def __init__(
        self,
        context: ProviderContext,
        settings: TwilioSettings,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._settings = settings
        self._public_url = context.public_url.rstrip("/") if context.public_url else None
        self._client = Client(
            settings.account_sid,
            settings.auth_token.reveal(),
            http_client=SharedSessionClient(
                context.http,
                clock=context.clock,
                base_url=settings.api_base_url,
                total_seconds=total_seconds,
            ),
            # Not empty, or the SDK reads the process's environment: TWILIO_EDGE and TWILIO_REGION
            # would move the host unseen.
            environment={"": ""},
        )
        # Its first use imports all of the API: on opening, or a first call's deadline pays for it.
        self._messages = self._client.messages

    @override
    async def verify(self) -> str:
        """Fetch the account and give its name.

        Raises:
            AuthFailed: the credentials do not fit, or the account is suspended or closed.
            ProviderUnavailable: Twilio did not answer.
        """
        try:
            account = await self._client.api.v2010.accounts(self._client.account_sid).fetch_async()
        except Exception as error:
            mapped = map_error(error, is_create=False)
            if isinstance(mapped, ProviderRefused):
                mapped = AuthFailed(str(mapped), provider_code=mapped.provider_code)
            raise mapped from error
        if account.status != "active":
            msg = f"the Twilio account is {account.status}; open console.twilio.com to see why"
            raise AuthFailed(msg)
        return str(account.friendly_name)

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        """Create the message at Twilio, once.

        Its sender is used as it is; a messaging service that is set goes with it, and Twilio then
        refuses a sender outside the service's pool.

        Raises:
            ClientRefused: the client has unsubscribed, code 21610.
            AuthFailed, RejectedInput, ProviderRefused: refused for good.
            RateLimited, ProviderUnavailable: surely not taken.
            OutcomeUnknown: no answer, an answer of 5xx, or one that nobody can read.
        """
        try:
            created = await self._messages.create_async(
                to=message.recipient,
                body=message.body,
                **({"media_url": list(message.media_urls)} if message.media_urls else {}),
                **self._origin(message),
            )
            return _receipt(created)
        except Exception as error:
            raise map_error(error, is_create=True) from error

    @override
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        """List our texts to the same client, with the same words, since shortly before the call.

        The list is not narrowed by Twilio's ``DateSent``: that is null while a text is queued.

        Raises:
            AuthFailed: the credentials do not fit any more.
            ProviderUnavailable: Twilio did not answer, or has more texts to the client since then
                than are read; nothing is known yet.
        """
        message = query.message
        sender = None if _is_service(message.sender) else message.sender
        wanted = {"to": message.recipient} | ({"from_": sender} if sender else {})
        try:
            listed = await self._list_since(query.attempted_at - _CLOCK_SKEW, wanted)
            # Newest first, in whole seconds: turned round, so that equal dates stay in order.
            found = [item for item in reversed(listed) if _may_be(item, message.body)]
            return [_receipt(item) for item in sorted(found, key=_created_at)]
        except ProviderUnavailable:
            raise
        except Exception as error:
            raise map_error(error, is_create=False) from error

    async def _list_since(self, since: dt.datetime, wanted: Mapping[str, str]) -> Sequence[Any]:
        """List page by page, until one is older: what is behind the last page read is not absent.

        Raises:
            ProviderUnavailable: there are too many.
        """
        listed: list[Any] = []
        stream = await self._messages.stream_async(
            **wanted, limit=_MOST_CANDIDATES, page_size=_PAGE
        )
        async for item in stream:
            if item.date_created is not None and item.date_created < since:
                return listed
            listed.append(item)
        if len(listed) >= _MOST_CANDIDATES:
            msg = (
                f"{len(listed)} texts were sent to the client since then, which is too many to read"
            )
            raise ProviderUnavailable(msg)
        return listed

    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        """List the texts that came in since then, to whichever number of the account.

        A page of Twilio's is one of texts in both directions: none may be among it, or all.

        Raises:
            AuthFailed: the credentials do not fit any more.
            ProviderUnavailable: Twilio did not answer.
        """
        try:
            page = await self._page_of_missed(since, cursor)
            webhooks = [
                as_webhook(item, await self._media_urls(item))
                for item in page
                if item.direction == "inbound"
            ]
            return MissedPage(webhooks=webhooks, next_cursor=page.next_page_url)
        except Exception as error:
            raise map_error(error, is_create=False) from error

    async def _page_of_missed(self, since: dt.datetime, cursor: str | None) -> Any:
        if cursor is None:
            return await self._messages.page_async(date_sent_after=since, page_size=_MISSED_PAGE)
        return await self._messages.get_page_async(cursor)

    async def _media_urls(self, item: Any) -> Sequence[str]:
        if item.num_media in {None, "0"}:
            return ()
        listed = await self._messages(item.sid).media.list_async(limit=MOST_MEDIA)
        # As the webhooks name them.
        return [f"{_MEDIA_HOST}{one.uri.removesuffix('.json')}" for one in listed]

    def _origin(self, message: OutboundMessage) -> dict[str, str]:
        origin: dict[str, str] = {}
        if self._settings.messaging_service_sid:
            origin["messaging_service_sid"] = self._settings.messaging_service_sid
        if _is_service(message.sender):
            origin["messaging_service_sid"] = message.sender
        else:
            origin["from_"] = message.sender
        if self._public_url:
            url = f"{self._public_url}{STATUS.path}?attempt={message.attempt_id}"
            origin["status_callback"] = url
        return origin


def _is_service(sender: str) -> bool:
    return sender.startswith("MG")


def _may_be(item: Any, body: str) -> bool:
    is_ours = str(item.direction).startswith("outbound")
    is_same = (item.body or "").removeprefix(_TRIAL_PREFIX).strip() == body.strip()
    return is_ours and is_same


def _created_at(item: Any) -> dt.datetime:
    return item.date_created or dt.datetime.max.replace(tzinfo=dt.UTC)


def _receipt(item: Any) -> Receipt:
    if not isinstance(item.sid, str) or not item.sid:
        msg = "Twilio's answer names no message"
        raise ValueError(msg)
    segments = str(item.num_segments)
    return Receipt(
        provider_message_id=item.sid,
        status=to_message_status(str(item.status)),
        # A messaging service says 0 until it has chosen the sender.
        segments=int(segments) or None if segments.isascii() and segments.isdigit() else None,
        accepted_at=item.date_created,
    )
