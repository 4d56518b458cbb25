"""The same request under the same Idempotency-Key is done once, and answered the same again."""

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import attrs
import msgspec
from aiohttp import web

from clientflow_core.errors import IdempotencyMismatch
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.idempotency_keys import (
    KeptReply,
    keep_reply,
    read_reply,
    try_lock_key,
)
from clientflow_host.openapi import IDEMPOTENT_REPLAYED, ApiRequest, HttpProblem, Reply

T = TypeVar("T", bound=attrs.AttrsInstance)


async def answer_once(
    request: ApiRequest[Any, Any, Any],
    transaction: Transaction,
    *,
    status: int,
    work: Callable[[], Awaitable[T]],
) -> Reply[T] | web.Response:
    """Do *work* in *transaction*, unless it was done under this key before; give its answer.

    The answer is kept in the same transaction, so that there is never one without the other.

    Args:
        request: with its key, if it has one; without, *work* is just done.
        transaction: of the organization that asks.
        status: of the answer.
        work: gives the answer's body.

    Raises:
        IdempotencyMismatch: the key was used for another request.
        HttpProblem: 409, a request with this key is being served at the moment.
    """
    key = request.idempotency_key
    if key is None:
        return Reply(body=await work(), status=status)
    route = _route(request.raw)
    if not await try_lock_key(transaction, route=route, key=key):
        detail = "a request with this Idempotency-Key is being served: ask again for its answer"
        raise HttpProblem(HTTPStatus.CONFLICT, "idempotency_key_in_use", detail)
    request_hash = await _hash(request.raw)
    kept = await read_reply(transaction, route=route, key=key)
    if kept is not None:
        return _replay(kept, request_hash)
    body = await work()
    reply = KeptReply(request_hash=request_hash, status=status, body=msgspec.json.encode(body))
    await keep_reply(transaction, route=route, key=key, reply=reply)
    return Reply(body=body, status=status)


def _replay(kept: KeptReply, request_hash: bytes) -> web.Response:
    if kept.request_hash != request_hash:
        msg = "this Idempotency-Key was used for another request: take a new key for a new one"
        raise IdempotencyMismatch(msg)
    return web.Response(
        status=kept.status,
        body=kept.body,
        content_type="application/json",
        headers={IDEMPOTENT_REPLAYED: "true"},
    )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else request.path}"


async def _hash(request: web.Request) -> bytes:
    """Hash what was asked for: the path, the query and the body, as they came."""
    digest = hashlib.sha256(request.raw_path.encode("utf-8", "surrogateescape"))
    digest.update(b"\0")
    digest.update(await request.read())
    return digest.digest()
