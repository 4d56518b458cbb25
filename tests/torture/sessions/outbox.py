"""R7: messages through providers that fail in five ways, while processes are killed.

Twilio can be asked afterwards what it has taken, so each text must be there once. SendGrid cannot;
it tells of what it has taken by events, which name the attempt. So an e-mail is there once, or not
at all and then shown to a person as *unknown*; and never twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from tests.torture.evidence import SEND, check_jobs
from tests.torture.flaky import FlakyFront
from tests.torture.history import Verdict
from tests.torture.hurry import hurrying
from tests.torture.killer import Killer, killing
from tests.torture.load import Driver
from tests.torture.offers import Offers
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system, start_all

# So few that each is sent very many: what becomes of one is then looked up among all the others.
_BUSY_CLIENTS: Final = 4
_CLIENTS: Final = 250
_MAILS: Final = 0.25
_AT_ONCE: Final = 16
_TELL_EACH: Final = 1_000
_TO_BUSY: Final = 10
# A text that goes wrong again and again waits for half a minute each time.
_QUIET_SECONDS: Final = 900.0
# From its fourth try on a job waits for ten minutes and more. Nobody learns anything by that.
_LONG_WAIT_SECONDS: Final = 60
_HURRY_SECONDS: Final = 5.0


async def run(options: Options) -> Result:
    """Send ``n`` messages, a quarter of them e-mails; a kill -9 every ``seconds``."""
    result = Result.begin("outbox", "R7", options)
    async with (
        FlakyFront(options.seed) as flaky,
        running_system(result, is_started=False, **_through(flaky)) as system,
    ):
        flaky.upstream = system.sandbox_url
        await start_all(system)
        conversations = await _conversations(system, options)
        killer = Killer(
            system=system,
            chance=options.chance("killer"),
            every_seconds=options.seconds,
            victims=(*system.workers, *system.hosts),
        )
        async with killing(killer, result):
            await _send_all(system, conversations, _names(options))
            say("all are taken; the kills go on for a while")
            await asyncio.sleep(10 * options.seconds)
        await system.ready()
        await _settle(system, result)
        await tell_again(system)
        for way, times in flaky.befallen.items():
            result.count(way.value, times)
        await judge(system, result)
    return result


def _through(flaky: FlakyFront) -> Mapping[str, str]:
    return {
        "TWILIO_API_BASE_URL": f"{flaky.url}/twilio",
        "SENDGRID_API_BASE_URL": f"{flaky.url}/sendgrid",
    }


def _names(options: Options) -> Sequence[str]:
    mails = int(options.n * _MAILS)
    names = [f"mail-{number:06d}" for number in range(mails)]
    names += [f"text-{number:06d}" for number in range(options.n - mails)]
    options.chance("order").shuffle(names)
    return names


async def _conversations(system: System, options: Options) -> Mapping[str, Sequence[str]]:
    """Let clients write for the first time; give the conversations by the kind of message."""
    chance = options.chance("clients")
    offers = Offers(system, chance=chance)
    first = [offers.text(client=f"+1415557{number:04d}") for number in range(_CLIENTS)]
    first += [offers.mail() for _ in range(_CLIENTS)]
    await Driver(system, chance).post_all(first)
    await system.quiet()
    found: dict[str, list[str]] = {"text": [], "mail": []}
    following = ""
    while True:
        status, told = await system.call(f"/conversations?limit=100{following}")
        assert status == 200, told
        for one in told["data"]:
            found["mail" if "@" in one["address"] else "text"].append(one["id"])
        if not told["has_more"]:
            return found
        following = f"&starting_after={told['next_cursor']}"


async def _send_all(
    system: System, conversations: Mapping[str, Sequence[str]], names: Sequence[str]
) -> None:
    left = iter(enumerate(names))

    async def send_on() -> None:
        for place, name in left:
            if place % _TELL_EACH == 0:
                say(f"{place} of {len(names)} are asked for")
            those = conversations[name.partition("-")[0]]
            to_busy, rest = divmod(place, _TO_BUSY)
            chosen = those[place % len(those)] if rest else those[to_busy % _BUSY_CLIENTS]
            path = f"/conversations/{chosen}/messages"
            await system.insist(SEND, path, {"body": name}, name=name)

    await asyncio.gather(*(send_on() for _ in range(_AT_ONCE)))


async def _settle(system: System, result: Result) -> None:
    """Wait until nothing is left to be done, as if long waits were over soon."""
    async with hurrying(
        system, result, over_seconds=_LONG_WAIT_SECONDS, every_seconds=_HURRY_SECONDS
    ):
        took = await system.quiet(seconds=_QUIET_SECONDS)
    result.figures["seconds until all was settled"] = round(took, 1)


async def tell_again(system: System) -> None:
    """Have the events told again of which a host that was killed has not heard.

    SendGrid repeats them for a day; its stand-in tells of each once.
    """
    mails = (await system.sandbox_state("sendgrid"))["mails"]
    for mail in mails:
        if not mail["is_from_client"]:
            told = {"event": "email.delivered", "message": mail["id"]}
            await system.control("sendgrid", "inbound", told)
    await system.quiet()


async def judge(system: System, result: Result) -> None:
    """Hold what was asked for against what the providers have and what we say of it."""
    verdict = Verdict()
    asked = system.history.asked(SEND)
    texts = {name for name in asked.acknowledged if name.startswith("text-")}
    mails = asked.acknowledged - texts
    state = await system.sandbox_state("twilio")
    sent = [one["body"] for one in state["messages"] if one["direction"] != "inbound"]
    verdict.compare("text sent", wanted=texts, effects=sent, tried=asked.tried)
    held = (await system.sandbox_state("sendgrid"))["mails"]
    posted = [one["text"].strip() for one in held if not one["is_from_client"]]
    statuses = dict(system.rows("SELECT body, status FROM messages WHERE direction = 'out'"))
    unknown = {name for name in mails if statuses.get(name) == "unknown"}
    verdict.compare(
        "e-mail sent, nor is it unknown",
        wanted=mails - unknown,
        effects=posted,
        tried=asked.tried,
    )
    # Its events have told of it, so it is not unknown any more.
    verdict.problems += [f"{name} is unknown, though sent" for name in unknown & set(posted)]
    told = {name for name in texts | mails if statuses.get(name) in {"sent", "delivered"}}
    verdict.lost += [
        f"{name} is {statuses.get(name)}" for name in sorted((texts | mails) - told - unknown)
    ]
    check_jobs(system, verdict)
    result.figures["texts sent"] = len(sent)
    result.figures["e-mails sent"] = len(posted)
    result.figures["e-mails unknown, and shown so"] = len(unknown)
    result.lost += verdict.lost
    result.doubled += verdict.doubled
    result.problems += verdict.problems
