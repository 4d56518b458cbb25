"""R14: each dependency takes everything and answers nothing, one after the other.

PostgreSQL, Redis and Twilio stand behind proxies of ours. Meanwhile every request must have an
answer within five seconds, ``/health`` must say 200, and what needs nothing of the dependency must
be as it was. Afterwards all must go on without a restart, with nothing lost.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import aiohttp
import attrs
from sqlalchemy.engine import make_url

from tests.redis_server import running_redis
from tests.torture.evidence import SEND, check_jobs, check_sends, check_webhooks
from tests.torture.history import Verdict
from tests.torture.load import Driver
from tests.torture.offers import Offers
from tests.torture.proxy import FaultProxy, Faults
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system, start_all

POSTGRES: Final = "postgresql"
REDIS: Final = "redis"
PROVIDER: Final = "twilio"
_LONGEST_SECONDS: Final = 5.0
_LONGEST_HEALTH_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 0.2
_HEALED_SECONDS: Final = 60.0
_CLIENT: Final = "+14155580001"


@attrs.define(eq=False, kw_only=True)
class Probe:
    """A request that is made again and again.

    Attributes:
        path: what is asked for.
        needs: the dependencies without which it cannot be answered well.
        seconds: how long each took.
        bad: what went wrong.
    """

    path: str
    needs: frozenset[str]
    is_with_key: bool = True
    seconds: list[float] = attrs.field(factory=list)
    bad: list[str] = attrs.field(factory=list)

    async def ask(self, system: System, http: aiohttp.ClientSession, *, without: str) -> None:
        """Ask once, and note what was not as it should be.

        Args:
            system: the first of its hosts is asked.
            http: gives up later than the host may.
            without: the dependency that is away.
        """
        headers = {"Authorization": f"Bearer {system.login.api_key}"} if self.is_with_key else {}
        begun, status = time.monotonic(), 0
        try:
            url = f"{system.hosts[0].url}{self.path}"
            async with http.get(url, headers=headers) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.bad.append(f"{self.path} without {without}: {type(error).__name__}")
        took = time.monotonic() - begun
        self.seconds.append(took)
        if took > _LONGEST_SECONDS:
            self.bad.append(f"{self.path} without {without} took {took:.1f} s")
        if status and status != 200 and without not in self.needs:
            self.bad.append(f"{self.path} without {without} is answered {status}")


def _probes() -> Sequence[Probe]:
    return (
        Probe(path="/health", needs=frozenset(), is_with_key=False),
        Probe(path="/api/openapi.json", needs=frozenset(), is_with_key=False),
        Probe(path="/ready", needs=frozenset({POSTGRES}), is_with_key=False),
        Probe(path="/api/v1/conversations", needs=frozenset({POSTGRES})),
        Probe(path="/api/v1/contacts", needs=frozenset({POSTGRES})),
    )


async def run(options: Options) -> Result:
    """Have each dependency swallow everything for ``seconds``, ``n`` times."""
    result = Result.begin("blackhole", "R14", options)
    async with running_system(result, is_started=False) as system, proxied(system) as proxies:
        await start_all(system)
        offers = Offers(system, chance=options.chance("offers"))
        driver = Driver(system, options.chance("driver"))
        await driver.post(offers.text(client=_CLIENT))
        await system.quiet()
        working = asyncio.create_task(work(system, driver, offers))
        try:
            for _ in range(options.n):
                for name, proxy in proxies.items():
                    await swallow(system, result, name, proxy, seconds=options.seconds)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await system.quiet()
        await judge(system, result)
    return result


@contextlib.asynccontextmanager
async def proxied(system: System) -> AsyncIterator[dict[str, FaultProxy]]:
    """Have hosts and workers, which are not started yet, reach each dependency through a proxy."""
    server = system.postgres.server
    socket = str(server.socket_folder / f".s.PGSQL.{server.port}")
    sandbox = int(system.sandbox_url.rpartition(":")[2])
    with running_redis(system.folder) as redis:
        async with (
            FaultProxy(socket) as database,
            FaultProxy(("127.0.0.1", redis.port)) as cache,
            FaultProxy(("127.0.0.1", sandbox)) as twilio,
        ):
            url = make_url(system.settings["DATABASE_URL"])
            there = url.set(host="127.0.0.1", port=database.port, query={})
            more = {
                "DATABASE_URL": there.render_as_string(hide_password=False),
                "REDIS_URL": f"redis://127.0.0.1:{cache.port}/0",
                "TWILIO_API_BASE_URL": f"http://127.0.0.1:{twilio.port}/twilio",
            }
            for child in (*system.hosts, *system.workers):
                child.environment = {**child.environment, **more}
            yield {REDIS: cache, PROVIDER: twilio, POSTGRES: database}


async def work(system: System, driver: Driver, offers: Offers) -> None:
    """Let texts come in and go out, again and again, as long as it is not cancelled."""
    status, told = await system.call("/conversations?limit=1")
    assert status == 200, told
    path = f"/conversations/{told['data'][0]['id']}/messages"
    number = 0
    while True:
        number += 1
        name = f"text-{number:06d}"
        await driver.post(offers.text())
        await system.insist(SEND, path, {"body": name}, name=name)
        await asyncio.sleep(_PAUSE_SECONDS)


async def swallow(
    system: System, result: Result, name: str, proxy: FaultProxy, *, seconds: float
) -> None:
    """Have *name* swallow everything for a while, and see what becomes of all else."""
    probes = _probes()
    proxy.set(Faults(is_black_hole=True))
    say(f"{name} answers nothing any more")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        end = time.monotonic() + seconds
        await asyncio.gather(*(probe_on(one, system, http, name, end) for one in probes))
    result.count(f"requests while {name} answered nothing", sum(len(p.seconds) for p in probes))
    proxy.set()
    begun = time.monotonic()
    await heal(system)
    healed = time.monotonic() - begun
    say(f"all is well again {healed:.1f} s after {name} is")
    note(result, name, probes, healed)


async def probe_on(
    probe: Probe, system: System, http: aiohttp.ClientSession, name: str, end: float
) -> None:
    """Ask again and again until *end*."""
    while time.monotonic() < end:
        await probe.ask(system, http, without=name)
        await asyncio.sleep(_PAUSE_SECONDS)


async def heal(system: System) -> None:
    """Wait until everything says that it is ready, and has not been started anew."""
    starts = [child.starts for child in system.children]
    await system.until(lambda: _is_well(system), what="all is well again", seconds=_HEALED_SECONDS)
    assert starts == [child.starts for child in system.children]


async def _is_well(system: System) -> bool:
    answers = [await system.is_ready(child) for child in (*system.hosts, *system.workers)]
    status, _ = await system.call("/conversations")
    return all(answers) and status == 200


def note(result: Result, name: str, probes: Sequence[Probe], healed: float) -> None:
    """Note how long everything took, and what was wrong."""
    for probe in probes:
        result.problems += probe.bad[:5]
        result.figures[f"without {name}: {probe.path}, median and longest in s"] = (
            f"{statistics.median(probe.seconds):.3f} {max(probe.seconds):.3f}"
        )
    longest = max(probes[0].seconds)
    if longest > _LONGEST_HEALTH_SECONDS:
        result.problems.append(f"/health took {longest:.2f} s without {name}")
    result.figures[f"without {name}: seconds until all was well again"] = round(healed, 1)


async def judge(system: System, result: Result) -> None:
    """Nothing that was acknowledged is lost or doubled."""
    verdict = Verdict()
    check_webhooks(system, verdict, result)
    check_jobs(system, verdict)
    await check_sends(system, verdict)
    result.lost += verdict.lost
    result.doubled += verdict.doubled
    result.problems += verdict.problems
