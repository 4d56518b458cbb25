"""Whether the service is reached, alive and ready, where it says that it is."""

import asyncio
import socket
import time
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_HEALTH_SECONDS: Final = 0.05
_TRIES: Final = 5
_NEEDED: Final = ("database", "schema", "process")
_NO_ANSWER: Final = "Start `clientflow serve`, or give the right address by --url."


async def check_health(context: HostCheckContext) -> CheckResult:
    """Tell whether ``/health`` answers at once, and says no more than that it does."""
    expected = "200, touching nothing behind it, in less than 50 ms and the way there"
    way, took = await _time_the_way(context.url), 10.0
    for _ in range(_TRIES):
        begun = time.monotonic()
        async with context.http.get(f"{context.url}/health") as response:
            status, body = response.status, await response.text()
        took = min(took, time.monotonic() - begun)
        if status != HTTPStatus.OK:
            return failed(f"{status} {body[:100]}", expected=expected, hint=_NO_ANSWER)
    found = f"200 in {1000 * took:.0f} ms"
    if took < _HEALTH_SECONDS + way:
        return passed(found, expected=expected)
    hint = "The process is too busy: give it a core of its own, or run more of them."
    return failed(found, expected=expected, hint=hint)


async def check_ready(context: HostCheckContext) -> CheckResult:
    """Tell whether ``/ready`` says that requests can be served."""
    expected = f"200, and ok for {', '.join(_NEEDED)}"
    async with context.http.get(f"{context.url}/ready") as response:
        status, text = response.status, await response.text()
        body = await response.json() if response.content_type == "application/json" else {}
    checks = body.get("checks", {})
    wrong = {name: state for name, state in checks.items() if state != "ok"}
    found = "; ".join([f"{status} {body.get('status', text[:100])}", *_words(wrong)])
    is_able = all(checks.get(name) == "ok" for name in _NEEDED)
    if status != HTTPStatus.OK or not is_able:
        return failed(found, expected=expected, hint="Mend what it names; the log says more.")
    hint = "It serves, but something behind it is missing." if wrong else ""
    return passed(found, expected=expected, hint=hint)


async def check_domain(context: HostCheckContext) -> CheckResult:
    """Tell whether the name in CLIENTFLOW_PUBLIC_URL leads somewhere, and is that which is used."""
    expected = "CLIENTFLOW_PUBLIC_URL is the address that is used, and its name is found in DNS"
    if context.is_local:
        hint = "Deploy it behind a name of your own, and set CLIENTFLOW_PUBLIC_URL to it."
        return skipped(f"{context.url} is this machine only", expected=expected, hint=hint)
    name = urlsplit(context.url).hostname or ""
    if context.settings.public_url is None or context.settings.url != context.url:
        found = f"it is {context.settings.public_url or 'not set'}, and {context.url} is used"
        hint = f"Set CLIENTFLOW_PUBLIC_URL={context.url}, since providers sign what they call."
        return failed(found, expected=expected, hint=hint)
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        hint = f"Make an A or AAAA record for {name} at whoever keeps its zone."
        return failed(f"{name}: {error.strerror or error}", expected=expected, hint=hint)
    found = ", ".join(sorted({str(info[4][0]) for info in infos}))
    return passed(f"{name} is {found}", expected=expected)


async def _time_the_way(url: str) -> float:
    """Give how long it takes to get there and back at all: a connection."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    begun = time.monotonic()
    _, writer = await asyncio.open_connection(parts.hostname, port)
    took = time.monotonic() - begun
    writer.close()
    return took


def _words(wrong: dict[str, str]) -> list[str]:
    return [f"{name}: {state}" for name, state in wrong.items()]


CHECKS: Final = (
    HostCheck(id="DA2", run=check_health),
    HostCheck(id="DA3", run=check_ready),
    HostCheck(id="DA5", run=check_domain),
)
