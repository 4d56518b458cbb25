"""The channel itself: the SDK builds what is sent, and the shared session sends it."""

import logging
import re
from http import HTTPStatus
from typing import Final

from typing_extensions import override

from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.errors import AuthFailed, ProviderRefused
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.sendgrid.api import TOTAL_SECONDS, Answer, SendgridApi
from clientflow_plugins.sendgrid.errors import map_error
from clientflow_plugins.sendgrid.mail import build_mail
from clientflow_plugins.sendgrid.settings import SendgridSettings
from clientflow_plugins.sendgrid.suppressions import find_suppression

# At DEBUG it prints the key, and everything that is sent.
logging.getLogger("python_http_client").setLevel(logging.WARNING)
SEND_SCOPE: Final = "mail.send"
_ID: Final = re.compile(r"[!-~]{1,200}")


class SendgridChannel(ChannelProvider):
    """Sends e-mail through one SendGrid account.

    Args:
        context: lends the HTTP session.
        settings: the account.
        total_seconds: the deadline of one call.
    """

    def __init__(
        self,
        context: ProviderContext,
        settings: SendgridSettings,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._settings = settings
        self._api = SendgridApi(
            context.http, clock=context.clock, settings=settings, total_seconds=total_seconds
        )

    @override
    async def verify(self) -> str:
        """Read what the key may do, and give the address that it sends from.

        Raises:
            AuthFailed: SendGrid does not know the key, or it may not send.
            ProviderUnavailable: SendGrid did not answer.
        """
        try:
            scopes = (await self._api.get("/v3/scopes"))["scopes"]
            may_send = SEND_SCOPE in scopes
        except Exception as error:
            mapped = map_error(error, is_send=False)
            if isinstance(mapped, ProviderRefused):
                mapped = AuthFailed(str(mapped), provider_code=mapped.provider_code)
            raise mapped from error
        if not may_send:
            msg = f"the key of SENDGRID_API_KEY lacks the scope {SEND_SCOPE}"
            raise AuthFailed(msg)
        return self._settings.from_email

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand the e-mail to SendGrid, once.

        It goes out from ``SENDGRID_FROM_EMAIL``; where clients answer to another address, that is
        its Reply-To. In sandbox mode SendGrid delivers nothing, and the id is the attempt's.

        Raises:
            AuthFailed, RejectedInput, ProviderRefused: refused for good.
            RateLimited, ProviderUnavailable: surely not taken.
            OutcomeUnknown: no answer, an answer of 5xx, or one that names no e-mail.
        """
        body = build_mail(message, self._settings)
        try:
            answer = await self._api.post("/v3/mail/send", body)
            return self._receipt(answer, message)
        except Exception as error:
            raise map_error(error, is_send=True) from error

    async def find_suppression(self, address: str) -> str | None:
        """Tell why SendGrid does not deliver to *address*: bounced, reported as spam, unsubscribed.

        Returns:
            None if nothing speaks against it.

        Raises:
            AuthFailed: the key may not read the lists.
            ProviderUnavailable: SendGrid did not answer.
        """
        return await find_suppression(self._api, address)

    def _receipt(self, answer: Answer, message: OutboundMessage) -> Receipt:
        named = answer.headers.get("X-Message-Id", "")
        if self._settings.is_sandbox_mode and answer.status == HTTPStatus.OK:
            named = named or str(message.attempt_id)
        if not _ID.fullmatch(named):
            msg = "SendGrid's answer names no e-mail"
            raise ValueError(msg)
        return Receipt(provider_message_id=named, status=MessageStatus.SENT)
