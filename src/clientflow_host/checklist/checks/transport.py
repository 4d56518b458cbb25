"""Whether what travels is encrypted: to browsers, to the database, to Redis."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import attrs
import sqlalchemy as sa

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.settings import is_this_machine

_LEAST_DAYS: Final = 21
_OLD: Final = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
_PLAIN: Final = aiohttp.ClientTimeout(total=3.0)
_HSTS: Final = "Strict-Transport-Security"
_BEHIND_TLS: Final = (
    "Put a proxy that ends TLS in front, and set CLIENTFLOW_PUBLIC_URL=https://… and"
    " CLIENTFLOW_TRUSTED_PROXIES to its address."
)
_LOCAL: Final = "For the world, put a proxy that ends TLS in front of it."


@attrs.frozen
class Certificate:
    """What a server has shown of itself.

    Attributes:
        ends_at: from when on its certificate is not good any more.
        version: that of TLS, such as ``TLSv1.3``.
    """

    ends_at: dt.datetime
    version: str


async def check_certificate(context: HostCheckContext) -> CheckResult:
    """Tell whether the certificate is trusted, is for this name, and lasts."""
    expected = (
        f"a trusted certificate for the name, good for {_LEAST_DAYS} days more, and TLS 1.2 or 1.3"
    )
    if not context.url.startswith("https://"):
        return _without_tls(context, expected=expected)
    try:
        shown = await _handshake(context.url)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        hint = "Renew it, or have the proxy send the whole chain for this name; see its log."
        return failed(f"refused: {reason}", expected=expected, hint=hint)
    days = (shown.ends_at - context.now).days
    found = f"{shown.version}, good until {shown.ends_at:%Y-%m-%d}, {days} days more"
    if shown.version in _OLD:
        hint = "Let the proxy take TLS 1.2 and 1.3 only."
        return failed(found, expected=expected, hint=hint)
    if days < _LEAST_DAYS:
        hint = (
            "Renew it now, and see why its renewal has not run: certbot renew, or the proxy's log."
        )
        return failed(found, expected=expected, hint=hint)
    return passed(found, expected=expected)


async def check_encryption(context: HostCheckContext) -> CheckResult:
    """Tell whether browsers, the database and Redis are all reached encrypted."""
    expected = "https alone and for good (HSTS), and TLS to a database or Redis elsewhere"
    if not context.url.startswith("https://"):
        return _without_tls(context, expected=expected)
    problems = [one async for one in _find_plain(context)]
    if problems:
        found = "; ".join(found for found, _ in problems)
        return failed(found, expected=expected, hint=" ".join(hint for _, hint in problems))
    return passed("https alone, HSTS, TLS behind it", expected=expected)


def _without_tls(context: HostCheckContext, *, expected: str) -> CheckResult:
    found = f"{context.url} has no TLS"
    if context.is_local:
        return skipped(f"{found}, and is this machine only", expected=expected, hint=_LOCAL)
    return failed(found, expected=expected, hint=_BEHIND_TLS)


async def _handshake(url: str) -> Certificate:
    parts = urlsplit(url)
    trusted = ssl.create_default_context()
    _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=trusted)
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    ends = ssl.cert_time_to_seconds(str((shown.getpeercert() or {})["notAfter"]))
    writer.close()
    return Certificate(dt.datetime.fromtimestamp(ends, tz=dt.UTC), shown.version() or "none")


async def _find_plain(context: HostCheckContext) -> AsyncIterator[tuple[str, str]]:
    """Give what travels unencrypted, each with what to do about it."""
    if not context.settings.url.startswith("https://"):
        hint = f"Set CLIENTFLOW_PUBLIC_URL={context.url}, so that cookies are for TLS alone."
        yield f"CLIENTFLOW_PUBLIC_URL is {context.settings.url}", hint
    trusted = ssl.create_default_context()
    async with context.http.get(f"{context.url}/health", ssl=trusted) as response:
        if _HSTS not in response.headers:
            hint = "Let the proxy pass our headers on; serve sends it when its address is https."
            yield f"no {_HSTS}", hint
    if await _serves_plain_http(context):
        yield "pages are served without TLS too", "Let the proxy lead http to https: 308."
    if await _has_plain_database(context):
        hint = "Add ?sslmode=verify-full to DATABASE_URL."
        yield "the connection to the database is not encrypted", hint
    if _has_plain_redis(context):
        yield "the connection to Redis is not encrypted", "Write rediss:// in REDIS_URL."


async def _serves_plain_http(context: HostCheckContext) -> bool:
    plain = f"http://{urlsplit(context.url).hostname}/sign-in"
    try:
        async with context.http.get(plain, allow_redirects=False, timeout=_PLAIN) as response:
            return response.ok and not response.headers.get("Location", "").startswith("https:")
    except (aiohttp.ClientError, TimeoutError):
        # Nothing listens there, or nothing is let through: as good.
        return False


async def _has_plain_database(context: HostCheckContext) -> bool:
    """Look at our own connection: over a socket or on this machine it needs no TLS."""
    statement = sa.text(
        "SELECT ssl OR client_addr IS NULL OR client_addr << '127.0.0.0/8' OR client_addr = '::1'"
        " FROM pg_stat_get_activity(pg_backend_pid())"
    )
    async with context.database.system() as transaction:
        return not (await transaction.execute(statement)).scalar_one()


def _has_plain_redis(context: HostCheckContext) -> bool:
    if context.settings.redis_url is None:
        return False
    parts = urlsplit(context.settings.redis_url.reveal())
    return parts.scheme == "redis" and not is_this_machine(parts.hostname)


CHECKS: Final = (
    HostCheck(id="DA4", run=check_certificate),
    HostCheck(id="SD2", run=check_encryption),
)
