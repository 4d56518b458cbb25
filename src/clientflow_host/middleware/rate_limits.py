"""How often somebody may ask: by their API key, their session, or the address that they come from.

Webhooks are not counted: what is not signed is refused before anything is stored, and a provider
that was told to go away would drop what it had to say. Nor is what watches over the processes.
"""

import hashlib
import math
from collections import OrderedDict
from http import HTTPStatus
from typing import Final

import attrs
from aiohttp import hdrs, web

from clientflow_core.secret import Secret
from clientflow_host.edge_settings import PROBE_HEADER, STORE_HEADER, EdgeSettings
from clientflow_host.middleware.buckets import Buckets, LocalBuckets, Rule, Taken
from clientflow_host.middleware.client_address import client_network
from clientflow_host.openapi import HttpProblem

CREDENTIAL: Final = web.RequestKey("credential", str)
"""The API key or session that was found to be good; whoever authenticates sets it."""

_TAKEN: Final = web.RequestKey("taken", Taken)
_UNCOUNTED: Final = ("/webhooks/", "/static/", "/health", "/ready", "/metrics")
_PROBE_PATH: Final = "/health"
_PROBE: Final = Rule("probe", 3, 60.0)
# One account, from one address; then what one address may try on all accounts together.
_SIGN_IN: Final = Rule("sign-in", 10, 600.0)
_SIGN_INS: Final = Rule("sign-ins", 100, 600.0)
_MINUTE: Final = 60.0
_MOST_KNOWN: Final = 10_000
_MOST_PROBE_LETTERS: Final = 64


@attrs.define(eq=False)
class RateLimits:
    """What a process knows of who asks how often.

    Attributes:
        buckets: where the buckets are.
        rule: for everything that has no rule of its own; None where nothing is limited.
        known: credentials that were good not long ago. A guessed one shares the bucket of the
            address that it comes from, so that guessing gains nothing.
    """

    buckets: Buckets
    rule: Rule | None
    known: OrderedDict[str, None] = attrs.field(factory=OrderedDict)

    def remember(self, credential: str) -> None:
        """Give *credential* a bucket of its own from now on."""
        self.known[credential] = None
        self.known.move_to_end(credential)
        if len(self.known) > _MOST_KNOWN:
            self.known.popitem(last=False)


RATE_LIMITS: Final = web.AppKey("rate_limits", RateLimits)


def open_rate_limits(settings: EdgeSettings, *, redis_url: Secret | None) -> RateLimits:
    """Make the limits that *settings* ask for; nothing is connected yet."""
    rule = Rule("requests", settings.rate_limit, _MINUTE) if settings.rate_limit else None
    return RateLimits(_open_buckets(redis_url), rule)


async def limit_rate(request: web.Request) -> None:
    """Take a token for *request*.

    Raises:
        HttpProblem: 429, there is none.
    """
    limits = request.app[RATE_LIMITS]
    if request.path == _PROBE_PATH and PROBE_HEADER in request.headers:
        await _answer_probe(request, limits)
    elif limits.rule is not None and not request.path.startswith(_UNCOUNTED):
        await _take(request, limits.rule, _whose(request, limits))


async def limit_sign_in(request: web.Request, *, email: str) -> None:
    """Take a token for one attempt to sign in; whether it succeeds does not matter.

    Args:
        request: brings the attempt.
        email: names the account; it need not be there.

    Raises:
        HttpProblem: 429, there is none.
    """
    await _take(request, _SIGN_INS, client_network(request))
    await _take(request, _SIGN_IN, _account(request, email))


async def forgive_sign_in(request: web.Request, *, email: str) -> None:
    """Forget the attempts before the one that has succeeded."""
    await request.app[RATE_LIMITS].buckets.fill(_SIGN_IN, _account(request, email))


def note_credential(request: web.Request) -> None:
    """Remember the credential that *request* has proved to be good, if it has one."""
    credential = request.get(CREDENTIAL)
    if credential is not None:
        request.app[RATE_LIMITS].remember(_digest(credential))


def rate_limit_headers(request: web.Request) -> dict[str, str]:
    """Give what tells the caller how much is left; nothing where nothing was counted.

    As https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/ has them.
    """
    taken = request.get(_TAKEN)
    if taken is None:
        return {}
    rule = taken.rule
    headers = {
        "RateLimit-Policy": f'"{rule.name}";q={rule.amount};w={rule.seconds:.0f}',
        "RateLimit": f'"{rule.name}";r={taken.left};t={math.ceil(taken.debt_seconds)}',
    }
    if rule is _PROBE:
        headers[STORE_HEADER] = request.app[RATE_LIMITS].buckets.name
    if taken.is_refused:
        headers[hdrs.RETRY_AFTER] = _retry_after(taken)
    return headers


async def _answer_probe(request: web.Request, limits: RateLimits) -> None:
    if limits.rule is not None:
        # Or anybody could make as many buckets as they like.
        await _take(request, limits.rule, client_network(request))
    await _take(request, _PROBE, request.headers[PROBE_HEADER][:_MOST_PROBE_LETTERS])


async def _take(request: web.Request, rule: Rule, whose: str) -> None:
    taken = await request.app[RATE_LIMITS].buckets.take(rule, whose)
    request[_TAKEN] = taken
    if taken.is_refused:
        seconds = _retry_after(taken)
        detail = f"too many requests: {rule.amount} in {rule.seconds:.0f} s; wait {seconds} s"
        # Retry-After comes with the other headers: a page that tells of it knows nothing of it.
        raise HttpProblem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", detail)


def _retry_after(taken: Taken) -> str:
    return str(max(1, math.ceil(taken.wait_seconds)))


def _whose(request: web.Request, limits: RateLimits) -> str:
    """Name the bucket: that of a credential which is known to be good, else of the address."""
    given = request.headers.get(hdrs.AUTHORIZATION) or _session(request)
    if given:
        digest = _digest(given)
        if digest in limits.known:
            return digest
    return client_network(request)


def _account(request: web.Request, email: str) -> str:
    return _digest(f"{client_network(request)} {email.strip().lower()}")


def _session(request: web.Request) -> str | None:
    return request.cookies.get("__Host-session") or request.cookies.get("session")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _open_buckets(redis_url: Secret | None) -> Buckets:
    if redis_url is None:
        return LocalBuckets()
    # Only where it is set: it brings the client, whose import takes a tenth of a second.
    from clientflow_core.jobs.redis_queue import open_redis  # noqa: PLC0415
    from clientflow_host.middleware.shared_buckets import SharedBuckets  # noqa: PLC0415

    return SharedBuckets(open_redis(redis_url))
