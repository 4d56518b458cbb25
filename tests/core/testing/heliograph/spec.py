"""Texts by mirrors in the sun: a channel that does everything right, and is easily broken."""

import contextlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    ProviderEvent,
)
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

if TYPE_CHECKING:
    from tests.core.testing.heliograph.channel import HeliographChannel

SIGNATURE = re.compile(r"t=([0-9]{10}),s=([0-9a-f]{64})")
TOLERANCE_SECONDS = 300
STATUSES = {"flashed": MessageStatus.SENT, "read": MessageStatus.DELIVERED}


@attrs.frozen(kw_only=True)
class HeliographSettings:
    key: Secret = setting(
        env="HELIOGRAPH_KEY", help="the key", example="a key of the console", per_organization=True
    )
    hill: str = setting(
        env="HELIOGRAPH_HILL", help="the account", example="hill-1", per_organization=True
    )
    tower: str = setting(
        env="HELIOGRAPH_TOWER",
        help="our tower",
        pattern=r"\+[1-9][0-9]{6,14}",
        example="+15550100",
        per_organization=True,
    )
    url: str = setting(
        env="HELIOGRAPH_URL", help="where it is", pattern=r"https?://[!-~]+", example="http://x"
    )


def verify(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    signature = SIGNATURE.fullmatch(request.headers.get("heliograph-signature", ""))
    if signature is None:
        raise SignatureRefused("no signature")
    at, digest = signature.groups()
    signed = at.encode() + b"." + request.body
    if not hmac.compare_digest(hmac.digest(key(settings), signed, "sha256").hex(), digest):
        raise SignatureRefused("the signature does not fit")
    if abs(request.received_at.timestamp() - int(at)) > TOLERANCE_SECONDS:
        raise SignatureRefused("too old")
    return Verified(external_id=_words(read(request), "event"), account=settings.hill)


def key(settings: HeliographSettings) -> bytes:
    return settings.key.reveal().encode()


def parse(request: WebhookRequest) -> Sequence[ProviderEvent]:
    body = read(request)
    if body.get("kind") == "report":
        word = _words(body, "state")
        return [
            DeliveryReported(
                provider_message_id=_words(body, "id"),
                sender=_words(body, "from"),
                status=STATUSES.get(word, MessageStatus.SENT),
                raw_status=word,
                attempt_id=_attempt(body.get("ref")),
            )
        ]
    return [
        MessageReceived(
            provider_message_id=_words(body, "id"),
            sender=_words(body, "from"),
            recipient=_words(body, "to"),
            body=_words(body, "text"),
        )
    ]


def read(request: WebhookRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body.decode())
    except (ValueError, RecursionError) as error:
        raise BadPayload("no JSON") from error
    if not isinstance(body, dict):
        raise BadPayload("no object")
    return body


def _words(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadPayload(f"no {name}")
    return value


def _attempt(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def hint(request: WebhookRequest) -> str | None:
    hill = read(request).get("hill")
    return hill if isinstance(hill, str) else None


WEBHOOK = WebhookSpec(
    name="heliograph",
    verify=verify,
    parse=parse,
    account_hint=hint,
    body_type="application/json",
)


@contextlib.asynccontextmanager
async def open_heliograph(
    context: ProviderContext, settings: HeliographSettings
) -> AsyncIterator["HeliographChannel"]:
    from tests.core.testing.heliograph.channel import HeliographChannel  # noqa: PLC0415 - as an SDK

    yield HeliographChannel(context, settings)


def opening(make: Callable[[ProviderContext, Any], Any]) -> Any:
    """Give an ``open`` of what *make* makes."""

    @contextlib.asynccontextmanager
    async def open_it(context: ProviderContext, settings: HeliographSettings) -> AsyncIterator[Any]:
        yield make(context, settings)

    return open_it


HELIOGRAPH: ProviderSpec[HeliographSettings, "HeliographChannel"] = ProviderSpec(
    kind=ProviderKind.CHANNEL,
    name="heliograph",
    title="Heliograph",
    settings=HeliographSettings,
    open=open_heliograph,
    webhooks=(WEBHOOK,),
    addresses=lambda settings: [settings.tower],
    account=lambda settings: settings.hill,
    capabilities=frozenset({Capability.CATCH_UP, Capability.MESSAGE_LOOKUP}),
    sandbox="tests.core.testing.heliograph.sandbox:HeliographSandbox",
)
