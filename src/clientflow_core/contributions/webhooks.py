"""A webhook of a plugin's own, which belongs to none of its providers."""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs

from clientflow_core.contributions.checking import is_async, is_deadline
from clientflow_core.contributions.jobs import LONGEST_JOB_SECONDS, JobContext
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.providers.webhooks import MEBIBYTE, Verify, WebhookRequest, WebhookSpec


@attrs.frozen(kw_only=True)
class ReceivedWebhook:
    """A webhook that was verified and kept.

    Attributes:
        id: the same whenever it is handled again.
        account: what the verifier said whose it is.
        external_id: what the verifier said it is known by.
        url: the address that was called.
        headers: those that the webhook keeps, by lower-case name.
        body: as received.
    """

    id: uuid.UUID
    account: str
    external_id: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: dt.datetime


def _parse_nothing(_: WebhookRequest) -> Sequence[ProviderEvent]:
    return ()


def _to_spec(webhook: "PluginWebhook") -> WebhookSpec:
    return WebhookSpec(
        name=webhook.name,
        verify=webhook.verify,
        parse=_parse_nothing,
        keep_headers=webhook.keep_headers,
        max_body_bytes=webhook.max_body_bytes,
        body_type=webhook.body_type,
        reply_body=webhook.reply_body,
        reply_type=webhook.reply_type,
    )


@attrs.frozen(kw_only=True)
class PluginWebhook:
    """An address at which somebody calls us, who is no provider. There is none without a verifier.

    Attributes:
        name: the last part of the path, ``/webhooks/{name}``; must stay the same as long as one may
            be waiting.
        settings: what *verify* is given: one of the classes of ``clientflow_settings``.
        verify: as that of a ``WebhookSpec``.
        handle: done in the worker, after the webhook was kept and answered. What it raises has it
            done again, later and later; a ``BadPayload`` gives it up at once.
        deadline_seconds: a run that takes longer is cancelled, and tried again; at most 300.

    All others are as those of a ``WebhookSpec``.
    """

    name: str
    settings: type
    verify: Verify
    handle: Callable[[ReceivedWebhook, JobContext], Awaitable[None]] = attrs.field(
        validator=is_async
    )
    keep_headers: frozenset[str] = frozenset({"content-type"})
    max_body_bytes: int = MEBIBYTE
    body_type: str = "*/*"
    reply_body: str = ""
    reply_type: str = "text/plain"
    deadline_seconds: float = attrs.field(default=60.0, validator=is_deadline(LONGEST_JOB_SECONDS))
    spec: WebhookSpec = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(_to_spec, takes_self=True)
    )
