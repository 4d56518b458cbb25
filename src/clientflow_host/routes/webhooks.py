"""``/webhooks/...``: where providers call us. One operation for each webhook of each plugin."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import BadPayload, Overloaded, SignatureRefused
from clientflow_core.persistence.intake import Intake
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.webhooks import BoundWebhook
from clientflow_core.services.receive_webhook import receive_webhook
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.metrics import WEBHOOKS
from clientflow_host.openapi import (
    REQUEST_SECONDS,
    ApiRequest,
    HttpProblem,
    Operation,
    read_bytes,
)

INTAKE: Final = web.AppKey("intake", Intake)
_BODY_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


def webhook_operations(webhooks: Iterable[BoundWebhook]) -> list[Operation]:
    """Give the operation at which each of *webhooks* arrives."""
    return [_operation(webhook) for webhook in webhooks]


def _operation(webhook: BoundWebhook) -> Operation:
    async def receive(request: ApiRequest[None, None, None]) -> web.Response:
        outcome = "failed"
        try:
            await _receive(request.raw, webhook)
            outcome = "kept"
        except SignatureRefused as error:
            outcome = "refused"
            log.warning("webhook_refused", webhook=webhook.spec.name, reason=str(error))
            raise
        except BadPayload as error:
            outcome = "unreadable"
            log.warning("webhook_unreadable", webhook=webhook.spec.name, reason=str(error))
            raise
        except web.HTTPRequestEntityTooLarge:
            outcome = "too_large"
            raise
        except Overloaded:
            outcome = "shed"
            raise
        except HttpProblem:
            outcome = "too_slow"
            raise
        finally:
            WEBHOOKS.labels(webhook.spec.name, outcome).inc()
        return web.Response(text=webhook.spec.reply_body, content_type=webhook.spec.reply_type)

    return Operation(
        method="POST",
        path=webhook.spec.path,
        role=Role.PUBLIC,
        handler=receive,
        deadline_seconds=None,
        tag="webhooks",
        summary=f"Called by {webhook.provider}, which signs what it sends",
        operation_id=f"receive_{webhook.spec.name.replace('-', '_')}",
        errors=(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        media_type=webhook.spec.reply_type,
        foreign=True,
        body_type=webhook.spec.body_type,
    )


async def _receive(request: web.Request, webhook: BoundWebhook) -> None:
    assembly = request.app[ASSEMBLY]
    received = WebhookRequest(
        method=request.method,
        # As it came, never as the caller says that we are called: the Host header is theirs.
        url=assembly.settings.url + request.raw_path,
        headers=request.headers,
        body=await _read_body(request, most=webhook.spec.max_body_bytes),
        received_at=assembly.clock.now(),
    )
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            await receive_webhook(
                received, webhook=webhook, intake=request.app[INTAKE], registry=assembly.registry
            )
    except TimeoutError as error:
        # It may be kept all the same; what the provider repeats then changes nothing.
        msg = "this could not be kept in time"
        raise Overloaded(msg) from error


async def _read_body(request: web.Request, *, most: int) -> bytes:
    """Read at most *most* bytes, by now unpacked, within a deadline."""
    if request.content.is_eof():
        # All of it came together with the head, as it nearly always does: nothing to wait for.
        return await read_bytes(request, max_bytes=most)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await read_bytes(request, max_bytes=most)
    except TimeoutError as error:
        detail = f"the body did not arrive within {_BODY_SECONDS:.0f} seconds"
        raise HttpProblem(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", detail) from error
