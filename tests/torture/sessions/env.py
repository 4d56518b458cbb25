"""R15: a full disk, parts that stand still, connections that are slow on purpose, wrong clocks.

What needs a right of the machine's, or a program that it has not, is left out and said so.
"""

import asyncio
import contextlib
import datetime as dt
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import aiohttp

from tests.torture.children import Child
from tests.torture.clocks import AHEAD, BEHIND, DRIFTING, tell_clocks, wrong_clock
from tests.torture.evidence import check_jobs, check_sends, check_webhooks
from tests.torture.history import History, Verdict
from tests.torture.load import OP, Driver
from tests.torture.offers import Offer, Offers
from tests.torture.report import Options, Result, say
from tests.torture.stories import Teller
from tests.torture.system import System, running_system

Story = Callable[[System, Driver, Offers, Options, Result], Awaitable[None]]

_DISK: Final = "disk"
_DISK_MIB: Final = 400
# With the disk full, so few that the log of changes does not need another file: PostgreSQL gives up
# where that cannot be written, and whoever supervises it has to start it again.
_TEXTS_WHILE_FULL: Final = 20
_FULL_SECONDS: Final = 5.0
_FROZEN_SECONDS: Final = 20.0
_LONGEST_ANSWER_SECONDS: Final = 5.0
_LORIS: Final = 200
_LORIS_CUT_SECONDS: Final = 30.0
_HEALED_SECONDS: Final = 60.0
# Of both workers, and of a host.
_SHIFTS: Final = (AHEAD, DRIFTING, BEHIND)
_CUT: Final = 5
_MOMENTS: Final = {
    "inbound_events": "received_at",
    "messages": "created_at",
    "message_attempts": "started_at",
}


async def run(options: Options) -> Result:
    """Tell each story, or those that are named, with ``n`` texts before and after each fault."""
    result = Result.begin("env", "R15", options)
    chosen = options.names or tuple(STORIES)
    with contextlib.ExitStack() as stack:
        notes = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if _DISK in chosen and not stack.enter_context(_small_disk()):
            say("the disk is not small, since nothing can be mounted here")
            result.figures[_DISK] = "left out: no tmpfs can be mounted"
            chosen = tuple(name for name in chosen if name != _DISK)
        async with running_system(result) as system:
            # What is noted must not lie on the disk that is full.
            system.history = History(notes / "history.jsonl")
            offers = Offers(system, chance=options.chance("offers"))
            driver = Driver(system, options.chance("driver"))
            for name in chosen:
                say(name)
                await _texts(driver, offers, options.n)
                await STORIES[name](system, driver, offers, options, result)
                await heal(system, result, name)
                await _texts(driver, offers, options.n)
            await system.quiet()
            await judge(system, result)
    return result


async def _texts(driver: Driver, offers: Offers, count: int) -> None:
    await driver.post_all([offers.text() for _ in range(count)])


async def heal(system: System, result: Result, name: str) -> None:
    """Wait until everything says that it is ready, without having been started anew."""
    begun = time.monotonic()
    children = (*system.hosts, *system.workers)
    starts = [child.starts for child in children]

    async def is_well() -> bool:
        return all([await system.is_ready(child) for child in children])

    await system.until(is_well, what="all is well again", seconds=_HEALED_SECONDS)
    result.figures[f"{name}: seconds until all was well again"] = round(time.monotonic() - begun, 1)
    assert starts == [child.starts for child in children]


async def fill_disk(
    system: System, driver: Driver, offers: Offers, _: Options, result: Result
) -> None:
    """Fill the disk of the database: what is acknowledged is kept, and reading goes on."""
    filler = system.folder / "filler"
    before = driver.acknowledged
    _fill(filler)
    posting = asyncio.create_task(_texts(driver, offers, _TEXTS_WHILE_FULL))
    end = time.monotonic() + _FULL_SECONDS
    while time.monotonic() < end:
        status, answer = await system.call("/conversations")
        if status != 200:
            result.problems.append(f"reading is answered {status} while the disk is full: {answer}")
            break
        await asyncio.sleep(0.2)
    asked = system.history.read()
    refused = sum(one["op"] == OP and one.get("status") == 503 for one in asked)
    result.count("webhooks refused while the disk was full", refused)
    result.figures["disk: acknowledged while it was full"] = driver.acknowledged - before
    filler.unlink()
    await posting


def _fill(file: Path) -> None:
    """Write until nothing more can be written."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as target:
        while True:
            target.write(bytes(64 * 1024))
    with contextlib.suppress(OSError), file.open("ab", buffering=0) as target:
        while target.write(bytes(512)):
            pass


@contextlib.contextmanager
def _small_disk() -> Iterator[bool]:
    """Have all that is made from now on lie on a small disk; tell whether that can be."""
    folder = tempfile.mkdtemp(prefix="clientflow-disk-")
    Path(folder).chmod(0o755)
    mount = shutil.which("mount")
    options = f"size={_DISK_MIB}m,mode=755"
    command = [str(mount), "-t", "tmpfs", "-o", options, "tmpfs", folder]
    ran = subprocess.run(command, check=False, capture_output=True) if mount else None
    is_there = ran is not None and ran.returncode == 0
    kept = tempfile.tempdir
    tempfile.tempdir = folder if is_there else kept
    try:
        yield is_there
    finally:
        tempfile.tempdir = kept
        if is_there:
            subprocess.run(["umount", folder], check=True)
        Path(folder).rmdir()


async def freeze(
    system: System, driver: Driver, offers: Offers, options: Options, result: Result
) -> None:
    """Have PostgreSQL, a worker and a host stand still for twenty seconds, one after the other."""
    with system.postgres.frozen():
        say("PostgreSQL stands still")
        await _ask_on(system, result, "PostgreSQL stood still")
    await heal(system, result, "PostgreSQL frozen")
    for child in (system.workers[0], system.hosts[1]):
        say(f"{child.name} stands still")
        child.freeze()
        try:
            begun = time.monotonic()
            await _texts(driver, offers, options.n)
            result.count(f"texts while {child.command} stood still", options.n)
            await asyncio.sleep(max(0.0, begun + _FROZEN_SECONDS - time.monotonic()))
        finally:
            child.thaw()
        await heal(system, result, f"{child.command} frozen")


async def _ask_on(system: System, result: Result, what: str) -> None:
    """Ask for a list again and again, which must have an answer of whatever kind in time."""
    timeout = aiohttp.ClientTimeout(total=2 * _LONGEST_ANSWER_SECONDS)
    headers = {"Authorization": f"Bearer {system.login.api_key}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as http:

        async def ask() -> float:
            begun = time.monotonic()
            async with http.get(f"{system.hosts[0].url}/api/v1/conversations") as answer:
                await answer.read()
            return time.monotonic() - begun

        asked = []
        for _ in range(int(_FROZEN_SECONDS)):
            asked.append(asyncio.create_task(ask()))
            await asyncio.sleep(1.0)
        answers = await asyncio.gather(*asked, return_exceptions=True)
    took = [one for one in answers if isinstance(one, float)]
    result.problems += [
        f"a request had no answer while {what}: {one!r}" for one in answers if one not in took
    ]
    result.count(f"requests while {what}", len(answers))
    result.figures[f"longest answer while {what}, in s"] = round(max(took, default=0.0), 1)
    if took and max(took) > _LONGEST_ANSWER_SECONDS:
        result.problems.append(f"an answer took {max(took):.1f} s while {what}")


async def crawl(
    system: System, driver: Driver, offers: Offers, options: Options, result: Result
) -> None:
    """Open 200 connections that never finish their request: others are served all the same."""
    host = system.hosts[0]
    begun = time.monotonic()
    slow = [asyncio.create_task(_crawl(int(host.url.rpartition(":")[2]))) for _ in range(_LORIS)]
    took = []
    while time.monotonic() < begun + _LORIS_CUT_SECONDS and not all(one.done() for one in slow):
        asked = time.monotonic()
        async with system.http.get(f"{host.url}/health") as answer:
            if answer.status != 200:
                result.problems.append(f"/health is answered {answer.status} among slow ones")
        await _texts(driver, offers, 1)
        took.append(time.monotonic() - asked)
        await asyncio.sleep(0.2)
    still = sum(not one.done() for one in slow)
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    result.count("slow connections that were cut", len(slow) - still)
    if still:
        result.problems.append(f"{still} slow connections are open after {_LORIS_CUT_SECONDS} s")
    result.figures["loris: seconds until all were cut"] = round(time.monotonic() - begun, 1)
    result.figures["loris: longest text among them, in s"] = round(max(took), 2)


async def _crawl(port: int) -> None:
    """Send a header, a letter at a time, until the other side has had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError):
        writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        while not reader.at_eof():
            writer.write(b"a")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1024), 0.5)
    writer.close()


async def shift_clocks(
    system: System, driver: Driver, offers: Offers, options: Options, result: Result
) -> None:
    """Have the clocks of both workers and a host be wrong, if libfaketime is there.

    Everything goes by the time of the database: whether a signature is too old, when something came
    in, and whether a provider can be asked already what became of a call.
    """
    if not tell_clocks(result, _SHIFTS):
        return
    (begun,) = system.rows("SELECT now()")[0]
    await asyncio.gather(*map(_shift, (*system.workers, system.hosts[1]), _SHIFTS))
    await system.ready()
    teller = Teller(system=system, driver=driver, offers=offers)
    await teller.conversation()
    faults = {"calls": _CUT, "answer": "cut_after_acceptance", "spares_reading": True}
    await system.control("twilio", "faults", faults)
    # Else its reports would settle what became of them before it is asked.
    await system.control("twilio", "faults", {"webhooks": {"drop": 4 * _CUT}})
    for _ in range(_CUT):
        await teller.send()
    await driver.post_all([offer() for _ in range(options.n) for offer in _posts(offers)])
    result.count("messages whose outcome nobody knew while clocks were wrong", _CUT)
    result.count("webhooks while clocks were wrong", 2 * options.n)
    await system.quiet()
    _check_times(system, result, begun)


async def _shift(child: Child, shift: str) -> None:
    await asyncio.to_thread(child.terminate)
    child.start(**(wrong_clock(shift) or {}))


def _posts(offers: Offers) -> tuple[Callable[[], Offer], ...]:
    # A text is good for ever; the signature of an e-mail says of when it is.
    return offers.text, offers.mail


def _check_times(system: System, result: Result, begun: dt.datetime) -> None:
    """What is kept says when it was by the database's time, whichever process has written it."""
    for table, moment in _MOMENTS.items():
        wrong = system.count(
            f"SELECT count(*) FROM {table}"
            f" WHERE {moment} > clock_timestamp() OR {moment} < %s - interval '30 minutes'",
            begun,
        )
        if wrong:
            result.problems.append(f"{wrong} rows of {table} are of another time")
    told = sum(len(list(one.log_lines("clock_is_wrong"))) for one in system.children)
    result.figures["processes that said that their clock is wrong"] = told


STORIES: Final[Mapping[str, Story]] = {
    _DISK: fill_disk,
    "freeze": freeze,
    "loris": crawl,
    "clock": shift_clocks,
}


async def judge(system: System, result: Result) -> None:
    """What was acknowledged is there, once, and was handled; what was to be sent, was, once."""
    verdict = Verdict()
    check_webhooks(system, verdict, result)
    check_jobs(system, verdict)
    await check_sends(system, verdict)
    result.lost += verdict.lost
    result.doubled += verdict.doubled
    result.problems += verdict.problems
