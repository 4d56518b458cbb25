"""R2: the process dies once at every failpoint, and all is well without anybody's help."""

import asyncio
import contextlib
import subprocess
import time
from typing import Final

import aiohttp
import psycopg

from clientflow_core import failpoints
from tests.torture.children import Child
from tests.torture.evidence import judge
from tests.torture.report import Options, Result, say
from tests.torture.stories import COMMAND, HOST, POINTS, Point, Teller, newest_event, nothing
from tests.torture.system import WITH_OURS, System, running_system

_DEATH: Final = 137
_REACHED_SECONDS: Final = 45.0


async def run(options: Options) -> Result:
    """Kill at the failpoints that are named, or at ``n`` chosen ones, or at every one."""
    result = Result.begin("failpoints", "R2", options)
    names = _chosen(options)
    async with running_system(result, is_started=False, CLIENTFLOW_PLUGINS=WITH_OURS) as system:
        host, worker = system.hosts[0], system.workers[0]
        host.start()
        worker.start()
        await system.ready(host, worker)
        teller = Teller.made(system, chance=options.chance("stories"))
        await _settled(system)
        for name in names:
            try:
                await _kill_at(teller, name, POINTS[name], result)
                await _judge_at(system, name, result)
            except (AssertionError, psycopg.Error, aiohttp.ClientError) as error:
                say(f"{name}: {error}")
                result.problems.append(f"{name}: {str(error).splitlines()[0]}")
    result.figures["failpoints"] = (
        f"{result.faults.get('deaths at a failpoint', 0)} of {len(names)}"
    )
    return result


def _chosen(options: Options) -> list[str]:
    assert set(POINTS) == set(failpoints.NAMES), set(POINTS) ^ set(failpoints.NAMES)
    if options.names:
        assert set(options.names) <= set(POINTS), set(options.names) - set(POINTS)
        return [name for name in POINTS if name in options.names]
    if not options.n or options.n >= len(POINTS):
        return list(POINTS)
    quick = [name for name in sorted(POINTS) if not POINTS[name].is_slow]
    chosen = options.chance("points").sample(quick, min(options.n, len(quick)))
    return [name for name in POINTS if name in chosen]


async def _kill_at(teller: Teller, name: str, point: Point, result: Result) -> None:
    begun = time.monotonic()
    system = teller.system
    if point.process == COMMAND:
        has_died = await _kill_command(teller, name, point)
    else:
        victim = system.hosts[0] if point.process == HOST else system.workers[0]
        has_died = await _kill_child(teller, name, point, victim)
    if has_died:
        result.count("deaths at a failpoint")
    else:
        result.problems.append(f"{name} was not reached")
    seconds = time.monotonic() - begun
    say(f"{name}: {'died there' if has_died else 'NOT REACHED'} ({seconds:.1f} s)")


async def _judge_at(system: System, name: str, result: Result) -> None:
    """Look for what was lost or doubled by now, and say after which failpoint it is seen first."""
    seen = Result(session=name, figure=result.figure, seed=result.seed, n=0)
    await judge(system, seen)
    for kind in ("lost", "doubled", "problems"):
        known = {one.partition(": ")[2] for one in getattr(result, kind)}
        for one in set(getattr(seen, kind)) - known:
            say(f"{name}: {kind}: {one}")
            getattr(result, kind).append(f"{name}: {one}")


async def _kill_child(teller: Teller, name: str, point: Point, victim: Child) -> bool:
    """Have *victim* die at the failpoint while the story is told; then let both end well."""
    system = teller.system
    if not point.is_first_without:
        await point.first(teller)
        await system.quiet()
    await asyncio.to_thread(victim.terminate)
    if point.is_first_without:
        await point.first(teller)
    if point.dies_at is not None:
        await point.tell(teller)
        victim.start(CLIENTFLOW_FAILPOINTS=f"{point.dies_at}=exit")
        _ = await _death(victim)
    victim.start(CLIENTFLOW_FAILPOINTS=f"{name}=exit")
    telling = asyncio.create_task(nothing(teller) if point.dies_at else point.tell(teller))
    has_died = await _death(victim)
    victim.kill()
    victim.start()
    await system.ready(victim)
    await telling
    await system.quiet()
    return has_died


async def _death(victim: Child) -> bool:
    """Wait until *victim* has died at a failpoint; tell whether it has."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return await asyncio.to_thread(victim.wait, seconds=_REACHED_SECONDS) == _DEATH
    return False


async def _kill_command(teller: Teller, name: str, point: Point) -> bool:
    """Let the command that replays an event die, and give it again."""
    system = teller.system
    await point.first(teller)
    await system.quiet()
    command = Child(
        name="events",
        command="events",
        url="",
        environment=system.settings,
        log_file=system.folder / "service" / "events.log",
        arguments=("replay", newest_event(system)),
    )
    command.start(CLIENTFLOW_FAILPOINTS=f"{name}=exit")
    has_died = await _death(command)
    command.start()
    code = await asyncio.to_thread(command.wait, seconds=60)
    assert code == 0, command.tail()
    await system.quiet()
    return has_died


async def _settled(system: System) -> None:
    async def look() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            return bool(system.count("SELECT count(*) FROM calendars WHERE watch_id IS NOT NULL"))
        return False

    await system.until(look, what="the calendars are watched")
    await system.quiet()
