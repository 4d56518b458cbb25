"""What stands around everything that is served: limits, other sites' scripts, headers."""

import re
import secrets
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.edge_settings import (
    CORS_ORIGINS_ENV,
    PROBE_HEADER,
    RATE_LIMIT_ENV,
    STORE_HEADER,
    TRUSTED_PROXIES_ENV,
)

_API: Final = "/api/v1/contacts"
_PAGE: Final = "/sign-in"
# Several processes without Redis each count alone.
_MOST_PROBES: Final = 20
# A name that nobody can have: RFC 6761.
_FOREIGN: Final = "https://foreign.invalid"
_ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
_UNSAFE: Final = ("'unsafe-inline'", "'unsafe-eval'", "data:", "https:", "*")


async def check_rate_limits(context: HostCheckContext) -> CheckResult:
    """Drive a bucket that is there for it until it is empty."""
    expected = (
        "a request too many gets 429 and Retry-After; counted in Redis where REDIS_URL is set"
    )
    if "RateLimit-Policy" not in await _headers(context, _PAGE):
        hint = (
            f"Set {RATE_LIMIT_ENV} to how many requests a minute one caller may make, or unset it."
        )
        return failed("requests are not counted", expected=expected, hint=hint)
    probe = {PROBE_HEADER: secrets.token_hex(8)}
    for number in range(1, _MOST_PROBES + 1):
        async with context.http.get(f"{context.url}/health", headers=probe) as response:
            status, headers = response.status, response.headers
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return _judge_refusal(context, headers, number=number, expected=expected)
    hint = "Does a cache or a proxy in front answer instead, or take headers away?"
    return failed(f"{_MOST_PROBES} requests, none refused", expected=expected, hint=hint)


def _judge_refusal(
    context: HostCheckContext, headers: Mapping[str, str], *, number: int, expected: str
) -> CheckResult:
    store = headers.get(STORE_HEADER, "none")
    found = f"429 at request {number}, Retry-After {headers.get('Retry-After', 'none')}, in {store}"
    if "Retry-After" not in headers:
        return failed(found, expected=expected, hint="Let the proxy pass our headers on.")
    if context.settings.redis_url is not None and store != "redis":
        hint = "Each process counts alone, since Redis does not answer it: see /ready and the log."
        return failed(found, expected=expected, hint=hint)
    return passed(found, expected=expected)


async def check_cors(context: HostCheckContext) -> CheckResult:
    """Ask as a script of a site that is not listed, and as those that are."""
    listed = context.settings.edge.cors_origins
    expected = f"scripts of {', '.join(listed) or 'no other site'} may call the API, and no others"
    wrong = [f"{_FOREIGN}: {told}" for told in await _told(context, _FOREIGN) if told]
    for origin in listed:
        told = await _told(context, origin)
        wrong += [f"{origin}: {one or 'refused'}" for one in told if one != origin]
    if wrong:
        hint = (
            f"Name the sites exactly in {CORS_ORIGINS_ENV}, start serve again, and let the proxy"
            " add no CORS headers of its own."
        )
        return failed("; ".join(wrong), expected=expected, hint=hint)
    found = f"{len(listed)} may, and {_FOREIGN} was refused"
    return passed(found, expected=expected)


async def _told(context: HostCheckContext, origin: str) -> list[str]:
    """Give whom the API lets in, when a script of *origin* asks first, and when it asks at once."""
    url, asks = f"{context.url}{_API}", {"Origin": origin}
    found = []
    preflight = asks | {"Access-Control-Request-Method": "GET"}
    for method, headers in (("OPTIONS", preflight), ("GET", asks)):
        async with context.http.request(method, url, headers=headers) as response:
            found.append(response.headers.get(_ALLOW_ORIGIN, ""))
    return found


async def check_network(context: HostCheckContext) -> CheckResult:
    """Tell where it listens and whose word it takes; the rest somebody signs for."""
    edge, settings = context.settings.edge, context.settings
    expected = "only the proxies in front are believed, and the one that ends TLS is among them"
    believed = ", ".join(edge.trusted_proxies) or "nobody"
    found = f"listens at {settings.host}:{settings.port}; X-Forwarded-For is believed of {believed}"
    if any(network.prefixlen == 0 for network in edge.proxy_networks):
        hint = f"Name the proxies in {TRUSTED_PROXIES_ENV}, not everybody: anyone could lie."
        return failed(found, expected=expected, hint=hint)
    if settings.url.startswith("https://") and not edge.trusted_proxies:
        hint = (
            f"Set {TRUSTED_PROXIES_ENV} to the address of the proxy that ends TLS; without it all"
            " clients are one to the rate limits."
        )
        return failed(found, expected=expected, hint=hint)
    return passed(found, expected=expected, hint="Sign for the firewall: who can reach that port?")


async def check_headers(context: HostCheckContext) -> CheckResult:
    """Look at the headers of a page, and of what is none."""
    expected = "a policy with nothing unsafe, no sniffing, framing or referrers; HSTS over https"
    wrong = [
        f"{path}: {what}"
        for path in (_PAGE, "/health", "/nothing")
        for what in _find_missing(context, await _headers(context, path))
    ]
    if wrong:
        hint = "serve sends them all: let the proxy pass them on, and set none of its own."
        return failed("; ".join(wrong), expected=expected, hint=hint)
    return passed("all of them are there", expected=expected)


def _find_missing(context: HostCheckContext, headers: Mapping[str, str]) -> Iterator[str]:
    policy = headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "frame-ancestors" not in policy:
        yield "no Content-Security-Policy of ours"
    scripts = re.search(r"script-src ([^;]*)", policy)
    if scripts and set(scripts[1].split()) & set(_UNSAFE):
        yield "the policy lets any script run"
    if headers.get("X-Content-Type-Options") != "nosniff":
        yield "no X-Content-Type-Options"
    if "Referrer-Policy" not in headers:
        yield "no Referrer-Policy"
    if context.url.startswith("https://") and "Strict-Transport-Security" not in headers:
        yield "no Strict-Transport-Security"


async def check_api_docs(context: HostCheckContext) -> CheckResult:
    """Open the documentation of the API, and everything that it is made of."""
    expected = "200, made of our own files alone, with nothing unsafe in its policy"
    async with context.http.get(f"{context.url}/api/docs") as response:
        status, page = response.status, await response.text()
        policy = response.headers.get("Content-Security-Policy", "")
    parts = re.findall(r"<(?:script|link)[^>]*(?:src|href)=\"([^\"]+)\"", page)
    wrong = [part for part in parts if not part.startswith("/static/")]
    wrong += [f"{part}: {await _status(context, part)}" for part in parts if part not in wrong]
    wrong = [one for one in wrong if not one.endswith(f": {HTTPStatus.OK.value}")]
    if status != HTTPStatus.OK or wrong or not parts or "unsafe" in policy:
        found = "; ".join([f"{status}, {len(parts)} files", *wrong])
        hint = "Let the proxy pass /api/docs and /static/ on to serve as they are."
        return failed(found, expected=expected, hint=hint)
    return passed(f"200, {len(parts)} files of ours", expected=expected)


async def _headers(context: HostCheckContext, path: str) -> Mapping[str, str]:
    async with context.http.get(f"{context.url}{path}", allow_redirects=False) as response:
        return response.headers


async def _status(context: HostCheckContext, path: str) -> int:
    async with context.http.get(f"{context.url}{path}") as response:
        return response.status


CHECKS: Final = (
    HostCheck(id="DA6", run=check_rate_limits),
    HostCheck(id="DA7", run=check_cors),
    HostCheck(id="SI1", run=check_network),
    HostCheck(id="SI3", run=check_headers),
    HostCheck(id="UA2", run=check_api_docs),
)
